"""How far two pictures lie apart, in the 8-bit levels that a screen shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spade.formats.rect import Rect
from spade.model import to_picture

Mask = NDArray[np.bool_]
Difference = NDArray[np.uint8]


def level_difference(a: Tensor, b: Tensor) -> Difference:
    """|a - b| of two pictures float ``(3, H, W)`` in [-1, 1] as shown: uint8 ``(H, W, 3)``."""
    first, second = to_picture(a).astype(np.int16), to_picture(b).astype(np.int16)
    difference: Difference = np.abs(first - second).astype(np.uint8)
    return difference


def box(shape: tuple[int, ...], rect: Rect, margin: int = 0) -> Mask:
    """bool ``(H, W)`` of ``shape``: true in ``rect`` and ``margin`` pixels around it."""
    height, width = shape[:2]
    wider = Rect(
        rect.x - margin, rect.y - margin, rect.width + 2 * margin, rect.height + 2 * margin
    )
    mask = np.zeros((height, width), bool)
    mask[wider.clipped(width, height).slices] = True
    return mask


class Levels:
    """Gathers the differences of many pictures: mean, 99th percentile and maximum."""

    def __init__(self) -> None:
        self._counts = np.zeros(256, np.int64)

    def add(self, difference: Difference, where: Mask | None = None) -> None:
        """``difference`` uint8 ``(H, W, 3)``, or the part of it where ``(H, W)`` is true."""
        values = difference if where is None else difference[where]
        self._counts += np.bincount(values.reshape(-1), minlength=256)

    def summary(self) -> dict[str, float] | None:
        """``{"mean", "p99", "max"}`` over the values of all channels; None without any."""
        total = int(self._counts.sum())
        if total == 0:
            return None
        return {
            "mean": round(float(self._counts @ np.arange(256)) / total, 4),
            "p99": int(np.searchsorted(np.cumsum(self._counts), 0.99 * total)),
            "max": int(np.flatnonzero(self._counts)[-1]),
        }
