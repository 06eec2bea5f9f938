"""Class ids of a map in colours, smoothed or compressed ones too.

A pixel of exactly a class's colour is of that class. A smoothed border holds blends: one of A
and C may well be nearest to the colour of B, and taking the nearest colour would draw a thin
line of B between A and C. So a stray pixel is given the nearest colour only of those classes
that fill its surroundings: within 2 pixels, and if nothing is certain there within 4, 6, 8 and
12, classes with at least 3 of the 24 places looked at (any class, if none has). Half-way between
A and C the border then lies where it was before it was smoothed.

Three cases need care. A blend may be B's colour to the bit: such a pixel, if thin and between
two classes whose blend it is, counts as stray. A colour that fills areas, but is no class's,
is no blend: it is unknown, unless hardly different from a class's. Lossy files leave no
colour as it was: there whatever is near a class's colour, in blocks of 2 x 2, counts as it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.doctor.facts import color_codes, flat_areas
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID, Palette

Ids = NDArray[np.int16]

_NONE = -1
_STEPS = (1, 2, 3, 4, 6)
_GRID = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3) if dy or dx]
_OPPOSITE = [
    (one, other)
    for one, (ay, ax) in enumerate(_GRID)
    for other, (by, bx) in enumerate(_GRID)
    if one < other and ay * bx == ax * by and ay * by + ax * bx < 0
]
_VOTES = 3
_CHUNK = 1 << 14
_LIKE, _UNLIKE = 40.0, 0.7  # in RGB: as good as a class's colour; and nearer than to the next
_ON_LINE = 12.0  # in RGB: a blend's distance from the line between two colours


def classes_of(
    colors: NDArray[np.uint8], palette: Palette, *, lossy: bool = False
) -> NDArray[np.uint8]:
    """Class ids uint8 ``(H, W)`` of colours uint8 ``(H, W, 3)``; 255 where no class is meant."""
    codes = color_codes(colors)
    ids = _exact(codes, palette)
    strays = ids == _NONE
    if not strays.any():
        return ids.astype(np.uint8)
    _settle_areas(ids, codes, strays, palette)
    if lossy:
        _settle_near(ids, codes, palette)
    lut = np.append(palette.lut(), [[0, 0, 0]], axis=0).astype(np.float32)
    _distrust_blends(ids, strays, lut)
    _settle_by_surroundings(ids, colors, lut)
    left = ids == _NONE
    if left.any():
        found, back = np.unique(codes[left], return_inverse=True)
        nearest, clear = _nearest(found, palette)
        ids[left] = np.where(clear, nearest, UNKNOWN_ID)[back.ravel()]
    return ids.astype(np.uint8)


def _exact(codes: NDArray[np.int32], palette: Palette) -> Ids:
    """Ids by exact colour, int16 ``(H, W)``, ``_NONE`` for other colours."""
    pairs = sorted(
        [(int(entry.color[1:], 16), entry.id) for entry in palette.classes]
        + [(int(UNKNOWN_COLOR[1:], 16), UNKNOWN_ID)]
    )
    known = np.array([code for code, _ in pairs], np.int32)
    by_place = np.array([class_id for _, class_id in pairs], np.int16)
    places = np.searchsorted(known, codes).clip(0, len(known) - 1)
    return np.where(known[places] == codes, by_place[places], np.int16(_NONE)).astype(np.int16)


def _nearest(codes: NDArray[np.int32], palette: Palette) -> tuple[Ids, NDArray[np.bool_]]:
    """The class of the nearest colour, and whether it is clearly meant: near, others far."""
    class_ids = np.array([*palette.ids, UNKNOWN_ID], np.int16)
    targets = palette.lut()[class_ids].astype(np.float32)
    nearest = np.empty(len(codes), np.int16)
    clear = np.empty(len(codes), np.bool_)
    for start in range(0, len(codes), _CHUNK):
        part = codes[start : start + _CHUNK]
        pixels = np.stack([part >> 16, part >> 8 & 255, part & 255], axis=1).astype(np.float32)
        away = np.sqrt(((pixels[:, None] - targets[None]) ** 2).sum(axis=-1))
        order = np.argsort(away, axis=1)[:, :2]
        first, second = np.take_along_axis(away, order, axis=1).T
        nearest[start : start + len(part)] = class_ids[order[:, 0]]
        clear[start : start + len(part)] = (first <= _LIKE) & (first < _UNLIKE * second)
    return nearest, clear


def _settle_areas(
    ids: Ids, codes: NDArray[np.int32], strays: NDArray[np.bool_], palette: Palette
) -> None:
    """Colours that fill areas, but are no class's: unknown, or the class they are like."""
    found, areas = np.unique(codes[flat_areas(codes) & strays], return_counts=True)
    found = found[areas >= 4]
    if not len(found):
        return
    nearest, clear = _nearest(found, palette)
    meant = np.where(clear, nearest, np.int16(UNKNOWN_ID))
    where = np.flatnonzero(strays)
    places = np.searchsorted(found, codes.flat[where]).clip(0, len(found) - 1)
    hit = found[places] == codes.flat[where]
    ids.flat[where[hit]] = meant[places[hit]]


def _settle_near(ids: Ids, codes: NDArray[np.int32], palette: Palette) -> None:
    """Of a lossy file: pixels in blocks of 2 x 2 that are all clearly of one class."""
    found, back = np.unique(codes, return_inverse=True)
    nearest, clear = _nearest(found, palette)
    meant = np.where(clear, nearest, np.int16(_NONE))[back].reshape(codes.shape)
    settle = in_blocks(meant) & (meant != _NONE) & (ids == _NONE)
    ids[settle] = meant[settle]


def in_blocks(ids: Ids) -> NDArray[np.bool_]:
    """Whether a pixel ``(H, W)`` lies in a block of 2 x 2 equal ones."""
    inside = np.zeros(ids.shape, np.bool_)
    if min(ids.shape) < 2:
        return inside
    across = ids[:, 1:] == ids[:, :-1]
    block = across[1:] & across[:-1] & (ids[1:, 1:] == ids[:-1, 1:])
    inside[1:, 1:] |= block
    inside[1:, :-1] |= block
    inside[:-1, 1:] |= block
    inside[:-1, :-1] |= block
    return inside


def _distrust_blends(ids: Ids, strays: NDArray[np.bool_], lut: NDArray[np.float32]) -> None:
    """Thin pixels of exactly a class's colour beside strays, and a blend of two classes that
    surround them, become strays too.
    """
    near = strays.copy()
    for axis in (0, 1):
        for shift in (1, -1):
            near |= np.roll(strays, shift, axis)
    thin = ~in_blocks(ids) & (ids != _NONE) & near
    ys, xs = np.nonzero(thin)
    solid = np.where(thin, np.int16(_NONE), ids)
    for start in range(0, len(ys), _CHUNK):
        part = slice(start, start + _CHUNK)
        mine = ids[ys[part], xs[part]]
        around = _around(solid, ys[part], xs[part], 1)
        blend = np.zeros(len(mine), np.bool_)
        for one, other in _OPPOSITE:
            first, second = around[:, one], around[:, other]
            fit = (first != _NONE) & (second != _NONE) & (first != mine) & (second != mine)
            fit[fit] = _between(lut[mine[fit]], lut[first[fit]], lut[second[fit]])
            blend |= fit
        ids[ys[part][blend], xs[part][blend]] = _NONE


def _between(
    colors: NDArray[np.float32], ones: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Whether colours ``(n, 3)`` lie between two others, nearly on the line."""
    line = others - ones
    share = ((colors - ones) * line).sum(axis=1) / np.maximum((line**2).sum(axis=1), 1.0)
    away = np.linalg.norm(colors - ones - share[:, None] * line, axis=1)
    result: NDArray[np.bool_] = (share > 0.05) & (share < 0.95) & (away < _ON_LINE)
    return result


def _settle_by_surroundings(ids: Ids, colors: NDArray[np.uint8], lut: NDArray[np.float32]) -> None:
    """Strays get the nearest colour among the classes that fill their surroundings."""
    certain = ids.copy()
    ys, xs = np.nonzero(ids == _NONE)
    for step in _STEPS:
        left = np.zeros(len(ys), np.bool_)
        for start in range(0, len(ys), _CHUNK):
            part = slice(start, start + _CHUNK)
            around = _around(certain, ys[part], xs[part], step)
            votes = (around[:, :, None] == around[:, None, :]).sum(axis=2)
            there = around != _NONE
            filling = there & (votes >= _VOTES)
            allowed = np.where(filling.any(axis=1)[:, None], filling, there)
            pixels = colors[ys[part], xs[part]].astype(np.float32)
            away = ((lut[around] - pixels[:, None]) ** 2).sum(axis=2)
            away[~allowed] = np.inf
            best = away.argmin(axis=1)
            settled = allowed.any(axis=1)
            chosen = np.take_along_axis(around, best[:, None], axis=1)[:, 0]
            ids[ys[part], xs[part]] = np.where(settled, chosen, np.int16(_NONE))
            left[part] = ~settled
        ys, xs = ys[left], xs[left]
        if not len(ys):
            return


def _around(ids: Ids, ys: NDArray[np.intp], xs: NDArray[np.intp], step: int) -> Ids:
    """The ids at 24 places around each pixel, ``step`` apart: int16 ``(n, 24)``."""
    height, width = ids.shape
    found = np.full((len(ys), len(_GRID)), _NONE, np.int16)
    for place, (dy, dx) in enumerate(_GRID):
        rows, columns = ys + dy * step, xs + dx * step
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        found[inside, place] = ids[rows[inside], columns[inside]]
    return found
