"""Where the files that travel with the program are: models, palettes, scenes, gallery."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

_PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@cache
def _root() -> Path:
    """The folder that holds ``assets/`` and ``palettes/``.

    An installed wheel carries them inside the package (``spade/bundled``); a checkout or an
    editable install has them next to it.
    """
    package = Path(str(resources.files("spade")))
    bundled_folder = package / "bundled"
    return bundled_folder if bundled_folder.is_dir() else package.parent


def bundled(relative: str) -> Path:
    """Path of a bundled file or folder, such as ``palettes/landscape.json``.

    The path need not exist; the reader it is given to says so if it doesn't.
    """
    return _root() / relative


def _entries(relative: str) -> list[Path]:
    folder = bundled(relative)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def bundled_models() -> list[str]:
    """Names of the bundled models (folders with a ``model.json``), sorted."""
    return [entry.name for entry in _entries("assets/models") if (entry / "model.json").is_file()]


def bundled_palettes() -> list[str]:
    """Names of the bundled palettes, sorted."""
    return [entry.stem for entry in _entries("palettes") if entry.suffix == ".json"]


def bundled_scenes() -> list[Path]:
    """The sample scenes: indexed label maps in ``landscape`` classes, sorted by name."""
    return [entry for entry in _entries("assets/scenes") if entry.suffix == ".png"]


def bundled_gallery() -> list[Path]:
    """The style photos that come with the program, sorted by name."""
    return [entry for entry in _entries("assets/gallery") if entry.suffix in _PHOTO_SUFFIXES]
