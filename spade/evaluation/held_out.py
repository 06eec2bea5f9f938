"""Which photos are judged, and which ones the scorer may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spade.data.folder import name_hash, open_data
from spade.evaluation.hand_named import NamedMap, NamedMaps, open_named
from spade.evaluation.pictures import Scene
from spade.formats.errors import InputError
from spade.formats.palette import Palette

FEWEST = 4
"""Held-out photos needed: two halves of two."""


@dataclass(frozen=True)
class Material:
    """held_out: the scenes that are judged, by the hash of their name. training: DATA's other
    pairs. scorer: photos with a truth for the scorer to learn from, by hash, none held out.
    """

    palette: Palette
    held_out: tuple[Scene, ...]
    training: tuple[Scene, ...]
    scorer: tuple[Scene, ...]
    named: NamedMaps | None


def open_material(
    data: Path,
    share: float,
    named: Sequence[Path] = (),
    merge: Path | None = None,
    limit: int | None = None,
) -> Material:
    """Find what to evaluate with in a DATA folder and folders of hand-named maps.

    share: what part of DATA is held out, if it has no ``val/``. limit: judge the first that
    many only; the others of the held-out photos are used for nothing.
    Raises InputError if too few are left, or if there is nothing for the scorer to learn from.
    """
    folder = open_data(data, share)
    names = open_named(named, merge, folder.palette) if named else None
    maps: dict[str, NamedMap] = {} if names is None else names.maps

    def scenes(pairs: Sequence[tuple[Path, Path]]) -> list[Scene]:
        found = [Scene(p.stem, p, labels, maps.get(p.stem)) for p, labels in pairs]
        return sorted(found, key=lambda scene: name_hash(scene.name))

    held_out = scenes([(pair.image, pair.labels) for pair in folder.validation])
    training = scenes([(pair.image, pair.labels) for pair in folder.training])
    hidden = {scene.name for scene in held_out}
    if len(held_out[:limit]) < FEWEST:
        raise InputError(
            f"{data}: {len(held_out[:limit])} held-out photos, at least {FEWEST} are needed; "
            "raise --share or --limit, or add photos to val/"
        )
    if names is None:
        scorer = training
    else:
        photos = _photos(data)
        split = not (data / "train" / "images").is_dir()
        scorer = []
        for name, entry in maps.items():
            photo = entry.photo or photos.get(name)
            if photo is None or name in hidden or (split and name_hash(name) < share):
                continue
            scorer.append(Scene(name, photo, None, entry))
        scorer.sort(key=lambda scene: name_hash(scene.name))
        if not any(scene.named for scene in held_out[:limit]):
            raise InputError(
                f"{data}: none of the {len(held_out[:limit])} held-out photos has a hand-named "
                "map; raise --limit or --share, or leave --named out"
            )
        if not scorer:
            raise InputError(
                f"{data}: no photo of the hand-named maps is there to train the scorer on; add "
                "them to images/"
            )
    return Material(folder.palette, tuple(held_out[:limit]), tuple(training), tuple(scorer), names)


def _photos(data: Path) -> dict[str, Path]:
    """All photos in DATA by stem, also those that are rejected or have no label map."""
    found: dict[str, Path] = {}
    for folder in (data / "images", data / "train" / "images", data / "val" / "images"):
        if folder.is_dir():
            found |= {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}
    return found
