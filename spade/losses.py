"""The terms of the objective (paper, section 4 and appendix A).

R1 is not the paper's: Mescheder, Geiger, Nowozin, ICML 2018, equation 9.

Scores and features come from the multi-scale discriminator: a list of scales, each a list
of layers, the score map last.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

Features = Sequence[Sequence[Tensor]]


def at_least_float(values: Tensor) -> Tensor:
    """Half precision, which networks give under autocast, as fp32; others as they are."""
    return values if values.dtype == torch.float64 else values.float()


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


def patch_score(features: Features) -> Tensor:
    """D(x) of each picture, mean over patches, then over scales: ``(N,)``."""
    return torch.stack([at_least_float(scale[-1]).mean(dim=(1, 2, 3)) for scale in features]).mean(
        dim=0
    )


def gradient_penalty(score: Tensor, image: Tensor) -> Tensor:
    """R1 without its weight: the squared norm of dD/dx at photos, mean over the batch.

    score: ``(N,)``, computed from image ``(N, 3, H, W)``, which requires a gradient.
    Can be differentiated once more.
    """
    (gradient,) = torch.autograd.grad(score.sum(), image, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
