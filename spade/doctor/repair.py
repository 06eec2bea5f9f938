"""Importing a data set: a clean copy that training reads; the data set itself is not changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.doctor.checkup import Checkup, ClassChoice, Progress
from spade.formats.palette import Palette

LabelPhoto = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""A photo, uint8 ``(H, W, 3)``, to its label map, uint8 ``(H, W)``."""


def repair(
    checkup: Checkup,
    out: Path,
    *,
    choices: Sequence[ClassChoice] | None = None,
    label_photos: LabelPhoto | None = None,
    label_classes: Palette | None = None,
    on_progress: Progress = lambda done, total, what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Checkup:
    """Write a clean copy to the folder ``out``, which must not exist or be empty.

    choices: what becomes of the classes; those not named stay as they are.
    label_photos: makes the label maps of photos alone, in the classes of ``label_classes``
    (default: those of the bundled segmenter). It is called in one thread, the caller's.

    Returns the examination of the copy. Until the copy is whole, ``out`` does not exist (or
    stays empty), whatever happens.

    Raises InputError if nothing is usable, ``out`` is not empty or can't be written, or
    photos alone come without ``label_photos``; Cancelled.
    """
    raise NotImplementedError
