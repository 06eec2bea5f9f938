"""A small segmentation head on frozen VGG16 features, which training never used.

Each cell of 4x4 pixels is judged by its hypercolumn (Hariharan et al., CVPR 2015): the
features of four blocks at its place, and the mean of the last block over the picture. The
head is 1x1 convolutions only, so it can be trained on single cells (Bansal et al.,
"PixelNet", 2017), which is what makes a CPU enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.evaluation.features import WIDTHS
from spade.formats.errors import InputError

CELL = 4
"""Side in pixels of what gets one answer."""

_BLOCKS = WIDTHS[1:]


@dataclass(frozen=True)
class ScorerConfig:
    """``classes``: how many; ``hidden``: width of the two hidden layers."""

    classes: int
    hidden: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= 255 or not 1 <= self.hidden <= 4096:
            raise InputError(f"scorer of {self.classes} classes, width {self.hidden}: out of range")


@dataclass(frozen=True)
class Columns:
    """What the head reads, float.

    blocks: relu2_2 (averaged down to one value a cell), relu3_3, relu4_3, relu5_3: each
    ``(N, channels, h, w)`` at its own size. scene: the mean of relu5_3, ``(N, 512)``.
    """

    blocks: tuple[Tensor, ...]
    scene: Tensor


def columns(features: Iterable[Tensor]) -> Columns:
    """From the five blocks of :meth:`spade.evaluation.features.Vgg16.blocks`."""
    rest = iter(features)
    next(rest)
    blocks = (F.avg_pool2d(next(rest), 2), *rest)
    return Columns(blocks, blocks[-1].mean(dim=(2, 3)))


class Scorer(nn.Module):
    """Logits of the classes in every cell.

    Features are standardised channel by channel with what training saw. As a 1x1
    convolution and bilinear enlarging commute, each block goes through its part of the
    first layer at its own size; the sum is then the layer on the whole hypercolumn.
    """

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden
        for number, width in enumerate((*_BLOCKS, WIDTHS[-1])):
            self.register_buffer(f"mean_{number}", torch.zeros(width))
            self.register_buffer(f"scale_{number}", torch.ones(width))
        self.parts = nn.ModuleList(nn.Conv2d(width, hidden, 1, bias=False) for width in _BLOCKS)
        self.scene = nn.Linear(WIDTHS[-1], hidden)
        self.middle = nn.Conv2d(hidden, hidden, 1)
        self.dropout = nn.Dropout(0.3)
        self.to_classes = nn.Conv2d(hidden, config.classes, 1)

    def forward(self, seen: Columns) -> Tensor:
        """Logits ``(N, classes, h, w)``, one place a cell (as large as relu3_3)."""
        size = seen.blocks[1].shape[-2:]
        h = self.scene(self._standard(len(_BLOCKS), seen.scene))[:, :, None, None]
        for number, (part, block) in enumerate(zip(self.parts, seen.blocks, strict=True)):
            share = part(self._standard(number, block))
            if share.shape[-2:] != size:
                share = F.interpolate(share, size=size, mode="bilinear", align_corners=False)
            h = h + share
        h = self.dropout(F.relu(h))
        h = self.dropout(F.relu(self.middle(h)))
        logits: Tensor = self.to_classes(h)
        return logits

    def answer(self, seen: Columns, size: tuple[int, int]) -> Tensor:
        """The likeliest class of each pixel, uint8 ``(N, height, width)``; size: the pictures'."""
        logits = F.interpolate(self(seen), size=size, mode="bilinear", align_corners=False)
        return logits.argmax(dim=1).to(torch.uint8)

    def standardise(self, number: int, values: Tensor) -> None:
        """Take mean and spread of block ``number`` (the scene is the last) from ``(M, C)``."""
        self.get_buffer(f"mean_{number}").copy_(values.mean(dim=0))
        self.get_buffer(f"scale_{number}").copy_(
            1 / values.std(dim=0, correction=0).clamp_min(1e-3)
        )

    def _standard(self, number: int, values: Tensor) -> Tensor:
        shape = (-1, *(1,) * (values.ndim - 2))
        mean, scale = self.get_buffer(f"mean_{number}"), self.get_buffer(f"scale_{number}")
        return (values - mean.view(shape)) * scale.view(shape)
