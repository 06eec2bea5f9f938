"""Where a segmenter's files are in a model folder, and what it can tell apart. No torch."""

from __future__ import annotations

import json
from pathlib import Path

from spade.formats.errors import InputError
from spade.formats.palette import Palette, palette_from_json

WEIGHTS = "segmenter.safetensors"
DESCRIPTION = "segmenter.json"


def has_segmenter(folder: Path) -> bool:
    """Whether a model folder holds a segmenter."""
    return (folder / WEIGHTS).is_file() and (folder / DESCRIPTION).is_file()


def segmenter_palette(folder: Path) -> Palette:
    """The classes of a folder's segmenter. Raises InputError if they can't be read."""
    path = folder / DESCRIPTION
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable ({error}); copy the folder again") from None
    return palette_from_json(data.get("palette") if isinstance(data, dict) else None, str(path))
