"""The networks of a run, their averages and optimizers, and the state they are saved in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
    TrainingConfig,
)
from spade.data.dataset import Batch, PairedPictures, to_network
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.oasis import OasisDiscriminator
from spade.perceptual import PerceptualLoss, load_vgg
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.spectral import fold_spectral_norm
from spade.training.acceleration import LossReader, StepLosses, adam_options, prepare_backends, send
from spade.training.averaging import Average
from spade.training.objective import Networks, Optimizers, train_step

VERSION = 1
"""Of a saved state's layout."""


@dataclass(frozen=True)
class Run:
    """All settings of a run. ``encoder`` is None without a VAE.

    ``name`` is the model's; ``licence`` says in one line what it may be used for.
    Raises InputError for parts that don't fit each other.
    """

    generator: GeneratorConfig | Pix2PixHDConfig
    encoder: EncoderConfig | None
    discriminator: DiscriminatorConfig | OasisConfig
    training: TrainingConfig
    name: str = "mine"
    licence: str = ""

    def __post_init__(self) -> None:
        generator, size = self.generator, self.training.size
        if size % generator.stride or size < generator.smallest:
            fits = max(generator.smallest, -(-size // generator.stride) * generator.stride)
            raise InputError(
                f"size {size}: it must be a multiple of {generator.stride}, the stride of this "
                f"generator; use {fits}"
            )
        reads = None
        if isinstance(generator, GeneratorConfig) and generator.use_vae:
            reads = generator.z_dim
        gives = None if self.encoder is None else self.encoder.z_dim
        if reads != gives:
            raise InputError(
                f"the generator reads a z of {reads or 'no'} values, the encoder gives "
                f"{gives or 'none'}; make z_dim equal"
            )
        if isinstance(self.discriminator, OasisConfig):
            self._check_oasis(self.discriminator)
        elif self.discriminator.semantic_nc != generator.semantic_nc:
            raise InputError(
                f"the discriminator reads {self.discriminator.semantic_nc} semantic channels, "
                f"the generator {generator.semantic_nc}; leave its semantic_nc out"
            )

    def _check_oasis(self, discriminator: OasisConfig) -> None:
        size = self.training.size
        if size % (1 << discriminator.levels):
            raise InputError(
                f"size {size}: it must be a multiple of {1 << discriminator.levels} for a "
                f"discriminator of {discriminator.levels} levels; lower its levels"
            )
        if discriminator.label_nc != self.generator.label_nc:
            raise InputError(
                f"the discriminator tells {discriminator.label_nc} classes apart, the generator "
                f"draws {self.generator.label_nc}; leave its label_nc out"
            )


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

    def train_on(self, batch: Batch) -> list[StepLosses]:
        """One step. Returns the losses of all steps that are known since the last call.

        On the CPU these are this step's; a GPU is a few steps behind: see :meth:`settle`.
        Raises InputError if one is not finite.
        """
        config = self.run.training
        factor = config.rate_factor(self.step)
        self._set_rates(config.learning_rate_g * factor, config.learning_rate_d * factor)
        losses = train_step(
            self.networks,
            self.optimizers,
            self.perceptual,
            config,
            self.semantic(batch),
            self.images(batch),
            self.noise(len(batch.images), self.step),
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

    def noise(self, n: int, step: int) -> Tensor | None:
        """The VAE's noise of a step: a function of (seed, step), so that resuming is exact."""
        if self.run.encoder is None:
            return None
        seed = int(np.random.default_rng((self.run.training.seed, 2, step)).integers(2**62))
        random = torch.Generator().manual_seed(seed)
        return send(torch.randn(n, self.run.encoder.z_dim, generator=random), self.device)

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
