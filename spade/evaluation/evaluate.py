"""All scores of a model on held-out maps, and of what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.confusion import Counts, class_ious, confusion, mean_iou, pixel_accuracy
from spade.data.folder import label_channels
from spade.evaluation.cielab import ColorStatistics, color_statistics
from spade.evaluation.frechet_halves import halves_distance, leading_directions
from spade.evaluation.held_out import Material
from spade.evaluation.judge import POOLED, Judge, Look
from spade.evaluation.painters import ModelPainter, Painter
from spade.evaluation.pictures import Labels, load_scene, scene_photo
from spade.evaluation.style_pairs import StyleFidelity, fidelity, successors
from spade.evaluation.variety import Variety, measure_variety
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_ID

RGB = NDArray[np.uint8]

PHOTOS, OWN, OTHER, DEFAULT = "photos", "own_style", "other_style", "default_style"
SHOWN = 24
"""Scenes whose pictures are kept to be shown: the first by hash."""


@dataclass(frozen=True)
class Score:
    """accuracy, miou: in [0, 1]. ious: by class name, of the classes in the truth. frechet:
    d^2 for each of :data:`spade.evaluation.judge.POOLED`, in the photos' leading directions;
    frechet_full: in all.
    """

    accuracy: float
    miou: float
    ious: dict[str, float]
    frechet: dict[str, float]
    frechet_full: dict[str, float]


@dataclass(frozen=True, eq=False)
class Example:
    """A held-out map uint8 ``(S, S)`` in DATA's classes, and the pictures of it by name."""

    name: str
    labels: Labels
    pictures: dict[str, RGB]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """pictures: held-out scenes; half: pictures on each side of a Fréchet distance,
    measured in so many ``directions``.
    judged_pictures, judged_pixels: those with a truth (255 is none). map_agreement: in how
    many of these pixels the rendered map says the same as the truth, in [0, 1]. style: by
    the name of the score; empty without an encoder. variety: None without a VAE.
    """

    size: int
    pictures: int
    half: int
    directions: int
    judged_pictures: int
    judged_pixels: int
    map_agreement: float
    scores: dict[str, Score]
    style: dict[str, StyleFidelity]
    variety: Variety | None
    examples: tuple[Example, ...]


class _Tally:
    """What is added up for one painter, scene by scene."""

    def __init__(self, classes: int) -> None:
        self.counts: Counts = np.zeros((classes, classes), np.int64)
        self.pooled: list[list[NDArray[np.float64]]] = [[] for _ in POOLED]
        self.colors: list[ColorStatistics] = []

    def add(self, picture: RGB, look: Look, truth: Labels) -> None:
        self.counts += confusion(truth, look.answer, len(self.counts))
        for values, vector in zip(self.pooled, look.pooled, strict=True):
            values.append(vector)
        self.colors.append(color_statistics(picture))


def evaluate(
    material: Material,
    painter: ModelPainter,
    others: Mapping[str, Painter],
    judge: Judge,
    size: int,
    on_scene: Callable[[int, int], None] = lambda done, total: None,
    on_variety: Callable[[int, int], None] = lambda done, total: None,
    seed: int = 0,
) -> Evaluation:
    """Paint every held-out map with the model and with ``others``, and judge all pictures.

    size: side in pixels, a multiple of 16 from 32 on. seed: which photo lends its style to which
    map. Raises InputError for a map that one of the painters can't paint.
    """
    scenes = material.held_out
    classes = label_channels(material.palette)
    style_of, stranger = successors(len(scenes), seed)
    tallies: dict[str, _Tally] = {}
    examples: list[Example] = []
    judged = pixels = agreeing = 0
    for index, scene in enumerate(scenes):
        loaded = load_scene(scene, material.palette, size, material.named is not None)
        labels, truth = loaded.labels, loaded.truth
        known = truth != UNKNOWN_ID
        judged += int(known.any())
        pixels += int(known.sum())
        agreeing += int((labels == truth)[known].sum())
        pictures = {PHOTOS: loaded.photo}
        try:
            if painter.takes_styles:
                pictures[OWN] = painter(labels, style=loaded.photo)
                lent = scene_photo(scenes[style_of[index]], size)
                pictures[OTHER] = painter(labels, style=lent)
            pictures[DEFAULT] = painter(labels)
            pictures |= {name: other(labels) for name, other in others.items()}
        except InputError as error:
            raise InputError(f"{scene.labels}: {error}") from None
        looks = judge.look(list(pictures.values()))
        for (name, picture), look in zip(pictures.items(), looks, strict=True):
            tallies.setdefault(name, _Tally(classes)).add(picture, look, truth)
        if index < SHOWN:
            examples.append(Example(scene.name, labels, pictures))
        on_scene(index + 1, len(scenes))
    if not pixels:
        raise InputError("no pixel of the held-out maps has a known class; nothing can be judged")
    names = {entry.id: entry.name for entry in material.palette.classes}
    photos = tallies[PHOTOS]
    style = {
        name: fidelity(tallies[name].colors, photos.colors, lender, baseline)
        for name, lender, baseline in (
            (OTHER, style_of, stranger),
            (OWN, list(range(len(scenes))), style_of),
        )
        if name in tallies
    }
    variety = None
    if painter.takes_seeds:
        variety = measure_variety(scenes, material.palette, painter, judge, size, on_variety)
    return Evaluation(
        size=size,
        pictures=len(scenes),
        half=len(scenes) // 2,
        directions=len(leading_directions(np.stack(photos.pooled[0]))),
        judged_pictures=judged,
        judged_pixels=pixels,
        map_agreement=agreeing / pixels,
        scores={name: _score(tally, photos, names) for name, tally in tallies.items()},
        style=style,
        variety=variety,
        examples=tuple(examples),
    )


def _score(tally: _Tally, photos: _Tally, names: Mapping[int, str]) -> Score:
    ious = class_ious(tally.counts)
    frechet, frechet_full = {}, {}
    for block, painted, real in zip(POOLED, tally.pooled, photos.pooled, strict=True):
        pictures, truth = np.stack(painted), np.stack(real)
        directions = leading_directions(truth).T
        frechet[block] = halves_distance(pictures @ directions, truth @ directions)
        frechet_full[block] = halves_distance(pictures, truth)
    return Score(
        accuracy=pixel_accuracy(tally.counts),
        miou=mean_iou(tally.counts),
        ious={names[i]: float(iou) for i, iou in enumerate(ious) if not np.isnan(iou)},
        frechet=frechet,
        frechet_full=frechet_full,
    )
