"""A sample grid at several sizes, so that showing it small is quick and clean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtGui import QImage

Pixels = NDArray[np.uint8]

MOST_ROWS: Final = 16
SMALLEST_CELL: Final = 48


@dataclass(frozen=True)
class Levels:
    """``images``: the grid, then each half as large as the one before. ``columns`` x ``rows``
    square cells."""

    images: tuple[QImage, ...]
    columns: int
    rows: int

    @property
    def nbytes(self) -> int:
        """What the pictures take in memory."""
        return sum(image.sizeInBytes() for image in self.images)

    def for_cell(self, side: float) -> QImage:
        """The smallest picture whose cells have ``side`` pixels."""
        fitting = [image for image in self.images if image.width() / self.columns >= side]
        return fitting[-1] if fitting else self.images[0]


def levels_of(grid: Pixels) -> Levels:
    """Of uint8 ``(H, W, 3)``, cells side by side without gaps. May run on any thread."""
    height, width = grid.shape[:2]
    columns = columns_of(width, height) or 1
    rows = max(height * columns // width, 1)
    images, side = [_image(grid)], width // columns
    picture = Image.fromarray(np.ascontiguousarray(grid))
    while side % 2 == 0 and side // 2 >= SMALLEST_CELL:
        picture, side = picture.reduce(2), side // 2
        images.append(_image(np.asarray(picture)))
    return Levels(tuple(images), columns, rows)


def columns_of(width: int, height: int) -> int:
    """How many columns of square cells a grid of that size has; 0: it is no such grid."""
    for columns in (5, 3):
        side, rest = divmod(width, columns)
        if side and not rest and not height % side and height // side <= MOST_ROWS:
            return columns
    return 0


def _image(rgb: Pixels) -> QImage:
    """In the format that is painted fastest; owns its pixels."""
    data = np.ascontiguousarray(rgb)
    height, width = data.shape[:2]
    image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return image.convertToFormat(QImage.Format.Format_RGB32)
