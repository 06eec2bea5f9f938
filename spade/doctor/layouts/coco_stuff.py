"""COCO-Stuff: ``train2017/`` and ``stuffthingmaps/train2017/``, or its labels in other folders."""

from __future__ import annotations

import re
from dataclasses import replace

from spade.doctor.class_lists import coco_stuff, find_classes
from spade.doctor.layouts import folders
from spade.doctor.layouts.layout import Layout
from spade.doctor.layouts.roles import Sorted, stem

_NAME = re.compile(r"(COCO_(train|val)2014_)?\d{12}")


def recognise(found: Sorted) -> Layout | None:
    """A stuffthingmaps folder, or label maps named by COCO's numbers of twelve digits."""
    labels = [name for name, _ in found.of("labels")]
    if not labels or find_classes(found.files, found.folders()).palette is not None:
        return None
    parts = {part.lower() for name in labels for part in name.split("/")[:-1]}
    named = sum(_NAME.match(stem(name)) is not None for name in labels)
    if not any(part.startswith("stuffthingmaps") for part in parts) and 2 * named < len(labels):
        return None
    layout = folders.recognise(found)
    if layout is None:
        return None
    trained = sum(stem(name).endswith("_labelTrainIds") for name in labels)
    return replace(
        layout, name="COCO-Stuff", classes=coco_stuff(trained_ids=2 * trained > len(labels))
    )
