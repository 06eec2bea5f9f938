"""What was made, from what, in plain values for ``report.json`` and ``prepare.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from spade.formats.palette import UNKNOWN_ID, palette_to_json
from spade.preparation.data_writer import DataWriter
from spade.preparation.labelling import PhotoSegmenter, thresholds
from spade.preparation.prepare import Preparation, PrepareSettings
from spade.preparation.sources import Sources


def making(
    name: str, segmenter: PhotoSegmenter, settings: PrepareSettings, sources: Sources
) -> dict[str, Any]:
    """All that label maps depend on beside their photos. ``name``: which segmenter it is."""
    asked = thresholds(segmenter, settings.sure)
    return {
        "segmenter": name,
        "classes": palette_to_json(segmenter.palette)["classes"],
        "sure": {e.name: round(float(asked[e.id]), 4) for e in segmenter.palette.classes},
        "max_unknown": settings.max_unknown,
        "size": settings.size,
        "named_by_hand": sources.digest,
    }


def report(
    result: Preparation, sources: Sources, writer: DataWriter, making: dict[str, Any]
) -> dict[str, Any]:
    """What ``report.json`` says, in plain values; the same for the same input."""
    areas = sum((kept.areas for kept in result.kept), np.zeros(256, np.intp))
    pixels = max(1, int(areas.sum()))
    present = sum((kept.present.astype(np.intp) for kept in result.kept), np.zeros(256, np.intp))
    by_hand = [kept.by_hand for kept in result.kept]
    return {
        "photos": len(result.kept) + len(result.dropped),
        "kept": len(result.kept),
        "dropped": result.counts(),
        "named_by_hand": sum(share > 0 for share in by_hand),
        "share_named_by_hand": round(sum(by_hand) / max(1, len(by_hand)), 4),
        "hand_named_maps_without_photo": sources.without_photo,
        "unknown": round(int(areas[UNKNOWN_ID]) / pixels, 4),
        "classes": [
            {
                "id": entry.id,
                "name": entry.name,
                "share": round(int(areas[entry.id]) / pixels, 4),
                "photos": int(present[entry.id]),
            }
            for entry in writer.palette.classes
        ],
        "made_with": making,
        "why": [
            {"photo": entry.photo.name, "reason": entry.reason, "detail": entry.detail}
            for entry in result.dropped
        ],
    }
