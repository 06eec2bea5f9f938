"""Photos with their label maps as scores need them: square, of one size, in known classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.evaluation.hand_named import NamedMap
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.palette import UNKNOWN_ID, Palette
from spade.formats.photo import read_photo, resize_photo

Labels = NDArray[np.uint8]
RGB = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Where a photo, its label map and, if there is one, the hand-named map of it lie.

    ``labels`` is what renders are made from; None for a photo that has a hand-named map only.
    """

    name: str
    photo: Path
    labels: Path | None
    named: NamedMap | None


@dataclass(frozen=True, eq=False)
class Loaded:
    """A scene in memory, its middle square at one size: photo uint8 ``(S, S, 3)``; labels and
    truth uint8 ``(S, S)``, 255 where unknown.
    """

    photo: RGB
    labels: Labels
    truth: Labels


def load_scene(scene: Scene, palette: Palette, size: int, by_hand: bool) -> Loaded:
    """Read all of a scene. by_hand: only a hand-named map is a truth, else its own map is.

    Raises InputError for an id that ``palette`` does not have, and for a map that is not of
    its photo's size.
    """
    photo = read_photo(scene.photo)
    unknown = np.full(photo.shape[:2], UNKNOWN_ID, np.uint8)
    labels = truth = unknown
    if scene.labels is not None:
        labels = _fitting(read_ids(scene.labels, palette), scene.labels, scene.photo, photo)
    if not by_hand:
        truth = labels
    elif scene.named is not None:
        truth = _fitting(scene.named.read(), scene.named.labels, scene.photo, photo)
    return Loaded(_middle(photo, size), square(labels, size), square(truth, size))


def scene_photo(scene: Scene, size: int) -> RGB:
    """The middle square of the photo alone, uint8 ``(size, size, 3)``."""
    return _middle(read_photo(scene.photo), size)


def scene_labels(scene: Scene, palette: Palette, size: int) -> Labels:
    """The middle square of the scene's own label map alone, uint8 ``(size, size)``."""
    assert scene.labels is not None
    return square(read_ids(scene.labels, palette), size)


def read_ids(path: Path, palette: Palette) -> Labels:
    """A label map in the ids of ``palette``, uint8 ``(H, W)``. Raises InputError for others."""
    labels = read_label_map(path, palette).labels
    for class_id in np.unique(labels).tolist():
        if class_id != UNKNOWN_ID and palette.by_id(class_id) is None:
            raise InputError(
                f"{path}: class id {class_id} is not in classes.json; add the class or make "
                "those pixels 255"
            )
    return labels


def square(labels: Labels, size: int) -> Labels:
    """The middle square of ``labels`` ``(H, W)`` at ``(size, size)``, by nearest pixel."""
    height, width = labels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = Image.fromarray(np.ascontiguousarray(labels[top : top + side, left : left + side]))
    return np.asarray(cut.resize((size, size), Image.Resampling.NEAREST))


def _middle(photo: RGB, size: int) -> RGB:
    height, width = photo.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_photo(photo[top : top + side, left : left + side], size, size)


def _fitting(labels: Labels, path: Path, photo_path: Path, photo: RGB) -> Labels:
    if labels.shape != photo.shape[:2]:
        raise InputError(
            f"{path}: {labels.shape[1]}x{labels.shape[0]}, but {photo_path.name} is "
            f"{photo.shape[1]}x{photo.shape[0]}; resize it to that (nearest neighbour)"
        )
    return labels
