"""What "Segment photo" does away from the GUI thread: the photo before, the scene after."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.project_file import Project
from app.core.style import ImageStyle, Style
from app.state.class_match import match_scene
from app.ui.files.scene_files import Opened, Origin
from app.ui.model_sources import palette_for, text_of
from app.ui.styles.style_files import STYLE_SIDE, title_of
from app.workers.messages import ModelInfo, SegmentResult
from spade.formats.errors import InputError
from spade.formats.palette import palette_from_classes
from spade.formats.photo import read_photo, resize_photo

Pixels = NDArray[np.uint8]

SHORTEST, LONGEST = 64, 4096
"""Sides of a canvas, as in File > New."""
USUAL_SIDES = (384, 768)
DROPPED = "Dropped picture"


@dataclass(frozen=True)
class PhotoFile:
    """A photo of which a scene is made. ``pixels``: uint8 ``(H, W, 3)``, read-only, as large
    as the canvas will be. ``path``: the file, or only a name if it was dropped as a picture."""

    path: Path
    pixels: Pixels = field(repr=False)
    style: ImageStyle


def longest_side(trained_size: int) -> int:
    """Of a scene made of a photo: larger than the model was trained at, as far as looks good.

    The sample scenes are half as large again as their model's pictures; beyond that the
    middle of large areas turns plain.
    """
    smallest, largest = USUAL_SIDES
    return min(max(trained_size * 3 // 2, smallest), largest)


def canvas_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The canvas for a photo of ``width`` x ``height``: reduced until the longest side fits;
    a tiny or very narrow one is enlarged until the shortest can be painted on."""
    scale = max(min(1.0, longest / max(width, height)), SHORTEST / min(width, height))
    return max(SHORTEST, round(width * scale)), max(SHORTEST, round(height * scale))


def read_photo_file(source: Path | bytes, longest: int) -> PhotoFile:
    """Read a photo, a file or an encoded picture. Raises InputError, also for a thread of
    pixels that no canvas has room for."""
    path = source if isinstance(source, Path) else Path(DROPPED)
    pixels = read_photo(source, max_side=longest, name=path.name)
    height, width = pixels.shape[:2]
    columns, rows = canvas_size(width, height, longest)
    if max(columns, rows) > LONGEST:
        raise InputError(f"{path.name}: is too narrow for a scene; crop it first")
    if (columns, rows) != (width, height):
        larger = read_photo(source, max_side=max(columns, rows), name=path.name)
        pixels = resize_photo(larger, columns, rows)
    pixels.setflags(write=False)
    style = read_photo(source, max_side=STYLE_SIDE, name=path.name)
    return PhotoFile(path, pixels, ImageStyle(style, title_of(path.stem)))


def scene_of(photo: PhotoFile, found: SegmentResult, info: ModelInfo, background: int) -> Opened:
    """The scene of a segmented photo in the classes of the model ``info``, by name.

    The photo is its style, if the model can take one, and lies under the labels, not shown,
    for tracing. ``background``: for the eraser, if the model has that class. Raises InputError
    if the model knows none of the classes that the photo shows.
    """
    palette = palette_for(info)
    segmented = palette_from_classes("segmenter", found.classes)
    match = match_scene(found.labels, segmented, palette, has_dont_care=info.has_dont_care)
    if len(match.lost) == match.used:
        raise InputError(
            f"{photo.path.name}: shows nothing that the model “{info.name}” has a class for; "
            "try another photo, or the landscape model"
        )
    table = np.array([match.id_map[class_id] for class_id in range(256)], np.uint8)
    project = Project(
        labels=table[found.labels],
        palette=palette,
        style=Style(photo.style) if info.has_encoder else Style(),
        model=text_of(info.source),
        trace=(photo.pixels, 0.0),
        background=background if background in palette.ids else palette.ids[0],
    )
    height, width = found.labels.shape
    note = f"{photo.path.name} is a scene of {width} × {height} now.{match.lost_text}"
    return Opened(project, photo.path, Origin.PHOTO, note=note)
