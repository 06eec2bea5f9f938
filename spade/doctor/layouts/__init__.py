"""Where a data set keeps its photos and label maps, for each way that is known.

:func:`recognise` tries the well-known sets first, then folders by their names. One module is
one layout or a group of them.
"""

from __future__ import annotations

from spade.doctor.files import Files
from spade.doctor.layouts import ade20k, alone, cityscapes, coco_stuff, folders, voc
from spade.doctor.layouts.layout import Entry, Layout
from spade.doctor.layouts.roles import sort_files
from spade.formats.errors import InputError

__all__ = ["Entry", "Layout", "recognise"]

_KNOWN = (
    voc.recognise,
    cityscapes.recognise,
    coco_stuff.recognise,
    ade20k.recognise,
    folders.recognise,
    alone.recognise,
)


def recognise(files: Files) -> Layout:
    """The layout of ``files``. Raises InputError if there is no picture among them."""
    sorted_files = sort_files(files)
    if not sorted_files.pictures:
        raise InputError(
            f"{files.root}: has no pictures (PNG, JPEG, WebP, ...); give a folder or zip with "
            "images/ and labels/, or with photos alone"
        )
    for known in _KNOWN:
        layout = known(sorted_files)
        if layout is not None:
            return layout
    raise AssertionError("photos alone are always recognised")
