"""A label map as stored to class ids, by the plan of its data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spade.doctor.borders import classes_of
from spade.doctor.case import LabelFacts, Plan
from spade.doctor.facts import unscaled
from spade.doctor.plan import holds_ids, ids_by_color
from spade.doctor.raw_labels import RawLabels
from spade.formats.palette import UNKNOWN_ID


def class_ids(raw: RawLabels, facts: LabelFacts, plan: Plan) -> NDArray[np.uint8]:
    """``raw`` as uint8 ``(H, W)`` ids of ``plan.palette``, 255 where unknown.

    Unknown are ids and colours that no class has, and what is more than half transparent.
    """
    if raw.ids is not None:
        labels = _by_index(raw, plan) if _indexed(raw, plan) else _by_id(raw.ids, facts, plan)
    else:
        assert raw.colors is not None
        if plan.binary or holds_ids(facts, plan.palette):
            labels = _by_id(raw.colors[..., 0], facts, plan)
        else:
            labels = classes_of(raw.colors, plan.palette, lossy=raw.lossy)
    if raw.alpha is not None:
        labels[raw.alpha < 128] = UNKNOWN_ID
    return labels


def _indexed(raw: RawLabels, plan: Plan) -> bool:
    return plan.by_color and raw.palette is not None


def _by_index(raw: RawLabels, plan: Plan) -> NDArray[np.uint8]:
    """By the colours of an indexed file."""
    assert raw.ids is not None
    assert raw.palette is not None
    known = ids_by_color(plan.palette)
    table = np.full(256, UNKNOWN_ID, np.uint8)
    for index, color in enumerate(raw.palette.tolist()):
        table[index] = known.get(color[0] << 16 | color[1] << 8 | color[2], UNKNOWN_ID)
    return table[raw.ids]


def _by_id(ids: NDArray[Any], facts: LabelFacts, plan: Plan) -> NDArray[np.uint8]:
    wide = unscaled(ids)
    if plan.binary and facts.bits > 1:
        wide = np.where(wide > 127, 255, 0)
    inside = (wide >= 0) & (wide <= 255)
    table = plan.lut()
    return np.where(inside, table[np.where(inside, wide, 255)], np.uint8(UNKNOWN_ID))
