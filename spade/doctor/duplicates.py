"""The same photo twice: by a 64-bit difference hash, confirmed on a tiny grey picture.

The hash says of a 9 x 8 picture which pixel is lighter than its right neighbour, so that it
stays nearly the same when a photo is scaled, compressed or brightened.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TINY = 16
"""Side of the grey picture that is kept of each photo."""
_BITS = 8  # of 64 that may differ
_BLOCK = 256
_TRIED = 64  # pictures of nearly the same hash that are looked at
_MEAN = 4.0  # grey values that a copy may differ by, and as a share of the picture's spread
_SHARE = 0.25


def difference_hash(grey: NDArray[np.float32]) -> int:
    """Of a square picture: 64 bits, row by row."""
    small = np.asarray(Image.fromarray(grey).resize((9, 8), Image.Resampling.BOX))
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def find_twins(
    hashes: NDArray[np.uint64],
    tiny: NDArray[np.uint8],
    others: NDArray[np.uint64],
    other_tiny: NDArray[np.uint8],
    check: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.int64]:
    """For each of the photos ``(n,)`` one of the others ``(m,)`` that is the same, or -1.

    tiny: uint8 ``(n, TINY, TINY)``; ``check(done, total)`` is called between blocks.
    """
    twins = np.full(len(hashes), -1, np.int64)
    if not len(others):
        return twins
    for start in range(0, len(hashes), _BLOCK):
        check(start, len(hashes))
        block = hashes[start : start + _BLOCK, None]
        near = bit_count(block ^ others[None, :]) <= _BITS
        for mine in np.flatnonzero(near.any(axis=1)).tolist():
            for theirs in np.flatnonzero(near[mine])[:_TRIED].tolist():
                if _same(tiny[start + mine], other_tiny[theirs]):
                    twins[start + mine] = theirs
                    break
    return twins


def find_repeats(hashes: NDArray[np.uint64], tiny: NDArray[np.uint8]) -> NDArray[np.int64]:
    """For each photo ``(n,)`` the first of equal hash that is the same, or -1; itself is none."""
    first = np.full(len(hashes), -1, np.int64)
    order = np.argsort(hashes, kind="stable")
    start = 0
    for position, index in enumerate(order.tolist()):
        if hashes[order[start]] != hashes[index]:
            start = position
        elif position > start and _same(tiny[index], tiny[order[start]]):
            first[index] = order[start]
    return first


def bit_count(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits of each are 1."""
    if hasattr(np, "bitwise_count"):
        counts: NDArray[np.uint8] = np.bitwise_count(values)
        return counts
    bits = np.unpackbits(np.ascontiguousarray(values).view(np.uint8), axis=-1)
    summed: NDArray[np.uint8] = bits.reshape(*values.shape, 64).sum(axis=-1, dtype=np.uint8)
    return summed


def _same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Nearly equal, by what there is to see in them: fog and night need to be equal."""
    away = float(np.abs(one.astype(np.int16) - other).mean())
    return away == 0 or away < min(_MEAN, _SHARE * float(min(one.std(), other.std())))
