"""What training says of itself in its folder: status.json, events.jsonl, stats.jsonl."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.run_folder import Phase, RunFolder, Status
from spade.memory import available_memory
from spade.training.acceleration import StepLosses

STATUS_SECONDS = 0.5
"""The status is written this often, and whenever the phase changes."""


class Reporting:
    """Says how far training is. With ``silent``, in all processes but the first, nothing.

    ``on_notice`` gets every notice, too. That a status can't be written does not end
    training, the disk may be full for a while; that its folder is gone does.
    """

    def __init__(
        self,
        folder: RunFolder,
        device: torch.device,
        on_notice: Callable[[str], None] = lambda line: None,
        *,
        silent: bool = False,
    ) -> None:
        self.folder = folder
        self.status = Status("starting", os.getpid())
        self._device = device
        self._on_notice = on_notice
        self._silent = silent
        self._written = -math.inf
        self._unwritten: list[str] = []  # notices that a full disk did not take
        self._limit = 0 if silent else memory_limit(device)

    def say(self, phase: Phase | None = None, **changes: Any) -> None:
        """Note ``changes`` of the status; write it if the phase is another or it is time.

        Raises InputError if the folder is gone.
        """
        changed = phase is not None and phase != self.status.phase
        self.status = replace(self.status, **changes, phase=phase or self.status.phase)
        if changed or time.monotonic() - self._written >= STATUS_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the status now. Raises InputError if the folder is gone."""
        if self._silent:
            return
        self._written = time.monotonic()
        self.status = replace(
            self.status,
            device=self._device.type,
            memory_bytes=peak_memory(self._device),
            memory_limit=self._limit,
        )
        try:
            self.folder.write_status(self.status)
        except InputError:
            check_there(self.folder.path)
            return
        if self._unwritten:
            with contextlib.suppress(OSError):
                append(self.folder.events, "".join(self._unwritten))
                self._unwritten.clear()

    def notice(self, text: str) -> None:
        """A line for people. Raises InputError if the folder is gone."""
        if self._silent:
            return
        self._on_notice(text)
        entry = {"time": time.time(), "step": self.status.step, "text": text}
        self._unwritten.append(json.dumps(entry, ensure_ascii=False) + "\n")
        self.status = replace(self.status, message=text)
        self.write()


def check_there(folder: Path) -> None:
    """Raise InputError if the training folder is gone."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: the training folder is gone; training can't keep anything, so it ended. "
            "Bring the folder back and use --resume, or train anew"
        )


def append(path: Path, lines: str) -> None:
    """Add whole lines to ``path``, or, with an OSError, none of them."""
    with path.open("ab", buffering=0) as file:
        start = os.fstat(file.fileno()).st_size
        data = lines.encode()
        try:
            if file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.truncate(file.fileno(), start)
            raise


class Statistics:
    """stats.jsonl: the losses of every step up to the present one, a line each.

    Lines that a full disk does not take wait in memory.
    """

    def __init__(self, path: Path, step: int) -> None:
        """Lines of later steps than ``step``, which will be done again, are removed."""
        self.path = path
        self._waiting: list[str] = []
        cut_lines(path, step)

    def add(self, known: Sequence[StepLosses]) -> None:
        """A line for each; they are in the file when this returns, a full disk aside."""
        self._waiting += [json.dumps({"step": one.step, **one.losses}) + "\n" for one in known]
        self._write()

    def _write(self) -> None:
        if self._waiting:
            with contextlib.suppress(OSError):
                append(self.path, "".join(self._waiting))
                self._waiting.clear()

    def settle(self) -> None:
        """Make sure of what was written, before a state is saved that comes after it."""
        self._write()
        with contextlib.suppress(OSError), self.path.open("rb+") as file:
            os.fsync(file.fileno())

    def go_back(self, step: int) -> None:
        """Remove the lines of later steps."""
        self._waiting.clear()
        cut_lines(self.path, step)

    def last(self, count: int) -> list[StepLosses]:
        """The last ``count`` steps, oldest first."""
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError:
            lines = []
        lines = [*lines, *(line.encode() for line in self._waiting)][-count:]
        entries = [json.loads(line) for line in lines]
        return [StepLosses(int(entry.pop("step")), entry) for entry in entries]


def cut_lines(path: Path, step: int) -> None:
    """Remove the lines of later steps, and those cut off by a kill, if the file is there.

    Raises InputError if it can't be written.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return
    kept = [line for line in lines if _step(line) <= step]
    if kept != lines:
        write_atomically(path, b"".join(kept))


def _step(line: bytes) -> float:
    """The step that a line is of; infinite for one cut off by a kill."""
    try:
        return int(json.loads(line)["step"]) if line.endswith(b"\n") else math.inf
    except (ValueError, KeyError, TypeError):
        return math.inf


def peak_memory(device: torch.device) -> int:
    """The most bytes held so far: on CUDA by tensors there, else by this process; 0: unknown."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def memory_limit(device: torch.device) -> int:
    """Bytes that training could have on the device; 0: unknown."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    available = available_memory(device.type)
    return 0 if available is None else available + peak_memory(device)
