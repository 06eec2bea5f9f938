"""What a layout says: which photo goes with which label map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from spade.doctor.class_lists import ClassList

Split = Literal["", "train", "val"]
"""Of a pair; "" in a data set that states none: then the name decides (see name_hash)."""


@dataclass(frozen=True)
class Entry:
    """A photo and its label map, either of which may be missing (None), by relative names.

    name: what both are called in a clean copy, without suffix; different for all entries.
    """

    name: str
    photo: str | None
    labels: str | None
    split: Split = ""
    instances: str | None = None


@dataclass(frozen=True)
class Layout:
    """name: for people. entries: sorted by split and name. native: training could read it as
    it is. photos_alone: nothing in it is meant as a label map.

    same_stem: photos left aside since another has the same name. shifted: the set's own maps
    count from 1, and 0 is unknown. outlines: label files that hold no pixels. tested: pictures
    in test/, which are not used.
    """

    name: str
    entries: tuple[Entry, ...]
    classes: ClassList = field(default_factory=ClassList)
    native: bool = False
    photos_alone: bool = False
    same_stem: tuple[str, ...] = ()
    shifted: bool = False
    outlines: tuple[str, ...] = ()
    tested: int = 0
