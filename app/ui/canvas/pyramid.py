"""An image with halved copies, so that a view zoomed far out neither flickers nor aliases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from spade.formats.rect import Rect

_EVEN_BITS = np.uint32(0xFEFEFEFE)
_STRIP = 16


class Pyramid:
    """``pixels``: uint32 ``(H, W)``, 0xffRRGGBB, edited in place by the owner.

    After an edit the owner calls ``touch`` with the changed rectangle; only that part of
    the halved copies that exist is computed again.
    """

    def __init__(self, pixels: NDArray[np.uint32]) -> None:
        self._levels = [np.ascontiguousarray(pixels)]
        self._images: dict[int, QImage] = {}

    @classmethod
    def from_rgb(cls, rgb: NDArray[np.uint8]) -> Pyramid:
        """A copy of ``rgb``, uint8 ``(H, W, 3)``; it can't be edited."""
        rgb = np.ascontiguousarray(rgb)
        height, width = rgb.shape[:2]
        image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        packed = image.convertToFormat(QImage.Format.Format_RGB32)
        pyramid = cls(np.frombuffer(packed.constBits(), np.uint32).reshape(height, width))
        pyramid._images[0] = packed  # the owner of the pixels
        return pyramid

    @property
    def pixels(self) -> NDArray[np.uint32]:
        """The full-size pixels, uint32 ``(H, W)``."""
        return self._levels[0]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self._levels[0].shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self._levels[0].shape[0])

    def level_for(self, scale: float) -> int:
        """The smallest copy that still needn't be enlarged at ``scale`` screen pixels a pixel."""
        level = 0
        while scale * 2 ** (level + 1) <= 1.0 and min(self.width, self.height) >> (level + 1):
            level += 1
        return level

    def image(self, level: int) -> QImage:
        """Copy number ``level``, each of its pixels standing for 2^level x 2^level pixels.

        It shares its memory with the pyramid: draw it at once, don't keep it.
        """
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        if level not in self._images:
            array = self._levels[level]
            height, width = array.shape
            self._images[level] = QImage(
                array.data, width, height, 4 * width, QImage.Format.Format_RGB32
            )
        return self._images[level]

    def touch(self, rect: Rect) -> None:
        """Bring the halved copies up to date with an edit of ``rect``."""
        x, y, right, bottom = rect.x, rect.y, rect.right, rect.bottom
        for source, target in zip(self._levels, self._levels[1:], strict=False):
            x, y, right, bottom = x // 2, y // 2, (right + 1) // 2, (bottom + 1) // 2
            target[y:bottom, x:right] = _halved(source[2 * y : 2 * bottom, 2 * x : 2 * right])


def _halved(pixels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Means of 2x2 pixels; an odd last row or column counts twice."""
    height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2)), mode="edge")
    halved = np.empty((pixels.shape[0] // 2, pixels.shape[1] // 2), np.uint32)
    for top in range(0, len(halved), _STRIP):  # strips stay in the processor's cache
        strip = pixels[2 * top : 2 * (top + _STRIP)]
        rows = _mean(strip[::2], strip[1::2])
        halved[top : top + _STRIP] = _mean(rows[:, ::2], rows[:, 1::2])
    return halved


def _mean(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The mean of all four channels at once, rounded down."""
    return (a & b) + (((a ^ b) & _EVEN_BITS) >> np.uint32(1))
