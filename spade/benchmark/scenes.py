"""What is rendered for a measurement: a painted scene, a worst case, and dabs of a brush."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.formats.label_png import read_label_map
from spade.formats.nearest import resize_ids
from spade.formats.rect import Rect
from spade.formats.resources import bundled

Labels = NDArray[np.uint8]

SCENE = bundled("assets/bench/mountain-lake.png")
"""Six classes of the landscape palette with natural borders; tests/bench/make_scene.py."""

PAINTED, CHECKERBOARD = "painted", "checkerboard"
SQUARE = 8
"""Side in pixels of the worst case's squares: from the second resolution on, every 5x5 window
has a border, and at full size three in four."""


def painted_scene(side: int, label_nc: int) -> Labels:
    """The painted scene at ``side`` x ``side`` pixels, for a model of ``label_nc`` classes."""
    return fitted(sampled(read_label_map(SCENE).labels, side), label_nc)


def checkerboard(side: int, label_nc: int) -> Labels:
    """Squares of two classes (of one, where there is no other). uint8 ``(side, side)``."""
    rows, columns = np.mgrid[:side, :side] // SQUARE
    labels: Labels = ((rows + columns) % min(2, label_nc)).astype(np.uint8)
    return labels


def sampled(labels: Labels, side: int) -> Labels:
    """``labels`` at ``side`` x ``side``, nearest neighbour."""
    return np.ascontiguousarray(resize_ids(labels, side, side))


def fitted(labels: Labels, label_nc: int) -> Labels:
    """``labels`` in ids below ``label_nc``: unchanged if they are, else numbered anew."""
    if labels.max() < label_nc:
        return labels
    classes, ranks = np.unique(labels, return_inverse=True)
    assert len(classes) <= 256
    return (ranks.reshape(labels.shape) % label_nc).astype(np.uint8)


@dataclass(frozen=True)
class Dab:
    """A label map after one dab of a round brush, and the box that the dab lies in."""

    labels: Labels
    rect: Rect


def dab(labels: Labels, diameter: int, number: int) -> Dab:
    """``labels`` with the ``number``-th dab of this size: always the same place and class.

    Whole inside the canvas; of a class of the map other than the one in its middle, or the
    map's only class plus one.
    """
    height, width = labels.shape
    if not 1 <= diameter <= min(height, width):
        raise ValueError(f"a dab of {diameter} px does not fit {width}x{height}")
    random = np.random.default_rng([diameter, number, width, height])
    x = int(random.integers(0, width - diameter + 1))
    y = int(random.integers(0, height - diameter + 1))
    under = int(labels[y + diameter // 2, x + diameter // 2])
    others = [int(c) for c in np.unique(labels) if c != under] or [under + 1]
    offset = np.arange(diameter) - (diameter - 1) / 2
    disc = offset[:, None] ** 2 + offset**2 <= (diameter / 2) ** 2
    result = labels.copy()
    rect = Rect(x, y, diameter, diameter)
    result[rect.slices][disc] = random.choice(others)
    return Dab(result, rect)


@dataclass(frozen=True)
class Windows:
    """The 5x5 windows of a map at one resolution of the generator.

    side: longer side in cells. border_share: of the cells, those with another class in their
    window. windows: how many these are, together with those whose window crosses the edge of
    the canvas. distinct: how many different windows are among them.
    """

    side: int
    border_share: float
    windows: int
    distinct: int


def border_windows(labels: Labels, doublings: int) -> list[Windows]:
    """At every resolution that the generator reads, finest first."""
    return [_windows(labels[:: 1 << i, :: 1 << i]) for i in range(doublings + 1)]


def _windows(labels: Labels) -> Windows:
    height, width = labels.shape
    outside = np.pad(labels.astype(np.int16), 2, constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(outside, (5, 5))
    other = windows != labels[:, :, None, None]
    share = float((other & (windows >= 0)).any(axis=(2, 3)).mean())
    found = np.ascontiguousarray(windows[other.any(axis=(2, 3))].reshape(-1, 25))
    # A row as one value, as numpy sorts those much faster than rows.
    distinct = len(np.unique(found.view(np.dtype((np.void, found.itemsize * 25)))))
    return Windows(max(height, width), share, len(found), distinct)
