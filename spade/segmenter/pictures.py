"""Labelled pictures for training and judging a segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import name_hash, read_classes
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.merge import ClassMerge, load_merge, same_classes
from spade.formats.nearest import resize_ids
from spade.formats.photo import read_photo, resize_photo

HELD_OUT_SHARE = 0.1
"""Pictures whose name's hash lies below this are never trained on."""

_SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """photo: uint8 ``(H, W, 3)``; labels: uint8 ``(H, W)``, 255 where unknown."""

    name: str
    photo: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """All pictures in the classes of ``merge.palette``, split by the hash of their names."""

    merge: ClassMerge
    training: tuple[LabelledPicture, ...]
    held_out: tuple[LabelledPicture, ...]


def read_labelled(
    folders: Sequence[Path],
    photos: Sequence[Path] = (),
    merge: Path | None = None,
    *,
    short_side: int = 256,
) -> LabelledSet:
    """Read folders of ``labels/`` and ``classes.json`` into memory.

    A picture is looked for in the folder's ``images/``, then in ``photos``. Of a picture named
    in several folders the first counts. Larger pictures are reduced to ``short_side``.

    Raises InputError naming the file that is missing, damaged or does not fit.
    """
    found: dict[str, tuple[Path, Path, ClassMerge]] = {}
    first: ClassMerge | None = None
    for folder in folders:
        fine = read_classes(folder)
        classes = same_classes(fine) if merge is None else load_merge(merge, fine)
        if first is not None and first.palette != classes.palette:
            raise InputError(
                f"{folder / 'classes.json'}: other classes than {folders[0]}; give --merge FILE"
            )
        first = first or classes
        places = [folder / "images", *photos]
        labels = sorted((folder / "labels").glob("*.png"))
        if not labels:
            raise InputError(f"{folder / 'labels'}: no label maps (*.png) there")
        for path in labels:
            if path.stem not in found:
                found[path.stem] = (_picture_of(path, places), path, classes)
    if first is None:
        raise InputError("no folder of labelled pictures given")
    with ThreadPoolExecutor(4, thread_name_prefix="pictures") as pool:
        pictures = list(
            pool.map(lambda name: _read(name, *found[name], short_side=short_side), sorted(found))
        )
    held_out = {p.name for p in pictures if name_hash(p.name) < HELD_OUT_SHARE}
    return LabelledSet(
        first,
        tuple(p for p in pictures if p.name not in held_out),
        tuple(p for p in pictures if p.name in held_out),
    )


def _picture_of(labels: Path, places: Sequence[Path]) -> Path:
    for place in places:
        for suffix in _SUFFIXES:
            path = place / (labels.stem + suffix)
            if path.is_file():
                return path
    raise InputError(f"{labels}: no picture of that name in {', '.join(map(str, places))}")


def _read(
    name: str, image: Path, labels: Path, classes: ClassMerge, *, short_side: int
) -> LabelledPicture:
    photo = read_photo(image)
    ids = classes.apply(read_label_map(labels).labels)
    if ids.shape != photo.shape[:2]:
        raise InputError(
            f"{labels}: {ids.shape[1]}x{ids.shape[0]}, but {image.name} is "
            f"{photo.shape[1]}x{photo.shape[0]}; resize it to that (nearest neighbour)"
        )
    height, width = ids.shape
    scale = short_side / min(height, width)
    if scale < 1:
        height, width = round(height * scale), round(width * scale)
        photo, ids = resize_photo(photo, width, height), resize_ids(ids, height, width)
    return LabelledPicture(name, photo, ids)
