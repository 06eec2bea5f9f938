"""Judging a segmenter on held-out pictures: figures, thresholds, a sheet to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from spade.confusion import (
    class_ious,
    confusion,
    mean_iou,
    pixel_accuracy,
    precisions,
    recalls,
)
from spade.formats.label_png import colorize
from spade.labels import IGNORE_INDEX
from spade.segmenter.pictures import LabelledPicture
from spade.segmenter.segmenter import Segmentation, Segmenter
from spade.segmenter.thresholds import sure_thresholds

_SHEET_TILE = 192
_SHEET_COLUMNS = 3


@dataclass(frozen=True, eq=False)
class Judgement:
    """Answers on pictures that were never trained on, and what they amount to.

    ``sure``: for a class id the confidence from which on ``precision`` of its pixels are
    right on these pictures.
    """

    pairs: tuple[tuple[LabelledPicture, Segmentation], ...]
    sure: dict[int, float]
    figures: dict[str, Any]


def judge(
    segmenter: Segmenter,
    pictures: Sequence[LabelledPicture],
    *,
    precision: float = 0.9,
    apart: str = "",
) -> Judgement:
    """Segment every picture and count.

    Pictures whose name begins with ``apart`` (if not empty) get figures of their own; the
    thresholds and the figures of the rest are as if those were not there.
    """
    pairs = [(picture, segmenter.segment(picture.photo)) for picture in pictures]
    is_apart = [bool(apart) and picture.name.startswith(apart) for picture, _ in pairs]
    own = [pair for pair, other in zip(pairs, is_apart, strict=True) if not other]
    others = [pair for pair, other in zip(pairs, is_apart, strict=True) if other]
    ids = [entry.id for entry in segmenter.classes]
    sure = sure_thresholds(own or pairs, ids, precision)
    trusting = Segmenter(segmenter.network, segmenter.palette, segmenter.device, sure)
    figures = {"pictures": _figures(trusting, own or pairs)}
    if own and others:
        figures["apart"] = {"names": f"{apart}*", **_figures(trusting, others)}
    return Judgement(tuple(pairs), sure, figures)


def _figures(
    segmenter: Segmenter, pairs: Sequence[tuple[LabelledPicture, Segmentation]]
) -> dict[str, Any]:
    outputs = max(segmenter.palette.ids) + 1
    counts, sure = np.zeros((2, outputs, outputs), np.int64)
    for picture, answer in pairs:
        counts += confusion(picture.labels, answer.labels, outputs)
        sure += confusion(picture.labels, segmenter.trusted(answer), outputs)
    ious, precision, recall = class_ious(counts), precisions(counts), recalls(counts)
    sure_precision = precisions(sure)
    classes = {}
    for entry in segmenter.classes:
        row = counts[entry.id]
        taken_for = np.argsort(-np.where(np.arange(outputs) == entry.id, -1, row))[:2]
        classes[entry.name] = {
            "share": _rounded(row.sum() / max(1, counts.sum())),
            "iou": _rounded(ious[entry.id]),
            "precision": _rounded(precision[entry.id]),
            "recall": _rounded(recall[entry.id]),
            "sure_precision": _rounded(sure_precision[entry.id]),
            "sure_above": _rounded(segmenter.sure.get(entry.id)),
            "taken_for": [_name(segmenter, int(i)) for i in taken_for if row[i] > 0.05 * row.sum()],
        }
    return {
        "count": len(pairs),
        "pixel_accuracy": _rounded(pixel_accuracy(counts)),
        "mean_iou": _rounded(mean_iou(counts)),
        "sure_share": _rounded(sure.sum() / max(1, counts.sum())),
        "sure_pixel_accuracy": _rounded(pixel_accuracy(sure)),
        "classes": classes,
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as lines for people."""
    lines = []
    for part in figures.values():
        names = part.get("names", "pictures")
        lines.append(
            f"{part['count']} {names}: pixel accuracy {_percent(part['pixel_accuracy'])}, mean IoU "
            f"{_percent(part['mean_iou'])}; sure of {_percent(part['sure_share'])} of the pixels, "
            f"right in {_percent(part['sure_pixel_accuracy'])} of these"
        )
        lines.append(f"{'class':12} share   IoU  prec.  rec.  sure above  prec.  taken for")
        for name, row in part["classes"].items():
            lines.append(
                f"{name:12} {_percent(row['share'])}  {_percent(row['iou'])}  "
                f"{_percent(row['precision'])}  {_percent(row['recall'])}  "
                f"{_percent(row['sure_above']):>10}  {_percent(row['sure_precision'])}  "
                + ", ".join(row["taken_for"])
            )
    return "\n".join(lines)


def write_sheets(
    folder: Path,
    judgement: Judgement,
    segmenter: Segmenter,
    *,
    rows: int = 10,
) -> list[Path]:
    """Pages of photo | hand-named map | answer, the worst pictures first, as JPEG."""

    def wrong(pair: tuple[LabelledPicture, Segmentation]) -> float:
        picture, answer = pair
        named = picture.labels != IGNORE_INDEX
        return float((answer.labels != picture.labels)[named].mean()) if named.any() else 0.0

    ordered = sorted(judgement.pairs, key=wrong, reverse=True)
    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for start in range(0, len(ordered), rows * 2):
        part = ordered[start : start + rows * 2]
        height = -(-len(part) // 2)
        page = Image.new("RGB", (_SHEET_TILE * _SHEET_COLUMNS * 2, _SHEET_TILE * height))
        for index, (picture, answer) in enumerate(part):
            tiles = (
                picture.photo,
                colorize(picture.labels, segmenter.palette),
                colorize(answer.labels, segmenter.palette),
            )
            x0 = (index % 2) * _SHEET_TILE * _SHEET_COLUMNS
            for column, tile in enumerate(tiles):
                small = Image.fromarray(tile).resize((_SHEET_TILE, _SHEET_TILE))
                page.paste(small, (x0 + column * _SHEET_TILE, index // 2 * _SHEET_TILE))
        path = folder / f"held-out-{start // (rows * 2) + 1:02d}.jpg"
        page.save(path, quality=85)
        pages.append(path)
    return pages


def _name(segmenter: Segmenter, class_id: int) -> str:
    entry = segmenter.palette.by_id(class_id)
    return entry.name if entry is not None else str(class_id)


def _rounded(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 4)


def _percent(value: float | None) -> str:
    return "   – " if value is None else f"{100 * value:4.1f}%"
