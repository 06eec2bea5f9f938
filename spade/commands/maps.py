"""Finding and reading the label maps that a command line names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.commands.inputs import find_files
from spade.config import GeneratorConfig
from spade.formats.errors import InputError
from spade.formats.label_png import InexactColors, read_label_map
from spade.formats.palette import Palette, load_palette


def find_maps(names: Sequence[str]) -> list[Path]:
    """The PNGs that ``names`` stand for (see :func:`find_files`)."""
    return find_files(names, (".png",), "label maps")


def read_map(
    path: Path, palette: Palette, args: argparse.Namespace, config: GeneratorConfig
) -> NDArray[np.uint8]:
    """Class ids uint8 ``(H, W)``. Raises InputError for ids the model does not have."""
    try:
        image = read_label_map(path, palette, nearest=args.nearest)
    except InexactColors as error:
        raise InputError(f"{error}; or use --nearest") from None
    labels = image.labels
    # The id after the last class stands for "don't care" in the data sets' own files.
    top = config.label_nc + int(config.contain_dontcare)
    wrong = labels[(labels >= top) & (labels != palette.ignore)]
    if wrong.size:
        raise InputError(
            f"{path}: has class id {int(wrong[0])}, but the model's ids are 0 to "
            f"{config.label_nc - 1}: remap it or choose another model"
        )
    if not config.contain_dontcare and bool((labels == palette.ignore).any()):
        raise InputError(
            f"{path}: has unknown pixels ({palette.ignore}), but the model was trained without a "
            "'don't care' channel: give them one of its classes"
        )
    return labels


def palette_for(args: argparse.Namespace, palette: Palette) -> Palette:
    """What --palette says, else ``palette``, the model's own."""
    return load_palette(args.palette) if args.palette else palette
