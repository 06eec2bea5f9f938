"""The SPADE layer; the batch norm under it is in :mod:`spade.batch_norm`.

Park, Liu, Wang, Zhu: Semantic Image Synthesis with Spatially-Adaptive Normalization,
CVPR 2019, section 3, equations 1 to 3 and figure 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.batch_norm import BatchNorm
from spade.label_windows import LabelWindows
from spade.labels import resize_nearest
from spade.window_modulation import modulate

__all__ = ["BatchNorm", "Spade"]


class Spade(nn.Module):
    """Spatially-adaptive denormalisation (equation 1).

        gamma(m) * (h - mu) / sigma + beta(m)

    gamma and beta are fields, computed from the semantic map m by two convolutions; they
    vary with place and channel. gamma is learned as the difference from 1, so that a fresh
    layer starts near plain batch norm.
    """

    def __init__(self, channels: int, semantic_nc: int, embedding: int = 128) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.embed = nn.Conv2d(semantic_nc, embedding, 3, padding=1)
        self.gamma = nn.Conv2d(embedding, channels, 3, padding=1)
        self.beta = nn.Conv2d(embedding, channels, 3, padding=1)

    def modulation(self, semantic: Tensor) -> tuple[Tensor, Tensor]:
        """gamma - 1 and beta for a semantic map already at this layer's size.

        semantic: float ``(N, semantic_nc, H, W)``. Returns two ``(N, channels, H, W)``.
        """
        embedded = F.relu(self.embed(semantic))
        # One convolution for both: the embedding is read from memory once.
        weight = torch.cat([self.gamma.weight, self.beta.weight])
        bias = torch.cat([_bias(self.gamma), _bias(self.beta)])
        gamma, beta = F.conv2d(embedded, weight, bias, padding=1).chunk(2, dim=1)
        return gamma, beta

    def forward(
        self, h: Tensor, semantic: Tensor | LabelWindows, slope: float | None = None
    ) -> Tensor:
        """h: ``(N, channels, H, W)``; semantic: ``(N, semantic_nc, any, any)``, or in training
        its windows at H x W; slope: of a leaky ReLU to follow. Returns like h.
        """
        if isinstance(semantic, LabelWindows):
            both = self.gamma, self.beta
            return modulate(self.norm, h, self.embed, both, semantic, slope)
        gamma, beta = self.modulation(resize_nearest(semantic, (h.shape[-2], h.shape[-1])))
        result = torch.addcmul(beta, self.norm(h), 1 + gamma)
        return result if slope is None else F.leaky_relu(result, slope)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
