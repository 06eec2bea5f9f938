"""Models as the text that a project keeps, and the palette that a model asks for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from app.workers.messages import ModelInfo, ModelSource
from spade.formats.palette import (
    Palette,
    load_palette,
    numbered_palette,
    palette_from_classes,
)
from spade.formats.resources import bundled_models, bundled_palettes

DEFAULT_MODEL = "landscape"
_MARK = "?"


def default_source() -> ModelSource:
    """The bundled model to start with."""
    names = bundled_models()
    return ModelSource(DEFAULT_MODEL if DEFAULT_MODEL in names or not names else names[0])


def text_of(source: ModelSource) -> str:
    """A model as one text: its name or path, and what was said of a reference checkpoint."""
    said = {
        name: str(value)
        for name, value in (
            ("upsampling", source.upsampling),
            ("crop_size", source.crop_size),
            ("aspect_ratio", source.aspect_ratio),
        )
        if value is not None
    }
    return f"{source.path}{_MARK}{urlencode(said)}" if said else source.path


def source_of(text: str) -> ModelSource:
    """The model that ``text_of`` wrote; anything else is taken as a name or path."""
    path, mark, query = text.rpartition(_MARK)
    values = parse_qs(query) if mark else {}
    if not values or not set(values) <= {"upsampling", "crop_size", "aspect_ratio"}:
        return ModelSource(text)
    try:
        crop = values.get("crop_size")
        aspect = values.get("aspect_ratio")
        return ModelSource(
            path,
            upsampling=values.get("upsampling", [None])[0],
            crop_size=int(crop[0]) if crop else None,
            aspect_ratio=float(aspect[0]) if aspect else None,
        )
    except ValueError:
        return ModelSource(text)


def palette_for(info: ModelInfo) -> Palette:
    """The model's own classes; else the bundled palette of that many, else numbers.

    Where a bundled palette has the same classes it is taken: it groups them, and a scene
    made with it stays as it is.
    """
    palettes = [load_palette(name) for name in bundled_palettes()]
    if info.classes:
        own = palette_from_classes(info.name, info.classes)
        return next((known for known in palettes if _same_classes(known, own)), own)
    fitting = [palette for palette in palettes if len(palette.classes) == info.label_nc]
    return fitting[0] if fitting else numbered_palette(info.label_nc)


def _same_classes(first: Palette, second: Palette) -> bool:
    return {(c.id, c.name, c.color) for c in first.classes} == {
        (c.id, c.name, c.color) for c in second.classes
    }
