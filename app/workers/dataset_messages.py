"""What the window and the process that examines data sets say to each other, beside
:mod:`app.workers.wire`. No torch, no Qt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.workers.training_messages import DataReport, ImportRequest, TrainingOptions
from spade.formats.palette import Palette


class Examine(NamedTuple):
    """What is wrong with a data set?"""

    job: int
    folder: str
    size: int | None


class Import(NamedTuple):
    """Make a clean copy."""

    job: int
    request: ImportRequest


class Ask(NamedTuple):
    """What can be trained on this device, with that many classes and pictures?"""

    job: int
    device: str
    classes: int
    pictures: int


class FindScene(NamedTuple):
    """A label map of a DATA or training folder's validation set."""

    job: int
    folder: str


class Examined(NamedTuple):
    """The answer to Examine."""

    job: int
    report: DataReport


class Imported(NamedTuple):
    """The answer to Import: the clean copy."""

    job: int
    folder: str
    report: DataReport


class Offered(NamedTuple):
    """The answer to Ask."""

    job: int
    options: TrainingOptions


class FoundScene(NamedTuple):
    """The answer to FindScene. labels: uint8 ``(H, W)``."""

    job: int
    labels: NDArray[np.uint8]
    palette: Palette


Order = Examine | Import | Ask | FindScene
Answer = Examined | Imported | Offered | FoundScene
