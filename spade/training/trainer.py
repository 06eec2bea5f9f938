"""The networks of a run, their averages and optimizers, and the state they are saved in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spade.config import DiscriminatorConfig, GeneratorConfig, OasisConfig
from spade.data.dataset import Batch, PairedPictures, to_network
from spade.data.slices import Slice
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.oasis import OasisDiscriminator
from spade.perceptual import PerceptualLoss, load_vgg
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.run import Run
from spade.spectral import fold_spectral_norm
from spade.training.acceleration import LossReader, StepLosses, adam_options, prepare_backends, send
from spade.training.averaging import Average
from spade.training.objective import MicroBatch, Networks, Optimizers, train_step

__all__ = ["Run", "Trainer"]

VERSION = 1
"""Of a saved state's layout."""


class Trainer:
    """The networks of a run, their averages and optimizers, and the state they are saved in."""

    def __init__(self, run: Run, device: torch.device) -> None:
        torch.manual_seed(run.training.seed)
        prepare_backends(device, run.training.precision)
        self.run = run
        self.device = device
        generator: nn.Module
        if isinstance(run.generator, GeneratorConfig):
            generator = Generator(run.generator)
        else:
            generator = Pix2PixHDGenerator(run.generator)
        self.networks = Networks(
            self._placed(generator),
            None if run.encoder is None else self._placed(Encoder(run.encoder)),
            self._placed(
                OasisDiscriminator(run.discriminator)
                if isinstance(run.discriminator, OasisConfig)
                else Discriminator(run.discriminator)
            ),
        )
        config = run.training
        learned = list(self.networks.generator.parameters())
        if self.networks.encoder is not None:
            learned += list(self.networks.encoder.parameters())
        judging = list(self.networks.discriminator.parameters())
        betas = (config.beta1, config.beta2)
        options = adam_options(device)
        self.optimizers = Optimizers(
            torch.optim.Adam(learned, config.learning_rate_g, betas, **options),
            torch.optim.Adam(judging, config.learning_rate_d, betas, **options),
        )
        self._reader = LossReader(device)
        self.generator_average = Average(self.networks.generator, config.ema_decay)
        self.encoder_average = (
            None
            if self.networks.encoder is None
            else Average(self.networks.encoder, config.ema_decay)
        )
        self.step = 0
        self.perceptual: PerceptualLoss | None = None
        if config.vgg and config.perceptual_weight > 0:
            vgg = load_vgg(Path(config.vgg), config.vgg_blocks)
            self.perceptual = PerceptualLoss(self._placed(vgg))
        patches = isinstance(run.discriminator, DiscriminatorConfig)
        features = config.feature_weight if patches else 0.0
        weights = (config.gan_weight, features, config.color_weight)
        if self.perceptual is None and not any(weights):
            raise InputError(
                "no loss is left to train the generator with: give VGG weights or raise "
                "gan_weight, feature_weight or color_weight"
            )

    def _placed(self, network: Any) -> Any:
        # channels_last suits the convolutions of CPUs and GPUs alike.
        return network.to(self.device, memory_format=torch.channels_last)

    def semantic(self, batch: Batch) -> Tensor:
        """The batch's one-hot map on the device, channels last."""
        labels = batch.labels.to(self.device, non_blocking=True)
        instances = batch.instances
        if instances is not None:
            instances = instances.to(self.device, non_blocking=True)
        # The ids were checked when the maps were read.
        semantic = semantic_map(labels, self.run.generator, instances, check=False)
        return semantic.contiguous(memory_format=torch.channels_last)

    def images(self, batch: Batch) -> Tensor:
        """The batch's photos on the device, channels last."""
        images = to_network(batch.images.to(self.device, non_blocking=True))
        return images.contiguous(memory_format=torch.channels_last)

    def micro_batch(self, batch: Batch, part: Slice, first: int = 0) -> MicroBatch:
        """The pictures at ``part`` of the whole batch; ``batch`` holds those from ``first`` on."""
        mine = batch.part(Slice(part.start - first, part.stop - first))
        noise = self.noise(self.step, part)
        return MicroBatch(part, self.semantic(mine), self.images(mine), noise)

    def train_on(self, batch: Batch, pieces: Sequence[Slice] = ()) -> list[StepLosses]:
        """One step. Returns the losses of all steps that are known since the last call.

        pieces: the micro-batches to divide it into, by default one
        (:func:`spade.data.slices.micro_batches`); ``batch`` starts where the first does.

        On the CPU these are this step's; a GPU is a few steps behind: see :meth:`settle`.
        Raises InputError if one is not finite.
        """
        config = self.run.training
        pieces = pieces or (Slice(0, len(batch.images)),)
        factor = config.rate_factor(self.step)
        ramp = config.generator_ramp(self.step)
        self._set_rates(config.learning_rate_g * factor * ramp, config.learning_rate_d * factor)
        losses = train_step(
            self.networks,
            self.optimizers,
            self.perceptual,
            config,
            [self.micro_batch(batch, piece, pieces[0].start) for piece in pieces],
            self.step,
        )
        self.generator_average.update(self.networks.generator, self.step)
        if self.encoder_average is not None and self.networks.encoder is not None:
            self.encoder_average.update(self.networks.encoder, self.step)
        self.step += 1
        self._reader.add(self.step, losses)
        return self._checked(self._reader.take())

    def settle(self) -> list[StepLosses]:
        """Wait for all steps asked for; their losses, as :meth:`train_on` returns them."""
        return self._checked(self._reader.take(wait=True))

    def _checked(self, known: list[StepLosses]) -> list[StepLosses]:
        for done in known:
            for key, value in done.losses.items():
                if not math.isfinite(value):
                    raise InputError(
                        f"step {done.step}: loss {key!r} is {value}; go on from the last "
                        "checkpoint (--resume) with a lower learning rate"
                    )
        return known

    def _set_rates(self, generator: float, discriminator: float) -> None:
        for optimizer, rate in (
            (self.optimizers.generator, generator),
            (self.optimizers.discriminator, discriminator),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate
                # Of the present settings: a resumed optimizer brings its former ones.
                group["betas"] = (self.run.training.beta1, self.run.training.beta2)

    def noise(self, step: int, part: Slice) -> Tensor | None:
        """The VAE's noise of a step, for the pictures at ``part`` of the batch: a function of
        (seed, step), so that resuming is exact.
        """
        if self.run.encoder is None:
            return None
        seed = int(np.random.default_rng((self.run.training.seed, 2, step)).integers(2**62))
        random = torch.Generator().manual_seed(seed)
        shape = (self.run.training.batch_size, self.run.encoder.z_dim)
        drawn = torch.randn(shape, generator=random)[part.start : part.stop]
        return send(drawn, self.device)

    @torch.no_grad()
    def sample_columns(self, pictures: PairedPictures, fixed: Batch) -> list[Tensor]:
        """The photos; the maps in their own style; all in the first's; all in the last's.

        Without an encoder the photos and the pictures alone. Each ``(N, 3, size, size)`` in
        [-1, 1].
        """
        generator, encoder, _ = self.finished(pictures, batches=8)
        semantic, images = self.semantic(fixed), self.images(fixed)
        if encoder is None:
            return [images, generator(semantic, None)]
        mu, _ = encoder(images)
        return [
            images,
            generator(semantic, mu),
            generator(semantic, mu[:1].expand_as(mu)),
            generator(semantic, mu[-1:].expand_as(mu)),
        ]

    def finished(
        self, pictures: PairedPictures, batches: int | None = None
    ) -> tuple[nn.Module, Encoder | None, Tensor | None]:
        """Averaged generator and encoder ready to render, and the default z (mean of mu).

        The batch-norm statistics come from ``batches`` training batches, by default the
        configured number.
        """
        count = self.run.training.statistics_batches if batches is None else batches
        encoder: Encoder | None = None
        if self.encoder_average is not None:
            finished_encoder = self.encoder_average.finished([])
            assert isinstance(finished_encoder, Encoder)
            encoder = fold_spectral_norm(finished_encoder)
        means: list[Tensor] = []

        def inputs() -> Iterator[tuple[Tensor, Tensor | None]]:
            # The same crops each time, from far beyond any step of the schedule.
            for k in range(count):
                batch = pictures.batch(self.run.training, 2**30 + k)
                z = None
                if encoder is not None:
                    z, _ = encoder(self.images(batch))
                    means.append(z)
                yield self.semantic(batch), z

        with torch.no_grad():
            generator = fold_spectral_norm(self.generator_average.finished(inputs()))
        default_z = torch.cat(means).mean(dim=0, keepdim=True).cpu() if means else None
        return generator, encoder, default_z

    def state(self) -> dict[str, Any]:
        """Everything a run goes on from, in plain values and tensors."""
        networks = self.networks
        return {
            "version": VERSION,
            "step": self.step,
            "generator": networks.generator.state_dict(),
            "encoder": None if networks.encoder is None else networks.encoder.state_dict(),
            "discriminator": networks.discriminator.state_dict(),
            "generator_average": self.generator_average.network.state_dict(),
            "encoder_average": (
                None if self.encoder_average is None else self.encoder_average.network.state_dict()
            ),
            "optimizer_g": self.optimizers.generator.state_dict(),
            "optimizer_d": self.optimizers.discriminator.state_dict(),
        }

    def load(self, path: Path) -> None:
        """Go on from a saved state. Raises InputError naming the file if it does not fit."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            if state["version"] != VERSION:
                raise ValueError(f"it is of version {state['version']}, not {VERSION}")
            self.networks.generator.load_state_dict(state["generator"])
            self.networks.discriminator.load_state_dict(state["discriminator"])
            self.generator_average.network.load_state_dict(state["generator_average"])
            if self.networks.encoder is not None and self.encoder_average is not None:
                self.networks.encoder.load_state_dict(state["encoder"])
                self.encoder_average.network.load_state_dict(state["encoder_average"])
            _load_optimizer(self.optimizers.generator, state["optimizer_g"])
            _load_optimizer(self.optimizers.discriminator, state["optimizer_d"])
            self.step = int(state["step"])
        except FileNotFoundError:
            raise InputError(f"{path}: nothing to resume; train without --resume first") from None
        except Exception as error:
            line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{path}: does not fit these settings or is damaged ({line}); resume with the "
                "settings of run.json or train anew into another folder"
            ) from None

    def save(self, path: Path) -> None:
        """Write the state atomically."""
        # Through a file of ours: torch's own reports a full disk as an internal error.
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            torch.save(self.state(), file)


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Its memory, but this device's way of computing: the state may come from another."""
    for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True):
        for key in ("fused", "foreach"):
            saved[key] = own[key]
    optimizer.load_state_dict(state)
