"""The segmenter's network: a small pyramid decoder on the backbone's four feature maps.

Feature pyramid (Lin et al., CVPR 2017) with the picture's overall content added at the top
(the global pooling of Zhao et al., CVPR 2017): whether water is a sea is often told by the
rest of the picture.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from spade.segmenter.backbone import STRIDE, WIDTHS, Backbone, InvertedResidual

DECODER_WIDTH = 96


def channels_last(network: SegmenterNetwork) -> SegmenterNetwork:
    """``network`` with its convolutions laid out as CPUs and GPUs like them; in place."""
    placed: Any = network  # torch's stubs don't know the argument
    placed.to(memory_format=torch.channels_last)
    return network


def folded(network: SegmenterNetwork) -> SegmenterNetwork:
    """A copy in eval mode whose batch norms are folded into the convolutions before them.

    The same answers to rounding, with a third less work on a CPU.
    """
    network = copy.deepcopy(network).eval()
    pairs: list[tuple[nn.Module, str, str]] = [(network.backbone, "stem", "stem_norm")]
    pairs += [(fuse, "conv", "norm") for fuse in network.fuse]
    for block in network.modules():
        if isinstance(block, InvertedResidual):
            pairs += [(block, "depthwise", "depthwise_norm"), (block, "project", "project_norm")]
            if isinstance(block.expand, nn.Conv2d):
                pairs.append((block, "expand", "expand_norm"))
    for owner, convolution, norm in pairs:
        fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm))
        setattr(owner, convolution, fused.requires_grad_(False))
        setattr(owner, norm, nn.Identity())
    return network


class _Fuse(nn.Module):
    """A 3x3 convolution over the sum of a level and the one above it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, level: Tensor, above: Tensor) -> Tensor:
        above = F.interpolate(above, size=level.shape[-2:], mode="bilinear", align_corners=False)
        fused: Tensor = F.relu(self.norm(self.conv(level + above)))
        return fused


class SegmenterNetwork(nn.Module):
    """A photo to one logit a class, at a quarter of its size."""

    def __init__(self, classes: int, width: int = DECODER_WIDTH) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.lateral = nn.ModuleList(nn.Conv2d(fin, width, 1) for fin in WIDTHS)
        self.overall = nn.Conv2d(WIDTHS[-1], width, 1)
        self.fuse = nn.ModuleList(_Fuse(width) for _ in WIDTHS)
        self.drop = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """image: float ``(N, 3, H, W)`` in [0, 1], sides multiples of 32.

        Returns logits ``(N, classes, H / 4, W / 4)``.
        """
        if image.shape[-2] % STRIDE or image.shape[-1] % STRIDE:
            raise ValueError(f"sides must be multiples of {STRIDE}, not {tuple(image.shape)}")
        features = self.backbone(image)
        h = self.overall(features[-1].mean(dim=(2, 3), keepdim=True))
        for feature, lateral, fuse in zip(
            reversed(features), reversed(self.lateral), reversed(self.fuse), strict=True
        ):
            h = fuse(lateral(feature), h)
        logits: Tensor = self.head(self.drop(h))
        return logits
