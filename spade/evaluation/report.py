"""The scores as JSON, as a table for a terminal, and as a section of a model card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from spade.evaluation.evaluate import DEFAULT, OTHER, OWN, PHOTOS, Evaluation
from spade.evaluation.frechet_halves import DEALS
from spade.evaluation.judge import POOLED

NAMES = {
    PHOTOS: "the photos themselves",
    OWN: "model, the photo's own style",
    OTHER: "model, another photo's style",
    DEFAULT: "model, default style",
    "no_style_model": "SPADE without style",
    "pix2pixhd": "pix2pixHD",
    "retrieval": "nearest training photo by map",
}

_HEADS = ("", "pixel accuracy", "mean IoU", *(f"Fréchet {b} (x floor)" for b in POOLED))


def to_json(result: Evaluation) -> dict[str, Any]:
    """Everything but the pictures, as plain JSON values."""
    photos = result.scores[PHOTOS]
    data: dict[str, Any] = {
        "size": result.size,
        "pictures": result.pictures,
        "judged_pictures": result.judged_pictures,
        "judged_pixels": result.judged_pixels,
        "map_agreement": result.map_agreement,
        "frechet_pictures_a_side": result.half,
        "frechet_directions": result.directions,
        "scores": {
            name: asdict(score)
            | {
                "frechet_over_floor": _ratios(score.frechet, photos.frechet),
                "frechet_full_over_floor": _ratios(score.frechet_full, photos.frechet_full),
            }
            for name, score in result.scores.items()
        },
        "style": {
            name: asdict(style)
            | {
                "color_ratio": _ratio(style.color, style.shuffled_color),
                "contrast_ratio": _ratio(style.contrast, style.shuffled_contrast),
            }
            for name, style in result.style.items()
        },
        "variety": None,
    }
    if result.variety is not None:
        keys = ("maps", "styles", "samples", "agreement", "styles_lpips", "samples_lpips")
        data["variety"] = {key: getattr(result.variety, key) for key in keys}
    return data


def to_text(data: dict[str, Any], remarks: Sequence[str]) -> str:
    """The table and what it means. data: from :func:`to_json`."""
    rows = _rows(data)
    widths = [max(len(row[i]) for row in (_HEADS, *rows)) for i in range(len(_HEADS))]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (_HEADS, *rows)
    ]
    return "\n".join([*lines, "", *_sentences(data), *remarks])


def to_markdown(
    data: dict[str, Any], remarks: Sequence[str], sheets: dict[str, str], command: str
) -> str:
    """A section of a model card. sheets: file names of the picture sheets by name."""
    rows = _rows(data)
    lines = ["# Evaluation", "", "`" + command + "`", ""]
    lines += ["| " + " | ".join(_HEADS) + " |", "|---" + "|---:" * (len(_HEADS) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", *(f"- {line}" for line in (*_sentences(data), *remarks)), ""]
    ious = {name: score["ious"] for name, score in data["scores"].items()}
    columns = list(ious)
    lines += ["## IoU by class", "", "| class | " + " | ".join(map(_name, columns)) + " |"]
    lines += ["|---" + "|---:" * len(columns) + "|"]
    for entry in ious[PHOTOS]:
        cells = (_percent(ious[column][entry]) for column in columns)
        lines.append(f"| {entry} | " + " | ".join(cells) + " |")
    for title, file in sheets.items():
        lines += ["", f"![{title.replace('_', ' ')}]({file})"]
    return "\n".join(lines) + "\n"


def _rows(data: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name, score in data["scores"].items():
        distances = (
            f"{score['frechet'][b]:.2f} ({_number(score['frechet_over_floor'][b])})" for b in POOLED
        )
        accuracy, miou = _percent(score["accuracy"]), _percent(score["miou"])
        rows.append((_name(name), accuracy, miou, *distances))
    return rows


def _sentences(data: dict[str, Any]) -> list[str]:
    side = data["frechet_pictures_a_side"]
    lines = [
        f"accuracy and IoU: {data['judged_pixels']:,} pixels of {data['judged_pictures']} of the "
        f"{data['pictures']} held-out photos, at {data['size']}x{data['size']}; the rendered maps "
        f"say the same as the truth in {_percent(data['map_agreement'])} of them",
        f"Fréchet: {side} pictures against {side} photos of other scenes, mean over {DEALS} deals "
        f"of the scenes into halves; VGG16 features, mean over the picture of "
        f"{' or '.join(POOLED)}, in the {data['frechet_directions']} directions in which the "
        "photos vary most; the photos' own row is the floor",
    ]
    for name, style in data["style"].items():
        lines.append(
            f"{_name(name)}: CIELAB distance to the style photo in colour {style['color']:.2f}, "
            f"contrast {style['contrast']:.2f}; to a photo that is not the style "
            f"{style['shuffled_color']:.2f} and {style['shuffled_contrast']:.2f}; ratios "
            f"{_number(style['color_ratio'])} and {_number(style['contrast_ratio'])}"
        )
    variety = data["variety"]
    if variety is None:
        return lines
    if variety["agreement"] is not None:
        lines.append(
            f"{variety['styles']} styles of one map: the scorer answers as for the first style in "
            f"{_percent(variety['agreement'])} of the pixels (mean over {variety['maps']} maps)"
        )
    if variety["samples_lpips"] is not None:
        styles = variety["styles_lpips"]
        lines.append(
            f"LPIPS between {variety['samples']} samples of one map: "
            f"{variety['samples_lpips']:.3f} (mean over pairs and {variety['maps']} maps)"
            + ("" if styles is None else f"; between the styles: {styles:.3f}")
        )
    return lines


def _name(key: str) -> str:
    return NAMES.get(key, key)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _ratios(values: dict[str, float], base: dict[str, float]) -> dict[str, float | None]:
    return {key: _ratio(value, base[key]) for key, value in values.items()}


def _ratio(value: float, base: float) -> float | None:
    """None where there is nothing to compare with, as JSON has no NaN."""
    return value / base if base > 0 else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
