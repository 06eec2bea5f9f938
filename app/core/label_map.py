"""The document's pixels: a map of class ids, edited exactly and in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]


class LabelMap:
    """Owns one ``uint8`` array ``(H, W)`` of class ids.

    ``array`` is edited in place by strokes and patches and is never handed to another
    thread; whatever leaves the editing thread is a ``snapshot()``.
    """

    def __init__(self, array: Labels) -> None:
        """Copy ``array``, uint8 ``(H, W)`` with at least one pixel; ValueError otherwise."""
        if array.ndim != 2 or array.dtype != np.uint8 or array.size == 0:
            raise ValueError(f"a label map is uint8 (H, W), not {array.dtype} {tuple(array.shape)}")
        self.array: Labels = np.array(array, order="C")

    @classmethod
    def filled(cls, width: int, height: int, class_id: int) -> LabelMap:
        """A map of ``width`` x ``height`` pixels, all of ``class_id`` (0..255)."""
        return cls(np.full((height, width), class_id, np.uint8))

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.array.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.array.shape[0])

    def snapshot(self) -> Labels:
        """A read-only copy of the whole map, uint8 ``(H, W)``; later edits don't reach it."""
        copy = self.array.copy()
        copy.setflags(write=False)
        return copy
