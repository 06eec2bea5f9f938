"""The multi-scale PatchGAN discriminator (paper, figure 13; Wang et al., CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.blocks import LEAK
from spade.config import DiscriminatorConfig
from spade.spectral import glorot_init, spectral_norm


class PatchDiscriminator(nn.Module):
    """4x4 convolutions that judge overlapping patches of (semantic map, picture)."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        widths = [min(config.ndf << i, 8 * config.ndf) for i in range(config.layers)]
        self.first = nn.Conv2d(config.semantic_nc + 3, widths[0], 4, stride=2, padding=2)
        self.middle = nn.ModuleList(
            spectral_norm(
                nn.Conv2d(
                    widths[i - 1],
                    widths[i],
                    4,
                    stride=1 if i == config.layers - 1 else 2,
                    padding=2,
                    bias=False,
                )
            )
            for i in range(1, config.layers)
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, padding=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: ``(N, semantic_nc + 3, H, W)``. Returns every layer's output, the score last."""
        features = [F.leaky_relu(self.first(x), LEAK)]
        for conv in self.middle:
            features.append(F.leaky_relu(F.instance_norm(conv(features[-1])), LEAK))
        features.append(self.last(features[-1]))
        return features


class Discriminator(nn.Module):
    """``scales`` PatchGANs, each on an input half the size of the one before."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = nn.ModuleList(PatchDiscriminator(config) for _ in range(config.scales))
        glorot_init(self)

    def forward(self, semantic: Tensor, image: Tensor) -> list[list[Tensor]]:
        """semantic: ``(N, semantic_nc, H, W)``; image: ``(N, 3, H, W)`` in [-1, 1].

        Returns, for each scale, all layers' outputs; the last of each is the score map
        ``(N, 1, h, w)``, large where the patch looks real.
        """
        x = torch.cat([semantic, image], dim=1)
        results = []
        for i, patch in enumerate(self.patches):
            if i:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            results.append(patch(x))
        return results
