"""One look of VGG16 at a picture, and everything the scores read from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.evaluation.features import Vgg16, to_batch
from spade.evaluation.lpips import block_distances
from spade.evaluation.scorer import Scorer, columns

POOLED = ("relu5_3", "relu4_3")
"""Blocks whose means over the picture Fréchet distances are measured in; the first counts."""


@dataclass(frozen=True, eq=False)
class Look:
    """answer: the scorer's class ids, uint8 ``(H, W)``. pooled: for each of :data:`POOLED`
    the mean over the picture, float64 ``(512,)``.
    """

    answer: NDArray[np.uint8]
    pooled: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True, eq=False)
class Judge:
    """``heads``: those of LPIPS, None if the VGG16 file has none."""

    vgg: Vgg16
    heads: tuple[Tensor, ...] | None
    scorer: Scorer
    device: torch.device

    def look(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Look]:
        """Look at pictures of one size, uint8 ``(H, W, 3)`` each."""
        with torch.inference_mode():
            seen = columns(self.vgg.blocks(to_batch(pictures, self.device)))
            answers = self.scorer.answer(seen, pictures[0].shape[:2]).cpu().numpy()
            means = [
                block.double().mean(dim=(2, 3)).cpu().numpy()
                for block in (seen.blocks[3], seen.blocks[2])
            ]
        return [Look(answers[i], tuple(mean[i] for mean in means)) for i in range(len(pictures))]

    def compare(
        self, pictures: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64] | None]:
        """The scorer's answers, uint8 ``(N, H, W)``, and LPIPS between all pictures,
        float64 ``(N, N)``; None without heads.
        """
        distances = np.zeros((len(pictures), len(pictures)))

        def measured(blocks: Iterator[Tensor]) -> Iterator[Tensor]:
            nonlocal distances
            for number, block in enumerate(blocks):
                if self.heads is not None:
                    distances = distances + block_distances(block, self.heads[number])
                yield block

        with torch.inference_mode():
            seen = columns(measured(self.vgg.blocks(to_batch(pictures, self.device))))
            answers = self.scorer.answer(seen, pictures[0].shape[:2]).cpu().numpy()
        return answers, None if self.heads is None else distances
