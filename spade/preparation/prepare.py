"""Photos, a segmenter and hand-named maps in; a DATA folder and a report of it out.

The same input gives the same folder, byte for byte. Files are read and written in threads
beside the segmenter, which is the slow part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import PHOTO_SUFFIXES
from spade.data.lookahead import cores, in_order
from spade.data.sampling import classes_present
from spade.formats.errors import InputError
from spade.formats.nearest import resize_ids
from spade.formats.palette import UNKNOWN_ID
from spade.formats.photo import read_photo, resize_photo
from spade.preparation.data_writer import DataWriter
from spade.preparation.labelling import PhotoSegmenter, final_labels, thresholds
from spade.preparation.sources import HandNamed, Photo, Sources

REASONS = ("rejected", "same name", "unreadable", "unknown")
"""Why a photo is dropped: tagged so; its name is taken; can't be read; too much unknown."""

_WRITERS = 8  # they mostly wait for the disk
_SHOWN = 192  # pixels of a dropped photo's map that is kept for looking at


@dataclass(frozen=True)
class PrepareSettings:
    """sure: the confidence asked for in every class; None: what the segmenter states for each.

    max_unknown: the share of a photo that may be unknown. size: photos whose shorter side is
    longer than this many pixels are reduced to it. Raises InputError for a value out of range.
    """

    sure: float | None = None
    max_unknown: float = 0.25
    size: int | None = None

    def __post_init__(self) -> None:
        if self.sure is not None and not 0 <= self.sure <= 1:
            raise InputError(f"sure is {self.sure}: it must lie in [0, 1]")
        if not 0 <= self.max_unknown <= 1:
            raise InputError(f"max_unknown is {self.max_unknown}: it must lie in [0, 1]")
        if self.size is not None and not 16 <= self.size <= 8192:
            raise InputError(f"size is {self.size}: it must lie in 16 to 8192 pixels")


@dataclass(frozen=True, eq=False)
class Dropped:
    """A photo that is left out. ``unknown``: its label map, reduced, if it was for that."""

    photo: Path
    reason: str
    detail: str = ""
    unknown: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """A pair that is in the folder. areas: pixels by class id, int ``(256,)``; present: the
    classes that count as in it, bool ``(256,)``. by_hand: share of its pixels named by hand.
    """

    name: str
    areas: NDArray[np.intp]
    present: NDArray[np.bool_]
    by_hand: float


@dataclass(eq=False)
class Preparation:
    """What became of every photo. ``kept`` and ``dropped`` are in the order of the photos."""

    kept: list[Kept] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many photos were dropped, by reason."""
        found = Counter(entry.reason for entry in self.dropped)
        return {reason: found[reason] for reason in REASONS}


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A photo in memory. pixels: None if its label map ``labels`` is done already.

    ``as_it_is``: the file itself can be copied.
    """

    photo: Photo
    pixels: NDArray[np.uint8] | None
    as_it_is: bool
    hand: HandNamed | None
    labels: NDArray[np.uint8] | None = None


def prepare(
    sources: Sources,
    segmenter: PhotoSegmenter,
    writer: DataWriter,
    settings: PrepareSettings,
    tags: Mapping[str, frozenset[str]],
    *,
    on_progress: Callable[[int, int, Preparation], None] = lambda done, photos, so_far: None,
) -> Preparation:
    """Fill the folder that ``writer`` has opened; label maps that are there are kept.

    Tags go by photo name; photos under "reject" are left out. A photo that can't be read is
    named in the result and does not stop the others. ``on_progress`` is told after each photo.

    Raises InputError if the folder can't be written.
    """
    asked = thresholds(segmenter, settings.sure)
    result = Preparation()
    result.dropped += [Dropped(path, "same name") for path in sources.same_name]
    rejected = tags["reject"]
    result.dropped += [Dropped(p.path, "rejected") for p in sources.photos if p.name in rejected]
    photos = [photo for photo in sources.photos if photo.name not in rejected]

    def load(photo: Photo) -> _Loaded | Dropped:
        try:
            return _load(photo, writer, settings)
        except InputError as error:
            return Dropped(photo.path, "unreadable", str(error))

    def labelled() -> Iterator[_Loaded | Dropped]:
        with closing(in_order(load, photos, min(8, cores()), "photos")) as loaded:
            for entry in loaded:
                if isinstance(entry, Dropped) or entry.pixels is None:
                    yield entry
                    continue
                try:
                    guess = segmenter.segment(entry.pixels)
                except InputError as error:
                    yield Dropped(entry.photo.path, "unreadable", str(error))
                    continue
                labels = final_labels(guess, entry.hand, asked)
                yield _Loaded(entry.photo, entry.pixels, entry.as_it_is, entry.hand, labels)

    def finish(entry: _Loaded | Dropped) -> Kept | Dropped:
        return entry if isinstance(entry, Dropped) else _finished(entry, writer, settings)

    with (
        closing(labelled()) as entries,  # type: ignore[type-var]  # a generator
        closing(in_order(finish, entries, _WRITERS, "writing")) as finished,
    ):
        for done, entry in enumerate(finished, 1):
            if isinstance(entry, Kept):
                result.kept.append(entry)
            else:
                result.dropped.append(entry)
            on_progress(done, len(photos), result)
    names = {kept.name for kept in result.kept}
    writer.keep_only(names)
    kept_tags = {tag: sorted(found & names) for tag, found in tags.items()}
    writer.write_json("photo-tags.json", kept_tags)
    return result


def _load(photo: Photo, writer: DataWriter, settings: PrepareSettings) -> _Loaded:
    labels = writer.finished(photo.name)
    if labels is not None:
        hand = None if photo.named is None else photo.named.read(labels.shape, None)
        return _Loaded(photo, None, True, hand, labels)
    pixels = read_photo(photo.path)
    height, width = photo_shape = pixels.shape[:2]
    scale = 1.0 if settings.size is None else settings.size / min(height, width)
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
        pixels = resize_photo(pixels, width, height)
    hand = None if photo.named is None else photo.named.read((height, width), photo_shape)
    as_it_is = scale >= 1 and photo.path.suffix.lower() in PHOTO_SUFFIXES
    return _Loaded(photo, pixels, as_it_is, hand)


def _finished(entry: _Loaded, writer: DataWriter, settings: PrepareSettings) -> Kept | Dropped:
    """The pair written, or dropped for what is unknown in it."""
    labels = entry.labels
    assert labels is not None
    areas = np.bincount(labels.ravel(), minlength=256)
    unknown = float(areas[UNKNOWN_ID]) / labels.size
    if unknown > settings.max_unknown:
        scale = min(1.0, _SHOWN / max(labels.shape))
        height, width = (max(1, round(side * scale)) for side in labels.shape)
        shown = resize_ids(labels, height, width)
        return Dropped(entry.photo.path, "unknown", f"{unknown:.3f}", shown)
    if entry.pixels is not None:
        pixels = None if entry.as_it_is else entry.pixels
        writer.write_pair(entry.photo.path, pixels, labels)
    by_hand = 0.0 if entry.hand is None else float(entry.hand.named.mean())
    return Kept(entry.photo.name, areas, classes_present(labels), by_hand)
