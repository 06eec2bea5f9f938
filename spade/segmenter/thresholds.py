"""From which confidence on a segmenter's labels can be trusted, class by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spade.labels import IGNORE_INDEX
from spade.segmenter.pictures import LabelledPicture
from spade.segmenter.segmenter import Segmentation

_LEAST_SURE = 0.4


def sure_thresholds(
    judged: Sequence[tuple[LabelledPicture, Segmentation]],
    ids: Sequence[int],
    precision: float,
) -> dict[int, float]:
    """For each class the lowest confidence from which on ``precision`` of its pixels are right.

    Where no confidence reaches it, the one above which the most certain tenth lies; never
    below 0.4, since what is likelier another class is no evidence.
    """
    thresholds = {}
    for class_id in ids:
        confident: list[NDArray[np.float32]] = []
        right: list[NDArray[np.bool_]] = []
        for picture, answer in judged:
            mine = (answer.labels == class_id) & (picture.labels != IGNORE_INDEX)
            confident.append(answer.confidence[mine])
            right.append(picture.labels[mine] == class_id)
        values, hits = np.concatenate(confident), np.concatenate(right)
        if not len(values):
            continue
        order = np.argsort(-values)
        share = np.cumsum(hits[order]) / np.arange(1, len(order) + 1)
        # The first percent is noise, not evidence.
        reached = np.flatnonzero(share >= precision)
        reached = reached[reached >= len(order) // 100]
        last = int(reached[-1]) if len(reached) else len(order) // 10
        thresholds[class_id] = max(_LEAST_SURE, float(values[order[last]]))
    return thresholds
