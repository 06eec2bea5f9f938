"""The picture sheets of a model card: what the model paints, the good and the bad."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spade.evaluation.brushes import brush_maps, typical_map
from spade.evaluation.crude_maps import crude_maps
from spade.evaluation.evaluate import DEFAULT, OWN, PHOTOS, Evaluation, Example
from spade.evaluation.jpeg import write_jpeg
from spade.evaluation.painters import ModelPainter
from spade.evaluation.pictures import Labels
from spade.formats.label_png import colorize
from spade.formats.palette import Palette
from spade.sheet import RGB, sheet

TITLES = {
    PHOTOS: "photo",
    OWN: "in the photo's style",
    DEFAULT: "in the default style",
}

ENLARGED = ("triangles over a lake", "a road")
"""Crude maps that are shown on larger canvases too."""


def write_sheets(
    folder: Path,
    evaluation: Evaluation,
    painter: ModelPainter,
    palette: Palette,
    *,
    photos: bool = True,
) -> dict[str, Path]:
    """Write every sheet as a JPEG of under 1 MB into ``folder``; their paths by name.

    Without ``photos`` the held-out photos are not shown: not all may be passed on.
    """
    size = evaluation.size
    sheets = {
        "held_out": held_out_sheet(evaluation.examples, palette, photos),
        "classes": class_sheet(painter, palette, [e.labels for e in evaluation.examples]),
        "crude": crude_sheet(painter, palette, size),
        "sizes": size_sheet(painter, palette, [e.labels for e in evaluation.examples]),
    }
    if evaluation.variety is not None:
        sheets["variety"] = variety_sheet(evaluation, palette, photos)
    paths = {}
    for name, pixels in sheets.items():
        paths[name] = folder / f"{name}.jpg"
        write_jpeg(paths[name], pixels)
    return paths


def held_out_sheet(examples: Sequence[Example], palette: Palette, photos: bool) -> RGB:
    """Map, photo if wanted, and the model's pictures of each scene; two scenes a row."""
    rows: list[list[RGB | None]] = []
    shown = [name for name in TITLES if name in examples[0].pictures and (photos or name != PHOTOS)]
    for number, example in enumerate(examples):
        cells = [titled(colorize(example.labels, palette), f"{number + 1}  {example.name}")]
        cells += [titled(example.pictures[name], TITLES[name]) for name in shown]
        if number % 2 == 0:
            rows.append([])
        rows[-1] += cells
    return sheet(rows)


def class_sheet(painter: ModelPainter, palette: Palette, maps: Sequence[Labels]) -> RGB:
    """The class alone, and over half a typical scene beside its map; three classes a row."""
    brushes = brush_maps(maps, palette)
    names = {entry.id: entry.name for entry in palette.classes}
    rows: list[list[RGB | None]] = []
    for number, (class_id, (alone, half)) in enumerate(brushes.items()):
        if number % 3 == 0:
            rows.append([])
        name = names[class_id]
        rows[-1] += [
            titled(painter(alone), f"{name} alone"),
            titled(colorize(half, palette), f"{name} in half a scene"),
            titled(painter(half), ""),
        ]
    return sheet(rows)


def crude_sheet(painter: ModelPainter, palette: Palette, size: int) -> RGB:
    """Crude maps beside their pictures in the default style; three a row."""
    with_unknown = painter.model.config.generator.contain_dontcare
    rows: list[list[RGB | None]] = []
    for number, crude in enumerate(crude_maps(palette, size, with_unknown)):
        if number % 3 == 0:
            rows.append([])
        colored = titled(colorize(crude.labels, palette), crude.title)
        rows[-1] += [colored, titled(painter(crude.labels), "")]
    return sheet(rows)


def size_sheet(painter: ModelPainter, palette: Palette, maps: Sequence[Labels]) -> RGB:
    """A typical map and two crude ones on canvases once, twice and three times as large."""
    size = maps[0].shape[0]
    typical = Image.fromarray(typical_map(maps))
    rows: list[list[RGB | None]] = [[] for _ in range(1 + len(ENLARGED))]
    for factor in (1, 2, 3):
        side = factor * size
        crude = {entry.title: entry.labels for entry in crude_maps(palette, side)}
        enlarged = np.asarray(typical.resize((side, side), Image.Resampling.NEAREST))
        for row, labels in zip(rows, (enlarged, *(crude[t] for t in ENLARGED)), strict=True):
            row.append(titled(painter(labels), f"{side}x{side}"))
    return sheet(rows)


def variety_sheet(evaluation: Evaluation, palette: Palette, photos: bool) -> RGB:
    """One map in several styles and from several seeds, under the style photos if wanted."""
    variety = evaluation.variety
    assert variety is not None
    first = evaluation.examples[0]
    rows: list[list[RGB | None]] = []
    heads: list[RGB | None] = [titled(colorize(first.labels, palette), "map")]
    if variety.style_pictures:
        if photos:
            rows.append([*heads, *_numbered(variety.style_photos, "style")])
            heads = [titled(first.pictures[PHOTOS], "photo")]
        rows.append([*heads, *_numbered(variety.style_pictures, "in style")])
        heads = [None]
    rows.append([*heads, *_numbered(variety.sample_pictures, "seed", start=0)])
    return sheet(rows)


def titled(picture: RGB, title: str) -> RGB:
    """``picture`` ``(H, W, 3)`` under a line of text, as much as fits."""
    height, width = picture.shape[:2]
    font = ImageFont.load_default(max(9, width // 18))
    strip = max(12, width // 13)
    page = Image.new("RGB", (width, height + strip), (255, 255, 255))
    ImageDraw.Draw(page).text((1, 0), title, (24, 24, 28), font=font)
    page.paste(Image.fromarray(np.ascontiguousarray(picture)), (0, strip))
    pixels: NDArray[np.uint8] = np.array(page)
    return pixels


def _numbered(pictures: Sequence[RGB], title: str, start: int = 1) -> list[RGB | None]:
    return [titled(picture, f"{title} {number}") for number, picture in enumerate(pictures, start)]
