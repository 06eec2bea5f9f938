"""Where a segmenter's files are in a model folder. No torch."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = "segmenter.safetensors"
DESCRIPTION = "segmenter.json"


def has_segmenter(folder: Path) -> bool:
    """Whether a model folder holds a segmenter."""
    return (folder / WEIGHTS).is_file() and (folder / DESCRIPTION).is_file()
