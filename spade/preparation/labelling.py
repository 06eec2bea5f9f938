"""What a brush means must be pure: where nobody is sure, a pixel stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID, Palette
from spade.preparation.sources import HandNamed

OTHERWISE = 0.5
"""Confidence asked for in a class for which the segmenter states none."""


class Guess(Protocol):
    """labels: uint8 ``(H, W)``; confidence: float32 ``(H, W)`` in [0, 1]."""

    @property
    def labels(self) -> NDArray[np.uint8]: ...
    @property
    def confidence(self) -> NDArray[np.float32]: ...


class PhotoSegmenter(Protocol):
    """What :class:`spade.segmenter.Segmenter` offers and preparation needs.

    ``sure``: for a class id the confidence from which on its label can be trusted.
    """

    palette: Palette

    @property
    def sure(self) -> Mapping[int, float]: ...

    def segment(self, photo: NDArray[np.uint8]) -> Guess:
        """Class ids and confidence of a photo, uint8 ``(H, W, 3)``."""


def thresholds(segmenter: PhotoSegmenter, sure: float | None) -> NDArray[np.float32]:
    """The confidence asked for by class id, float32 ``(256,)``: ``sure``, if given, else what
    the segmenter states for each class.
    """
    asked = np.full(256, OTHERWISE if sure is None else sure, np.float32)
    if sure is None:
        for class_id, threshold in segmenter.sure.items():
            asked[class_id] = threshold
    return asked


def final_labels(
    guess: Guess, hand: HandNamed | None, asked: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The label map to train on, uint8 ``(H, W)``: what is named by hand, else what the
    segmenter is sure of, else 255.
    """
    sure = guess.confidence >= asked[guess.labels]
    labels = np.where(sure, guess.labels, np.uint8(UNKNOWN_ID))
    return labels if hand is None else np.where(hand.named, hand.labels, labels)
