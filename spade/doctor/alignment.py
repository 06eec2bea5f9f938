"""Whether a label map lies on its photo, or is turned against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spade.doctor.case import PairFacts

SIDE = 64
"""Of the square grid on which photo and label map are laid over each other."""
_CLEARLY = 0.1
_SURE = 0.5
_RATIO = 0.03  # by which the aspect ratio of a resized map may differ, for rounding

Pixel = TypeVar("Pixel", bound=np.generic)


@dataclass(frozen=True)
class Geometry:
    """How a label map has to be changed to lie on its photo: turned by an EXIF orientation,
    then resized. kind: the problem's slug, or "". usable: False if nothing helps.
    """

    kind: str = ""
    turn: int = 1
    usable: bool = True


def turned(pixels: NDArray[Pixel], orientation: int) -> NDArray[Pixel]:
    """``(H, W, ...)`` as stored to as it is shown by that EXIF orientation, 1 to 8."""
    if orientation >= 5:  # 5 exchanges rows and columns, 6 to 8 mirror what comes of it
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def explained(photo: NDArray[np.uint8], labels: NDArray[Any]) -> float:
    """The share of the variance of a photo's colours, ``(H, W, 3)``, that the classes of its
    label map ``(H, W)`` explain: 1 if every class is of one colour, near 0 by chance.
    """
    colors = photo.reshape(-1, 3).astype(np.float64)
    colors -= colors.mean(axis=0)
    total = float((colors**2).sum())
    if total < 1.0:
        return 0.0
    _, groups = np.unique(labels, return_inverse=True)
    groups = groups.ravel()
    sizes = np.bincount(groups)
    sums = np.stack([np.bincount(groups, colors[:, channel]) for channel in range(3)], axis=1)
    return float(((sums**2).sum(axis=1) / sizes).sum()) / total


def turning_margin(pairs: Sequence[PairFacts]) -> float:
    """By how much a map must fit better turned than as it is, where sizes tell nothing.

    The maps of a set were mostly drawn by one program, which heeds EXIF or does not. So a
    single map that seems to differ from the others must differ clearly.
    """
    votes = []
    for pair in pairs:
        photo, labels = pair.photo, pair.labels
        if photo is None or labels is None or pair.fits is None or photo.orientation == 1:
            continue
        size, shown = (labels.width, labels.height), (photo.width, photo.height)
        if photo.orientation >= 5 and shown[0] != shown[1] and size in (shown, shown[::-1]):
            votes.append(-_SURE if size == shown else _SURE)
        elif size == shown:
            votes.append(pair.fits[photo.orientation] - pair.fits[1])
    unheeded = bool(votes) and sum(votes) / len(votes) > _CLEARLY / 2
    return -_CLEARLY / 2 if unheeded else 2.5 * _CLEARLY


def geometry(facts: PairFacts, margin: float) -> Geometry:
    """What is wrong with the size and orientation of a pair whose files can both be read.

    margin: see :func:`turning_margin`.
    """
    photo, labels = facts.photo, facts.labels
    assert photo is not None
    assert labels is not None
    fits = facts.fits or {}
    shown = (photo.width, photo.height)
    stored = shown[::-1] if photo.orientation >= 5 else shown
    size = (labels.width, labels.height)
    if size == shown:
        # Turned by half, mirrored or square: the size tells nothing, the colours do.
        if photo.orientation != 1 and fits[photo.orientation] > fits[1] + margin:
            return Geometry("orientation", photo.orientation)
        return Geometry()
    if photo.orientation >= 5 and size != shown and _same_shape(size, stored):
        return Geometry("orientation", photo.orientation)
    if size == shown[::-1]:
        better, worse = sorted((6, 8), key=lambda way: -fits[way])
        if fits[better] > fits[worse] + _CLEARLY:
            return Geometry("orientation", better)
        return Geometry("orientation", usable=False)
    if _same_shape(size, shown):
        return Geometry("size-mismatch")
    return Geometry("size-mismatch", usable=False)


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other at another scale, but for rounding."""
    width, height = size
    expected = other[1] * width / other[0]
    return abs(height - expected) <= 1 and abs(height - expected) <= _RATIO * expected + 0.5
