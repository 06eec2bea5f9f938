"""The SPADE residual block (paper, figure 4, left; appendix A, figure 11)."""

from __future__ import annotations

from torch import Tensor, nn

from spade.label_windows import LabelWindows
from spade.normalization import Spade
from spade.spectral import spectral_norm

LEAK = 0.2
"""Slope of LeakyReLU below zero, everywhere."""


class SpadeResBlock(nn.Module):
    """Two (SPADE, LeakyReLU, 3x3 conv) and a shortcut.

    The shortcut is the identity, or (SPADE, 1x1 conv without bias, no activation) where
    the number of channels changes. The middle width is the smaller of the two.
    """

    def __init__(self, fin: int, fout: int, semantic_nc: int, embedding: int = 128) -> None:
        super().__init__()
        middle = min(fin, fout)
        self.norm_0 = Spade(fin, semantic_nc, embedding)
        self.conv_0 = spectral_norm(nn.Conv2d(fin, middle, 3, padding=1))
        self.norm_1 = Spade(middle, semantic_nc, embedding)
        self.conv_1 = spectral_norm(nn.Conv2d(middle, fout, 3, padding=1))
        self.learned_shortcut = fin != fout
        if self.learned_shortcut:
            self.norm_s = Spade(fin, semantic_nc, embedding)
            self.conv_s = spectral_norm(nn.Conv2d(fin, fout, 1, bias=False))

    def forward(self, h: Tensor, semantic: Tensor | LabelWindows) -> Tensor:
        """h: ``(N, fin, H, W)``; semantic: ``(N, C, H, W)`` or larger, or in training its
        windows at H x W. Returns ``(N, fout, H, W)``.
        """
        shortcut = self.conv_s(self.norm_s(h, semantic)) if self.learned_shortcut else h
        dh = self.conv_0(self.norm_0(h, semantic, LEAK))
        dh = self.conv_1(self.norm_1(dh, semantic, LEAK))
        result: Tensor = shortcut + dh
        return result
