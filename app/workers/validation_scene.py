"""A label map to begin painting on, of those that a model has not been trained on. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import open_data
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.nearest import resize_ids
from spade.formats.palette import UNKNOWN_ID, Palette
from spade.formats.run_folder import RunFolder
from spade.settings import data_folder, read_tables

LOOKED_AT = 100
"""Most label maps that are compared, evenly spread over the validation set."""

SIDE = 512
"""Pixels of the longer side of a scene at most, unless the model was trained on larger ones."""


def sample_scene(folder: Path) -> tuple[NDArray[np.uint8], Palette]:
    """The label map with most classes of a data set's validation set (without one, of its
    training set), uint8 ``(H, W)``, read-only, and the classes.

    folder: a DATA folder, or a training folder, whose settings name its DATA. Large maps are
    made smaller: to ``SIDE``, or twice the size that the model was trained at.
    Raises InputError if no label map can be read.
    """
    side = SIDE
    settings = RunFolder(folder).settings
    if settings.is_file():
        tables = read_tables(settings)
        data = data_folder(tables, str(settings))
        if data is None:
            raise InputError(f"{settings}: names no DATA folder; open a label map yourself")
        size = tables.get("training", {}).get("size", 0)
        side = max(side, 2 * size if isinstance(size, int) else 0)
        folder = data
    found = open_data(folder)
    pairs = found.validation or found.training
    count = min(LOOKED_AT, len(pairs))
    best: NDArray[np.uint8] | None = None
    most = -1
    trouble = ""
    for index in range(count):
        path = pairs[index * len(pairs) // count].labels
        try:
            labels = read_label_map(path, found.palette).labels
        except InputError as error:
            trouble = str(error)
            continue
        known = np.bincount(labels.ravel(), minlength=256)
        known[UNKNOWN_ID] = 0
        # A class of a few stray pixels is nothing to see.
        classes = int((known >= labels.size / 1000).sum())
        if classes > most:
            best, most = labels, classes
    if best is None:
        raise InputError(trouble or f"{folder}: no label map to show; check the data set")
    height, width = best.shape
    scale = side / max(height, width)
    if scale < 1:
        best = resize_ids(best, max(1, round(height * scale)), max(1, round(width * scale)))
    best = np.ascontiguousarray(best)
    best.setflags(write=False)
    return best, found.palette
