"""The segmentation discriminator of OASIS and its loss.

Schönfeld, Sushko, Zhang, Gall, Schiele, Khoreva: You Only Need Adversarial Supervision for
Semantic Image Synthesis, ICLR 2021. It sees the picture alone and tells for every pixel
which class it shows, or that it is generated: N + 1 classes (section 3.1, equations 1 to 3;
the network of appendix A.6, table M, which is for 256 pixels and 6 levels).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.blocks import LEAK
from spade.config import OasisConfig
from spade.losses import at_least_float
from spade.spectral import glorot_init, spectral_norm


class OasisDiscriminator(nn.Module):
    """A U-Net of residual blocks. With k = ``ndf`` and 6 levels:

        3 -> 2k -> 2k -> 4k -> 4k -> 8k -> 8k      each block, then halved
        8k -> 8k -> 4k -> 4k -> 2k -> 2k -> k      doubled, then each block
        k -> label_nc + 1                          1x1

    A block of the way up reads the result of the way down at the same size, too.
    """

    def __init__(self, config: OasisConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.ndf * m for m in (2, 2, 4, 4, 8, 8)[: config.levels]]
        self.down = nn.ModuleList(
            _Block(fin, fout, first=i == 0)
            for i, (fin, fout) in enumerate(zip([3, *widths], widths, strict=False))
        )
        self.up = nn.ModuleList()
        h = widths[-1]
        for i in reversed(range(config.levels)):
            fout = widths[i - 1] if i else config.ndf
            # The deepest level has nothing beside it to read.
            fin = h if i == config.levels - 1 else h + widths[i]
            self.up.append(_Block(fin, fout))
            h = fout
        self.last = nn.Conv2d(config.ndf, config.label_nc + 1, 1)
        glorot_init(self)

    def forward(self, image: Tensor) -> Tensor:
        """image: ``(N, 3, H, W)`` in [-1, 1], sides multiples of 2^levels.

        Returns the logits ``(N, label_nc + 1, H, W)``, "fake" last.
        """
        levels = []
        h = image
        for block in self.down:
            h = F.avg_pool2d(block(h), 2)
            levels.append(h)
        levels.pop()
        for i, block in enumerate(self.up):
            h = block(h if i == 0 else torch.cat([h, levels.pop()], dim=1), double=True)
        result: Tensor = self.last(F.leaky_relu(h, LEAK))
        return result


class _Block(nn.Module):
    """(LeakyReLU, 3x3 conv) twice beside a 1x1 shortcut; the picture enters as it is."""

    def __init__(self, fin: int, fout: int, first: bool = False) -> None:
        super().__init__()
        self.first = first
        self.conv_0 = spectral_norm(nn.Conv2d(fin, fout, 3, padding=1))
        self.conv_1 = spectral_norm(nn.Conv2d(fout, fout, 3, padding=1))
        self.conv_s = spectral_norm(nn.Conv2d(fin, fout, 1, bias=False))

    def forward(self, h: Tensor, double: bool = False) -> Tensor:
        """``(N, fin, H, W)`` -> ``(N, fout, H, W)``, or twice that size."""
        shortcut = self.conv_s(h)
        if not self.first:
            h = F.leaky_relu(h, LEAK)
        if double:
            h, shortcut = (F.interpolate(t, scale_factor=2, mode="nearest") for t in (h, shortcut))
        result: Tensor = shortcut + self.conv_1(F.leaky_relu(self.conv_0(h), LEAK))
        return result


def pixel_counts(semantic: Tensor, label_nc: int) -> Tensor:
    """How many pixels of the maps have each class, and how many none that is known:
    float ``(label_nc + 1,)``. semantic: as :func:`should_show` has it.
    """
    return map_regions(semantic, label_nc).sum(dim=(0, 2, 3))


def class_weights(counts: Tensor) -> Tensor:
    """alpha_c (equation 2): a class weighs the more the fewer pixels of the batch have it.

    counts: pixels of each class, ``(C,)``, or all times the same number. Returns ``(C,)``, 0
    for a class that is not there, such that the mean over all pixels that have a class is 1.
    """
    present = counts > 0
    share = counts.sum() / present.sum().clamp_min(1)
    return torch.where(present, share / torch.where(present, counts, 1.0), 0.0)


def should_show(
    logits: Tensor, semantic: Tensor, label_nc: int, counts: Tensor | None = None
) -> Tensor:
    """How far the pictures are from showing their maps (equations 1 and 3). Returns a scalar.

    logits: ``(N, label_nc + 1, H, W)``; semantic: ``(N, C, H, W)``, classes first, perhaps
    with "don't care" and instance edges after them. Cross-entropy, classes weighed by
    :func:`class_weights`, mean over all pixels. Where no class is known none is asked for,
    but that the pixel is not "fake": the paper leaves such pixels out, but here the
    generator has to fill them. Pixels without any channel, cut by augmentation, don't count.

    counts: :func:`pixel_counts` of the whole batch, times the share of it that these pictures
    are; by default they are all. The sum over all parts of the batch, each times its share,
    is then the loss of the whole.
    """
    log_p = F.log_softmax(at_least_float(logits), dim=1)[:, :-1]
    regions = map_regions(semantic, label_nc)
    if counts is None:
        counts = regions.sum(dim=(0, 2, 3))
    classes, unknown = regions[:, :-1], regions[:, -1]
    weighted = classes * class_weights(counts[:-1])[:, None, None]
    total = (weighted * log_p).sum() + (unknown * log_p.logsumexp(dim=1)).sum()
    return -total / _not_zero(counts.sum())


def should_be_fake(
    logits: Tensor, semantic: Tensor, label_nc: int, counts: Tensor | None = None
) -> Tensor:
    """Cross-entropy to "fake", mean over the pixels (equation 1); arguments as above."""
    occupied = map_regions(semantic, label_nc).sum(dim=1)
    log_p = F.log_softmax(at_least_float(logits), dim=1)[:, -1]
    return -(occupied * log_p).sum() / _not_zero((occupied if counts is None else counts).sum())


def _not_zero(total: Tensor) -> Tensor:
    """Where nothing is counted the sum to be divided is 0, too."""
    return torch.where(total > 0, total, 1.0)


def realness(logits: Tensor) -> Tensor:
    """Log odds of "some class" against "fake", mean over pixels: ``(N,)``; for R1."""
    logits = at_least_float(logits)
    return (logits[:, :-1].logsumexp(dim=1) - logits[:, -1]).mean(dim=(1, 2))


def label_mix(semantic: Tensor, coin: Tensor, label_nc: int) -> Tensor:
    """The binary mask M of LabelMix: borders only where the map has them (figure 3).

    coin: 0 or 1 for each class of each map, unknown last: float ``(N, label_nc + 1)``.
    Returns float ``(N, 1, H, W)``.
    """
    regions = map_regions(semantic, label_nc)
    return torch.einsum("nchw,nc->nhw", regions, coin.to(regions.dtype)).unsqueeze(1)


def map_regions(semantic: Tensor, label_nc: int) -> Tensor:
    """One-hot ``(N, label_nc + 1, H, W)``: the classes, then where the class is unknown.

    All 0 where the map is: augmentation has cut the pixel away.
    """
    classes = semantic[:, :label_nc]
    # Without a "don't care" channel this one is of instance edges, which lie on classes.
    rest = semantic[:, label_nc : label_nc + 1]
    unknown = (rest - classes.sum(dim=1, keepdim=True)).clamp_min(0)
    if unknown.shape[1] == 0:
        unknown = torch.zeros_like(classes[:, :1])
    return torch.cat([classes, unknown], dim=1)
