"""A baseline without a network: the training photo whose label map agrees most.

Compare Qi et al., "Semi-parametric image synthesis", CVPR 2018, which sets out from there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID

SIDE = 32
"""Label maps are compared at this many cells a side."""


def thumbnail(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``labels`` uint8 ``(H, W)``, reduced to ``(32, 32)``: the pixel under each cell's centre."""
    rows, columns = (((np.arange(SIDE) + 0.5) * side / SIDE).astype(int) for side in labels.shape)
    return labels[np.ix_(rows, columns)]


def nearest_map(thumbnails: NDArray[np.uint8], labels: NDArray[np.uint8]) -> int:
    """Which of ``thumbnails`` ``(N, 32, 32)`` agrees with ``labels`` ``(H, W)`` in most cells.

    Unknown cells agree with nothing. The first of several equally good ones is taken.
    """
    wanted = thumbnail(labels)
    agreeing = (thumbnails == wanted) & (wanted != UNKNOWN_ID)
    return int(agreeing.sum(axis=(1, 2)).argmax())
