"""Merging fine classes into those of a palette: what hand-named maps need before training.

    {"palette": "landscape",
     "merge": {"fog": "cloud", "ice": "snow"},
     "unknown": ["boat", "person"]}

``palette`` is a bundled name, or a file beside this one. A fine class that is neither merged
nor unknown keeps its name, which the palette must then have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spade.formats.errors import InputError
from spade.formats.palette import Palette, load_palette
from spade.formats.resources import bundled_palettes

UNKNOWN = 255


@dataclass(frozen=True, eq=False)
class ClassMerge:
    """Fine ids to the ids of ``palette``; ``lut`` is uint8 ``(256,)``, 255 where unknown."""

    palette: Palette
    lut: NDArray[np.uint8]

    def apply(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The same map, uint8 ``(H, W)``, in the ids of ``palette``."""
        return self.lut[labels]


def same_classes(palette: Palette) -> ClassMerge:
    """The merge that changes nothing: ids of ``palette`` stay, all others become unknown."""
    lut = np.full(256, UNKNOWN, np.uint8)
    ids = np.array(palette.ids, np.uint8)
    lut[ids] = ids
    return ClassMerge(palette, lut)


def load_merge(path: Path, fine: Palette) -> ClassMerge:
    """Read a merge file for label maps in the classes of ``fine``.

    Raises InputError naming the file and the class that has no place to go.
    """
    data = _read(path)
    palette = _palette(data.get("palette"), path)
    merge, unknown = data.get("merge", {}), data.get("unknown", [])
    if not isinstance(merge, dict) or not all(isinstance(v, str) for v in merge.values()):
        raise InputError(f'{path}: "merge" must name a class for a class, {{"fog": "cloud"}}')
    if not isinstance(unknown, list) or not all(isinstance(name, str) for name in unknown):
        raise InputError(f'{path}: "unknown" must be a list of class names')
    lut = np.full(256, UNKNOWN, np.uint8)
    for entry in fine.classes:
        if entry.name in unknown:
            continue
        name = merge.get(entry.name, entry.name)
        target = palette.find(name)
        if target is None:
            raise InputError(
                f"{path}: class {entry.name!r} becomes {name!r}, which is not in the palette "
                f'{palette.name!r}; add it to "merge" or to "unknown"'
            )
        lut[entry.id] = target.id
    return ClassMerge(palette, lut)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON ({error}); mend it") from None
    if not isinstance(data, dict):
        raise InputError(f'{path}: no merge of classes; it needs {{"palette": ..., "merge": ...}}')
    return data


def _palette(name: Any, path: Path) -> Palette:
    if not isinstance(name, str):
        raise InputError(f'{path}: "palette" must name a palette: {", ".join(bundled_palettes())}')
    beside = path.parent / name
    return load_palette(beside if beside.is_file() else name)
