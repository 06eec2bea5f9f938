"""Small pictures of the examples that a problem names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.doctor.checkup import Checkup

SIDE = 96


def thumbnail(checkup: Checkup, example: str) -> NDArray[np.uint8] | None:
    """The file ``example`` (as in :attr:`Problem.examples`), sides at most ``SIDE`` pixels.

    Label maps are shown in their classes' colours. Returns uint8 ``(h, w, 3)``, or None if
    the file can't be read.
    """
    raise NotImplementedError
