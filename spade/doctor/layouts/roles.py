"""Folders by their names: photos, label maps, instance maps; training, validation, test.

Every part of a file's path is split into words. ``train/images``, ``images/train``,
``train_img`` and ``leftImg8bit/train/aachen`` all say what is in them; what is left of the
path (``aachen``) must agree between a photo and its label map.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from spade.doctor.files import Files
from spade.doctor.layouts.layout import Split

Role = Literal["", "photos", "labels", "instances", "aside"]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


PICTURES = _set(".jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif .avif .jp2 .ppm .pgm .tga")

_PHOTOS = _set(
    "images image img imgs photos photo picture pictures pics jpegimages jpgimages jpegs "
    "leftimg8bit rgb input inputs original originals"
)
_LABELS = _set(
    "labels label labelmaps labelmap masks mask annotations annotation annots ann "
    "segmentation segmentations segmentationclass segmentationclasspng segs seg semantic "
    "semantics gt groundtruth gtfine gtcoarse stuffthingmaps pixelmaps maps target targets"
)
_INSTANCES = _set("instances instance inst")
_ASIDE = _set(
    "sheets thumbnails thumbs previews visualization segmentationobject "
    "segmentationclassvisualization segmentationobjectvisualization segmentationobjectpng "
    "segmentationclassnpy segmentationobjectnpy overlays"
)
_SPLITS: dict[str, Split | Literal["test"]] = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "valset", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tests", "testset"), "test"),
}


@dataclass(frozen=True)
class Place:
    """What a folder's name says. ``rest``: its parts that say nothing, lower case."""

    role: Role
    split: Split | Literal["test"]
    rest: tuple[str, ...]


@dataclass(frozen=True)
class Sorted:
    """``pictures``: files by suffix and place, in the order of their names; ``base``: the
    folder that all of them lie in, "" mostly.
    """

    files: Files
    base: str
    pictures: tuple[tuple[str, Place], ...]

    def of(self, role: Role) -> list[tuple[str, Place]]:
        """The pictures in that role, without those in test/ if there are others."""
        found = [(name, place) for name, place in self.pictures if place.role == role]
        trained = [entry for entry in found if entry[1].split != "test"]
        return trained or found

    def folders(self) -> tuple[str, ...]:
        """Where lists of classes may lie: the base, then everywhere above and below it."""
        every = {str(PurePosixPath(name).parent) for name in self.files.names}
        every = {"" if folder == "." else folder for folder in every}
        above = [str(parent) for parent in PurePosixPath(self.base).parents if self.base]
        first = [self.base, *("" if folder == "." else folder for folder in above), ""]
        below = sorted(every - set(first), key=lambda folder: (folder.count("/"), folder))
        return tuple(dict.fromkeys([*first, *below[:64]]))


def sort_files(files: Files) -> Sorted:
    """Give every picture its place."""
    pictures = [name for name in files.names if suffix(name) in PICTURES]
    base = _common(pictures)
    skip = len(base) + 1 if base else 0
    return Sorted(
        files,
        base,
        tuple((name, place_of(str(PurePosixPath(name[skip:]).parent))) for name in pictures),
    )


@lru_cache(maxsize=4096)
def place_of(folder: str) -> Place:
    """What the name of a folder says, relative to the base ("." for the base itself)."""
    role: Role = ""
    split: Split | Literal["test"] = ""
    rest = []
    for part in PurePosixPath(folder).parts:
        words = [word for word in re.split(r"[^a-z0-9]+", part.lower()) if word]
        found_role, found_split, known = _words(words)
        if not known:
            rest.append(part.lower())
            continue
        if found_role and (not role or found_role != "photos"):
            role = role if role in ("aside", "instances") else found_role
        split = split or found_split
    return Place(role, split, tuple(rest))


def _words(words: list[str]) -> tuple[Role, Split | Literal["test"], bool]:
    """Role and split that the words of a folder's name state; False if one is of neither."""
    role: Role = ""
    split: Split | Literal["test"] = ""
    joined = "".join(words)
    for names, kind in _WORDS:
        if joined in names:  # ground_truth, label-maps
            return kind, "", True
    for word in words:
        bare = re.sub(r"20[12]\d$", "", word)  # train2017
        kind_of: Role = next((kind for names, kind in _WORDS if word in names), "")
        if kind_of:
            role = kind_of if role in ("", "photos") else role
        elif bare in _SPLITS:
            split = split or _SPLITS[bare]
        elif word.isdigit() or word in ("id", "ids", "set", "data", "png", "raw"):
            continue
        else:
            return "", "", False
    return role, split, bool(role or split)


_WORDS: tuple[tuple[frozenset[str], Role], ...] = (
    (_ASIDE, "aside"),
    (_INSTANCES, "instances"),
    (_LABELS, "labels"),
    (_PHOTOS, "photos"),
)


def suffix(name: str) -> str:
    """The suffix in lower case, with its dot."""
    return PurePosixPath(name).suffix.lower()


def stem(name: str) -> str:
    """The file name without its suffix."""
    return PurePosixPath(name).stem


def _common(names: list[str]) -> str:
    """The folder that all pictures lie in, as far as its name says nothing of them."""
    if not names:
        return ""
    parts = PurePosixPath(names[0]).parent.parts
    last = PurePosixPath(names[-1]).parent.parts  # names are sorted: first and last differ most
    shared = []
    for one, other in zip(parts, last, strict=False):
        if one != other:
            break
        words = [word for word in re.split(r"[^a-z0-9]+", one.lower()) if word]
        if _words(words)[2]:
            break
        shared.append(one)
    return "/".join(shared)
