"""The image encoder of the VAE (paper, section 4 "multi-modal synthesis"; figure 14)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.blocks import LEAK
from spade.config import EncoderConfig
from spade.spectral import glorot_init, spectral_norm


class Encoder(nn.Module):
    """From a style image to the mean and log variance of its latent."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.nef * m for m in (1, 2, 4, 8, 8, 8)[: config.layers]]
        self.convs = nn.ModuleList(
            # The instance norm that follows would take a bias away again.
            spectral_norm(nn.Conv2d(fin, fout, 3, stride=2, padding=1, bias=False))
            for fin, fout in zip([3, *widths], widths, strict=False)
        )
        self.mu = nn.Linear(widths[-1] * 16, config.z_dim)
        self.logvar = nn.Linear(widths[-1] * 16, config.z_dim)
        glorot_init(self)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: float ``(N, 3, any, any)`` in [-1, 1]. Returns mu and logvar, ``(N, z_dim)``."""
        side = self.config.input_size
        if image.shape[-2:] != (side, side):
            image = F.interpolate(image, size=(side, side), mode="bilinear", align_corners=False)
        h = image
        for conv in self.convs:
            h = F.leaky_relu(F.instance_norm(conv(h)), LEAK)
        h = h.flatten(1)
        return self.mu(h), self.logvar(h)


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor | None = None) -> Tensor:
    """z = mu + sigma * noise (Kingma and Welling, 2014). All ``(N, z_dim)``."""
    if noise is None:
        noise = torch.randn_like(mu)
    return mu + torch.exp(0.5 * logvar) * noise
