"""Pages to look at: how common each class is, and what its brush will mean, as JPEGs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spade.formats.label_png import colorize, read_label_map
from spade.formats.palette import UNKNOWN_ID, Palette
from spade.formats.photo import read_photo
from spade.formats.picture import write_picture
from spade.preparation.data_writer import DataWriter
from spade.preparation.prepare import Preparation
from spade.sheet import covering, sheet

RGB = NDArray[np.uint8]

_COLUMNS, _ROWS = 4, 6
_SIDE = 176
_QUALITY = 85


def write_sheets(writer: DataWriter, result: Preparation, seed: int) -> list[Path]:
    """Write ``sheets/``: photos beside their maps, for each class photos with all else dark,
    and photos with too much unknown. ``seed`` chooses which. Returns the files.
    """
    rng = np.random.default_rng(seed)
    palette = writer.palette
    pages: list[Path] = []

    def page(name: str, cells: Sequence[RGB], title: str) -> None:
        if cells:
            rows = [cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
            path = writer.folder / "sheets" / f"{name}.jpg"
            picture = sheet(rows, captions=[title] + [""] * (len(rows) - 1))
            write_picture(path, picture, quality=_QUALITY)
            pages.append(path)

    def chosen(names: Sequence[str]) -> list[str]:
        count = min(len(names), _COLUMNS * _ROWS)
        return [names[i] for i in rng.choice(len(names), count, replace=False)] if names else []

    everywhere = [kept.name for kept in result.kept]
    cells = [_beside(*_pair(writer, name), palette) for name in chosen(everywhere)]
    page("kept", cells, f"of {len(everywhere)} photos that were kept")
    for entry in palette.classes:
        holding = [kept.name for kept in result.kept if kept.present[entry.id]]
        cells = [_alone(*_pair(writer, name), entry.id) for name in chosen(holding)]
        slug = re.sub(r"\W+", "-", entry.name.lower()).strip("-")
        page(
            f"class-{entry.id:03d}-{slug}",
            cells,
            f"{entry.name}: of {len(holding)} photos that hold it",
        )
    unsure = [entry for entry in result.dropped if entry.unknown is not None]
    by_name = {entry.photo.stem: entry for entry in unsure}
    cells = []
    for name in chosen(list(by_name)):
        entry_map = by_name[name].unknown
        assert entry_map is not None
        cells.append(_beside(read_photo(by_name[name].photo, max_side=512), entry_map, palette))
    page("unknown", cells, f"of {len(unsure)} photos that were dropped, too much of them unknown")
    return pages


def write_histogram(path: Path, report: dict[str, Any], palette: Palette) -> None:
    """Write a bar for each class: its share of all pixels, and how many photos hold it.

    ``report``: as :func:`spade.preparation.report.report` gives it.
    """
    entries = sorted(report["classes"], key=lambda entry: -entry["share"])
    line, left, length = 26, 150, 480
    canvas = Image.new("RGB", (left + length + 190, line * (len(entries) + 1) + 16), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    colors = palette.lut()
    unknown = {"id": UNKNOWN_ID, "name": "unknown", "share": report["unknown"], "photos": None}
    most = max(0.001, *(entry["share"] for entry in (*entries, unknown)))
    for row, entry in enumerate((*entries, unknown)):
        top = 8 + row * line
        end = left + round(length * entry["share"] / most)
        color = tuple(colors[entry["id"]].tolist())
        draw.text((8, top + 3), entry["name"], "black", font=font)
        draw.rectangle((left, top + 3, max(left + 1, end), top + line - 5), color, "#707070")
        text = f"{100 * entry['share']:.2f} %"
        if entry["photos"] is not None:
            text += f"   {entry['photos']} photos"
        draw.text((max(left + 1, end) + 8, top + 3), text, "black", font=font)
    write_picture(path, np.array(canvas))


def _pair(writer: DataWriter, name: str) -> tuple[RGB, NDArray[np.uint8]]:
    image = writer.image_path(name)
    assert image is not None, f"{name}: was kept a moment ago"
    labels = read_label_map(writer.folder / "labels" / f"{name}.png", writer.palette).labels
    return read_photo(image), labels


def _beside(photo: RGB, labels: NDArray[np.uint8], palette: Palette) -> RGB:
    """The photo and its map in colours, side by side."""
    coloured = Image.fromarray(colorize(labels, palette))
    flat = np.array(coloured.resize((photo.shape[1], photo.shape[0]), Image.Resampling.NEAREST))
    return np.concatenate([covering(picture, _SIDE, _SIDE) for picture in (photo, flat)], axis=1)


def _alone(photo: RGB, labels: NDArray[np.uint8], class_id: int) -> RGB:
    """The photo, and beside it where it is of that class; all else is dark."""
    dark = np.where((labels == class_id)[..., None], photo, photo // 6)
    return np.concatenate([covering(picture, _SIDE, _SIDE) for picture in (photo, dark)], axis=1)
