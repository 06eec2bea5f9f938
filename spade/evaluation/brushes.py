"""What each brush paints: maps of one class alone, and of the class over half a typical scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID, Palette

Labels = NDArray[np.uint8]


def typical_map(maps: Sequence[Labels]) -> Labels:
    """The map that shows, pixel by pixel, what most of ``maps`` show there; the first such.

    Unknown pixels count as shown by none.
    """
    pixels = np.stack(maps)
    agreeing = np.zeros(len(maps))
    for class_id in np.setdiff1d(pixels, UNKNOWN_ID).tolist():
        there = pixels == class_id
        agreeing += (there * there.mean(axis=0)).sum(axis=(1, 2))
    return maps[int(agreeing.argmax())]


def brush_maps(maps: Sequence[Labels], palette: Palette) -> dict[int, tuple[Labels, Labels]]:
    """For each class id: the class everywhere, and over half of the typical map.

    maps: uint8 ``(S, S)`` each. The half is the one, upper or lower, in which ``maps`` have
    more of the class (the lower one if there is none).
    """
    scene = typical_map(maps)
    middle = scene.shape[0] // 2
    pixels = np.stack(maps)
    above = np.bincount(pixels[:, :middle].reshape(-1), minlength=256)
    below = np.bincount(pixels[:, middle:].reshape(-1), minlength=256)
    result = {}
    for class_id in palette.ids:
        half = scene.copy()
        part = slice(0, middle) if above[class_id] > below[class_id] else slice(middle, None)
        half[part] = class_id
        result[class_id] = (np.full_like(scene, class_id), half)
    return result
