"""The device that was asked for, or else the CPU; and how a device says that it is full."""

from __future__ import annotations

import torch

from app.workers.backend import Report
from app.workers.messages import Notice
from spade.formats.errors import InputError
from spade.model import resolve_device


def usable_device(wanted: str, report: Report) -> str:
    """``wanted`` ("auto" or a device's name); "cpu" with a notice if it is not there."""
    try:
        resolve_device(wanted)
    except InputError as error:
        report(Notice(f"{error}; rendering on the CPU"))
        return "cpu"
    return wanted


def is_out_of_memory(error: RuntimeError) -> bool:
    """True if that is what went wrong."""
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in text  # MPS
        or "can't allocate memory" in text  # CPU
    )
