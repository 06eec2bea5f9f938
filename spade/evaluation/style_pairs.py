"""Does a picture take the colour and light of the photo it was given as a style?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spade.evaluation.cielab import ColorStatistics


@dataclass(frozen=True)
class StyleFidelity:
    """Mean distances in CIELAB between pictures and their styles, and, as a baseline,
    between the same pictures and photos that were not their style.
    """

    color: float
    contrast: float
    shuffled_color: float
    shuffled_contrast: float


def successors(count: int, seed: int = 0) -> tuple[list[int], list[int]]:
    """For each of ``count`` scenes another one, and for each a third: no fixed points.

    The scenes are put on a ring in an order drawn from the seed; the next lends its style,
    the one after is the stranger. count: at least 3.
    """
    if count < 3:
        raise ValueError(f"{count} scenes: three are needed")
    ring = np.random.default_rng(seed).permutation(count)
    lender, stranger = np.empty(count, int), np.empty(count, int)
    lender[ring] = np.roll(ring, -1)
    stranger[ring] = np.roll(ring, -2)
    return lender.tolist(), stranger.tolist()


def fidelity(
    pictures: Sequence[ColorStatistics],
    photos: Sequence[ColorStatistics],
    lender: Sequence[int],
    stranger: Sequence[int],
) -> StyleFidelity:
    """Picture i has the style of photo ``lender[i]`` and is also held against ``stranger[i]``."""

    def mean(partner: Sequence[int]) -> tuple[float, float]:
        pairs = [(p, photos[k]) for p, k in zip(pictures, partner, strict=True)]
        color = float(np.mean([p.color_distance(q) for p, q in pairs]))
        return color, float(np.mean([p.contrast_distance(q) for p, q in pairs]))

    return StyleFidelity(*mean(lender), *mean(stranger))
