"""What the file commands do away from the GUI thread: read a scene, write pictures and maps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.core.project_file import Project, load_project
from app.core.style import ImageStyle, SampledStyle, Style
from app.core.style_json import style_from_json, style_to_json
from spade.formats.errors import InputError
from spade.formats.label_png import (
    encode_label_map,
    read_label_map,
    write_label_map,
    write_label_rgb,
    write_masks,
)
from spade.formats.palette import Palette, load_palette
from spade.formats.photo import read_photo, resize_photo
from spade.formats.picture import PictureInfo, read_scene, write_picture

Pixels = NDArray[np.uint8]

PROJECT_SUFFIX = ".ora"
LABEL_SUFFIX = ".png"
CACHED_SUFFIXES = (".webp", ".jpg")


class Origin(Enum):
    """What kind of file a scene was read from."""

    PROJECT = "project"
    PICTURE = "picture"  # exported, with the scene inside
    LABELS = "labels"
    SAMPLE = "sample"
    PHOTO = "photo"  # segmented


@dataclass(frozen=True)
class Opened:
    """A scene read from ``path``. Only a project is saved back to where it came from.

    ``changed``: how many pixels got the class of the nearest colour. ``note``: what is to be
    said of it once it is shown.
    """

    project: Project
    path: Path
    origin: Origin
    changed: int = 0
    note: str = ""


class LabelKind(Enum):
    """How a label map is exported."""

    INDEXED = "indexed"
    COLOURS = "colours"
    MASKS = "masks"


def read_scene_file(
    path: Path, palette: Palette, model: str, background: int, *, nearest: bool = False
) -> Opened:
    """Read a project, a picture exported from Spadework, or a label-map PNG.

    ``palette``, ``model`` and ``background`` are taken for files that don't state them.
    Raises InexactColors or InputError.
    """
    suffix = path.suffix.lower()
    if suffix == PROJECT_SUFFIX:
        return Opened(load_project(path), path, Origin.PROJECT)
    if suffix != LABEL_SUFFIX:
        raise InputError(
            f"{path.name}: is not a scene; open .ora projects or .png label maps, and drop "
            "photos on the picture to use their style"
        )
    scene = read_scene(path)
    if scene is not None:
        labels, info = scene
        project = Project(
            labels=labels,
            palette=palette,
            style=_style_of(info, path),
            model=info.model or model,
            background=background,
        )
        return Opened(project, path, Origin.PICTURE)
    found = read_label_map(path, palette, nearest=nearest)
    project = Project(labels=found.labels, palette=palette, model=model, background=background)
    return Opened(project, path, Origin.LABELS, found.inexact_pixels)


def read_sample(path: Path, model: str, background: int) -> Opened:
    """A bundled scene, with the picture kept beside it if there is one."""
    palette = load_palette("landscape")
    labels = read_label_map(path, palette).labels
    picture = None
    for suffix in CACHED_SUFFIXES:
        cached = path.with_suffix(suffix)
        if cached.is_file():
            picture = read_photo(cached)
            break
    project = Project(
        labels=labels, palette=palette, model=model, picture=picture, background=background
    )
    return Opened(project, path, Origin.SAMPLE)


def export_picture(path: Path, picture: Pixels, scale: int, quality: int, project: Project) -> None:
    """Write ``picture`` enlarged ``scale`` times; a PNG carries the scene of ``project``."""
    if scale != 1:
        height, width = picture.shape[:2]
        picture = resize_photo(picture, width * scale, height * scale)
    source = project.style.source
    info = PictureInfo(
        model=project.model,
        style=style_to_json(project.style),
        seed=source.seed if isinstance(source, SampledStyle) else None,
        labels=encode_label_map(project.labels, project.palette),
    )
    write_picture(path, picture, info, quality)


def without_pictures(style: Style) -> Style:
    """The same style, or the model's own if a picture would have to tell of it."""
    sources = (style.source, style.second)
    return Style() if any(isinstance(source, ImageStyle) for source in sources) else style


def export_labels(path: Path, labels: Pixels, palette: Palette, kind: LabelKind) -> int:
    """Write the label map; for masks ``path`` is a folder. Returns how many files it made."""
    if kind is LabelKind.MASKS:
        return len(write_masks(path, labels, palette))
    write = write_label_map if kind is LabelKind.INDEXED else write_label_rgb
    write(path, labels, palette)
    return 1


def _style_of(info: PictureInfo, path: Path) -> Style:
    if info.style:
        return style_from_json(info.style, path.name)
    return Style(SampledStyle(info.seed)) if info.seed is not None else Style()
