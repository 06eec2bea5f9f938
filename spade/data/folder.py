"""The files of a DATA folder: which photo goes with which label map, and what is held out.

A DATA folder holds ``images/`` and ``labels/`` paired by stem, or ``train/`` and ``val/``
with the same inside, and ``classes.json``. Optional ``instances/`` holds instance maps, for
generators that read their edges. ``photo-tags.json``, if there, lists stems to leave out
under "reject", and those that may be shown more often under "best". No torch here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from spade.formats.errors import InputError
from spade.formats.palette import Palette, load_palette

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
"""Of the files that count as photos of a DATA folder."""


@dataclass(frozen=True)
class Pair:
    """A photo, its label map and, if there is one, its instance map.

    ``best``: the photo is tagged as one of the best.
    """

    image: Path
    labels: Path
    instances: Path | None = None
    best: bool = False


@dataclass(frozen=True)
class DataFolder:
    """What a DATA folder holds. ``validation`` is never trained on."""

    palette: Palette
    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]


def open_data(folder: Path, validation_share: float = 0.03) -> DataFolder:
    """Find and pair the files of a DATA folder.

    Without ``val/``, validation photos are those whose file name's hash falls below
    ``validation_share``: the same on every machine, whatever else is in the folder.
    Raises InputError if the folder, ``classes.json`` or a partner is missing.
    """
    palette = read_classes(folder)
    tags = read_tags(folder / "photo-tags.json")
    if (folder / "train" / "images").is_dir():
        training = _pairs(folder / "train", tags)
        validation = _pairs(folder / "val", tags) if (folder / "val" / "images").is_dir() else []
    else:
        pairs = _pairs(folder, tags)
        validation = [p for p in pairs if name_hash(p.image.stem) < validation_share]
        held_out = set(validation)
        training = [p for p in pairs if p not in held_out]
    if not training:
        raise InputError(f"{folder}: no photo with a label map of the same name to train on")
    return DataFolder(palette, tuple(training), tuple(validation))


def read_classes(folder: Path) -> Palette:
    """The palette in a DATA folder's ``classes.json``. Raises InputError if there is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with images/ and labels/")
    classes = folder / "classes.json"
    if not classes.is_file():
        raise InputError(
            f"{classes}: missing; it names the classes of the label maps "
            '({"name", "classes": [{"id", "name", "color"}]})'
        )
    return load_palette(classes)


def label_channels(palette: Palette) -> int:
    """Label channels that the classes need: one more than the highest id."""
    return max(palette.ids) + 1


def read_tags(path: Path) -> dict[str, frozenset[str]]:
    """Stems by tag in a ``photo-tags.json``: at least those under "reject" and "best".

    Both are empty if there is no such file. Raises InputError if it is of another form.
    """
    tags: dict[str, frozenset[str]] = {"reject": frozenset(), "best": frozenset()}
    if not path.is_file():
        return tags
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: not readable as photo tags ({error}); mend or remove it"
        ) from None
    other_form = InputError(
        f'{path}: not photo tags; it needs {{"reject": [names without suffix, ...], "best": ...}}'
    )
    if not isinstance(data, dict):
        raise other_form
    for tag, stems in data.items():
        if isinstance(stems, list) and all(isinstance(stem, str) for stem in stems):
            tags[tag] = frozenset(stems)
        elif tag in tags:
            raise other_form
    return tags


def _pairs(folder: Path, tags: dict[str, frozenset[str]]) -> list[Pair]:
    images, labels = folder / "images", folder / "labels"
    for part in (images, labels):
        if not part.is_dir():
            raise InputError(f"{part}: missing; a DATA folder has images/ and labels/")
    maps, instances = _png_by_stem(labels), _png_by_stem(folder / "instances")
    return [
        Pair(photo, maps[photo.stem], instances.get(photo.stem), photo.stem in tags["best"])
        for photo in photos_in(images)
        if photo.stem in maps and photo.stem not in tags["reject"]
    ]


def photos_in(folder: Path) -> list[Path]:
    """The photos right inside ``folder``, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)


def _png_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".png"}


def name_hash(stem: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big") / 2.0**64
