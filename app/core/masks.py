"""Boolean masks in a rectangle: the common currency of brushes, fills and patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.formats.rect import Rect

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]

NOWHERE = Rect(0, 0, 0, 0)


def nothing() -> tuple[Rect, Mask]:
    """An empty rectangle and its mask of shape ``(0, 0)``."""
    return NOWHERE, np.zeros((0, 0), np.bool_)


def changed_box(changed: Mask) -> Rect:
    """The smallest rectangle that holds every true pixel of ``changed``; empty if none is."""
    rows = np.flatnonzero(changed.any(axis=1))
    if not rows.size:
        return NOWHERE
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(changed[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    return Rect(left, top, right - left, bottom - top)


def tightened(rect: Rect, mask: Mask) -> tuple[Rect, Mask]:
    """``mask`` in ``rect``, cut down to the box of its true pixels."""
    box = changed_box(mask)
    if box.empty:
        return nothing()
    return Rect(rect.x + box.x, rect.y + box.y, box.width, box.height), mask[box.slices]


def union_of_runs(rows: Integers, starts: Integers, ends: Integers, box: Rect) -> Mask:
    """Mask ``(box.height, box.width)`` of horizontal runs, in the coordinates of ``box``'s canvas.

    ``rows``, ``starts``, ``ends``: int64, one run each, columns ``start <= column < end``.
    What lies outside ``box`` is cut off; runs may overlap.
    """
    inside = (rows >= box.y) & (rows < box.bottom) & (starts < box.right) & (ends > box.x)
    if not inside.all():
        rows, starts, ends = rows[inside], starts[inside], ends[inside]
    stride = box.width + 1  # a run may end one past the last column
    origin = (rows - box.y) * stride - box.x
    size = box.height * stride
    opened = np.bincount(origin + np.maximum(starts, box.x), minlength=size)
    closed = np.bincount(origin + np.minimum(ends, box.right), minlength=size)
    depth = np.cumsum(opened - closed).reshape(box.height, stride)
    return np.asarray(depth[:, :-1] > 0)
