"""What the discriminator, of either kind, is asked in its own update and in the generator's."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spade.config import TrainingConfig
from spade.data.slices import Slice
from spade.discriminator import Discriminator
from spade.losses import (
    Features,
    at_least_float,
    feature_matching,
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    patch_score,
)
from spade.oasis import OasisDiscriminator, label_mix, realness, should_be_fake, should_show
from spade.training.acceleration import send

AnyDiscriminator = Discriminator | OasisDiscriminator


def discriminator_losses(
    network: AnyDiscriminator,
    config: TrainingConfig,
    semantic: Tensor,
    real: Tensor,
    fake: Tensor,
    step: int,
    part: Slice | None = None,
    counts: Tensor | None = None,
) -> dict[str, Tensor]:
    """Unweighted losses of the discriminator's update: "d", and "labelmix" of OASIS.

    semantic: ``(N, semantic_nc, H, W)``; real, fake: ``(N, 3, H, W)``, no gradient goes there.
    part: the positions of the N pictures in a batch of ``config.batch_size``, whose
    ``counts`` OASIS needs (:func:`spade.oasis.should_show`); by default they are all.
    """
    if isinstance(network, Discriminator):
        return {"d": hinge_discriminator(*_judge(network, semantic, real, fake))}
    label_nc = network.config.label_nc
    if config.labelmix_weight == 0:
        of_real, of_fake = network(torch.cat([real, fake])).chunk(2)
    else:
        coins = send(_coins(config, len(real), label_nc, step, part), real.device)
        mask = label_mix(semantic, coins, label_nc)
        mixed = torch.lerp(fake, real, mask.to(fake.dtype))
        judged = at_least_float(network(torch.cat([real, fake, mixed])))
        of_real, of_fake, of_mixed = judged.chunk(3)
    shown = should_show(of_real, semantic, label_nc, counts)
    losses = {"d": shown + should_be_fake(of_fake, semantic, label_nc, counts)}
    if config.labelmix_weight > 0:
        # D of the mixture is to be the mixture of D (equation 4).
        losses["labelmix"] = F.mse_loss(of_mixed, torch.lerp(of_fake, of_real, mask))
    return losses


def generator_losses(
    network: AnyDiscriminator,
    semantic: Tensor,
    real: Tensor,
    fake: Tensor,
    counts: Tensor | None = None,
) -> dict[str, Tensor]:
    """Unweighted adversarial losses of the generator: "gan", and "feature" of patches.

    counts: as above.
    """
    if isinstance(network, Discriminator):
        of_real, of_fake = _judge(network, semantic, real, fake)
        return {"gan": hinge_generator(of_fake), "feature": feature_matching(of_real, of_fake)}
    return {"gan": should_show(network(fake), semantic, network.config.label_nc, counts)}


def r1_loss(network: AnyDiscriminator, semantic: Tensor, real: Tensor) -> Tensor:
    """R1 without its weight, for D(x) as :func:`patch_score` or :func:`realness` has it."""
    if len(real) == 1:
        # torch 2.13's gradient of the gradient of instance norm is wrong for a single picture
        # that is channels last. Twice the same picture has the same mean.
        semantic, real = torch.cat([semantic, semantic]), torch.cat([real, real])
    real = real.detach().requires_grad_(True)
    if isinstance(network, Discriminator):
        return gradient_penalty(patch_score(network(semantic, real)), real)
    return gradient_penalty(realness(network(real)), real)


def _judge(
    discriminator: Discriminator, semantic: Tensor, real: Tensor, fake: Tensor
) -> tuple[Features, Features]:
    """Features of both pictures from one pass; the instance norm sees each alone."""
    both = discriminator(torch.cat([semantic, semantic]), torch.cat([real, fake]))
    halves = [[at_least_float(layer).chunk(2) for layer in scale] for scale in both]
    return [[r for r, _ in scale] for scale in halves], [[f for _, f in scale] for scale in halves]


def _coins(config: TrainingConfig, n: int, label_nc: int, step: int, part: Slice | None) -> Tensor:
    """LabelMix's coins for each class of each map: a function of (seed, step), for all maps of
    the batch, of which those at ``part`` are returned (None: there are ``n``).
    """
    rng = np.random.default_rng((config.seed, 4, step))
    drawn = rng.integers(0, 2, (n if part is None else config.batch_size, label_nc + 1))
    mine = slice(None) if part is None else slice(part.start, part.stop)
    return torch.from_numpy(drawn.astype(np.float32)[mine])
