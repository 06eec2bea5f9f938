"""The most memory that a piece of work holds, and how much of it was there before."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_HIGH_WATER = "5"  # see proc(5)


class PeakMemory:
    """Watches the memory of this process, or of a GPU's allocator. Everything in MiB.

    On the CPU the high-water mark of the resident set is set back before each piece of work,
    as Linux allows; elsewhere the process's only mark is all there is.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        self._most = 0.0

    @property
    def most(self) -> float | None:
        """The most that was held at any time so far; None where the system doesn't tell."""
        self._most = max(self._most, self._mark() or 0.0)
        return round(self._most, 1) or None

    def now(self) -> float | None:
        """What is held now, after the allocator has handed back what it can."""
        if self._cuda is not None:
            return torch.cuda.memory_allocated(self._cuda) / 2**20
        _trim()
        return _read("VmRSS")

    @contextmanager
    def watched(self, found: list[float]) -> Iterator[None]:
        """Add the high-water mark of the block to ``found``, if it can be told."""
        _ = self.most  # else lost
        known = self._set_back()
        yield
        mark = self._mark()
        if known and mark is not None:
            found.append(mark)

    def _mark(self) -> float | None:
        if self._cuda is not None:
            return torch.cuda.max_memory_allocated(self._cuda) / 2**20
        mark = _read("VmHWM")
        return _process_peak() if mark is None else mark

    def _set_back(self) -> bool:
        if self._cuda is not None:
            torch.cuda.reset_peak_memory_stats(self._cuda)
            return True
        _trim()  # what was freed before, and kept by the allocator, is not of this work
        try:
            _CLEAR.write_text(_RESET_HIGH_WATER)
        except OSError:
            return False
        return True


def growth(marks: list[float], before: float | None) -> float | None:
    """How far the highest of ``marks`` lies above ``before``, in MiB."""
    return None if before is None or not marks else round(max(0.0, max(marks) - before), 1)


def _read(entry: str) -> float | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith(entry + ":")), None)
    return None if found is None else int(found.split()[1]) / 1024


def _trim() -> None:
    """glibc keeps freed memory for the next request."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def _process_peak() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
