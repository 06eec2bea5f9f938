"""Examining a data set: every file is read, in threads, and reduced to a few figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spade.doctor.checkup import Checkup, Progress


def examine(
    folder: Path,
    *,
    size: int | None = None,
    on_progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Checkup:
    """Read every photo and label map of ``folder`` (or zip) and name what is wrong.

    ``size``: the training size in pixels; None: the largest of 64, 128, 256 and 512 that nine
    tenths of the photos fill. A broken file is a problem among others; it stops nothing.

    Raises InputError if there is no such folder or no picture in it; Cancelled.
    """
    raise NotImplementedError
