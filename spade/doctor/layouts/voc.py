"""Pascal VOC's folders, which CVAT ("Segmentation mask") and labelme write too.

JPEGImages/a.jpg  SegmentationClass/a.png  ImageSets/Segmentation/train.txt
labelmap.txt (CVAT)  class_names.txt (labelme)
"""

from __future__ import annotations

from pathlib import PurePosixPath

from spade.doctor.class_lists import ClassList, find_classes, voc
from spade.doctor.files import Files
from spade.doctor.layouts.layout import Entry, Layout, Split
from spade.doctor.layouts.pairing import pair, unique_names
from spade.doctor.layouts.roles import Sorted, place_of
from spade.formats.errors import InputError

_FOLDERS = ("SegmentationClass", "SegmentationClassPNG")
_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "validation": "val", "test": "val"}


def recognise(found: Sorted) -> Layout | None:
    """A SegmentationClass folder, or one with CVAT's labelmap.txt."""
    maps = [name for name, _ in found.pictures if set(name.split("/")) & set(_FOLDERS)]
    if not maps:
        return None
    classes = find_classes(found.files, found.folders())
    preferred = [name for name in maps if "SegmentationClassPNG" in name.split("/")] or maps
    labels = [(name, place_of(_below(name))) for name in preferred]
    photos = found.of("photos") or found.of("")
    photos = [(name, place_of(_below(name))) for name, _ in photos]
    entries, same_stem = pair(photos, labels)
    listed = _lists(found)
    name = "Pascal VOC"
    if classes.source.endswith("labelmap.txt"):
        name = "CVAT segmentation masks"
    elif classes.source.endswith("class_names.txt"):
        name = "labelme export"
    elif classes.palette is None and _is_voc(found):
        classes = voc()
    if listed:
        entries = _by_list(entries, listed)
    return Layout(
        name + (" (zip)" if found.files.zipped else ""),
        tuple(entries),
        classes,
        same_stem=tuple(same_stem),
    )


def outline_files(files: Files, names: set[str]) -> tuple[str, ...]:
    """Files of outlines or boxes: beside the photos of these names, as labelme writes them, or
    in a folder for labels.
    """

    def is_one(name: str) -> bool:
        path = PurePosixPath(name)
        suffix = path.suffix.lower()
        beside = suffix == ".json" and path.stem in names
        for_labels = place_of(str(path.parent)).role == "labels"
        return beside or (for_labels and suffix in (".json", ".txt", ".xml"))

    return tuple(name for name in files.names if is_one(name))


def _below(name: str) -> str:
    """The folder as from VOC's own one: what lies above it says nothing."""
    parts = PurePosixPath(name).parent.parts
    for index, part in enumerate(parts):
        if part in (*_FOLDERS, "JPEGImages"):
            return "/".join(parts[index:])
    return "/".join(parts) or "."


def _is_voc(found: Sorted) -> bool:
    return any(
        name.endswith(".xml") and "/Annotations/" in f"/{name}" for name in found.files.names
    )


def _lists(found: Sorted) -> dict[str, Split]:
    """Names in ImageSets/Segmentation/*.txt with their split; train and val before others."""
    result: dict[str, Split] = {}
    for name in found.files.names:
        path = PurePosixPath(name)
        if path.suffix != ".txt" or "ImageSets" not in path.parts:
            continue
        if "Segmentation" not in path.parts or path.stem == "trainval":
            continue
        try:
            text = found.files.read(name).decode("utf-8-sig", "replace")
        except InputError:
            continue
        split = _SPLITS.get(path.stem.lower(), "")
        for line in text.splitlines():
            entry = PurePosixPath(line.strip()).name
            if entry and (split or entry not in result):
                result[entry] = split
    if "train" not in result.values():  # a lone val.txt holds out nothing
        return dict.fromkeys(result, "")
    return result


def _by_list(entries: list[Entry], listed: dict[str, Split]) -> list[Entry]:
    """Only what is listed counts, and photos without a map only then as missing one.

    If nothing listed is there, the lists are of something else.
    """
    kept = []
    for entry in entries:
        split = listed.get(entry.name, listed.get(PurePosixPath(entry.photo or "").name))
        if split is not None:
            kept.append(Entry(entry.name, entry.photo, entry.labels, split, entry.instances))
    if not kept:
        return entries
    mixed = {entry.split for entry in kept} > {"train"} and any(not entry.split for entry in kept)
    if mixed:  # names only in another list are trained on
        kept = [Entry(e.name, e.photo, e.labels, e.split or "train", e.instances) for e in kept]
    return unique_names(kept)


__all__ = ["ClassList", "outline_files", "recognise"]
