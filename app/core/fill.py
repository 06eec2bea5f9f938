"""Fills and shapes as masks: pure functions from a canvas to (rectangle, mask in it).

Canvas coordinates are as in ``brush``: pixel ``(column, row)`` covers ``[column, column + 1) x
[row, row + 1)``. Every rectangle returned is clipped to the canvas and tight: each of its edges
holds a true pixel; where nothing is covered it is empty. ``LabelPatch.painting`` makes an edit
of a mask.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.core.brush import Brush, segment_masks
from app.core.label_map import Labels
from app.core.masks import Mask, nothing, tightened, union_of_runs
from app.core.patch import LabelPatch
from app.core.regions import connected_runs
from spade.formats.rect import Rect

_FARTHEST = 1e8


def flood_mask(array: Labels, x: float, y: float, contiguous: bool = True) -> tuple[Rect, Mask]:
    """The pixels of the class under ``(x, y)`` that hang together with it.

    Neighbours share an edge (4-connected). With ``contiguous`` false, every pixel of that
    class. ``array``: uint8 ``(H, W)``. Outside the canvas nothing is filled.
    """
    column, row = math.floor(x), math.floor(y)
    if not (0 <= row < array.shape[0] and 0 <= column < array.shape[1]):
        return nothing()
    same = array == array[row, column]
    whole = Rect(0, 0, array.shape[1], array.shape[0])
    if not contiguous:
        return tightened(whole, same)
    return connected_runs(same, column, row)


def class_mask(array: Labels, class_id: int) -> tuple[Rect, Mask]:
    """Every pixel of ``class_id`` in ``array``, uint8 ``(H, W)``."""
    return tightened(Rect(0, 0, array.shape[1], array.shape[0]), array == class_id)


def replace(array: Labels, old: int, new: int) -> LabelPatch | None:
    """The edit that turns every pixel of class ``old`` into ``new``; None if there is none."""
    rect, mask = class_mask(array, old)
    return LabelPatch.painting(array, rect, mask, new)


def line_mask(
    shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float, brush: Brush
) -> tuple[Rect, Mask]:
    """What a stroke of ``brush`` straight from one point to the other paints.

    ``shape``: (H, W) of the canvas.
    """
    pieces = list(segment_masks(brush, brush.dab(x0, y0), brush.dab(x1, y1), shape))
    box = Rect(0, 0, 0, 0)
    for rect, _ in pieces:
        box = box.united(rect)
    union = np.zeros((box.height, box.width), np.bool_)
    for rect, mask in pieces:
        union[Rect(rect.x - box.x, rect.y - box.y, rect.width, rect.height).slices] |= mask
    return tightened(box, union)


def rectangle_mask(
    shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float
) -> tuple[Rect, Mask]:
    """The rectangle whose opposite corners are the pixels under the two points, both included.

    ``shape``: (H, W) of the canvas.
    """
    rect = _dragged_box(x0, y0, x1, y1).clipped(shape[1], shape[0])
    if rect.empty:
        return nothing()
    return rect, np.ones((rect.height, rect.width), np.bool_)


def ellipse_mask(
    shape: tuple[int, int], x0: float, y0: float, x1: float, y1: float
) -> tuple[Rect, Mask]:
    """The ellipse inscribed in ``rectangle_mask``'s box: pixels whose centres lie in it."""
    whole = _dragged_box(x0, y0, x1, y1)
    rect = whole.clipped(shape[1], shape[0])
    if rect.empty:
        return nothing()
    rows = np.arange(rect.y, rect.bottom, dtype=np.int64)
    across = (2 * (rows - whole.y) + 1 - whole.height) / whole.height
    reach = whole.width * np.sqrt(1.0 - across * across)
    inset = np.ceil((whole.width - 1 - reach) / 2 - 1e-9).astype(np.int64)
    mask = union_of_runs(rows, whole.x + inset, whole.right - inset, rect)
    return tightened(rect, mask)


def polygon_mask(
    shape: tuple[int, int], points: Sequence[tuple[float, float]]
) -> tuple[Rect, Mask]:
    """The inside of a closed polygon by the even-odd rule, tested at pixel centres.

    ``points``: corners (x, y); the last joins the first. A centre exactly on an edge belongs
    to the side on its right (below, for a level edge), so polygons that share an edge neither
    overlap nor leave a gap. Fewer than three corners cover nothing. ``shape``: (H, W).
    """
    if len(points) < 3:
        return nothing()
    corners = np.clip(np.asarray(points, np.float64), -_FARTHEST, _FARTHEST)
    if not np.isfinite(corners).all():
        raise ValueError("polygon corners must be finite")
    following = np.roll(corners, -1, axis=0)
    # Edges run downwards, so that both users of a shared edge compute the same crossings.
    upward = (corners[:, 1] > following[:, 1])[:, None]
    upper, lower = np.where(upward, following, corners), np.where(upward, corners, following)
    # Row r is crossed if upper.y <= r + 0.5 < lower.y.
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, shape[0]).astype(np.int64)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, shape[0]).astype(np.int64)
    crossed = last - first
    if not crossed.any():
        return nothing()
    edge = np.repeat(np.arange(len(corners)), crossed)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    height = lower[edge, 1] - upper[edge, 1]
    # Multiplied before divided: centres exactly on an edge then give exact crossings.
    run = (row + 0.5 - upper[edge, 1]) * (lower[edge, 0] - upper[edge, 0])
    crossing = upper[edge, 0] + run / height
    column = np.clip(np.ceil(crossing - 0.5), 0, shape[1]).astype(np.int64)
    # Along a row, crossings bound runs in pairs.
    order = np.lexsort((column, row))
    row, column = row[order], column[order]
    starts, ends = column[0::2], column[1::2]
    box = Rect(
        int(column.min()),
        int(row[0]),
        int(ends.max() - column.min()),
        int(row[-1] - row[0]) + 1,
    )
    if box.empty:
        return nothing()
    return tightened(box, union_of_runs(row[0::2], starts, ends, box))


def _dragged_box(x0: float, y0: float, x1: float, y1: float) -> Rect:
    """The box of pixels from the one under the first point to the one under the second."""
    xs = sorted(math.floor(min(max(x, -_FARTHEST), _FARTHEST)) for x in (x0, x1))
    ys = sorted(math.floor(min(max(y, -_FARTHEST), _FARTHEST)) for y in (y0, y1))
    return Rect(xs[0], ys[0], xs[1] - xs[0] + 1, ys[1] - ys[0] + 1)
