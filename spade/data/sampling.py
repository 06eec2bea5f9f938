"""Which photos an epoch of training shows how often.

Photos that were tagged ``best``, and those that hold rare classes, may be shown more often
than others; each is shown at least once. The factor of a rare class is (median / its share)
to some power, as in repeat factor sampling (Gupta et al., LVIS, CVPR 2019), with the median
of all classes' shares of photos in place of a threshold. No torch here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID

PRESENT = 0.01
"""A photo holds a class that covers at least this share of its map."""
MOST_OFTEN = 8.0
"""No photo is shown more than this many times as often as another."""


def classes_present(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which class ids cover at least ``PRESENT`` of a map ``(H, W)``: bool ``(256,)``.

    255, unknown, is no class.
    """
    areas = np.bincount(labels.ravel(), minlength=256)
    present: NDArray[np.bool_] = areas >= max(1.0, PRESENT * labels.size)
    present[UNKNOWN_ID] = False
    return present


def weights(
    present: NDArray[np.bool_], best: NDArray[np.bool_], best_factor: float, rare_power: float
) -> NDArray[np.float64]:
    """How often each of N photos is wanted, the least at 1: float64 ``(N,)``.

    present: bool ``(N, 256)``, the classes that each photo holds. best: bool ``(N,)``, wanted
    ``best_factor`` times as often. A photo's rarest class decides: it multiplies by
    (median / share of the photos that hold the class) ** ``rare_power``, if that is over 1.
    """
    shares = present.mean(axis=0)
    held = shares > 0
    rarity = np.ones(256)
    if held.any():
        rarity[held] = np.maximum(1.0, np.median(shares[held]) / shares[held]) ** rare_power
    wanted = np.where(present, rarity, 1.0).max(axis=1) * np.where(best, best_factor, 1.0)
    result: NDArray[np.float64] = np.minimum(wanted / wanted.min(), MOST_OFTEN)
    return result


@dataclass(frozen=True, eq=False)
class Sampler:
    """The order of photos in each epoch, as often as ``weights`` (float64 ``(N,)``, all at
    least 1) say. All epochs are of the same ``length``.
    """

    weights: NDArray[np.float64]

    @property
    def length(self) -> int:
        """Photos shown in an epoch, repeated ones counted each time."""
        return len(self.weights) + self._repeats

    @property
    def _repeats(self) -> int:
        return math.ceil(float((self.weights - 1).sum()) - 1e-6)

    def order(self, seed: int, epoch: int) -> NDArray[np.intp]:
        """Photo numbers in the order of ``epoch``: ``(length,)``, a function of the arguments.

        Every photo comes once, and again as its weight says: what that leaves over of whole
        numbers is rounded up or down by systematic sampling, another way each epoch.
        """
        rng = np.random.default_rng((seed, 1, epoch))
        order = rng.permutation(self.length)
        counts = np.ones(len(self.weights), np.intp)
        if self._repeats:
            ends = (self.weights - 1).cumsum()
            marks = np.floor(ends * (self._repeats / ends[-1]) + rng.random()).astype(np.intp)
            marks[-1] = self._repeats
            counts += np.diff(np.minimum(marks, self._repeats), prepend=0)
        return np.repeat(np.arange(len(counts)), counts)[order]
