"""Twelve maps as a painter might dash them off: blobs, straight edges, stripes, unknown areas.

Drawn by code on a square of 100 units from classes named as in the landscape palette; a
palette without that class gives one of its own in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from spade.formats.palette import UNKNOWN_ID, Palette

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class CrudeMap:
    """``labels``: uint8 ``(S, S)``, 255 where unknown."""

    title: str
    labels: NDArray[np.uint8]


class _Canvas:
    """Drawing in units of a hundredth of the side, in classes by name."""

    def __init__(self, palette: Palette, size: int, ground: str) -> None:
        self._palette = palette
        self._unit = size / 100
        self.image = Image.new("L", (size, size), self._id(ground))
        self._draw = ImageDraw.Draw(self.image)

    def _id(self, name: str) -> int:
        if name == "unknown":
            return UNKNOWN_ID
        found = self._palette.find(name)
        # Any other palette: the same name gives the same class, different names mostly others.
        return (
            found.id if found else self._palette.ids[sum(map(ord, name)) % len(self._palette.ids)]
        )

    def area(self, name: str, *points: Point) -> None:
        """A polygon."""
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], self._id(name))

    def box(self, name: str, left: float, top: float, right: float, bottom: float) -> None:
        """A rectangle."""
        self.area(name, (left, top), (right, top), (right, bottom), (left, bottom))

    def blob(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """An ellipse around (x, y)."""
        u = self._unit
        corners = [(x - width / 2) * u, (y - height / 2) * u, (x + width / 2) * u]
        self._draw.ellipse([*corners, (y + height / 2) * u], self._id(name))


def _three_bands(c: _Canvas) -> None:
    c.box("tree", 0, 45, 100, 65)
    c.box("grass", 0, 65, 100, 100)


def _blobs(c: _Canvas) -> None:
    c.box("grass", 0, 55, 100, 100)
    c.blob("cloud", 30, 18, 40, 16)
    c.blob("mountain", 70, 52, 60, 46)
    c.blob("water", 45, 80, 60, 22)
    c.blob("tree", 12, 60, 26, 36)


def _triangles(c: _Canvas) -> None:
    c.area("mountain", (-10, 60), (28, 18), (62, 60))
    c.area("snow", (18, 29), (28, 18), (38, 31))
    c.area("rock", (40, 60), (75, 30), (110, 60))
    c.box("water", 0, 60, 100, 100)


def _road(c: _Canvas) -> None:
    c.box("field", 0, 48, 100, 100)
    c.area("road", (48, 48), (52, 48), (80, 100), (20, 100))


def _beach(c: _Canvas) -> None:
    c.box("sea", 0, 40, 100, 100)
    c.area("sand", (0, 100), (0, 62), (100, 100))


def _falls(c: _Canvas) -> None:
    c.box("rock", 0, 20, 100, 100)
    c.box("waterfall", 40, 20, 60, 78)
    c.box("water", 0, 78, 100, 100)


def _house(c: _Canvas) -> None:
    c.box("grass", 0, 60, 100, 100)
    c.box("building", 38, 40, 68, 66)
    c.area("building", (34, 41), (53, 24), (72, 41))
    c.blob("tree", 16, 48, 24, 34)
    c.blob("flower", 50, 88, 90, 14)


def _stripes(c: _Canvas) -> None:
    for number, name in enumerate(("tree", "rock", "grass", "sand", "water")):
        c.box(name, 20 * number, 40, 20 * number + 20, 100)


def _one_class(c: _Canvas) -> None:
    del c  # the ground is all there is


def _unknown_middle(c: _Canvas) -> None:
    c.box("unknown", 0, 35, 100, 70)
    c.box("grass", 0, 70, 100, 100)


def _drops(c: _Canvas) -> None:
    c.blob("sky", 50, 15, 60, 20)
    c.blob("tree", 25, 60, 24, 24)
    c.blob("water", 65, 80, 40, 18)


def _squares(c: _Canvas) -> None:
    names = ("bush", "sand", "grass", "rock")
    for row in range(4):
        for column in range(5):
            name = names[(row + column) % len(names)]
            c.box(name, 20 * column, 40 + 15 * row, 20 * column + 20, 55 + 15 * row)


_MAPS: tuple[tuple[str, str, Callable[[_Canvas], None]], ...] = (
    ("three bands", "sky", _three_bands),
    ("blobs", "sky", _blobs),
    ("triangles over a lake", "sky", _triangles),
    ("a road", "cloud", _road),
    ("a beach", "sky", _beach),
    ("a waterfall", "sky", _falls),
    ("a house", "sky", _house),
    ("upright stripes", "sky", _stripes),
    ("squares", "sky", _squares),
    ("one class: tree", "tree", _one_class),
    ("a gap of unknown", "sky", _unknown_middle),
    ("three blobs in unknown", "unknown", _drops),
)


def crude_maps(palette: Palette, size: int, with_unknown: bool = True) -> list[CrudeMap]:
    """The twelve maps at ``size`` pixels; only those without unknown areas if asked so."""
    maps = []
    for title, ground, draw in _MAPS:
        canvas = _Canvas(palette, size, ground)
        draw(canvas)
        labels = np.array(canvas.image)
        if with_unknown or not bool((labels == UNKNOWN_ID).any()):
            maps.append(CrudeMap(title, labels))
    return maps
