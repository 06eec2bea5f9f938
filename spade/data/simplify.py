"""Label maps as a painter's crude strokes would draw them, for training (augmentation).

A generator that has only seen the outlines of real photos takes a wobbly blob for a mistake.
So some of the maps it learns from are drawn anew, as one does by hand: with straight or
rounded outlines and without small regions (``_outlined``: the map seen through a coarse grid,
where each cell votes, and neighbouring cells' votes are blended by a linear or a quadratic
B-spline; de Boor, A Practical Guide to Splines, 1978), or from coarse to fine with an
elliptical brush (``_painted``, after Hertzmann, SIGGRAPH 1998). No torch here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID

Labels = NDArray[np.uint8]
Votes = NDArray[np.float32]
Blend = tuple[NDArray[np.intp], Votes]

_SMALL = 0.06
"""A class with less than this share of the map is drawn larger, as painters do, not lost."""


def simplify(labels: Labels, rng: np.random.Generator) -> Labels:
    """``labels`` uint8 ``(H, W)`` drawn crudely: a new map whose ids are all ids of ``labels``.

    What it becomes depends on ``labels`` and the numbers drawn from ``rng`` alone.
    """
    way = rng.random()
    short = min(labels.shape)
    if way < 0.3:
        return _outlined(labels, _cell(short, 7, 18, rng), False, rng)
    if way < 0.6:
        return _outlined(labels, _cell(short, 9, 28, rng), True, rng)
    return _painted(labels, rng)


def with_unknown_patches(labels: Labels, rng: np.random.Generator) -> Labels:
    """``labels`` uint8 ``(H, W)`` with areas that nobody painted yet: one to three ellipses, or
    gaps along the borders of regions, become 255.
    """
    hidden = labels.copy()
    height, width = labels.shape
    short = min(height, width)
    if rng.random() < 0.4:
        gap = 1 + int(rng.integers(max(1, short // 60), max(2, short // 24)))
        border = np.zeros(labels.shape, bool)
        border[gap:] |= labels[gap:] != labels[:-gap]
        border[:, gap:] |= labels[:, gap:] != labels[:, :-gap]
        hidden[border] = UNKNOWN_ID
        return hidden
    for _ in range(int(rng.integers(1, 4))):
        tall, wide = (max(1, round(short * share)) for share in rng.uniform(0.05, 0.2, 2))
        y, x = int(rng.integers(height)), int(rng.integers(width))
        _stamp(hidden, y, x, _ellipse(tall, wide), UNKNOWN_ID)
    return hidden


def _cell(short: int, fewest: int, most: int, rng: np.random.Generator) -> int:
    """Side in pixels of cells of which ``fewest`` to ``most`` fit the short side.

    Their number is drawn evenly on a scale of ratios.
    """
    count = float(np.exp(rng.uniform(np.log(fewest), np.log(most))))
    return max(1, round(short / count))


def _outlined(labels: Labels, cell: int, rounded: bool, rng: np.random.Generator) -> Labels:
    """The map with outlines that a grid of ``cell`` pixels can draw."""
    ids = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).astype(np.uint8)
    height, width = labels.shape
    top, left = (int(p) for p in rng.integers(0, cell, 2))  # pixels of the first cell cut off
    rows, columns = (np.arange(height) + top) // cell, (np.arange(width) + left) // cell
    cells = (len(ids), int(rows[-1]) + 1, int(columns[-1]) + 1)
    first = np.zeros(256, np.intp)
    first[ids] = np.arange(len(ids)) * (cells[1] * cells[2])
    place = first.take(labels)
    place += rows[:, None] * cells[2] + columns
    counts = np.bincount(place.ravel(), minlength=cells[0] * cells[1] * cells[2])
    votes: Votes = counts.reshape(cells).astype(np.float32)
    votes *= _favour(ids, votes, rng)[:, None, None]
    across = _blend(width, cell, left, cells[2], rounded)
    wide = np.zeros((cells[0], cells[1], width), np.float32)
    for here, share in across:
        wide += votes[:, :, here] * share
    return ids.take(_winner(wide, _blend(height, cell, top, cells[1], rounded)))


def _favour(ids: Labels, votes: Votes, rng: np.random.Generator) -> Votes:
    """What each class's votes count: by chance, small classes more, unknown least."""
    favour = rng.uniform(0.8, 1.25, len(ids)).astype(np.float32)
    areas = votes.sum(axis=(1, 2))
    favour[areas < _SMALL * areas.sum()] *= 1.5
    favour[ids == UNKNOWN_ID] = 0.6
    return favour


def _blend(size: int, cell: int, cut: int, cells: int, rounded: bool) -> list[Blend]:
    """For each of ``size`` pixels the three cells whose votes it blends, and their shares.

    ``cut`` pixels of the first cell lie before pixel 0.
    """
    pixels = np.arange(size) + cut
    here = pixels // cell
    inside = (pixels % cell + 0.5) / cell  # in (0, 1)
    if rounded:
        before, after = (1 - inside) ** 2 / 2, inside**2 / 2
    else:
        before, after = np.maximum(0.5 - inside, 0), np.maximum(inside - 0.5, 0)
    shares = (before, 1 - before - after, after)
    return [
        (np.clip(here + k - 1, 0, cells - 1), share.astype(np.float32))
        for k, share in enumerate(shares)
    ]


def _winner(votes: Votes, down: list[Blend]) -> NDArray[np.uint8]:
    """Which of the ``K`` classes has most votes, the first of equals: ``(H, W)``.

    votes: ``(K, cells, W)``, blended to rows by ``down``. A class at a time, in memory that
    stays in the cache.
    """
    shape = (len(down[0][0]), votes.shape[2])
    best, total, part = (np.zeros(shape, np.float32) for _ in range(3))
    winner = np.zeros(shape, np.uint8)
    for k, class_votes in enumerate(votes):
        (here, share), *others = down
        class_votes.take(here, axis=0, out=total, mode="clip")
        total *= share[:, None]
        for here, share in others:
            class_votes.take(here, axis=0, out=part, mode="clip")
            part *= share[:, None]
            total += part
        # k only rises, so that the maximum is the newest winner (faster than a masked copy).
        np.maximum(winner, (total > best) * np.uint8(k), out=winner)
        np.maximum(best, total, out=best)
    return winner


def _painted(labels: Labels, rng: np.random.Generator) -> Labels:
    """The map painted with two brushes, each where what is there already is wrong."""
    height, width = labels.shape
    short = min(height, width)
    canvas = _outlined(labels, _cell(short, 6, 10, rng), True, rng)
    seen = _outlined(labels, max(1, short // 50), True, rng)  # nobody paints single pixels
    flat = float(rng.uniform(1.0, 1.6))  # strokes of landscapes are broader than tall
    for share in rng.uniform((0.06, 0.03), (0.09, 0.045)):
        radius = max(1, round(short * share))
        brush = _ellipse(max(1, round(radius / flat)), radius)
        step = max(1, round(radius * 0.8))
        ys, xs = np.meshgrid(np.arange(0, height, step), np.arange(0, width, step), indexing="ij")
        shake = rng.integers(0, step, (2, *ys.shape))
        ys, xs = (ys + shake[0]).clip(max=height - 1), (xs + shake[1]).clip(max=width - 1)
        wanted = seen[ys, xs]
        wrong = np.flatnonzero((canvas[ys, xs] != wanted) & (wanted != UNKNOWN_ID))
        for place in rng.permutation(wrong):
            y, x, class_id = int(ys.flat[place]), int(xs.flat[place]), int(wanted.flat[place])
            if canvas[y, x] != class_id:
                _stamp(canvas, y, x, brush, class_id)
    return canvas


def _ellipse(tall: int, wide: int) -> NDArray[np.bool_]:
    """A filled ellipse with half axes ``tall`` and ``wide``, ``(2 tall + 1, 2 wide + 1)``."""
    rows, columns = np.ogrid[-tall : tall + 1, -wide : wide + 1]
    inside: NDArray[np.bool_] = (rows / (tall + 0.5)) ** 2 + (columns / (wide + 0.5)) ** 2 <= 1
    return inside


def _stamp(canvas: Labels, y: int, x: int, brush: NDArray[np.bool_], class_id: int) -> None:
    """Set the pixels under ``brush``, its middle at (y, x), as far as they are on the canvas."""
    tall, wide = brush.shape[0] // 2, brush.shape[1] // 2
    top, left = max(0, y - tall), max(0, x - wide)
    part = canvas[top : y + tall + 1, left : x + wide + 1]
    dy, dx = top - (y - tall), left - (x - wide)
    part[brush[dy : dy + part.shape[0], dx : dx + part.shape[1]]] = class_id
