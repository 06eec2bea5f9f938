"""Finding and reading the label maps that a command line names."""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.config import GeneratorConfig
from spade.formats.errors import InputError
from spade.formats.label_png import InexactColors, read_label_map
from spade.formats.palette import Palette, load_palette


def find_maps(names: Sequence[str]) -> list[Path]:
    """The files that ``names`` stand for, in order; folders give their PNGs, by number.

    A name may also be a pattern (``maps/*.png``) or a numbered sequence
    (``frame_%04d.png``). Raises InputError for a name that stands for nothing.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = [entry for entry in path.iterdir() if entry.suffix.lower() == ".png"]
            if not inside:
                raise InputError(f"{name}: the folder has no PNG; give label maps")
            found += sorted(inside, key=_natural)
        elif path.exists() or not re.search(r"[*?\[]|%0?\d*d", name):
            if not path.exists():
                raise InputError(f"{name}: no such file; check the name")
            found.append(path)
        else:
            found += _expanded(name)
    return found


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


def _expanded(name: str) -> list[Path]:
    """Files of a glob pattern or a printf-like sequence."""
    if "%" in name:
        path = Path(name)
        pattern = re.split(r"%0?\d*d", path.name)
        expression = re.compile(r"(\d+)".join(re.escape(part) for part in pattern))
        folder = path.parent
        files = folder.iterdir() if folder.is_dir() else iter(())
        found = [file for file in files if expression.fullmatch(file.name)]
    else:
        found = [Path(file) for file in glob.glob(name)]
    if not found:
        raise InputError(f"{name}: no file matches; check the pattern")
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorts frame_2 before frame_10."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
