"""From a data set's class ids to those of its clean copy: merged, renamed, numbered through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.doctor.checkup import ClassChoice
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_ID, Palette, PaletteClass


@dataclass(frozen=True, eq=False)
class Recoding:
    """palette: of the copy, ids from 0 without gaps; lut: uint8 ``(256,)``, from old ids."""

    palette: Palette
    lut: NDArray[np.uint8]


def recode(palette: Palette, used: NDArray[np.bool_], choices: Sequence[ClassChoice]) -> Recoding:
    """Classes that are ``used``, bool ``(256,)``, or all if none is, after ``choices``.

    Raises InputError for a choice of a class that is not there, classes merged in a circle,
    names or colours twice, or nothing left.
    """
    by_id = {choice.id: choice for choice in choices}
    for choice in choices:
        for class_id in {choice.id, choice.merge_into} - {None, UNKNOWN_ID}:
            if class_id is None or palette.by_id(class_id) is None:
                raise InputError(f"class {class_id}: is not in {palette.name}; choose another")
    target = {entry.id: _target(entry.id, by_id) for entry in palette.classes}
    held = {target[entry.id] for entry in palette.classes if used[entry.id]} - {UNKNOWN_ID}
    kept = [
        entry
        for entry in palette.classes
        if target[entry.id] == entry.id and (entry.id in held or not held)
    ]
    if not kept:
        raise InputError("no class is left; keep at least one out of unknown")
    lut = np.full(256, UNKNOWN_ID, np.uint8)
    number = {entry.id: index for index, entry in enumerate(kept)}
    for class_id, other in target.items():
        lut[class_id] = number.get(other, UNKNOWN_ID)
    return Recoding(
        Palette(palette.name, tuple(_chosen(entry, number, by_id) for entry in kept)), lut
    )


def without_unused(recoding: Recoding, used: NDArray[np.bool_]) -> Recoding:
    """``recoding`` after its own: only the classes of its palette that are ``used``."""
    return recode(recoding.palette, used, ())


def _target(class_id: int, by_id: dict[int, ClassChoice]) -> int:
    seen = {class_id}
    while class_id in by_id and by_id[class_id].merge_into not in (None, class_id):
        merged = by_id[class_id].merge_into
        assert merged is not None
        if merged in seen:
            raise InputError(f"class {merged}: is merged into itself; keep one of the circle")
        seen.add(merged)
        class_id = merged
    return class_id


def _chosen(
    entry: PaletteClass, number: dict[int, int], by_id: dict[int, ClassChoice]
) -> PaletteClass:
    choice = by_id.get(entry.id)
    return PaletteClass(
        number[entry.id],
        choice.name.strip() if choice else entry.name,
        choice.color.lower() if choice else entry.color,
        entry.group,
    )
