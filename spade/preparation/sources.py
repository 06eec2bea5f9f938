"""The photos that are given, and the regions of them that somebody has named by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import photos_in, read_classes
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.merge import load_merge
from spade.formats.nearest import resize_ids
from spade.formats.palette import UNKNOWN_ID, Palette


@dataclass(frozen=True, eq=False)
class HandNamed:
    """labels: uint8 ``(H, W)``, classes of the segmenter; named: bool ``(H, W)``.

    A named pixel may still be unknown, 255: it is something that no class stands for.
    """

    labels: NDArray[np.uint8]
    named: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NamedMap:
    """A hand-named label map's file; ``lut``, uint8 ``(256,)``, gives the segmenter's ids.

    ``fine``: the classes that the file itself is in.
    """

    path: Path
    fine: Palette
    lut: NDArray[np.uint8]

    def read(self, shape: tuple[int, int], photo_shape: tuple[int, int] | None) -> HandNamed:
        """The map at ``shape`` (height, width), for a photo that was of ``photo_shape``.

        Raises InputError if it is damaged, has other classes or is of another size.
        """
        ids = read_label_map(self.path, self.fine).labels
        if photo_shape is not None and ids.shape != photo_shape:
            raise InputError(
                f"{self.path}: {ids.shape[1]}x{ids.shape[0]}, but its photo is "
                f"{photo_shape[1]}x{photo_shape[0]}; resize it to that (nearest neighbour)"
            )
        present = np.flatnonzero(np.bincount(ids.ravel(), minlength=256))
        strange = sorted(set(present.tolist()) - {*self.fine.ids, UNKNOWN_ID})
        if strange:
            raise InputError(
                f"{self.path}: class id {strange[0]} is not in its classes.json; add the class"
            )
        ids = resize_ids(ids, *shape)
        return HandNamed(self.lut[ids], ids != UNKNOWN_ID)


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo and, if there is one, its hand-named map. The file's stem is its name."""

    path: Path
    named: NamedMap | None = None

    @property
    def name(self) -> str:
        """By which tags, label maps and the held-out share know it."""
        return self.path.stem


@dataclass(frozen=True, eq=False)
class Sources:
    """photos: of different names, in the order given, then those that only hand-named folders
    have. same_name: files left out since another of that name came first. without_photo: how
    many hand-named maps are of no photo. digest: of all hand-named maps and their merge.
    """

    photos: tuple[Photo, ...]
    same_name: tuple[Path, ...]
    without_photo: int
    digest: str


def collect(
    files: Sequence[Path], named: Sequence[Path], merge: Path | None, palette: Palette
) -> Sources:
    """Put photos and hand-named folders together.

    A folder of ``named`` holds ``labels/``, ``classes.json`` and maybe ``images/``; of a photo
    named in several the first counts. Their classes become those of ``palette`` (the
    segmenter's) by ``merge``, if given, and by name.

    Raises InputError for a folder that is none, and for a class that has no place to go.
    """
    maps: dict[str, NamedMap] = {}
    more: list[Path] = []
    digest = hashlib.sha256()
    for folder in named:
        fine = read_classes(folder)
        lut = _lut(folder, fine, merge, palette)
        digest.update(lut.tobytes())
        found = sorted((folder / "labels").glob("*.png"))
        if not found:
            raise InputError(f"{folder / 'labels'}: no label maps (*.png) there")
        for path in found:
            if path.stem not in maps:
                maps[path.stem] = NamedMap(path, fine, lut)
                digest.update(path.name.encode() + path.read_bytes())
        if (folder / "images").is_dir():
            more += [path for path in photos_in(folder / "images") if path.stem in maps]
    photos, same_name = _by_name([*files], more)
    return Sources(
        tuple(Photo(path, maps.get(name)) for name, path in photos.items()),
        tuple(same_name),
        len(maps.keys() - photos.keys()),
        digest.hexdigest(),
    )


def _by_name(files: Iterable[Path], more: Iterable[Path]) -> tuple[dict[str, Path], list[Path]]:
    photos: dict[str, Path] = {}
    same_name = []
    for path in files:
        first = photos.setdefault(path.stem, path)
        if first != path:
            same_name.append(path)
    for path in more:
        photos.setdefault(path.stem, path)
    return photos, same_name


def _lut(folder: Path, fine: Palette, merge: Path | None, palette: Palette) -> NDArray[np.uint8]:
    """Ids of ``fine`` to ids of ``palette``, uint8 ``(256,)``, 255 where unknown."""
    classes = None if merge is None else load_merge(merge, fine)
    lut = np.full(256, UNKNOWN_ID, np.uint8)
    for entry in fine.classes:
        merged = entry if classes is None else classes.palette.by_id(int(classes.lut[entry.id]))
        if merged is None:  # the merge wants it unknown
            continue
        target = palette.find(merged.name)
        if target is None:
            raise InputError(
                f"{merge or folder / 'classes.json'}: class {merged.name!r} is none of the "
                "segmenter's; " + ("mend the merge" if merge else "give --merge FILE")
            )
        lut[entry.id] = target.id
    return lut
