"""One pair of the clean copy: the photo as it is where it is good, the label map anew."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.data.folder import PHOTO_SUFFIXES
from spade.doctor.alignment import turned
from spade.doctor.case import Case, PairFacts
from spade.doctor.facts import label_facts
from spade.doctor.interpret import class_ids
from spade.doctor.layouts import Entry
from spade.doctor.layouts.roles import suffix
from spade.doctor.raw_labels import png_bytes, read_raw_labels
from spade.doctor.recoding import Recoding
from spade.doctor.room import ROOM
from spade.formats.errors import InputError
from spade.formats.images import open_image
from spade.formats.label_png import encode_label_map
from spade.formats.limits import check_size
from spade.formats.nearest import Id, resize_ids
from spade.formats.photo import read_photo


@dataclass(frozen=True, eq=False)
class CleanPair:
    """The files of a pair: their bytes. present: classes in the map, bool ``(256,)``."""

    photo: bytes
    photo_suffix: str
    labels: bytes
    instances: bytes | None
    present: NDArray[np.bool_]


def clean_pair(
    case: Case,
    entry: Entry,
    facts: PairFacts,
    recoding: Recoding,
    labels: NDArray[np.uint8] | None = None,
) -> CleanPair:
    """Read and mend an entry; ``labels``, uint8 ``(H, W)``, if they are made for its photo.

    Raises InputError if a file can't be read any more.
    """
    assert entry.photo is not None
    assert facts.photo is not None
    turn = case.turn.get(f"{entry.split}/{entry.name}", 1)
    shape = facts.photo.height, facts.photo.width
    if labels is None:
        assert entry.labels is not None
        with ROOM.place() as place:
            raw = read_raw_labels(case.files.source(entry.labels), entry.labels, place.check)
            labels = class_ids(raw, label_facts(raw), case.plan)
            del raw
    labels = _fitted(labels, turn, shape)
    labels = np.ascontiguousarray(recoding.lut[labels])
    photo, photo_suffix = _photo(case, entry, turn, facts)
    instances = None
    if entry.instances is not None:
        instances = _instances(case, entry.instances, turn, shape)
    present = np.bincount(labels.ravel(), minlength=256) > 0
    return CleanPair(
        photo, photo_suffix, encode_label_map(labels, recoding.palette), instances, present
    )


def _fitted(ids: NDArray[Id], turn: int, shape: tuple[int, int]) -> NDArray[Id]:
    upright: NDArray[Id] = turned(ids, turn)
    return upright if upright.shape == shape else resize_ids(upright, *shape)


def _photo(case: Case, entry: Entry, turn: int, facts: PairFacts) -> tuple[bytes, str]:
    """The file as it is; written anew, without loss, if its label map lies on it unturned, or
    training does not read its format.
    """
    assert entry.photo is not None
    assert facts.photo is not None
    turned_by_exif = turn > 1 and facts.photo.orientation > 1
    if suffix(entry.photo) in PHOTO_SUFFIXES and not turned_by_exif:
        return case.files.read(entry.photo), suffix(entry.photo)
    return png_bytes(read_photo(case.files.source(entry.photo), name=entry.photo)), ".png"


def _instances(case: Case, name: str, turn: int, shape: tuple[int, int]) -> bytes | None:
    """An instance map, turned and resized as the label map; None if it can't be read."""
    try:
        source: Path | bytes = case.files.source(name)
        with open_image(source, check_size, name) as image:
            if image.mode not in ("L", "P") and not image.mode.startswith("I"):
                return None
            ids = np.asarray(image).astype(np.int32)
    except InputError:
        return None
    ids = _fitted(ids, turn, shape)
    kind = np.uint8 if ids.max(initial=0) < 256 else np.uint16
    stream = io.BytesIO()
    Image.fromarray(ids.clip(0, 65535).astype(kind)).save(stream, format="PNG")
    return stream.getvalue()
