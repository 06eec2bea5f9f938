"""The terms of the objective (paper, section 4 and appendix A).

Scores and features come from the multi-scale discriminator: a list of scales, each a list
of layers, the score map last.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Features = Sequence[Sequence[Tensor]]


def hinge_discriminator(real: Features, fake: Features) -> Tensor:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake)), mean over patches, then over scales."""
    terms = [
        F.relu(1 - r[-1]).mean() + F.relu(1 + f[-1]).mean() for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def hinge_generator(fake: Features) -> Tensor:
    """-D(fake), mean over patches, then over scales."""
    return torch.stack([-f[-1].mean() for f in fake]).mean()


def feature_matching(real: Features, fake: Features) -> Tensor:
    """L1 between the discriminator's layers on real and generated pictures.

    Over all layers but the score, summed over layers, mean over scales. No gradient goes
    to the real side.
    """
    terms = [
        torch.stack([F.l1_loss(b, a.detach()) for a, b in zip(r[:-1], f[:-1], strict=True)]).sum()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)): sum over the latent, mean over the batch. ``(N, z)`` -> ()."""
    per_sample = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(dim=1)
    return per_sample.mean()
