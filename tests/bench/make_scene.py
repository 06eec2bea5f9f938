"""Paints the scene that `spadework bench` measures on: a mountain lake in six classes.

    PYTHONPATH=. python tests/bench/make_scene.py

Borders are what the engine's work depends on, so they are as a hand paints them: a ragged
tree line, a rocky shore, clouds, ridges. Always the same pixels; kept as an indexed PNG in
assets/bench.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.benchmark.scenes import SCENE, border_windows, sampled
from spade.formats.label_png import write_label_map
from spade.formats.palette import load_palette
from spade.formats.resources import bundled

SIDE = 1024
SKY, CLOUD, MOUNTAIN, ROCK, WATER, TREE = 0, 1, 2, 4, 7, 15

Field = NDArray[np.float64]
Mask = NDArray[np.bool_]
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE].astype(np.float64)


def noise(random: np.random.Generator, cells: float, stretch: float = 1.0) -> Field:
    """Smooth noise in about [-1, 1], ``cells`` bumps down, ``stretch`` times wider than high."""
    high, wide = int(cells) + 3, int(cells / stretch) + 3
    grid = random.uniform(-1, 1, (high, wide))
    y, x = ROWS / SIDE * cells, COLUMNS / SIDE * cells / stretch
    top, left = y.astype(int), x.astype(int)
    down, right = (t * t * (3 - 2 * t) for t in (y - top, x - left))
    above = grid[top, left] * (1 - right) + grid[top, left + 1] * right
    below = grid[top + 1, left] * (1 - right) + grid[top + 1, left + 1] * right
    return np.asarray(above * (1 - down) + below * down)


def cloudy(
    random: np.random.Generator, cells: float, octaves: int, fall: float, stretch: float = 1.0
) -> Field:
    """Noise of several scales, each twice as fine and ``fall`` times as strong."""
    layers = [noise(random, cells * 2**i, stretch) * fall**i for i in range(octaves)]
    return np.asarray(np.sum(layers, axis=0))


def ridge(random: np.random.Generator, points: list[tuple[float, float]], rough: float) -> Field:
    """A line through ``points`` (x, y), broken up again and again between them: y ``(SIDE,)``."""
    x, y = (np.array(values) for values in zip(*points, strict=True))
    height = rough
    while len(x) < 400:
        middle = (x[:-1] + x[1:]) / 2
        shift = random.normal(0, height, len(middle))
        x = np.insert(x, np.arange(1, len(x)), middle)
        y = np.insert(y, np.arange(1, len(y)), (y[:-1] + y[1:]) / 2 + shift)
        height *= 0.52
    return np.interp(np.arange(SIDE), x, y)


def trees(
    random: np.random.Generator, ground: Field, size: tuple[float, float], step: float
) -> Mask:
    """Conifers side by side, their feet on ``ground`` (y of every column)."""
    mask = np.zeros((SIDE, SIDE), bool)
    x = -10.0
    while x < SIDE + 10:
        foot = ground[int(np.clip(x, 0, SIDE - 1))] + 6
        height = random.uniform(*size)
        width = height * random.uniform(0.16, 0.26)
        top = foot - height
        left, right = int(max(0, x - width - 2)), int(min(SIDE, x + width + 3))
        high, low = int(max(0, top)), int(min(SIDE, foot))
        rows, columns = ROWS[high:low, left:right], COLUMNS[high:low, left:right]
        down = (rows - top) / height
        # Boughs: wider downwards, drawn in again at each tier.
        tier = np.mod(down * random.uniform(3.5, 5.5), 1)
        half = width * (0.08 + 0.92 * down) * (0.62 + 0.38 * tier)
        mask[high:low, left:right] |= np.abs(columns - x) < half
        x += step * random.uniform(0.5, 1.6)
    return mask


def boulders(
    random: np.random.Generator, places: list[tuple[float, float]], size: tuple[float, float]
) -> Mask:
    """Uneven round stones at (x, y)."""
    mask = np.zeros((SIDE, SIDE), bool)
    for x, y in places:
        radius = random.uniform(*size)
        turn = np.arctan2((ROWS - y) * 1.6, COLUMNS - x)
        phases = random.uniform(0, 2 * np.pi, 4)
        uneven = sum(np.sin((k + 2) * turn + p) / (k + 3) for k, p in enumerate(phases))
        distance = np.hypot(COLUMNS - x, (ROWS - y) * 1.6)
        mask |= distance < radius * (1 + 0.35 * uneven)
    return mask


def paint() -> NDArray[np.uint8]:
    """The scene: uint8 ``(SIDE, SIDE)`` in classes of the landscape palette."""
    random = np.random.default_rng(2019)
    labels = np.full((SIDE, SIDE), SKY, np.uint8)

    # Flat below, heaped above.
    heaps = cloudy(random, 11, 4, 0.5, stretch=1.4)
    lift = np.where(ROWS < 150, (150 - ROWS) / 95, (ROWS - 150) / 22)
    labels[1.25 - lift**2 - ((COLUMNS - 700) / 330) ** 4 + 0.5 * heaps > 0.55] = CLOUD

    peaks = [(-40, 450), (190, 345), (300, 400), (480, 225), (650, 365), (820, 300), (1064, 430)]
    labels[ridge(random, peaks, 26)[COLUMNS.astype(int)] < ROWS] = MOUNTAIN

    hills = ridge(random, [(-40, 560), (240, 600), (520, 640), (760, 600), (1064, 540)], 12)
    labels[hills[COLUMNS.astype(int)] < ROWS] = TREE
    labels[trees(random, hills, (18, 44), 30) & (labels != SKY)] = TREE

    shore = ridge(random, [(-40, 745), (200, 712), (560, 752), (850, 722), (1064, 740)], 7)
    edge = shore[COLUMNS.astype(int)] + 7 * cloudy(random, 12, 3, 0.5)
    labels[edge < ROWS] = WATER

    # The near bank: a point of rock from the left, with stones before it.
    point = ridge(random, [(-40, 850), (180, 870), (400, 945), (640, 1000), (1064, 1150)], 12)
    near = point[COLUMNS.astype(int)] + 13 * cloudy(random, 12, 3, 0.55)
    labels[near < ROWS] = ROCK
    places = [(float(x), float(shore[int(x)] + 8)) for x in random.uniform(600, 1000, 3)]
    places += [(float(x), float(point[int(x)] - 16)) for x in random.uniform(0, 560, 4)]
    labels[boulders(random, places, (14, 26))] = ROCK
    return labels


def main() -> None:
    """Paint, write, and say what the engine will meet."""
    labels = paint()
    SCENE.parent.mkdir(parents=True, exist_ok=True)
    write_label_map(SCENE, labels, load_palette(bundled("palettes/landscape.json")))
    print(SCENE, SCENE.stat().st_size, "bytes, classes", np.unique(labels).tolist())
    for side in (256, 512, 1024):
        print(side, *border_windows(sampled(labels, side), 5), sep="\n  ")


if __name__ == "__main__":
    main()
