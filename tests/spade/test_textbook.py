"""A training step of ours against the same formulation written plainly (tests/bench/textbook)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import pytest
import textbook
import torch
from conftest import enliven
from torch import Tensor, nn

from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, TrainingConfig
from spade.data.slices import Slice
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.generator import Generator
from spade.label_windows import LabelWindows
from spade.labels import semantic_map
from spade.perceptual import PerceptualLoss, VggFeatures
from spade.training.objective import MicroBatch, Networks, Optimizers, train_step

SIZE, BATCH, STEPS = 64, 2, 4


@dataclass
class Start:
    """Weights and batches that both begin with."""

    generator: Generator
    encoder: Encoder
    discriminator: Discriminator
    vgg: textbook.Vgg19
    batches: list[tuple[Tensor, Tensor, Tensor]]


@pytest.fixture(scope="module")
def start() -> Start:
    config = GeneratorConfig(3, True, ngf=2, z_dim=5, crop_size=SIZE, embedding=6)
    parts: list[nn.Module] = [
        Generator(config),
        Encoder(EncoderConfig(nef=2, z_dim=5, input_size=SIZE)),
        Discriminator(DiscriminatorConfig(config.semantic_nc, ndf=2)),
    ]
    for seed, part in enumerate(parts):
        enliven(part, seed)
    for name, buffer in parts[0].named_buffers():
        if "running" in name:  # as before the first batch
            buffer.fill_(float(name.endswith("var")))
    random = torch.Generator().manual_seed(1)
    batches = []
    for step in range(STEPS):
        maps = np.full((BATCH, SIZE, SIZE), step % 3)
        maps[:, 20 + step :], maps[1, 5:50, 11:33], maps[0, :9, :9] = 2, 1, 255
        labels = torch.from_numpy(maps)
        images = torch.rand(BATCH, 3, SIZE, SIZE, generator=random) * 2 - 1
        noise = torch.randn(BATCH, 5, generator=random)
        batches.append((semantic_map(labels, config), images, noise))
    return Start(*parts, textbook.Vgg19(), batches)  # type: ignore[arg-type,call-arg]


@dataclass
class Ran:
    """Losses of each step, and the weights afterwards by name."""

    losses: list[dict[str, Tensor]]
    weights: dict[str, Tensor]
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]


def weights_of(*networks: nn.Module) -> dict[str, Tensor]:
    return {
        f"{i}.{name}": value.detach().clone()
        for i, network in enumerate(networks)
        for name, value in network.state_dict().items()
        if not name.endswith("_scale")
    }


def make_optimizers(
    kind: str, learned: list[nn.Parameter], judging: list[nn.Parameter]
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    if kind == "SGD":
        return torch.optim.SGD(learned, 1e-3), torch.optim.SGD(judging, 1e-3)
    betas = (0.0, 0.999)
    return torch.optim.Adam(learned, 1e-4, betas), torch.optim.Adam(judging, 4e-4, betas)


def by_textbook(start: Start, dtype: torch.dtype, kind: str = "SGD", steps: int = STEPS) -> Ran:
    nc = start.generator.config.semantic_nc
    generator = textbook.Generator(nc, 2, 5, SIZE, 6)
    encoder = textbook.Encoder(2, 5, start.encoder.config.layers)
    judge = textbook.Discriminator(nc, 2)
    pairs = ((generator, start.generator), (encoder, start.encoder), (judge, start.discriminator))
    for own, theirs in pairs:
        state = theirs.state_dict()
        own.load_state_dict({name: state[name] for name in own.state_dict()})
        own.to(dtype)
    vgg = copy.deepcopy(start.vgg).to(dtype)
    learned = [*generator.parameters(), *encoder.parameters()]
    optimizers = make_optimizers(kind, learned, list(judge.parameters()))
    t = textbook.Textbook(generator, encoder, judge, vgg, *optimizers, generator)
    losses = [
        textbook.stated_step(t, *(x.to(dtype) for x in batch)) for batch in start.batches[:steps]
    ]
    return Ran(losses, weights_of(generator, encoder, judge), optimizers)


def by_ours(start: Start, dtype: torch.dtype, kind: str = "SGD", steps: int = STEPS) -> Ran:
    def placed(network: nn.Module) -> nn.Module:
        return copy.deepcopy(network).to(dtype, memory_format=torch.channels_last)

    networks = Networks(*map(placed, (start.generator, start.encoder, start.discriminator)))  # type: ignore[arg-type]
    assert networks.encoder is not None
    vgg = VggFeatures(19)
    vgg.load_state_dict(start.vgg.state_dict())
    perceptual = PerceptualLoss(placed(vgg))  # type: ignore[arg-type]
    learned = [*networks.generator.parameters(), *networks.encoder.parameters()]
    optimizers = make_optimizers(kind, learned, list(networks.discriminator.parameters()))
    config = TrainingConfig(batch_size=BATCH, size=SIZE)
    losses = []
    for step, batch in enumerate(start.batches[:steps]):
        semantic, images, noise = (x.to(dtype) for x in batch)
        last = torch.channels_last
        whole = MicroBatch(
            Slice(0, BATCH),
            semantic.contiguous(memory_format=last),
            images.contiguous(memory_format=last),
            noise,
        )
        found = train_step(networks, Optimizers(*optimizers), perceptual, config, [whole], step)
        losses.append(found)
    weights = weights_of(networks.generator, networks.encoder, networks.discriminator)
    return Ran(losses, weights, optimizers)


def distance(a: Ran, b: Ran, before: dict[str, Tensor]) -> float:
    """Of all that the steps changed, relative to how far they went."""
    apart = torch.stack([(a.weights[k].double() - b.weights[k].double()).norm() for k in before])
    went = torch.stack([(a.weights[k].double() - before[k].double()).norm() for k in before])
    return float(apart.norm() / went.norm())


def test_the_maps_are_drawn_by_windows(start: Start) -> None:
    """Else the other tests would say nothing of them."""
    levels = start.generator.levels(start.batches[0][0]).values()
    assert sum(isinstance(level, LabelWindows) for level in levels) >= 3


def test_in_fp64_steps_are_the_stated_ones(start: Start) -> None:
    before = weights_of(start.generator, start.encoder, start.discriminator)
    expected, found = (by(start, torch.float64) for by in (by_textbook, by_ours))
    assert expected.weights.keys() == found.weights.keys()
    for a, b in zip(expected.losses, found.losses, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert float(b[key]) == pytest.approx(float(value), rel=1e-9), key
    assert distance(expected, found, before) < 1e-8
    # Each tensor by itself, too: small ones would be lost in the norm of all.
    for name, value in expected.weights.items():
        moved = (value - before[name].double()).abs().max()
        apart = (value - found.weights[name]).abs().max()
        assert apart <= 1e-7 * moved + 1e-12, name


def test_in_fp32_a_step_is_the_stated_one_to_rounding(start: Start) -> None:
    """As close to the truth as the plain formulation is, in the same precision.

    By chance a value lies so close to zero that rounding decides its sign, and with it a whole
    gradient through |x| or a ReLU; therefore several batches, of which the best tells most.
    """
    before = weights_of(start.generator, start.encoder, start.discriminator)
    plain, ours = [], []
    for batch in start.batches:
        one = replace(start, batches=[batch])
        truth = by_textbook(one, torch.float64, steps=1)
        a, b = (by(one, torch.float32, steps=1) for by in (by_textbook, by_ours))
        plain.append(distance(truth, a, before))
        ours.append(distance(truth, b, before))
        for key, value in truth.losses[0].items():
            assert float(b.losses[0][key]) == pytest.approx(float(value), rel=2e-6), key
    assert min(ours) <= 2 * min(plain) + 1e-6
    assert max(ours) < 1e-3


def test_adam_moves_the_weights_alike(start: Start) -> None:
    before = weights_of(start.generator, start.encoder, start.discriminator)
    expected, found = (by(start, torch.float64, "Adam", 1) for by in (by_textbook, by_ours))
    for mine, theirs in zip(found.optimizers, expected.optimizers, strict=True):
        for a, b in zip(mine.state.values(), theirs.state.values(), strict=True):
            # With beta1 = 0 these are the gradients themselves. Those of biases before a
            # batch norm are zero but for rounding.
            scale = b["exp_avg"].abs().max()
            assert (a["exp_avg"] - b["exp_avg"]).abs().max() <= 1e-8 * scale + 1e-12
    moved = 0
    for name, value in expected.weights.items():
        far = (value - before[name].double()).abs()
        same = (value - found.weights[name]).abs() < 1e-9
        moved += int((same & (far > 1e-6)).sum())
    total = sum(p.numel() for p in start.generator.parameters())
    assert moved > 0.9 * total
