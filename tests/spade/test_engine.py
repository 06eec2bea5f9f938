"""The engine against the plain network: same picture, whatever was rendered before."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spade.config import GeneratorConfig
from spade.engine import Engine, RenderCancelled, Work, network
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import Model, ModelConfig
from spade.spectral import fold_spectral_norm, glorot_init

TOLERANCE = 1e-4
STEPS = ["paint", "style", "live", "same", "cancel", "forget"]


@pytest.fixture(autouse=True)
def narrow_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of a row or two, so that even small pictures have several."""
    monkeypatch.setattr(network, "STRIP_BYTES", 1)


def make_model(config: GeneratorConfig, seed: int = 0) -> Model:
    """Weights as large as a trained network's, so that every difference shows."""
    torch.manual_seed(seed)
    generator = Generator(config)
    glorot_init(generator, gain=1.0)
    with torch.no_grad():
        for name, value in [*generator.named_parameters(), *generator.named_buffers()]:
            if name.endswith(("bias", "running_mean")):
                value.normal_(std=0.3)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    fold_spectral_norm(generator).eval().requires_grad_(False)
    default = torch.randn(1, config.z_dim) if config.use_vae else None
    return Model("tiny", ModelConfig(config), generator, None, (), default)


def plain(model: Model, labels: np.ndarray, z: torch.Tensor | None, instances=None) -> torch.Tensor:
    """The network itself on a padded label map, cropped back."""
    config = model.config.generator
    height, width = labels.shape
    stride = config.stride
    pad = ((0, -height % stride), (0, -width % stride))

    def prepared(ids):
        return torch.from_numpy(np.pad(ids, pad, mode="edge").astype(np.int64))[None]

    semantic = semantic_map(
        prepared(labels), config, None if instances is None else prepared(instances)
    )
    with torch.inference_mode():
        picture = model.generator(semantic, None if z is None else z.reshape(1, -1))
    return picture[0, :, :height, :width].clone()


def blobs(random: np.random.Generator, config: GeneratorConfig, height: int, width: int):
    """A label map of rectangles, with unknown where the model knows unknown."""
    choices = list(range(config.label_nc)) + ([255] if config.contain_dontcare else [])
    labels = np.full((height, width), random.choice(choices), np.uint8)
    for _ in range(6):
        y, x = random.integers(0, height), random.integers(0, width)
        labels[y : y + random.integers(1, height + 1), x : x + random.integers(1, width + 1)] = (
            random.choice(choices)
        )
    return labels


configs = st.builds(
    lambda nc, dontcare, edges, half, vae, kind, aspect: GeneratorConfig(
        label_nc=nc,
        contain_dontcare=dontcare,
        instance_edges=edges,
        ngf=2 * half,
        z_dim=5,
        use_vae=vae,
        upsampling=kind,
        crop_size=256,
        aspect_ratio=aspect,
        embedding=4,
    ),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from(["normal", "more", "most"]),
    st.sampled_from([1.0, 2.0]),
)


@settings(max_examples=20)
@given(
    config=configs,
    height=st.integers(1, 140),
    width=st.integers(1, 140),
    seed=st.integers(0, 1000),
    steps=st.lists(
        st.sampled_from(["paint", "style", "live", "same", "cancel", "forget"]), max_size=6
    ),
    budget=st.sampled_from([0, 50_000, 1 << 30]),
)
def test_equals_the_plain_network(config, height, width, seed, steps, budget):
    """After any sequence of edits, style changes, live and cancelled renders."""
    model = make_model(config, seed)
    engine = Engine(model, "cpu", cache_bytes=budget)
    random = np.random.default_rng(seed)
    z_source = torch.Generator().manual_seed(seed)
    labels = blobs(random, config, height, width)
    instances = random.integers(0, 3, (height, width)) if config.instance_edges else None
    z = torch.randn(5, generator=z_source) if config.use_vae else None
    for step in ["same", *steps]:
        if step == "forget":
            engine.forget()
        if step in ("paint", "live", "cancel"):
            labels = blobs(random, config, height, width)
        if step == "style" and config.use_vae:
            z = torch.randn(5, generator=z_source)
        if step == "cancel":
            asked = iter([False, False, True])
            with suppress(RenderCancelled):  # if there is anything left to compute
                engine.render(labels, z, instance_map=instances, cancelled=lambda a=asked: next(a))
            continue
        picture = engine.render(labels, z, instance_map=instances, live=step == "live")
        expected = plain(model, labels, z, instances)
        assert picture.shape == (3, height, width)
        assert picture.dtype == torch.float32
        assert (picture - expected).abs().max() < TOLERANCE


@pytest.fixture
def config() -> GeneratorConfig:
    return GeneratorConfig(label_nc=3, ngf=2, z_dim=5, crop_size=64, embedding=4)


def test_the_same_request_computes_nothing(config):
    model = make_model(config)
    engine = Engine(model, "cpu")
    labels = np.ones((40, 50), np.uint8)
    first = engine.render(labels, model.default_z)
    again = engine.render(labels, model.default_z.numpy().ravel())
    assert engine.work == Work("same")
    assert torch.equal(first, again)
    again.zero_()  # the receiver owns what it gets
    assert torch.equal(first, engine.render(labels, model.default_z))


def test_kept_activations_stay_within_the_bound(config):
    model = make_model(config)
    for bound, kept in ((0, False), (3000, False), (10 << 20, True)):
        engine = Engine(model, "cpu", cache_bytes=bound)
        engine.render(np.zeros((64, 64), np.uint8), model.default_z)
        assert engine.cached_bytes <= bound
        assert bool(engine.cached_bytes) == kept


def test_the_caller_may_go_on_painting_in_its_array(config):
    model = make_model(config)
    engine = Engine(model, "cpu")
    labels = np.zeros((32, 32), np.uint8)
    first = engine.render(labels, model.default_z)
    labels[8:20] = 2
    second = engine.render(labels, model.default_z)
    assert (first - second).abs().max() > 0.01
    assert (second - plain(model, labels, model.default_z)).abs().max() < TOLERANCE


def test_progress_rises_to_one(config):
    model = make_model(config)
    heard: list[float] = []
    Engine(model, "cpu").render(
        np.zeros((64, 64), np.uint8), model.default_z, progress=heard.append
    )
    assert heard == sorted(heard)
    assert len(heard) == 8
    assert heard[-1] == 1.0


@pytest.mark.parametrize("step", [0, 5, 20])
def test_cancels_at_any_step(config, step):
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > step

    model = make_model(config)
    with pytest.raises(RenderCancelled):
        Engine(model, "cpu").render(
            np.zeros((64, 64), np.uint8), model.default_z, cancelled=cancelled
        )
    assert asked == step + 1


def test_a_generator_still_in_training_is_copied_not_touched(config):
    model = make_model(config)
    torch.manual_seed(1)
    model.generator = Generator(config)
    glorot_init(model.generator, gain=1.0)
    before = {name: value.clone() for name, value in model.generator.state_dict().items()}
    labels = np.ones((64, 64), np.uint8)
    picture = Engine(model, "cpu").render(labels, model.default_z)
    assert model.generator.training
    after = model.generator.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    folded = nn.Module.eval(model.generator)
    assert (picture - plain(model, labels, model.default_z)).abs().max() < TOLERANCE
    assert folded is model.generator


def test_wrong_input_is_named(config):
    model = make_model(config)
    engine = Engine(model, "cpu")
    good = np.zeros((32, 32), np.uint8)
    with pytest.raises(InputError, match="class id 9"):
        engine.render(np.full((32, 32), 9, np.uint8), model.default_z)
    with pytest.raises(InputError, match="255"):
        engine.render(np.full((32, 32), 255, np.uint8), model.default_z)
    with pytest.raises(ValueError, match="z must be 5 values"):
        engine.render(good, None)
    with pytest.raises(ValueError, match="z must be 5 values"):
        engine.render(good, torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        engine.render(np.zeros((3, 32, 32), np.uint8), model.default_z)
    with pytest.raises(ValueError, match="instance map"):
        engine.render(good, model.default_z, instance_map=np.zeros((4, 4), np.uint8))
