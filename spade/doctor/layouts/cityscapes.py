"""Cityscapes: ``leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`` and ``gtFine/…/NAME_….png``.

Of the label files of a scene one kind is read, the same for all: ids, else the ids that are
trained on, else colours.
"""

from __future__ import annotations

import re

from spade.doctor.class_lists import ClassList, cityscapes, find_classes
from spade.doctor.layouts.layout import Layout
from spade.doctor.layouts.pairing import Found, pair
from spade.doctor.layouts.roles import Place, Sorted, stem

_LABELS = re.compile(
    r"(?P<name>.+)_gt(Fine|Coarse)_(?P<kind>labelIds|labelTrainIds|color|instanceIds)$"
)
_PHOTO = "_leftImg8bit"


def recognise(found: Sorted) -> Layout | None:
    """Files named as in Cityscapes."""
    photos = [entry for entry in found.pictures if stem(entry[0]).endswith(_PHOTO)]
    kinds: dict[str, list[tuple[str, Place]]] = {}
    for name, place in found.pictures:
        match = _LABELS.match(stem(name))
        if match:
            kinds.setdefault(match["kind"], []).append((name, place))
    labels, own = _chosen(kinds)
    if not photos or not labels:
        return None
    train = [entry for entry in photos if entry[1].split != "test"]
    tested = len(photos) - len(train) if train else 0
    trained = [entry for entry in labels if entry[1].split != "test"] if train else labels
    stated = find_classes(found.files, found.folders())
    entries, same_stem = pair(
        train or photos, trained, kinds.get("instanceIds", ()), _scene_of_photo, _scene_of_labels
    )
    return Layout(
        "Cityscapes",
        tuple(entries),
        stated if stated.palette is not None else own,
        same_stem=tuple(same_stem),
        tested=tested,
    )


def _chosen(kinds: dict[str, list[tuple[str, Place]]]) -> tuple[Found, ClassList]:
    if "labelIds" in kinds:
        return kinds["labelIds"], cityscapes()
    if "labelTrainIds" in kinds:
        return kinds["labelTrainIds"], cityscapes(trained_ids=True)
    return kinds.get("color", []), cityscapes(colored=True)


def _scene_of_photo(name: str) -> str:
    return stem(name).removesuffix(_PHOTO)


def _scene_of_labels(name: str) -> str:
    match = _LABELS.match(stem(name))
    return match["name"] if match else stem(name)
