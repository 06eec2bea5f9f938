"""The engine against the plain network: same picture, whatever the map and the method."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_models import (
    DIRECT,
    PATTERNS,
    TILES,
    TOLERANCE,
    Countdown,
    blobs,
    check_exact,
    configs,
    ids_of,
    kept_model,
    make_model,
    plain,
    random_z,
    sides,
    small,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spade.engine import Engine, RenderCancelled, Work, convolution, modulation, network
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.spectral import glorot_init

METHODS = ["direct", "4x4 tiles", "2x2 tiles"]


def force(patch: pytest.MonkeyPatch, method: str) -> None:
    """Engines made from now on convolve by ``method`` alone."""
    rates = DIRECT if method == "direct" else TILES
    patch.setattr(network, "measured", lambda device, threads: rates)
    if method == "2x2 tiles":
        patch.setattr(convolution, "TRANSFORMED_BYTES", 0)


@settings(max_examples=50)
@given(
    config=configs,
    height=sides,
    width=sides,
    pattern=st.sampled_from(sorted(PATTERNS)),
    instances=st.sampled_from([None, "noise", "8 px checkerboard", "blobs"]),
    method=st.sampled_from(["measured", *METHODS]),
    in_small_pieces=st.booleans(),
    library=st.sampled_from([0, 20_000, 768 << 20]),
    seed=st.integers(0, 1000),
)
def test_any_map_is_drawn_as_the_plain_network_draws_it(
    config, height, width, pattern, instances, method, in_small_pieces, library, seed
):
    model = make_model(config, seed)
    source = np.random.default_rng(seed)
    labels = PATTERNS[pattern](source, ids_of(config), height, width)
    borders = None
    if instances is not None and config.instance_edges:
        borders = PATTERNS[instances](source, range(5), height, width)
    z = random_z(config, source)
    with pytest.MonkeyPatch.context() as patch:
        if method != "measured":
            force(patch, method)
        if in_small_pieces:
            patch.setattr(network, "STRIP_BYTES", 1)
            patch.setattr(modulation, "PRODUCT_BYTES", 1)
        patch.setattr(network, "LIBRARY_BYTES", library)
        picture = Engine(model, "cpu").render(labels, z, instance_map=borders)
    check_exact(picture, model, labels, z, borders)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("upsampling", ["normal", "most"])
def test_many_channels(monkeypatch, method, upsampling):
    """Where sums are long and both sizes of tile have whole rows of them."""
    force(monkeypatch, method)
    config = small(ngf=16, embedding=32, upsampling=upsampling, contain_dontcare=True)
    model = kept_model(config)
    labels = blobs(np.random.default_rng(0), ids_of(config), 140, 100)
    engine = Engine(model, "cpu")
    check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)
    labels[50:70, 20:60] = 1
    check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 65), (33, 1)])
@pytest.mark.parametrize("pattern", ["one class", "noise", "3 px vertical"])
def test_the_narrowest_canvases(shape, pattern):
    config = small(contain_dontcare=True)
    model = kept_model(config)
    labels = PATTERNS[pattern](np.random.default_rng(5), ids_of(config), *shape)
    engine = Engine(model, "cpu")
    check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)
    labels[-1, -1] = 1 if labels[-1, -1] != 1 else 2
    check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)


@pytest.mark.parametrize(
    "kind", [np.int64, np.uint16, np.int8, np.bool_, torch.uint8, torch.int32, "fortran", "view"]
)
def test_label_maps_of_any_integer_type_and_layout(kind):
    model = kept_model(small())
    labels = blobs(np.random.default_rng(1), [0, 1], 40, 50)
    given_map: np.ndarray | torch.Tensor
    if isinstance(kind, torch.dtype):
        given_map = torch.from_numpy(labels).to(kind)
    elif kind == "fortran":
        given_map = np.asfortranarray(labels)
    elif kind == "view":
        given_map = np.repeat(labels[:, ::-1], 2, axis=1)[:, ::-2]
        labels = labels.copy()
    else:
        given_map = labels.astype(kind)
    picture = Engine(model, "cpu").render(given_map, model.default_z)
    check_exact(picture, model, labels, model.default_z)


def test_the_same_request_computes_nothing():
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels = np.ones((40, 50), np.uint8)
    first = engine.render(labels, model.default_z)
    assert engine.work == Work("full")
    again = engine.render(labels, model.default_z.numpy().ravel())
    assert engine.work == Work("same")
    assert torch.equal(first, again)
    again.zero_()  # the receiver owns what it gets
    first_again = engine.render(labels, model.default_z)
    assert torch.equal(first, first_again)
    assert not first_again.is_inference()


def test_a_style_only_a_little_different_is_another_style():
    """As they are while one style turns into the next."""
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels, z = blobs(np.random.default_rng(6), range(3), 64, 64), model.default_z.clone()
    before = engine.render(labels, z)
    for step in (0.01, 1e-3):
        z[0, 4] += step
        picture = engine.render(labels, z)
        assert engine.work == Work("style")
        assert not torch.equal(picture, before)
        check_exact(picture, model, labels, z)
        before = picture


def test_without_a_vae_styles_make_no_difference():
    model = kept_model(small(use_vae=False))
    engine = Engine(model, "cpu")
    labels = blobs(np.random.default_rng(2), range(3), 40, 70)
    check_exact(engine.render(labels, None), model, labels, None)
    check_exact(engine.render(labels, torch.randn(5)), model, labels, None)
    assert engine.work == Work("same")


def test_kept_activations_stay_within_the_bound():
    model = kept_model(small())
    labels = blobs(np.random.default_rng(3), range(3), 64, 64)
    for bound, kept in ((0, False), (3000, False), (60_000, False), (10 << 20, True)):
        engine = Engine(model, "cpu", cache_bytes=bound)
        for _ in range(3):
            check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)
            assert engine.cached_bytes <= bound
            assert bool(engine.cached_bytes) == kept
            labels[5:30, 9:40] += 1
            labels %= 3
        engine.forget()
        assert engine.cached_bytes == 0


def test_a_shared_engine_keeps_its_own_pictures_and_no_tables():
    model = kept_model(small())
    engine = Engine(model, "cpu")
    other = engine.share(cache_bytes=1 << 20)
    source = np.random.default_rng(4)
    mine, tile = blobs(source, range(3), 64, 64), blobs(source, range(3), 32, 96)
    z = model.default_z
    check_exact(engine.render(mine, z), model, mine, z)
    check_exact(other.render(tile, z), model, tile, z)
    assert other.work == Work("full")
    assert torch.equal(engine.render(mine, z), engine.render(mine, z))
    assert engine.work == Work("same")
    other.forget()  # the windows are not its own to forget
    assert engine._network.nbytes > 0
    assert other.cached_bytes == 0
    mine[10:20, 10:20] = 2 - mine[10:20, 10:20]
    check_exact(engine.render(mine, z), model, mine, z)
    assert engine.work.kind == "edit"
    check_exact(other.render(tile, z), model, tile, z)
    engine.forget()  # these windows are the other's too
    assert engine._network.nbytes == 0
    tile[:5] = 2 - tile[:5]
    tile[9] = (tile[9] + 1) % 3
    check_exact(other.render(tile, z), model, tile, z)
    assert other.work.kind == "edit"


@pytest.mark.parametrize("instances", [False, True])
def test_the_caller_may_go_on_painting_in_its_array(instances):
    config = small(instance_edges=instances)
    model = kept_model(config)
    engine = Engine(model, "cpu")
    labels, z = np.zeros((32, 32), np.uint8), model.default_z.clone()
    borders = np.zeros((32, 32), np.int32) if instances else None
    first = engine.render(labels, z, instance_map=borders)
    labels[8:20] = 2
    second = engine.render(labels, z, instance_map=borders)
    assert (first - second).abs().max() > 0.01
    check_exact(second, model, labels, z, borders)
    z += 1
    third = engine.render(labels, z, instance_map=borders)
    assert engine.work.kind == "style"
    check_exact(third, model, labels, z, borders)
    if borders is not None:
        borders[4:9, 4:9] = 7
        fourth = engine.render(labels, z, instance_map=borders)
        assert engine.work.kind == "edit"
        check_exact(fourth, model, labels, z, borders)


def test_progress_rises_to_one():
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels = np.zeros((64, 64), np.uint8)
    for kind in ("full", "same", "edit", "style"):
        if kind == "edit":
            labels[3:9, 4:60] = 1
        heard: list[float] = []
        engine.render(labels, model.default_z + (kind == "style"), progress=heard.append)
        assert engine.work.kind == kind
        assert heard == sorted(heard)
        assert heard[0] > 0
        assert len(heard) == (1 if kind == "same" else 8)
        assert heard[-1] == 1.0


@pytest.mark.parametrize("step", [0, 5, 20])
def test_cancels_at_any_step(step):
    model = kept_model(small())
    cancelled = Countdown(step)
    with pytest.raises(RenderCancelled):
        Engine(model, "cpu").render(
            np.zeros((64, 64), np.uint8), model.default_z, cancelled=cancelled
        )
    assert cancelled.left == -1  # not asked again


def test_a_generator_still_in_training_is_copied_not_touched():
    config = small()
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


def test_wrong_input_is_named():
    model = kept_model(small())
    engine = Engine(model, "cpu")
    good = np.zeros((32, 32), np.uint8)
    kept = engine.render(good, model.default_z)
    with pytest.raises(InputError, match="class id 9"):
        engine.render(np.full((32, 32), 9, np.uint8), model.default_z)
    with pytest.raises(InputError, match="class id -1"):
        engine.render(np.full((32, 32), -1, np.int32), model.default_z, live=True)
    with pytest.raises(InputError, match="255"):
        engine.render(np.full((32, 32), 255, np.uint8), model.default_z)
    with pytest.raises(ValueError, match="z must be 5 values"):
        engine.render(good, None)
    with pytest.raises(ValueError, match="z must be 5 values"):
        engine.render(good, torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        engine.render(np.zeros((3, 32, 32), np.uint8), model.default_z)
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        engine.render(np.zeros((0, 32), np.uint8), model.default_z)
    with pytest.raises(ValueError, match="instance map"):
        engine.render(good, model.default_z, instance_map=np.zeros((4, 4), np.uint8))
    # None of these has cost the picture that was there.
    assert torch.equal(engine.render(good, model.default_z), kept)
    assert engine.work == Work("same")
