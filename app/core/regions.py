"""Connected regions of a mask, found over its horizontal runs instead of its pixels.

A label map of megapixels has some ten thousand runs. Runs of neighbouring rows that overlap
are joined by a vectorised union-find: each round every tree hooks onto its smallest
neighbouring tree, then all paths are shortened. The number of rounds grows with the logarithm
of the number of runs, not with the length of the way through the region.
"""

from __future__ import annotations

import numpy as np

from app.core.masks import Integers, Mask
from spade.formats.rect import Rect


def connected_runs(mask: Mask, column: int, row: int) -> tuple[Rect, Mask]:
    """The 4-connected region of ``mask``, bool ``(H, W)``, that holds a true pixel.

    Returns its tight rectangle and its mask in there. ``mask[row, column]`` must be true.
    """
    height, width = mask.shape
    stride = width + 1  # a false column keeps runs inside their rows
    padded = np.zeros(height * stride + 1, np.bool_)
    padded[1:].reshape(height, stride)[:, :width] = mask
    bounds = np.flatnonzero(padded[1:] != padded[:-1])
    starts, ends = bounds[0::2], bounds[1::2]
    roots = _roots(starts, ends, stride)
    seed = int(np.searchsorted(starts, row * stride + column, side="right")) - 1
    chosen = np.flatnonzero(roots == roots[seed])
    return _painted(starts[chosen], ends[chosen], stride)


def _roots(starts: Integers, ends: Integers, stride: int) -> Integers:
    """For each run, the first run of its region: int64 ``(runs,)``."""
    # Run i touches the runs first[i] <= j < last[i] of the row below.
    first = np.searchsorted(ends, starts + stride, side="right")
    last = np.searchsorted(starts, ends + stride, side="left")
    touching = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), touching)
    lower = (
        np.arange(len(upper))
        - np.repeat(np.cumsum(touching) - touching, touching)
        + np.repeat(first, touching)
    )
    parent = np.arange(len(starts))
    while len(upper):
        low, high = np.minimum(upper, lower), np.maximum(upper, lower)
        np.minimum.at(parent, high, low)
        while True:
            grandparent = parent[parent]
            if np.array_equal(grandparent, parent):
                break
            parent = grandparent
        upper, lower = parent[upper], parent[lower]
        apart = upper != lower
        upper, lower = upper[apart], lower[apart]
    return parent


def _painted(starts: Integers, ends: Integers, stride: int) -> tuple[Rect, Mask]:
    """Box and mask of runs given by flat positions in rows of ``stride``."""
    rows, left = np.divmod(starts, stride)
    right = left + (ends - starts)
    top, x = int(rows[0]), int(left.min())
    box = Rect(x, top, int(right.max()) - x, int(rows[-1]) - top + 1)
    # Runs are disjoint and in reading order: gap, run, gap, run ... fills the box.
    first = (rows - top) * box.width + (left - x)
    edges = np.empty(2 * len(starts) + 2, np.int64)
    edges[0], edges[-1] = 0, box.width * box.height
    edges[1:-1:2], edges[2:-1:2] = first, first + (right - left)
    inside = np.arange(len(edges) - 1) % 2 == 1
    return box, np.repeat(inside, np.diff(edges)).reshape(box.height, box.width)
