"""The pix2pixHD global generator, the baseline of the paper's section 4 and figure 3.

Wang et al.: High-Resolution Image Synthesis and Semantic Manipulation with Conditional
GANs, CVPR 2018, section 3.1 and appendix. The semantic map goes in at the front, like a
picture, and instance norm follows every convolution. On a map of one single class the
first convolution's output is the same everywhere (padding is by reflection), so its
instance norm makes it zero: which class it was is washed out. SPADE keeps it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.config import Pix2PixHDConfig
from spade.spectral import making_plain

EPS = 1e-5
"""Of instance norm."""
ROUNDING = 1e-5
"""Standard deviations below this part of the layer's r.m.s. are rounding, in fp32."""


class Pix2PixHDGenerator(nn.Module):
    """From a semantic map to a picture, by way of a small, wide bottleneck.

    With k = ``ngf`` and d = ``downsamplings``; every convolution but the last is followed
    by instance norm (unless ``normalize`` is off) and ReLU:

        7x7 conv, reflection padding       ->  k
        d times 3x3 conv, stride 2      k  ->  2k  ->  ...  ->  2^d k
        ``blocks`` residual blocks
        d times 3x3 transposed conv, x2    2^d k  ->  ...  ->  k
        7x7 conv, reflection padding    k  ->  3, tanh
    """

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__()
        self.config = config
        k, d = config.ngf, config.downsamplings
        self.stem = nn.Conv2d(config.semantic_nc, k, 7, padding=3, padding_mode="reflect")
        self.down = nn.ModuleList(
            nn.Conv2d(k << i, k << (i + 1), 3, stride=2, padding=1) for i in range(d)
        )
        self.blocks = nn.ModuleList(
            ResidualBlock(k << d, config.normalize) for _ in range(config.blocks)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(k << (i + 1), k << i, 3, stride=2, padding=1, output_padding=1)
            for i in reversed(range(d))
        )
        self.to_rgb = nn.Conv2d(k, 3, 7, padding=3, padding_mode="reflect")
        gaussian_init(self)

    def forward(self, semantic: Tensor, z: Tensor | None = None) -> Tensor:
        """semantic: float ``(N, semantic_nc, H, W)``, H and W multiples of the stride.

        z: must be None; it is there so that the training loop can call any generator.
        Returns ``(N, 3, H, W)`` in [-1, 1].
        """
        if z is not None:
            raise ValueError("pix2pixHD reads no z")
        _, channels, height, width = semantic.shape
        if channels != self.config.semantic_nc:
            raise ValueError(
                f"semantic map has {channels} channels, the generator reads "
                f"{self.config.semantic_nc}"
            )
        stride = self.config.stride
        smallest = self.config.smallest
        if height % stride or width % stride or min(height, width) < smallest:
            raise ValueError(
                f"semantic map of {width}x{height}: both sides must be multiples of {stride}, "
                f"and at least {smallest}"
            )
        normalize = self.config.normalize
        h = F.relu(normalized(self.stem(semantic), normalize))
        for conv in self.down:
            h = F.relu(normalized(conv(h), normalize))
        for block in self.blocks:
            h = block(h)
        for conv in self.up:
            h = F.relu(normalized(conv(h), normalize))
        return torch.tanh(self.to_rgb(h))


class ResidualBlock(nn.Module):
    """h + (conv, norm, ReLU, conv, norm)(h), both 3x3 with reflection padding."""

    def __init__(self, channels: int, normalize: bool) -> None:
        super().__init__()
        self.normalize = normalize
        self.conv_0 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect")

    def forward(self, h: Tensor) -> Tensor:
        """h: ``(N, channels, H, W)`` -> the same shape."""
        dh = F.relu(normalized(self.conv_0(h), self.normalize))
        return h + normalized(self.conv_1(dh), self.normalize)


def normalized(h: Tensor, on: bool) -> Tensor:
    """Instance norm without learned scale and shift, or ``h`` as it is. ``(N, C, H, W)``.

    A channel that is constant but for rounding counts as constant and becomes 0. Divided by
    sqrt(eps) instead, the rounding would grow 300-fold with every layer and end up as a
    picture of its own.
    """
    if not on:
        return h
    centred = h - h.mean(dim=(2, 3), keepdim=True)
    var = centred.square().mean(dim=(2, 3), keepdim=True)
    power = h.detach().square().mean(dim=(1, 2, 3), keepdim=True)
    varies = var > ROUNDING**2 * power
    return centred * ((var + EPS).rsqrt() * varies)


def gaussian_init(network: nn.Module, std: float = 0.02) -> None:
    """Weights from N(0, std^2), zero biases, as pix2pixHD's authors start (their section 4)."""
    if making_plain():
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
