"""How good a segmenter is: pixel accuracy, IoU, precision, and whom it takes for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.labels import IGNORE_INDEX
from spade.segmenter.pictures import LabelledPicture
from spade.segmenter.segmenter import Segmentation, Segmenter

_LEAST_SURE = 0.4


@dataclass(frozen=True, eq=False)
class Confusion:
    """counts: int64 ``(256, 256)``, pixels of a true class (rows) given a class (columns)."""

    counts: NDArray[np.int64]

    @staticmethod
    def of(pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Confusion:
        """Count (true labels, answer) pairs; unknown pixels of either are left out."""
        counts = np.zeros((256, 256), np.int64)
        for truth, answer in pairs:
            both = truth.astype(np.int64) * 256 + answer
            counts += np.bincount(both.ravel(), minlength=65536).reshape(256, 256)
        counts[IGNORE_INDEX, :] = 0
        counts[:, IGNORE_INDEX] = 0
        return Confusion(counts)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return float(np.trace(self.counts) / max(1, self.counts.sum()))

    def iou(self, class_id: int) -> float | None:
        """Intersection over union; None for a class that is neither there nor answered."""
        right = int(self.counts[class_id, class_id])
        union = int(self.counts[class_id].sum() + self.counts[:, class_id].sum()) - right
        return right / union if union else None

    def precision(self, class_id: int) -> float | None:
        """Share of the pixels given this class that have it; None if none were."""
        given = int(self.counts[:, class_id].sum())
        return float(self.counts[class_id, class_id]) / given if given else None

    def mean_iou(self, ids: Sequence[int]) -> float:
        """Mean over those of ``ids`` that occur."""
        values = [iou for iou in map(self.iou, ids) if iou is not None]
        return float(np.mean(values)) if values else 0.0


def answers(
    segmenter: Segmenter, pictures: Iterable[LabelledPicture]
) -> Iterable[tuple[LabelledPicture, Segmentation]]:
    """Each picture with the segmenter's answer."""
    for picture in pictures:
        yield picture, segmenter.segment(picture.photo)


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
