"""Photos alone: the segmenter makes their label maps on import."""

from __future__ import annotations

from spade.doctor.layouts.layout import Layout
from spade.doctor.layouts.pairing import pair
from spade.doctor.layouts.roles import Sorted
from spade.doctor.layouts.voc import outline_files


def recognise(found: Sorted) -> Layout:
    """Every picture is a photo."""
    photos = found.of("photos") or found.of("") or list(found.pictures)
    entries, same_stem = pair(photos, ())
    tested = sum(place.split == "test" for _, place in found.pictures)
    outlines = outline_files(found.files, {entry.name for entry in entries})
    return Layout(
        "photos alone",
        tuple(entries),
        photos_alone=True,
        same_stem=tuple(same_stem),
        outlines=outlines,
        tested=tested if tested < len(found.pictures) else 0,
    )
