"""One training step: what the discriminator, then the generator and encoder, are asked.

Stated formulation: the generator runs once a step; the discriminator is updated first, on
that picture cut from the graph, and the generator is then judged by the updated
discriminator. Adversarial, feature-matching, perceptual and KL terms are the paper's
(section 4 and appendix A); ``color_weight`` adds an L1 between the two pictures averaged
over 8x8 pixels, which short runs need to take up the style's colours (not in the paper).
What else is not in the paper and off by default: :mod:`spade.training.augment`, :mod:`spade.oasis`,
R1 every ``r1_every`` steps (times that number, as Karras et al., CVPR 2020, appendix B).

The batch may come in micro-batches, one after the other in one process or at the same time in
several (:mod:`spade.training.parallel`). With b of B pictures in a micro-batch and L its
losses, means over its pictures, the gradients are those of the sum of b / B * L: the whole
batch's, whose losses are means over B. The discriminator is updated after all micro-batches,
then each picture is made again, as no graph of all is kept, and the generator is updated after
all. u and v of spectral norm take one power iteration for all micro-batches. What differs from
the whole batch is the batch norm alone: its mean and variance are those of the micro-batch
(together with the micro-batches of the other processes at that time).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.batch_norm import BatchNorm, statistics_of_all_processes
from spade.config import TrainingConfig
from spade.data.slices import Slice
from spade.encoder import Encoder, reparameterize
from spade.losses import at_least_float, kl_divergence
from spade.oasis import OasisDiscriminator, pixel_counts
from spade.perceptual import PerceptualLoss, quarter_view
from spade.spectral import SpectralNorm
from spade.training import parallel
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


@dataclass(frozen=True)
class MicroBatch:
    """The N pictures at the positions ``part`` of a batch of ``config.batch_size``.

    semantic: ``(N, semantic_nc, H, W)``; images: ``(N, 3, H, W)`` in [-1, 1]; noise:
    ``(N, z_dim)`` from N(0, 1), used with an encoder.
    """

    part: Slice
    semantic: Tensor
    images: Tensor
    noise: Tensor | None


def train_step(
    networks: Networks,
    optimizers: Optimizers,
    perceptual: PerceptualLoss | None,
    config: TrainingConfig,
    slices: Sequence[MicroBatch],
    step: int,
) -> dict[str, Tensor]:
    """One update of the discriminator and one of generator and encoder.

    slices: the micro-batches of this process, at least one, as many as in the other
    processes; step: from 0. Returns the losses of the whole batch, unweighted; "r1" in the
    steps that have it.
    """
    return _Step(networks, optimizers, perceptual, config, slices, step).run()


class _Step:
    """The arguments of :func:`train_step`, and the losses so far."""

    def __init__(
        self,
        networks: Networks,
        optimizers: Optimizers,
        perceptual: PerceptualLoss | None,
        config: TrainingConfig,
        slices: Sequence[MicroBatch],
        step: int,
    ) -> None:
        self.networks, self.optimizers, self.perceptual = networks, optimizers, perceptual
        self.config, self.slices, self.step = config, slices, step
        self.losses: dict[str, Tensor] = {}
        device = slices[0].semantic.device
        self.autocast = torch.autocast(
            device.type, torch.bfloat16, enabled=config.precision == "bf16"
        )

    def run(self) -> dict[str, Tensor]:
        config = self.config
        drawn: tuple[Tensor, dict[str, Tensor]] | None = None
        adversarial = config.gan_weight > 0 or config.feature_weight > 0
        waiting = self.step < config.discriminator_steps
        if adversarial or waiting:
            drawn = self._update_discriminator(waiting)
        if not waiting:
            self._update_generator(adversarial, drawn)
        keys = list(self.losses)
        summed = parallel.add_up(torch.stack([self.losses[key] for key in keys]))
        return dict(zip(keys, summed.unbind(0), strict=True))

    def _update_discriminator(self, waiting: bool) -> tuple[Tensor, dict[str, Tensor]] | None:
        """Returns the only micro-batch's picture with its graph, and the encoder's losses.

        waiting: the generator is not to learn in this step, and stays as it is altogether.
        """
        config, network = self.config, self.networks.discriminator
        weights = {
            "d": 1.0,
            "labelmix": config.labelmix_weight,
            "r1": config.r1_every * config.r1_weight / 2,
        }
        self.optimizers.discriminator.zero_grad(set_to_none=True)
        counts = self._pixel_counts(turn=0)
        kept = len(self.slices) == 1 and not waiting
        drawn = None
        for i, one in enumerate(self.slices):
            held = self._drawing() if i or waiting else ()
            with torch.set_grad_enabled(kept), _still(held, statistics=waiting):
                drawn = self._draw(one)
            semantic, real, fake = self._seen(one, 0, one.images, drawn[0].detach())
            with _still([network] if i else ()), self.autocast:
                mine = self._mine(counts, one)
                found = discriminator_losses(
                    network, config, semantic, real, fake, self.step, one.part, mine
                )
            self._backward(found, weights, one)
        if config.r1_weight > 0 and self.step % config.r1_every == 0:
            for i, one in enumerate(self.slices):
                semantic, real = self._seen(one, 0, one.images)
                # Not in bf16: the gradient of a gradient needs the digits.
                with _still([network] if i else ()):
                    found = {"r1": r1_loss(network, semantic, real)}
                self._backward(found, weights, one)
        _update(self.optimizers.discriminator)
        return drawn if kept else None

    def _update_generator(
        self, adversarial: bool, drawn: tuple[Tensor, dict[str, Tensor]] | None
    ) -> None:
        """``drawn``: the only micro-batch's picture and losses, if it was made already."""
        config, network = self.config, self.networks.discriminator
        weights = {
            "gan": config.gan_weight,
            "feature": config.feature_weight,
            "perceptual": config.perceptual_weight,
            "kld": config.kld_weight,
            "color": config.color_weight,
        }
        self.optimizers.generator.zero_grad(set_to_none=True)
        counts = self._pixel_counts(turn=1) if adversarial else None
        for i, one in enumerate(self.slices):
            if drawn is None:
                held = self._drawing() if adversarial or i else ()
                with _still(held, statistics=adversarial):
                    drawn = self._draw(one)
            (fake, losses), drawn = drawn, None
            with _passing_on(network):
                if adversarial:
                    semantic, real, seen = self._seen(one, 1, one.images, fake)
                    mine = self._mine(counts, one)
                    with _still([network] if i else ()), self.autocast:
                        losses |= generator_losses(network, semantic, real, seen, mine)
                losses |= self._plain_losses(one, fake)
                self._backward(losses, weights, one)
        _update(self.optimizers.generator)

    def _plain_losses(self, one: MicroBatch, fake: Tensor) -> dict[str, Tensor]:
        """Unweighted losses of the generator in which no network learns."""
        config, real = self.config, one.images
        losses = {}
        if self.perceptual is not None and config.perceptual_weight > 0:
            with self.autocast:
                quarter = config.perceptual_quarter
                pair = quarter_view(fake, real, self.step) if quarter else (fake, real)
                losses["perceptual"] = self.perceptual(*pair)
        if config.color_weight > 0:
            losses["color"] = F.l1_loss(F.avg_pool2d(fake, 8), F.avg_pool2d(real, 8))
        return losses

    def _drawing(self) -> list[nn.Module]:
        """The networks that make a picture."""
        encoder = self.networks.encoder
        return [self.networks.generator, *([] if encoder is None else [encoder])]

    def _draw(self, one: MicroBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The generated pictures ``(N, 3, H, W)``, and the losses of the encoder."""
        losses: dict[str, Tensor] = {}
        z = None
        with self.autocast:
            if self.networks.encoder is not None:
                mu, logvar = (at_least_float(t) for t in self.networks.encoder(one.images))
                z = reparameterize(mu, logvar, one.noise)
                losses["kld"] = kl_divergence(mu, logvar)
            several = parallel.count() > 1
            with statistics_of_all_processes() if several else nullcontext():
                fake = self.networks.generator(one.semantic, z)
        return at_least_float(fake), losses

    def _seen(self, one: MicroBatch, turn: int, *images: Tensor) -> tuple[Tensor, ...]:
        """The map and ``images`` as the discriminator gets to see them."""
        size, device = one.semantic.shape[-1], one.semantic.device
        change = draw_augmentation(self.config, size, self.step, turn, device, one.part)
        return (one.semantic, *images) if change is None else change(one.semantic, *images)

    def _pixel_counts(self, turn: int) -> Tensor | None:
        """Of each class in the whole batch as the discriminator sees it, for OASIS.

        None where the only micro-batch's own counts are those.
        """
        network = self.networks.discriminator
        divided = len(self.slices) > 1 or parallel.count() > 1
        if not (divided and isinstance(network, OasisDiscriminator)):
            return None
        maps = (self._seen(one, turn)[0] for one in self.slices)
        counts = [pixel_counts(semantic, network.config.label_nc) for semantic in maps]
        return parallel.add_up(torch.stack(counts).sum(dim=0))

    def _mine(self, counts: Tensor | None, one: MicroBatch) -> Tensor | None:
        return None if counts is None else counts * self._share(one)

    def _share(self, one: MicroBatch) -> float:
        return len(one.part) / self.config.batch_size

    def _backward(
        self, losses: dict[str, Tensor], weights: dict[str, float], one: MicroBatch
    ) -> None:
        """Add the gradients of those losses that have a weight, and the losses, by share."""
        share = self._share(one)
        terms = [weights[key] * at_least_float(losses[key]) for key in weights if key in losses]
        (torch.stack(terms).sum() * share).backward()  # type: ignore[no-untyped-call]
        for key, value in losses.items():
            so_far = self.losses.get(key)
            value = at_least_float(value.detach()) * share
            self.losses[key] = value if so_far is None else so_far + value


def _update(optimizer: torch.optim.Optimizer) -> None:
    """One step down the gradients of the whole batch."""
    parallel.add_gradients(p for group in optimizer.param_groups for p in group["params"])
    optimizer.step()


@contextmanager
def _passing_on(network: nn.Module) -> Iterator[None]:
    """The network only passes gradients on: its own would be thrown away."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


@contextmanager
def _still(networks: Iterable[nn.Module], *, statistics: bool = False) -> Iterator[None]:
    """No weight of ``networks`` takes a power iteration: they are what they were before in
    this step. With ``statistics`` running statistics stay as well.
    """
    modules = [module for network in networks for module in network.modules()]
    norms = [m for m in modules if isinstance(m, SpectralNorm) and m.training]
    batch_norms = [m for m in modules if isinstance(m, BatchNorm)] if statistics else []
    momenta = [batch_norm.momentum for batch_norm in batch_norms]
    for norm in norms:
        norm.training = False
    for batch_norm in batch_norms:
        batch_norm.momentum = 0.0
    try:
        yield
    finally:
        for norm in norms:
            norm.training = True
        for batch_norm, momentum in zip(batch_norms, momenta, strict=True):
            batch_norm.momentum = momentum
