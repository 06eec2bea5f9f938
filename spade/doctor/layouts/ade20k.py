"""ADE20K (SceneParse): ``images/training`` and ``annotations/training``; 0 is "other"."""

from __future__ import annotations

from dataclasses import replace

from spade.doctor.class_lists import ade20k, find_classes
from spade.doctor.layouts import folders
from spade.doctor.layouts.layout import Layout
from spade.doctor.layouts.roles import Sorted


def recognise(found: Sorted) -> Layout | None:
    """Just those folders' names, or photos named ADE_train_…, and no list of classes."""
    labels = [name for name, _ in found.of("labels")]
    photos = [name for name, _ in found.of("photos")]
    if not labels or find_classes(found.files, found.folders()).palette is not None:
        return None
    placed = any("images/training/" in f"/{name}" for name in photos) and any(
        "annotations/training/" in f"/{name}" for name in labels
    )
    named = sum(name.rsplit("/", 1)[-1].startswith("ADE_") for name in photos)
    if not placed and (not photos or 2 * named < len(photos)):
        return None
    layout = folders.recognise(found)
    if layout is None:
        return None
    return replace(layout, name="ADE20K", classes=ade20k(), shifted=True)
