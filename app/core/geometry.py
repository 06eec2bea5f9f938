"""Other canvas sizes: new arrays from old ones, never interpolated."""

from __future__ import annotations

from enum import Enum

import numpy as np

from app.core.label_map import Labels
from spade.formats.errors import InputError
from spade.formats.limits import check_size
from spade.formats.rect import Rect


class Anchor(Enum):
    """Which part of the canvas stays where it is: (across, down), 0 start, 1 middle, 2 end."""

    TOP_LEFT = (0, 0)
    TOP = (1, 0)
    TOP_RIGHT = (2, 0)
    LEFT = (0, 1)
    CENTER = (1, 1)
    RIGHT = (2, 1)
    BOTTOM_LEFT = (0, 2)
    BOTTOM = (1, 2)
    BOTTOM_RIGHT = (2, 2)

    def offset(self, old: tuple[int, int], new: tuple[int, int]) -> tuple[int, int]:
        """Where the old canvas' corner comes to lie on the new one: (x, y); sizes (W, H).

        With an odd difference in the middle, the right and the bottom get (or lose) the
        larger half; so growing and shrinking back by one anchor ends where it began.
        """
        across, down = self.value
        return int((new[0] - old[0]) * across / 2), int((new[1] - old[1]) * down / 2)


def resized(labels: Labels, width: int, height: int, anchor: Anchor, fill: int) -> Labels:
    """A canvas of another size with the same pixels: cut where smaller, ``fill`` where larger.

    ``labels``: uint8 ``(H, W)``; returns uint8 ``(height, width)``. InputError if a side is
    out of range.
    """
    x, y = anchor.offset((labels.shape[1], labels.shape[0]), (width, height))
    return placed(labels, Rect(-x, -y, width, height), fill)


def placed(labels: Labels, rect: Rect, fill: int) -> Labels:
    """The pixels of ``rect``, which may reach beyond the canvas: ``fill`` there.

    InputError if a side of ``rect`` is out of range.
    """
    check_size(rect.width, rect.height)
    canvas = np.full((rect.height, rect.width), fill, np.uint8)
    inside = rect.clipped(labels.shape[1], labels.shape[0])
    target = Rect(inside.x - rect.x, inside.y - rect.y, inside.width, inside.height)
    if not inside.empty:
        canvas[target.slices] = labels[inside.slices]
    return canvas


def scaled(labels: Labels, width: int, height: int) -> Labels:
    """Each new pixel takes the class of the old pixel under its centre.

    Returns uint8 ``(height, width)``. InputError if a side is out of range.
    """
    check_size(width, height)
    old_height, old_width = labels.shape
    rows = (2 * np.arange(height) + 1) * old_height // (2 * height)
    columns = (2 * np.arange(width) + 1) * old_width // (2 * width)
    picked: Labels = labels[rows][:, columns]
    return picked


def cropped(labels: Labels, rect: Rect) -> Labels:
    """A copy of the part of ``rect`` that lies on the canvas. InputError if there is none."""
    inside = rect.clipped(labels.shape[1], labels.shape[0])
    if inside.empty:
        raise InputError(
            f"crop: the frame at {rect.x}, {rect.y} ({rect.width}x{rect.height}) lies beside "
            f"the {labels.shape[1]}x{labels.shape[0]} canvas; draw it on the canvas"
        )
    return labels[inside.slices].copy()
