"""The distinct windows of a batch of label maps, and which pixel sees which.

Two 3x3 convolutions see the 5x5 labels around a pixel; what they can tell apart are the nine
3x3 windows around it, beyond the canvas none. So windows are found in two rounds of the same
kind: first the distinct 3x3 windows of labels, then the distinct 3x3 windows of those.

Found once for a batch and size, they serve every layer of that size.
(spade.engine.windows does it for one picture that changes.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.config import GeneratorConfig

_PIECE = 128
"""So many rows are added up at most before their sum is added to others: fp32 stays exact
enough, and threads get pieces of equal size."""

Ids = NDArray[np.int64]


def worth(embedding: int) -> float:
    """Windows are used where there are fewer distinct 3x3 ones than this share of the pixels.

    The products with the weights are as many as there are of these, and with a wide embedding
    most of the work. Measured, forward and back, on a core: at 0.5 to 0.6 windows are as fast
    as the convolutions with an embedding of 128, at 0.25 to 0.35 with 16 or 32; at the 0.03 of
    a drawn map they take an eighth, or a half, of the time.
    """
    return 0.6 if embedding >= 64 else 0.3


class Selection:
    """A matrix of few ones: row i of its product with a table sums the rows ``index[i]``.

    index: int64 ``(n,)`` or ``(n, k)``, below ``rows``. Sums have a fixed order, both ways.
    """

    def __init__(self, index: Ids, rows: int) -> None:
        self.index = torch.from_numpy(np.ascontiguousarray(index))
        terms = 1 if index.ndim == 1 else index.shape[1]
        self._order = torch.from_numpy(np.argsort(index.ravel(), kind="stable") // terms)
        counts = np.bincount(index.ravel(), minlength=rows)
        pieces = -(-counts // _PIECE)
        first = np.cumsum(pieces) - pieces
        number = np.arange(int(pieces.sum())) - np.repeat(first, pieces)
        starts = np.repeat(np.cumsum(counts) - counts, pieces) + number * _PIECE
        self._starts = torch.from_numpy(starts)
        self._first = torch.from_numpy(first)
        self._pieces = torch.arange(len(starts))

    def gather(self, table: Tensor) -> Tensor:
        """``(rows, width)`` -> ``(n, width)``."""
        if self.index.ndim == 1:
            return table.index_select(0, self.index)
        return F.embedding_bag(self.index, table, mode="sum")

    def scatter(self, values: Tensor) -> Tensor:
        """By the transpose: ``(n, width)``, contiguous -> ``(rows, width)``."""
        sums = F.embedding_bag(self._order, values, self._starts, mode="sum")
        return F.embedding_bag(self._pieces, sums, self._first, mode="sum")


@dataclass(frozen=True)
class LabelWindows:
    """Of label maps ``(N, H, W)`` at one size, P = N * H * W.

    embedding: of each 3x3 window, the nine rows (symbol * 9 + place) to be summed; symbols are
    as :func:`symbols` has them, one more lies beyond the canvas. products: of each 5x5
    window, the nine rows (3x3 window * 9 + place), one more 3x3 window beyond the canvas.
    pixels: ``(P,)``, the window of each. edges: whether symbols tell instance edges apart.
    """

    embedding: Selection
    products: Selection
    pixels: Selection
    edges: bool


def find_windows(
    ids: Ids, symbols: int, edges: bool = False, most: float = 0.6
) -> LabelWindows | None:
    """ids: int64 ``(N, H, W)`` below ``symbols``, twice the classes with ``edges``.

    None where there are more 3x3 ones than ``most`` of the pixels (:func:`worth`).
    """
    of_labels, parts = _distinct(ids, symbols)
    if len(parts) > most * ids.size:
        return None
    of_parts, windows = _distinct(of_labels, len(parts))
    places = np.arange(9)
    return LabelWindows(
        Selection(parts * 9 + places, (symbols + 1) * 9),
        Selection(windows * 9 + places, (len(parts) + 1) * 9),
        Selection(of_parts.ravel(), len(windows)),
        edges,
    )


def symbols(semantic: Tensor, config: GeneratorConfig) -> tuple[Ids, int] | None:
    """What each pixel shows, as one number, and how many of these there are.

    semantic: ``(N, semantic_nc, H, W)``. int64 ``(N, H, W)``: the class, "don't care" after the
    last; all of them once more with an instance edge. None if the map is not made of zeros and
    ones, one for each pixel (and edge).
    """
    classes = config.label_nc + int(config.contain_dontcare)
    labels = semantic[:, :classes]
    most, ids = labels.max(dim=1)
    if not bool((most == 1).all()) or int(labels.count_nonzero()) != ids.numel():
        return None
    if not config.instance_edges:
        return ids.numpy(), classes
    edges = semantic[:, classes]
    if not bool(((edges == 0) | (edges == 1)).all()):
        return None
    return (ids + classes * edges.long()).numpy(), 2 * classes


def _distinct(ids: Ids, outside: int) -> tuple[Ids, Ids]:
    """Number of the 3x3 window around each pixel, like ids ``(N, H, W)``; and their contents,
    ``(windows, 9)``, which beyond the canvas are ``outside``.

    Windows are told apart by a random 64-bit sum, and compared to be certain.
    """
    _, height, width = ids.shape
    around = np.pad(ids, ((0, 0), (1, 1), (1, 1)), constant_values=outside)
    views = [around[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    seed = 0
    while True:
        factors = _factors(seed)
        codes = np.zeros(ids.shape, np.int64)
        for view, factor in zip(views, factors, strict=True):
            codes += view * factor
        flat = codes.ravel()
        order = np.argsort(flat)  # equal ones in any order: it tells nothing about them
        new = np.ones(len(flat), np.bool_)
        new[1:] = flat[order[1:]] != flat[order[:-1]]
        numbers = np.empty(len(flat), np.int64)
        numbers[order] = np.cumsum(new) - 1
        number = numbers.reshape(ids.shape)
        first = np.unravel_index(order[new], ids.shape)
        contents = np.stack([view[first] for view in views], axis=1)
        if all((contents[number, i] == view).all() for i, view in enumerate(views)):
            return number, contents
        seed += 1


def _factors(seed: int) -> Ids:
    return np.random.default_rng(seed).integers(1 << 62, size=9) * 2 + 1
