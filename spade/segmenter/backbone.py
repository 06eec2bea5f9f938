"""EfficientNet-Lite0, the segmenter's backbone, without its classification head.

Tan and Le, "EfficientNet" (ICML 2019), table 1; the Lite variant leaves out squeeze and
excitation, uses ReLU6 and keeps stem and head unscaled. Small and quick on CPUs.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class _Stage:
    """``repeats`` inverted residuals; the first one changes width and stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    width: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)

_TAPS = (1, 2, 4, 6)  # the last stage at each of the strides

WIDTHS = tuple(_STAGES[i].width for i in _TAPS)
"""Channels of the four feature maps, at strides 4, 8, 16 and 32."""

STAGE_REPEATS = tuple(stage.repeats for stage in _STAGES)

STRIDE = 32

_STEM = 32
_MEAN = (0.498, 0.498, 0.498)  # the published weights: 127 and 128 of 255
_STD = (0.502, 0.502, 0.502)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection (MobileNetV2's block)."""

    def __init__(self, fin: int, fout: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = fin * expansion
        self.skip = stride == 1 and fin == fout
        self.expand = nn.Conv2d(fin, middle, 1, bias=False) if expansion > 1 else nn.Identity()
        self.expand_norm = _norm(middle) if expansion > 1 else nn.Identity()
        # TensorFlow's "same" padding, which the published weights expect: with stride 2
        # one pixel more at the bottom and the right.
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.pad = nn.ZeroPad2d((before, after, before, after))
        self.depthwise = nn.Conv2d(middle, middle, kernel, stride, groups=middle, bias=False)
        self.depthwise_norm = _norm(middle)
        self.project = nn.Conv2d(middle, fout, 1, bias=False)
        self.project_norm = _norm(fout)
        self.activation = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, fin, H, W)`` to ``(N, fout, H / stride, W / stride)``."""
        h = x
        if not isinstance(self.expand, nn.Identity):
            h = self.activation(self.expand_norm(self.expand(h)))
        h = self.activation(self.depthwise_norm(self._filter(h)))
        h = self.project_norm(self.project(h))
        result: Tensor = x + h if self.skip else h
        return result

    def _filter(self, h: Tensor) -> Tensor:
        h = self.pad(h)
        # In fp32, whatever the rest is in: on CPUs its bf16 gradients are far slower.
        slow = h.requires_grad and h.device.type == "cpu"
        with torch.autocast("cpu", enabled=False) if slow else nullcontext():
            filtered: Tensor = self.depthwise(h.float() if slow else h)
        return filtered


class Backbone(nn.Module):
    """Feature maps at strides 4, 8, 16 and 32."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.stem = nn.Conv2d(3, _STEM, 3, 2, bias=False)
        self.stem_norm = _norm(_STEM)
        self.activation = nn.ReLU6(inplace=True)
        self.stages = nn.ModuleList()
        width = _STEM
        for stage in _STAGES:
            blocks = nn.Sequential()
            for i in range(stage.repeats):
                stride = stage.stride if i == 0 else 1
                blocks.append(
                    InvertedResidual(width, stage.width, stage.kernel, stride, stage.expansion)
                )
                width = stage.width
            self.stages.append(blocks)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: float ``(N, 3, H, W)`` in [0, 1], sides multiples of 32. Four feature maps."""
        h = (image - self.mean) / self.std
        h = self.activation(self.stem_norm(self.stem(self.pad(h))))
        features = []
        for index, stage in enumerate(self.stages):
            h = stage(h)
            if index in _TAPS:
                features.append(h)
        return features
