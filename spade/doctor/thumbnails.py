"""Small pictures of the examples that a problem names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.doctor.checkup import Checkup
from spade.doctor.facts import label_facts
from spade.doctor.interpret import class_ids
from spade.doctor.raw_labels import read_raw_labels
from spade.formats.errors import InputError
from spade.formats.label_png import colorize
from spade.formats.nearest import resize_ids
from spade.formats.photo import read_photo

SIDE = 96


def thumbnail(checkup: Checkup, example: str) -> NDArray[np.uint8] | None:
    """The file ``example`` (as in :attr:`Problem.examples`), sides at most ``SIDE`` pixels.

    Label maps are shown in their classes' colours. Returns uint8 ``(h, w, 3)``, or None if
    the file can't be read.
    """
    case = checkup.case
    is_map = any(entry.labels == example for entry in case.layout.entries)
    try:
        source = case.files.source(example)
        if not is_map:
            return read_photo(source, max_side=SIDE, name=example)
        raw = read_raw_labels(source, example)
        if raw.colors is not None:  # as it is, so that what is wrong with it shows
            return _reduced(raw.colors)
        labels = class_ids(raw, label_facts(raw), case.plan)
        height, width = labels.shape
        scale = min(1.0, SIDE / max(height, width))
        labels = resize_ids(labels, max(1, round(height * scale)), max(1, round(width * scale)))
        return colorize(labels, case.plan.palette)
    except InputError:
        return None
    finally:
        case.files.close()


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    return np.array(image)
