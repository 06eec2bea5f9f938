"""What the doctor knows of a data set beside what it says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.doctor.files import Files
from spade.doctor.layouts import Layout
from spade.doctor.layouts.layout import Entry
from spade.doctor.raw_labels import Fault, Storage
from spade.formats.palette import UNKNOWN_ID, Palette


@dataclass(frozen=True, eq=False)
class PhotoFacts:
    """width, height: pixels as they are shown, turned by EXIF; orientation: EXIF's number.

    hash: 64 bits of which pixel of a tiny grey picture is lighter than its neighbour;
    tiny: that picture, uint8 ``(16, 16)``. fault: then nothing else is known; detail: why.
    """

    width: int = 0
    height: int = 0
    orientation: int = 1
    grey: bool = False
    hash: int = 0
    tiny: NDArray[np.uint8] | None = None
    fault: Fault = ""
    detail: str = ""


@dataclass(frozen=True, eq=False)
class LabelFacts:
    """What a label map's file is like and what is in it.

    values: ids as stored, int64 ``(n,)``, and counts: their pixels; of maps in colour
    colors, int32 ``(n,)`` as 0xrrggbb, the most frequent ``COLORS`` with their counts.
    distinct: how many colours there are. transparent: pixels less than half opaque.
    rows: mean height of each id's pixels in the map, 0 at the top and 1 at the bottom, like
    values. flat: of ``colors``, pixels inside areas of just that colour.
    grey_colors: stored as colours, but all channels are equal.
    """

    width: int = 0
    height: int = 0
    storage: Storage = "indexed"
    format: str = ""
    bits: int = 8
    alpha: bool = False
    interlaced: bool = False
    lossy: bool = False
    values: NDArray[np.int64] | None = None
    counts: NDArray[np.int64] | None = None
    rows: NDArray[np.float32] | None = None
    colors: NDArray[np.int32] | None = None
    flat: NDArray[np.int64] | None = None
    distinct: int = 0
    transparent: int = 0
    grey_colors: bool = False
    palette: NDArray[np.uint8] | None = None
    fault: Fault = ""
    detail: str = ""

    @property
    def pixels(self) -> int:
        """Of the whole map."""
        return self.width * self.height


@dataclass(frozen=True, eq=False)
class PairFacts:
    """What is known of an entry; None where a file is missing.

    fits: by EXIF orientation how much of the photo's colours its label map would explain if it
    were turned so, where that is in doubt (see :mod:`spade.doctor.alignment`), else None.
    """

    photo: PhotoFacts | None = None
    labels: LabelFacts | None = None
    fits: dict[int, float] | None = None


@dataclass(frozen=True)
class Plan:
    """How label maps become class ids.

    palette: the classes that ids or colours stand for. shift: taken off every id; those below
    become unknown. binary: 0 and 255 are two classes, 0 and 1. by_color: indexed maps are
    read by their colours, since their numbers mean nothing.
    """

    palette: Palette
    shift: int = 0
    binary: bool = False
    by_color: bool = False

    def lut(self) -> NDArray[np.uint8]:
        """Ids as stored, 0 to 255, to class ids; uint8 ``(256,)``."""
        table = np.full(256, UNKNOWN_ID, np.uint8)
        if self.binary:
            table[0], table[1], table[255] = 0, 1, 1
            return table
        for class_id in self.palette.ids:
            if class_id + self.shift < 256:
                table[class_id + self.shift] = class_id
        return table


@dataclass(frozen=True, eq=False)
class Case:
    """Handed from the examination to the repair; of no interest to anybody else.

    kept: entries that a clean copy gets. left_out: files it lacks, and why. turn: by
    "split/name" of an entry the EXIF orientation by which its label map has to be turned.
    areas: pixels by class id over all that is kept, int64 ``(256,)``. size: asked for.
    """

    files: Files
    layout: Layout
    plan: Plan
    kept: tuple[tuple[Entry, PairFacts], ...]
    left_out: tuple[tuple[str, str], ...]
    turn: dict[str, int]
    areas: NDArray[np.int64]
    size: int | None = None
