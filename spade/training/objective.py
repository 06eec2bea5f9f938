"""One training step: what the discriminator, then the generator and encoder, are asked.

Stated formulation: the generator runs once a step; the discriminator is updated first, on
that picture cut from the graph, and the generator is then judged by the updated
discriminator. Adversarial, feature-matching, perceptual and KL terms are the paper's
(section 4 and appendix A); ``color_weight`` adds an L1 between the two pictures averaged
over 8x8 pixels, which short runs need to take up the style's colours (not in the paper).
What else is not in the paper and off by default: :mod:`spade.training.augment`, :mod:`spade.oasis`,
R1 every ``r1_every`` steps (times that number, as Karras et al., CVPR 2020, appendix B).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.config import TrainingConfig
from spade.encoder import Encoder, reparameterize
from spade.losses import kl_divergence
from spade.perceptual import PerceptualLoss, quarter_view
from spade.training.adversary import (
    AnyDiscriminator,
    discriminator_losses,
    generator_losses,
    r1_loss,
)
from spade.training.augment import draw_augmentation


@dataclass(frozen=True)
class Networks:
    """The networks that learn. ``encoder`` is None without a VAE."""

    generator: nn.Module
    encoder: Encoder | None
    discriminator: AnyDiscriminator


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
    step: int,
) -> dict[str, Tensor]:
    """One update of the discriminator and one of generator and encoder.

    semantic: ``(N, semantic_nc, H, W)``; images: ``(N, 3, H, W)`` in [-1, 1]; noise:
    ``(N, z_dim)`` from N(0, 1), used with an encoder; step: from 0. Returns the losses,
    unweighted; "r1" in the steps that have it.
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
        seen = _seen(config, semantic, images, fake.detach(), step, turn=0)
        with autocast:
            found = discriminator_losses(networks.discriminator, config, *seen, step)
        if config.r1_weight > 0 and step % config.r1_every == 0:
            # Not in bf16: the gradient of a gradient needs the digits.
            found["r1"] = r1_loss(networks.discriminator, *seen[:2])
        weights = {
            "d": 1.0,
            "labelmix": config.labelmix_weight,
            "r1": config.r1_every * config.r1_weight / 2,
        }
        _update(optimizers.discriminator, found, weights)
        losses |= found

        # The discriminator only passes the gradient on: its own would be thrown away.
        networks.discriminator.requires_grad_(False)
        seen = _seen(config, semantic, images, fake, step, turn=1)
        with autocast:
            losses |= generator_losses(networks.discriminator, *seen)
    if perceptual is not None and config.perceptual_weight > 0:
        with autocast:
            pair = (fake, images)
            if config.perceptual_quarter:
                pair = quarter_view(fake, images, step)
            losses["perceptual"] = perceptual(*pair)
    if config.color_weight > 0:
        losses["color"] = F.l1_loss(F.avg_pool2d(fake, 8), F.avg_pool2d(images, 8))

    weights = {
        "gan": config.gan_weight,
        "feature": config.feature_weight,
        "perceptual": config.perceptual_weight,
        "kld": config.kld_weight,
        "color": config.color_weight,
    }
    _update(optimizers.generator, losses, weights)
    networks.discriminator.requires_grad_(True)
    return {key: value.detach() for key, value in losses.items()}


def _seen(
    config: TrainingConfig, semantic: Tensor, real: Tensor, fake: Tensor, step: int, turn: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Map, photo and generated picture as the discriminator gets to see them."""
    change = draw_augmentation(config, semantic.shape[-1], step, turn, semantic.device)
    if change is None:
        return semantic, real, fake
    semantic, real, fake = change(semantic, real, fake)
    return semantic, real, fake


def _update(
    optimizer: torch.optim.Optimizer, losses: dict[str, Tensor], weights: dict[str, float]
) -> None:
    """One step down the sum of those losses that have a weight."""
    total = torch.stack([weights[k] * losses[k].float() for k in weights if k in losses]).sum()
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
