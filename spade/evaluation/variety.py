"""One map in ten styles and from ten seeds: what moves, and what must not.

What the picture shows must not move with the style: the scorer's answers are compared.
Samples must differ: LPIPS between all pairs of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.evaluation.judge import Judge
from spade.evaluation.lpips import mean_pairwise
from spade.evaluation.painters import ModelPainter
from spade.evaluation.pictures import Scene, scene_labels, scene_photo
from spade.formats.palette import Palette

RGB = NDArray[np.uint8]

TIMES = 10
MAPS = 8


@dataclass(frozen=True, eq=False)
class Variety:
    """maps: how many were painted ``times`` each (styles: fewer, if there are fewer photos).

    agreement: share of pixels in [0, 1] where the scorer answers as for the first style,
    mean over the others and the maps; None without an encoder, as is ``styles_lpips``.
    samples_lpips, styles_lpips: mean over all pairs and maps; None without LPIPS heads.
    The pictures are those of the first map.
    """

    maps: int
    styles: int
    samples: int
    agreement: float | None
    styles_lpips: float | None
    samples_lpips: float | None
    style_photos: tuple[RGB, ...]
    style_pictures: tuple[RGB, ...]
    sample_pictures: tuple[RGB, ...]


def measure_variety(
    scenes: Sequence[Scene],
    palette: Palette,
    painter: ModelPainter,
    judge: Judge,
    size: int,
    on_map: Callable[[int, int], None],
) -> Variety:
    """Paint the first maps again and again; the last photos are the styles, the seeds 0 to 9.

    scenes: at least two, in the order of their hashes.
    """
    maps = scenes[:MAPS]
    photos: list[RGB] = []
    if painter.takes_styles:
        photos = [scene_photo(scene, size) for scene in reversed(scenes[-TIMES:])]
    agreements: list[float] = []
    between_styles: list[float] = []
    between_samples: list[float] = []
    first_styles: list[RGB] = []
    first_samples: list[RGB] = []
    for number, scene in enumerate(maps):
        labels = scene_labels(scene, palette, size)
        styled = [painter(labels, style=photo) for photo in photos]
        sampled = [painter(labels, seed=seed) for seed in range(TIMES)]
        if number == 0:
            first_styles, first_samples = styled, sampled
        for pictures, means in ((styled, between_styles), (sampled, between_samples)):
            if not pictures:
                continue
            answers, distances = judge.compare(pictures)
            if pictures is styled:
                agreements += [float((answer == answers[0]).mean()) for answer in answers[1:]]
            if distances is not None:
                means.append(mean_pairwise(distances))
        on_map(number + 1, len(maps))
    return Variety(
        maps=len(maps),
        styles=len(photos),
        samples=TIMES,
        agreement=_mean(agreements),
        styles_lpips=_mean(between_styles),
        samples_lpips=_mean(between_samples),
        style_photos=tuple(photos),
        style_pictures=tuple(first_styles),
        sample_pictures=tuple(first_samples),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
