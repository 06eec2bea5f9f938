"""Photos and label maps in folders of their own, or side by side in one.

images/a.jpg, labels/a.png            what training reads
train/images/…, val/masks/…           and the same in other words and orders
a.jpg, a.png; a.jpg, a_mask.png       side by side
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from spade.data.folder import PHOTO_SUFFIXES
from spade.doctor.class_lists import ClassList, find_classes
from spade.doctor.layouts.layout import Entry, Layout
from spade.doctor.layouts.pairing import pair, plain_label_stem, plain_photo_stem
from spade.doctor.layouts.roles import Place, Sorted, stem, suffix

_PHOTO_FORMATS = (".jpg", ".jpeg", ".webp")


def recognise(found: Sorted) -> Layout | None:
    """Any folders whose names say what is in them, if there are label maps among them."""
    labels = found.of("labels")
    classes = find_classes(found.files, found.folders())
    if not labels:
        return _side_by_side(found, classes)
    # COCO keeps its photos in train2017/, others in a folder of any name.
    photos = found.of("photos") or [
        entry for entry in found.of("") if entry[1].split or entry[1].rest
    ]
    photos = photos or found.of("")
    entries, same_stem = pair(photos, labels, found.of("instances"))
    native = is_native(found, entries, classes)
    named = "train/ and val/" if any(entry.split for entry in entries) else "images/ and labels/"
    name = f"folders {named}" if native else "folders of photos and label maps"
    return Layout(
        name,
        tuple(entries),
        classes,
        native,
        same_stem=tuple(same_stem),
        tested=tested(found),
    )


def tested(found: Sorted) -> int:
    """Photos in test/, where there are others."""
    trained = {name for name, _ in found.of("photos")}
    return sum(
        place.role == "photos" and place.split == "test" and name not in trained
        for name, place in found.pictures
    )


def is_native(found: Sorted, entries: list[Entry], classes: ClassList) -> bool:
    """Whether :func:`spade.data.folder.open_data` would find just these pairs."""
    if found.files.zipped or classes.source != "classes.json":
        return False
    for entry in entries:
        part = f"{entry.split}/" if entry.split else ""
        for name, folder, suffixes in (
            (entry.photo, "images", PHOTO_SUFFIXES),
            (entry.labels, "labels", {".png"}),
        ):
            if name is not None and (
                str(PurePosixPath(name).parent) != f"{part}{folder}"
                or suffix(name) not in suffixes
                or stem(name) != entry.name
            ):
                return False
    splits = {entry.split for entry in entries}
    return splits in ({""}, {"train"}, {"train", "val"})


def _side_by_side(found: Sorted, classes: ClassList) -> Layout | None:
    """Photos as JPEG or WebP, their maps as PNG of the same name, or named ``_mask``."""
    folders: dict[str, list[tuple[str, Place]]] = defaultdict(list)
    for name, place in found.pictures:
        if place.role in ("", "photos"):
            folders[str(PurePosixPath(name).parent)].append((name, place))
    photos: list[tuple[str, Place]] = []
    labels: list[tuple[str, Place]] = []
    others: list[tuple[str, Place]] = []
    for inside in folders.values():
        lossy = {stem(name) for name, _ in inside if suffix(name) in _PHOTO_FORMATS}
        bare = {plain_photo_stem(name) for name, _ in inside}
        for name, place in inside:
            whole, short = stem(name), plain_label_stem(name)
            marked = short != whole and short in bare
            if marked or (suffix(name) == ".png" and whole in lossy):
                labels.append((name, place))
            else:
                others.append((name, place))
    photos = others
    if len(labels) < max(1, len(photos) / 2):  # a few stray ones make no data set
        return None
    entries, same_stem = pair(photos, labels)
    return Layout(
        "photos and label maps side by side",
        tuple(entries),
        classes,
        same_stem=tuple(same_stem),
    )
