"""The files that a command line names: single ones, folders, patterns, numbered sequences."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from spade.formats.errors import InputError


def find_files(names: Sequence[str], suffixes: Collection[str], what: str) -> list[Path]:
    """The files that ``names`` stand for, in order; folders give theirs, by number.

    A name may also be a pattern (``maps/*.png``) or a numbered sequence
    (``frame_%04d.png``). Of a folder the files with one of ``suffixes`` count (lower case);
    ``what`` is what messages call them. Raises InputError for a name that stands for nothing.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            inside = [entry for entry in path.iterdir() if entry.suffix.lower() in suffixes]
            if not inside:
                kinds = ", ".join(suffix[1:].upper() for suffix in sorted(suffixes))
                raise InputError(f"{name}: the folder has no {kinds}; give {what}")
            found += sorted(inside, key=_natural)
        elif path.exists() or not re.search(r"[*?\[]|%0?\d*d", name):
            if not path.exists():
                raise InputError(f"{name}: no such file; check the name")
            found.append(path)
        else:
            found += _expanded(name)
    return found


def one_output_each(inputs: Sequence[Path], folder: Path, suffix: str = ".png") -> list[Path]:
    """Where each input's result goes: ``folder``, the same stem.

    Raises InputError if two would go to the same place.
    """
    outputs = [folder / f"{path.stem}{suffix}" for path in inputs]
    first: dict[Path, Path] = {}
    for source, target in zip(inputs, outputs, strict=True):
        if target in first:
            raise InputError(
                f"{source}: would be written to the same {target} as {first[target]}; "
                "give them apart"
            )
        first[target] = source
    return outputs


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
