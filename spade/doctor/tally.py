"""How much of each class there is: in one map, and in all that a clean copy gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.doctor.case import LabelFacts, PairFacts, Plan
from spade.doctor.layouts import Entry
from spade.doctor.plan import holds_ids, ids_by_color, stated_ids
from spade.formats.palette import UNKNOWN_ID

MUCH = 0.5
"""Share of a map that is much if it is unknown."""


@dataclass(frozen=True, eq=False)
class Tally:
    """areas: pixels by class id, pictures: how many hold it, holders: one or a few of them,
    all by id 0 to 255; known, unknown: pixels of all. mostly_unknown: label maps with more
    than ``MUCH`` of it. beyond: maps with ids that no class has, and how many pixels of each.
    """

    areas: NDArray[np.int64]
    pictures: NDArray[np.int64]
    holders: dict[int, list[str]]
    unknown: int
    mostly_unknown: list[str]
    beyond_maps: list[str]
    beyond: dict[int, int]


def tally(kept: Sequence[tuple[Entry, PairFacts]], plan: Plan) -> Tally:
    """Count the classes of pairs that are kept."""
    areas, pictures = np.zeros(256, np.int64), np.zeros(256, np.int64)
    holders: dict[int, list[str]] = {}
    unknown = 0
    mostly_unknown, beyond_maps = [], []
    beyond: dict[int, int] = {}
    for entry, pair in kept:
        if pair.labels is None or entry.labels is None:
            continue
        mine, strange = class_areas(pair.labels, plan)
        nowhere = int(mine[UNKNOWN_ID])
        if strange:
            beyond_maps.append(entry.labels)
            for value, count in strange.items():
                beyond[value] = beyond.get(value, 0) + count
        if nowhere - sum(strange.values()) > MUCH * max(1, pair.labels.pixels):
            mostly_unknown.append(entry.labels)
        unknown += nowhere
        mine[UNKNOWN_ID] = 0
        areas += mine
        pictures += mine > 0
        for class_id in np.flatnonzero(mine).tolist():
            names = holders.setdefault(class_id, [])
            if len(names) < 3:
                names.append(entry.photo or "")
    return Tally(areas, pictures, holders, unknown, mostly_unknown, beyond_maps, beyond)


def class_areas(labels: LabelFacts, plan: Plan) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Pixels by class id, int64 ``(256,)``, unknown ones under 255; and pixels by those ids as
    stored that no class has.

    Smoothed borders count nowhere: they are few, and whose they are is only known later.
    """
    areas = np.zeros(256, np.int64)
    areas[UNKNOWN_ID] = labels.transparent
    stated = stated_ids(labels)
    if stated is None or not (plan.binary or holds_ids(labels, plan.palette)):
        _add_colors(areas, labels, plan)
        return areas, {}
    values, counts = stated
    if plan.by_color and labels.palette is not None:
        known = ids_by_color(plan.palette)
        codes = [red << 16 | green << 8 | blue for red, green, blue in labels.palette.tolist()]
        ids = np.array([known.get(code, UNKNOWN_ID) for code in codes], np.int64)
        strange = np.zeros(len(ids), np.bool_)
    else:
        if plan.binary and labels.bits > 1:
            values = np.where(values > 127, 255, 0)
        inside = (values >= 0) & (values <= 255)
        ids = np.where(inside, plan.lut()[np.where(inside, values, 255)], UNKNOWN_ID)
        meant = (values == UNKNOWN_ID) | ((values == 0) & (plan.shift > 0))
        strange = (ids == UNKNOWN_ID) & ~meant
    np.add.at(areas, ids, counts)
    return areas, dict(zip(values[strange].tolist(), counts[strange].tolist(), strict=True))


def _add_colors(areas: NDArray[np.int64], labels: LabelFacts, plan: Plan) -> None:
    known = ids_by_color(plan.palette)
    assert labels.colors is not None
    assert labels.counts is not None
    assert labels.flat is not None
    for code, count, flat in zip(
        labels.colors.tolist(), labels.counts.tolist(), labels.flat.tolist(), strict=True
    ):
        if code in known:
            areas[known[code]] += count
        elif flat and not labels.lossy:
            areas[UNKNOWN_ID] += flat
