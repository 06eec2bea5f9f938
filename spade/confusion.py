"""How well answers fit the labels: pixel accuracy, intersection over union, precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID

Counts = NDArray[np.int64]


def confusion(truth: NDArray[np.uint8], answer: NDArray[np.uint8], classes: int) -> Counts:
    """Pixels by true class and answered class, int64 ``(classes, classes)``.

    Both uint8 ``(H, W)``: ids below ``classes``, or 255 where unknown, which is not counted.
    """
    known = (truth != UNKNOWN_ID) & (answer != UNKNOWN_ID)
    codes = truth[known].astype(np.int64) * classes + answer[known]
    return np.bincount(codes, minlength=classes * classes).reshape(classes, classes)


def pixel_accuracy(counts: Counts) -> float:
    """Share of the pixels that are answered right, in [0, 1]; NaN without any pixel."""
    total = int(counts.sum())
    return float(np.trace(counts) / total) if total else float("nan")


def class_ious(counts: Counts) -> NDArray[np.float64]:
    """Intersection over union of each class; NaN for classes that the truth has nowhere.

    Which classes have a value depends on the truth alone, so that the means of different
    pictures of the same maps are means over the same classes.
    """
    right = np.diag(counts).astype(np.float64)
    union = counts.sum(axis=0) + counts.sum(axis=1) - right
    there = counts.sum(axis=1) > 0
    return np.where(there, right / np.maximum(union, 1), np.nan)


def mean_iou(counts: Counts) -> float:
    """Mean of :func:`class_ious` over the classes that the truth has, in [0, 1]."""
    ious = class_ious(counts)
    return float(np.nanmean(ious)) if counts.any() else float("nan")


def precisions(counts: Counts) -> NDArray[np.float64]:
    """Of each class the share of its answers that are right; NaN for classes never answered."""
    given = counts.sum(axis=0)
    return np.where(given > 0, np.diag(counts) / np.maximum(given, 1), np.nan)


def recalls(counts: Counts) -> NDArray[np.float64]:
    """Of each class the share of its pixels that are found; NaN for classes that aren't there."""
    there = counts.sum(axis=1)
    return np.where(there > 0, np.diag(counts) / np.maximum(there, 1), np.nan)
