"""Label maps whose regions were named by people: the only ones that can judge a photo fairly.

On a segmenter's own maps real photos would score 100 %. No torch here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import read_classes
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.merge import load_merge
from spade.formats.palette import UNKNOWN_ID, Palette


@dataclass(frozen=True, eq=False)
class NamedMap:
    """A hand-named label map; ``lut`` uint8 ``(256,)`` brings its ids to the judged classes.

    ``photo`` lies beside the map, if it does.
    """

    labels: Path
    lut: NDArray[np.uint8]
    photo: Path | None

    def read(self) -> NDArray[np.uint8]:
        """The map in the judged classes, uint8 ``(H, W)``, 255 where unknown."""
        return self.lut[read_label_map(self.labels).labels]


@dataclass(frozen=True)
class NamedMaps:
    """All hand-named maps by the photo's name; ``dropped``: fine classes nobody judges."""

    maps: dict[str, NamedMap]
    dropped: tuple[str, ...]


def open_named(folders: Sequence[Path], merge: Path | None, palette: Palette) -> NamedMaps:
    """Find the hand-named maps in ``folders`` (``labels/*.png``, ``classes.json`` each).

    merge: a file for :func:`spade.formats.merge.load_merge`; without one, classes go by
    name. What then has no class of that name in ``palette`` is unknown. Of two maps of one
    photo, that of the first folder counts.
    Raises InputError for a folder without maps, or a merge that does not fit.
    """
    maps: dict[str, NamedMap] = {}
    dropped: set[str] = set()
    for folder in folders:
        fine = read_classes(folder)
        lut = same_names(fine, palette)
        if merge is not None:
            merged = load_merge(merge, fine)
            lut = same_names(merged.palette, palette)[merged.lut]
        dropped |= {entry.name for entry in fine.classes if lut[entry.id] == UNKNOWN_ID}
        files = sorted((folder / "labels").glob("*.png"))
        if not files:
            raise InputError(f"{folder / 'labels'}: holds no label map; give hand-named PNGs")
        photos = _by_stem(folder / "images")
        for path in files:
            maps.setdefault(path.stem, NamedMap(path, lut, photos.get(path.stem)))
    return NamedMaps(maps, tuple(sorted(dropped)))


def same_names(source: Palette, target: Palette) -> NDArray[np.uint8]:
    """uint8 ``(256,)``: ids of ``source`` to those of the same name in ``target``, else 255."""
    lut = np.full(256, UNKNOWN_ID, np.uint8)
    for entry in source.classes:
        other = target.find(entry.name)
        if other is not None:
            lut[entry.id] = other.id
    return lut


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}
