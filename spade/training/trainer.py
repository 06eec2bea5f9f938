"""The networks of a run, their averages and optimizers, and the state they are saved in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
from spade.training.state_file import VERSION, first_line, read_state, write_state

__all__ = ["Run", "Trainer"]


class Trainer:
    """The networks of a run, their averages and optimizers, and the state they are saved in.

    step: updates so far. at_once: pictures in a micro-batch, at most. rate_scale: what the
    learning rates are multiplied by since training went back to an earlier step, which it did
    ``setbacks`` times. origin: what the provenance says of the model it was started from.
    data: a fingerprint of the photos and their order. All are part of the state.
    """

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
        self.at_once = config.batch_size
        self.rate_scale = 1.0
        self.setbacks = 0
        self.origin: dict[str, Any] = {}
        self.data = ""
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
        They may be anything, infinite or not a number.
        """
        config = self.run.training
        pieces = pieces or (Slice(0, len(batch.images)),)
        factor = config.rate_factor(self.step) * self.rate_scale
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
        return self._reader.take()

    def settle(self) -> list[StepLosses]:
        """Wait for all steps asked for; their losses, as :meth:`train_on` returns them."""
        return self._reader.take(wait=True)

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
    def sample_columns(
        self,
        pictures: PairedPictures,
        fixed: Batch,
        on_batch: Callable[[], None] = lambda: None,
    ) -> list[Tensor]:
        """The photos; the maps in their own style; all in the first's; all in the last's.

        Without an encoder the photos and the pictures alone. Each ``(N, 3, size, size)`` in
        [-1, 1]. ``on_batch`` is called as in :meth:`finished`.
        """
        generator, encoder, _ = self.finished(pictures, batches=8, on_batch=on_batch)
        images = self.images(fixed)
        parts = self._parts(len(images))
        mu = None
        if encoder is not None:
            mu = torch.cat([encoder(images[part.start : part.stop])[0] for part in parts])
        styles = [None] if mu is None else [mu, mu[:1].expand_as(mu), mu[-1:].expand_as(mu)]
        columns = [images]
        for z in styles:
            drawn = []
            for part in parts:
                on_batch()
                chosen = None if z is None else z[part.start : part.stop]
                drawn.append(generator(self.semantic(fixed.part(part)), chosen))
            columns.append(torch.cat(drawn))
        return columns

    def _parts(self, n: int) -> tuple[Slice, ...]:
        """``n`` pictures in as many parts as memory asks for."""
        whole = Slice(0, n)
        if self.at_once >= self.run.training.batch_size:
            return (whole,)
        return whole.cut(-(-n // self.at_once))

    def finished(
        self,
        pictures: PairedPictures,
        batches: int | None = None,
        on_batch: Callable[[], None] = lambda: None,
    ) -> tuple[nn.Module, Encoder | None, Tensor | None]:
        """Averaged generator and encoder ready to render, and the default z (mean of mu).

        The batch-norm statistics come from ``batches`` training batches, by default the
        configured number; ``on_batch`` is called before each.
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
                whole = pictures.batch(self.run.training, 2**30 + k)
                for part in self._parts(len(whole.images)):
                    on_batch()
                    batch = whole.part(part)
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
            "at_once": self.at_once if self.at_once < self.run.training.batch_size else 0,
            "rate_scale": self.rate_scale,
            "setbacks": self.setbacks,
            "origin": self.origin,
            "data": self.data,
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

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave, wherever its tensors are.

        Raises InputError, which names no file, if it is of other settings.
        """
        # What is on its way belongs to steps that did not happen, and the memory is needed.
        self._reader = LossReader(self.device)
        for optimizer in (self.optimizers.generator, self.optimizers.discriminator):
            optimizer.zero_grad(set_to_none=True)
            optimizer.state.clear()
        try:
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
            # States of former releases lack these.
            batch_size = self.run.training.batch_size
            self.at_once = min(int(state.get("at_once", 0)) or batch_size, batch_size)
            self.rate_scale = float(state.get("rate_scale", 1.0))
            self.setbacks = int(state.get("setbacks", 0))
            self.origin = dict(state.get("origin", {}))
            self.data = str(state.get("data", ""))
        except Exception as error:
            raise InputError(first_line(error)) from None

    def load(self, path: Path) -> None:
        """Go on from a saved state. Raises InputError naming the file if it is missing, damaged
        or of other settings."""
        state = read_state(path)
        try:
            self.restore(state)
        except InputError as error:
            raise InputError(
                f"{path}: does not fit these settings ({error}); resume with the settings of "
                "run.json (--resume alone) or train anew into another folder"
            ) from None

    def save(self, path: Path) -> None:
        """Write the state atomically. Raises NotFinite if it is one to never go on from."""
        write_state(path, self.state())


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Its memory, but this device's way of computing: the state may come from another."""
    for saved, own in zip(state["param_groups"], optimizer.param_groups, strict=True):
        for key in ("fused", "foreach"):
            saved[key] = own[key]
    optimizer.load_state_dict(state)
