"""The label map as a few distinct windows.

gamma and beta at a pixel depend on the 5x5 labels around it and on nothing else: two 3x3
convolutions. Label maps are piecewise constant, so most of these windows hold one label, and
of those along borders many repeat; each distinct one needs computing once. The same holds
one convolution earlier for the 3x3 windows that the embedding sees.

Labels are held as *symbols*: one number for each combination of semantic channels that a
pixel can have (a class, "don't care", either with or without an instance edge). Beyond the
canvas lies a symbol of its own, whose channels are all zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spade.config import GeneratorConfig
from spade.formats.rect import Rect
from spade.labels import check_ids, edge_map

REACH = 2
"""Pixels that gamma and beta see around their own, each way."""

SIDE = 2 * REACH + 1
MIDDLE = SIDE * SIDE // 2

Symbols = NDArray[np.int16]
Contents = NDArray[np.int16]


def symbol_count(config: GeneratorConfig) -> int:
    """How many symbols there are, without the one outside the canvas, which is next."""
    classes = config.label_nc + int(config.contain_dontcare)
    return classes * (2 if config.instance_edges else 1)


def symbols(labels: Tensor, config: GeneratorConfig, instances: Tensor | None) -> Symbols:
    """labels, instances: integer ``(H, W)`` -> int16 ``(H, W)`` below ``symbol_count``.

    Raises InputError for ids that the network does not have.
    """
    ids = check_ids(labels, config)
    if config.instance_edges and instances is not None:
        edges = edge_map(instances.unsqueeze(0))[0, 0].to(ids.dtype)
        ids = ids + edges * (config.label_nc + int(config.contain_dontcare))
    found: Symbols = ids.numpy().astype(np.int16)
    return found


class Distinct(NamedTuple):
    """The distinct rows of a table. ``first``: where each stands; ``inverse``: which it is."""

    first: NDArray[np.intp]
    inverse: NDArray[np.intp]


class Hash:
    """Rows of small numbers -> 64-bit numbers, by random weights; ``reseed`` on a collision."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._random = np.random.default_rng(width)
        self.reseed()

    def reseed(self) -> None:
        """Other weights."""
        bits = self._random.integers(0, 1 << 63, self._width, dtype=np.int64)
        self._weights: NDArray[np.int64] = bits * 2 + 1

    def __call__(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """``(n, width)`` -> int64 ``(n,)``."""
        codes: NDArray[np.int64] = rows.astype(np.int64) @ self._weights
        return codes

    def distinct(self, rows: NDArray[Any]) -> tuple[Distinct, NDArray[np.int64]]:
        """The distinct rows and their codes, ascending. Certain: collisions are looked for."""
        while True:
            codes, first, inverse = np.unique(self(rows), return_index=True, return_inverse=True)
            if np.array_equal(rows[first[inverse]], rows):
                return Distinct(first, inverse), codes
            self.reseed()


class SubWindows(NamedTuple):
    """The 3x3 windows inside some 5x5 windows.

    ``contents``: int16 ``(n, 9)``, distinct. ``inside``: int64 ``(windows, 9)``: which of them
    lies at each of the nine places; n where the place is outside the canvas.
    """

    contents: Contents
    inside: NDArray[np.int64]


class WindowBook:
    """The distinct 5x5 windows met so far at one scale, numbered from 0 in order of arrival.

    Numbers stay as they are until ``clear``; what is computed for a window is kept by number.
    """

    def __init__(self, outside: int) -> None:
        self.outside = outside
        self._hash = Hash(SIDE * SIDE)
        self._part_hash = Hash(9)
        self._parts: tuple[int, int, SubWindows] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all windows."""
        self._parts = None
        self.contents: Contents = np.empty((0, SIDE * SIDE), np.int16)
        """int16 ``(n, 25)``: the symbols of each."""
        self._uniform = np.full(self.outside, -1, np.int32)
        self._codes: NDArray[np.int64] = np.empty(0, np.int64)  # sorted
        self._numbers: NDArray[np.int32] = np.empty(0, np.int32)  # of the sorted codes

    def __len__(self) -> int:
        return len(self.contents)

    def index(self, level: Symbols, rect: Rect) -> NDArray[np.int32]:
        """The number of the window around each pixel of ``rect``; new windows are added.

        level: int16 ``(H, W)``, the canvas at this scale. Returns int32, as large as rect.
        """
        around = _surrounded(level, rect, self.outside)
        uniform = _uniform(around)
        middle = around[REACH:-REACH, REACH:-REACH]
        numbers = self._uniform[middle]
        mixed = np.flatnonzero(~uniform)
        missing = uniform & (numbers < 0)
        if missing.any():
            for symbol in np.unique(middle[missing]):
                self._uniform[symbol] = self._add(np.full((1, SIDE * SIDE), symbol, np.int16))
            numbers = self._uniform[middle]
        if len(mixed):
            y, x = np.divmod(mixed, rect.width)
            width = around.shape[1]
            offsets = (np.arange(SIDE)[:, None] * width + np.arange(SIDE)).ravel()
            contents = around.ravel()[(y * width + x)[:, None] + offsets]
            numbers.ravel()[mixed] = self._look_up(contents)
        return numbers

    def parts(self, first: int) -> SubWindows:
        """The 3x3 windows inside the windows from number ``first`` on."""
        if self._parts is None or self._parts[:2] != (first, len(self)):
            found = sub_windows(self.contents[first:], self.outside, self._part_hash)
            self._parts = first, len(self), found  # every layer of this scale asks in turn
        return self._parts[2]

    def _look_up(self, contents: Contents) -> NDArray[np.int32]:
        found, codes = self._hash.distinct(contents)
        new = contents[found.first]
        at = np.searchsorted(self._codes, codes).clip(max=max(0, len(self._codes) - 1))
        numbers = np.full(len(codes), -1, np.int32)
        if len(self._codes):
            known = self._codes[at] == codes
            # Certain: equal codes of unequal windows, or weights changed by a collision,
            # only lead to a window being kept twice.
            known &= (self.contents[self._numbers[at]] == new).all(axis=1)
            numbers[known] = self._numbers[at[known]]
        strange = numbers < 0
        if strange.any():
            start = self._add(new[strange])
            numbers[strange] = np.arange(start, len(self), dtype=np.int32)
            merged = np.concatenate([self._codes, codes[strange]])
            order = np.argsort(merged, kind="stable")
            self._numbers = np.concatenate([self._numbers, numbers[strange]])[order]
            self._codes = merged[order]
        return numbers[found.inverse]

    def _add(self, contents: Contents) -> int:
        start = len(self)
        self.contents = np.concatenate([self.contents, contents])
        return start


def sub_windows(contents: Contents, outside: int, hashing: Hash) -> SubWindows:
    """contents: int16 ``(windows, 25)``."""
    square = contents.reshape(-1, SIDE, SIDE)
    parts = np.lib.stride_tricks.sliding_window_view(square, (3, 3), axis=(1, 2))
    rows = parts.reshape(-1, 9)
    found, _ = hashing.distinct(rows)
    distinct = rows[found.first]
    beyond = distinct[:, 4] == outside
    number = np.where(beyond, int((~beyond).sum()), np.cumsum(~beyond) - 1)
    return SubWindows(distinct[~beyond], number[found.inverse].reshape(len(contents), 9))


def _surrounded(level: Symbols, rect: Rect, outside: int) -> Symbols:
    """``rect`` of the level with REACH pixels around it, beyond the canvas ``outside``."""
    height, width = level.shape
    top, left = rect.y - REACH, rect.x - REACH
    bottom, right = rect.bottom + REACH, rect.right + REACH
    inner = level[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    result: Symbols = np.full((bottom - top, right - left), outside, np.int16)
    y, x = max(0, -top), max(0, -left)
    result[y : y + inner.shape[0], x : x + inner.shape[1]] = inner
    return result


def _uniform(around: Symbols) -> NDArray[np.bool_]:
    """Whether the 5x5 window of each inner pixel holds one symbol."""
    across = around[:, 1:] == around[:, :-1]
    across = across[:, :-1] & across[:, 1:]
    across = across[:, :-2] & across[:, 2:]  # four in a row: five equal pixels
    down = across[:-4] & across[1:-3] & across[2:-2] & across[3:-1] & across[4:]
    column = around[1:, REACH:-REACH] == around[:-1, REACH:-REACH]
    column = column[:-1] & column[1:]
    same: NDArray[np.bool_] = down & column[:-2] & column[2:]
    return same
