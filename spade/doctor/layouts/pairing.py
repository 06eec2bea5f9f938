"""Photos and label maps of the same name become pairs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from spade.doctor.layouts.layout import Entry, Split
from spade.doctor.layouts.roles import Place, stem, suffix

Found = Sequence[tuple[str, Place]]
StemOf = Callable[[str], str]

_LABEL_ENDS = re.compile(
    r"[-_. ](mask|masks|label|labels|seg|segmentation|gt|groundtruth|labelids|labeltrainids|"
    r"lab|l|annotation)$",
    re.IGNORECASE,
)
_PHOTO_ENDS = re.compile(r"[-_. ](image|img|photo|rgb|leftimg8bit)$", re.IGNORECASE)
_UNFIT = re.compile(r'[\x00-\x1f<>:"|?*\\/]')


def plain_photo_stem(name: str) -> str:
    """The stem without an ending such as ``_img``."""
    return _PHOTO_ENDS.sub("", stem(name))


def plain_label_stem(name: str) -> str:
    """The stem without an ending such as ``_mask``."""
    return _LABEL_ENDS.sub("", stem(name))


def pair(
    photos: Found,
    labels: Found,
    instances: Found = (),
    plain_photo: StemOf = plain_photo_stem,
    plain_label: StemOf = plain_label_stem,
) -> tuple[list[Entry], list[str]]:
    """Pair by stem: in folders that correspond, else anywhere if the stem is the only one.

    Endings such as ``_mask``, which ``plain_photo`` and ``plain_label`` take off, count only
    where the whole stems do not match. Returns the entries, and photos left aside since
    another has the same name.
    """
    maps = _Index(labels, plain_photo, plain_label)
    seen = _Index(instances, plain_photo, plain_label)
    stems: tuple[StemOf, ...] = (stem, plain_label)
    taken: set[str] = set()
    entries: list[Entry] = []
    same_stem: list[str] = []
    first: dict[tuple[Place, str], str] = {}
    paired: set[tuple[str, str]] = set()
    for name, place in photos:
        if first.setdefault((place, stem(name)), name) != name:
            same_stem.append(name)
            continue
        partner = maps.find(name, place)
        taken.add(partner or "")
        split = place.split or (maps.places[partner].split if partner else "")
        if partner:
            paired |= {(maps.places[partner].split, stem_of(partner)) for stem_of in stems}
        entries.append(
            Entry(
                _name(name, partner, plain_photo, plain_label),
                name,
                partner,
                _used(split),
                seen.find(name, place),
            )
        )
    entries += [
        Entry(plain_label(name), None, name, _used(place.split))
        for name, place in labels
        # A photo may have maps of several kinds (masks/, annotations/): one is enough.
        if name not in taken
        and not any((place.split, stem_of(name)) in paired for stem_of in stems)
    ]
    return unique_names(entries), same_stem


def _name(photo: str, labels: str | None, plain_photo: StemOf, plain_label: StemOf) -> str:
    """A photo's own stem, unless only without its ending it is that of its label map."""
    whole = stem(photo)
    if labels is None or whole in (stem(labels), plain_label(labels)):
        return whole
    return plain_photo(photo)


def _used(split: Split | Literal["test"]) -> Split:
    """test/ stands in for val/ where only it is there (see Sorted.of)."""
    return "val" if split == "test" else split


def unique_names(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with names that any file system can tell apart, sorted by split and name."""
    taken: set[tuple[str, str]] = set()
    result = []
    for entry in entries:
        name = _UNFIT.sub("_", entry.name).strip(" ") or "picture"
        unique, number = name, 2
        if (entry.split, unique.casefold()) in taken:
            above = (entry.photo or entry.labels or "").split("/")[-2:-1]
            unique = "-".join([*above, name])
        while (entry.split, unique.casefold()) in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add((entry.split, unique.casefold()))
        result.append(Entry(unique, entry.photo, entry.labels, entry.split, entry.instances))
    return sorted(result, key=lambda entry: (entry.split, entry.name))


class _Index:
    """Files by (split, rest, stem), by (split, stem) and by stem alone."""

    def __init__(self, found: Found, plain_photo: StemOf, plain: StemOf) -> None:
        self.places = dict(found)
        self._plain_photo = plain_photo
        self._maps: dict[tuple[object, ...], list[str]] = {}
        for name, place in found:
            for number, whole in enumerate((stem(name), plain(name))):
                for key in _keys(place, whole):
                    self._maps.setdefault((number, *key), []).append(name)

    def find(self, photo: str, place: Place) -> str | None:
        """The partner of ``photo``; of several in its own folder, a PNG before others."""
        whole, plain = stem(photo), self._plain_photo(photo)
        for number, name in ((0, whole), (1, whole), (0, plain), (1, plain)):
            for level, key in enumerate(_keys(place, name)):
                names = self._maps.get((number, *key), [])
                if len(names) == 1 or (names and level == 0):
                    return min(names, key=_preference)
        return None


def _keys(place: Place, name: str) -> tuple[tuple[object, ...], ...]:
    return (place.split, place.rest, name), (place.split, name), (name,)


def _preference(name: str) -> tuple[bool, bool, str]:
    """PNG first; labelme writes its maps to SegmentationClassPNG beside coloured ones."""
    return suffix(name) != ".png", "SegmentationClassPNG" not in name, name
