"""What makes training fast on a device without changing what is computed, in one place."""

from __future__ import annotations

import ctypes
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spade.config import Precision


def prepare_backends(device: torch.device, precision: Precision) -> None:
    """Settings of the process for training on ``device``.

    Every step has the same sizes, so cuDNN may try which kernel is fastest. Where bf16 is
    allowed, what stays in fp32 may be multiplied as TF32 (10 bits of mantissa to its 7).
    """
    if device.type == "cpu":
        _keep_freed_memory()
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high" if precision == "bf16" else "highest")


def _keep_freed_memory() -> None:
    """Have glibc keep what a step frees for the next, which asks for the same again.

    By default large blocks go back to the system and come anew, cleared page by page: a fifth
    of a step's time, as most operations on a CPU cost less than that.
    """
    m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(m_mmap_threshold, 1 << 30)
            mallopt(m_trim_threshold, -1)  # never


def adam_options(device: torch.device) -> dict[str, Any]:
    """Options of Adam that change its speed alone: one kernel for all weights on CUDA.

    On the CPU not the fused one: it takes weights, gradients and memory for equally laid out.
    """
    return {"fused": True} if device.type == "cuda" else {"foreach": True}


def send(values: Tensor, device: torch.device) -> Tensor:
    """``values`` on ``device``; a GPU fetches them without the CPU waiting for it."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True)
class StepLosses:
    """The losses of step number ``step``, counted from 1."""

    step: int
    losses: dict[str, float]


class LossReader:
    """Reads the losses of each step without making the GPU wait for the CPU.

    On CUDA they are copied while later steps run; at most ``LAG`` steps are under way. On
    other devices they are known at once.
    """

    LAG = 8

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._pending: deque[tuple[int, list[str], Tensor, torch.cuda.Event | None]] = deque()

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """Losses, each a scalar on the device, of the step just asked for."""
        values = torch.stack([value.float() for value in losses.values()])
        event = None
        if self._cuda:
            kept = torch.empty(values.shape, pin_memory=True)
            values = kept.copy_(values, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
        self._pending.append((step, list(losses), values, event))

    def take(self, *, wait: bool = False) -> list[StepLosses]:
        """Those that are known by now, oldest first; with ``wait`` all of them."""
        known = []
        while self._pending:
            step, keys, values, event = self._pending[0]
            if event is not None and not event.query():  # type: ignore[no-untyped-call]
                if not wait and len(self._pending) <= self.LAG:
                    break
                event.synchronize()
            self._pending.popleft()
            known.append(StepLosses(step, dict(zip(keys, values.tolist(), strict=True))))
        return known
