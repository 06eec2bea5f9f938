"""One training step: what the discriminator, then the generator and encoder, are asked.

Stated formulation: the generator runs once a step; the discriminator is updated first, on
that picture cut from the graph, and the generator is then judged by the updated
discriminator. Adversarial, feature-matching, perceptual and KL terms are the paper's
(section 4 and appendix A); ``color_weight`` adds an L1 between the two pictures averaged
over 8x8 pixels, which short runs need to take up the style's colours (not in the paper).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.config import TrainingConfig
from spade.discriminator import Discriminator
from spade.encoder import Encoder, reparameterize
from spade.losses import (
    Features,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    kl_divergence,
)
from spade.perceptual import PerceptualLoss


@dataclass(frozen=True)
class Networks:
    """The networks that learn. ``encoder`` is None without a VAE."""

    generator: nn.Module
    encoder: Encoder | None
    discriminator: Discriminator


@dataclass(frozen=True)
class Optimizers:
    """One for generator and encoder together, one for the discriminator."""

    generator: torch.optim.Optimizer
    discriminator: torch.optim.Optimizer


def train_step(
    networks: Networks,
    optimizers: Optimizers,
    perceptual: PerceptualLoss | None,
    config: TrainingConfig,
    semantic: Tensor,
    images: Tensor,
    noise: Tensor | None,
) -> dict[str, Tensor]:
    """One update of the discriminator and one of generator and encoder.

    semantic: ``(N, semantic_nc, H, W)``; images: ``(N, 3, H, W)`` in [-1, 1]; noise:
    ``(N, z_dim)`` from N(0, 1), used with an encoder. Returns the losses, unweighted.
    """
    autocast = torch.autocast(
        semantic.device.type, torch.bfloat16, enabled=config.precision == "bf16"
    )
    losses: dict[str, Tensor] = {}
    adversarial = config.gan_weight > 0 or config.feature_weight > 0

    with autocast:
        z = None
        if networks.encoder is not None:
            mu, logvar = (t.float() for t in networks.encoder(images))
            z = reparameterize(mu, logvar, noise)
            losses["kld"] = kl_divergence(mu, logvar)
        fake = networks.generator(semantic, z).float()

    if adversarial:
        with autocast:
            real_d, fake_d = _judge(networks.discriminator, semantic, images, fake.detach())
        losses["d"] = hinge_discriminator(real_d, fake_d)
        optimizers.discriminator.zero_grad(set_to_none=True)
        losses["d"].backward()  # type: ignore[no-untyped-call]
        optimizers.discriminator.step()

        # The discriminator only passes the gradient on: its own would be thrown away.
        networks.discriminator.requires_grad_(False)
        with autocast:
            real_g, fake_g = _judge(networks.discriminator, semantic, images, fake)
        losses["gan"] = hinge_generator(fake_g)
        losses["feature"] = feature_matching(real_g, fake_g)
    if perceptual is not None and config.perceptual_weight > 0:
        with autocast:
            losses["perceptual"] = perceptual(fake, images)
    if config.color_weight > 0:
        losses["color"] = F.l1_loss(F.avg_pool2d(fake, 8), F.avg_pool2d(images, 8))

    weights = {
        "gan": config.gan_weight,
        "feature": config.feature_weight,
        "perceptual": config.perceptual_weight,
        "kld": config.kld_weight,
        "color": config.color_weight,
    }
    total = torch.stack([weights[k] * losses[k].float() for k in weights if k in losses]).sum()
    optimizers.generator.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    optimizers.generator.step()
    networks.discriminator.requires_grad_(True)
    return {key: value.detach() for key, value in losses.items()}


def _judge(
    discriminator: Discriminator, semantic: Tensor, real: Tensor, fake: Tensor
) -> tuple[Features, Features]:
    """Features of both pictures from one pass; the instance norm sees each alone."""
    both = discriminator(torch.cat([semantic, semantic]), torch.cat([real, fake]))
    halves = [[layer.float().chunk(2) for layer in scale] for scale in both]
    return [[r for r, _ in scale] for scale in halves], [[f for _, f in scale] for scale in halves]
