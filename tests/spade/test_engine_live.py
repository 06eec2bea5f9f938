"""Live renders: what they compute, what they leave alone, and the exact picture afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_models import (
    ALWAYS,
    TOLERANCE,
    PlainLive,
    blobs,
    box,
    check_exact,
    ids_of,
    kept_model,
    kept_state,
    random_z,
    same_state,
    small,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from spade.engine import Engine, Work, network
from spade.engine import engine as engine_module
from spade.engine.regions import Halo
from spade.formats.rect import Rect


def dab(source: np.random.Generator, labels: np.ndarray, ids: list[int]) -> np.ndarray:
    """A copy with a rectangle of one class, a pixel at least and now and then large enough
    for the coarsest scale to see it."""
    result = labels.copy()
    height, width = labels.shape
    y, x = source.integers(0, height), source.integers(0, width)
    tall, wide = source.integers(1, source.choice([24, 80]), 2)
    result[y : y + tall, x : x + wide] = source.choice(ids)
    return result


@settings(max_examples=15)
@given(
    kind=st.sampled_from(["normal", "more", "most"]),
    vae=st.booleans(),
    dontcare=st.booleans(),
    pixels=st.sampled_from([0, 3, 16, 40]),
    cells=st.integers(0, 4),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    strokes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    seed=st.integers(0, 1000),
)
def test_strokes_change_what_the_layers_make_of_their_rects_and_nothing_else(
    kind, vae, dontcare, pixels, cells, rows, columns, strokes, seed
):
    """By the plain layers: all fields computed whole, then put back outside the rects."""
    config = small(upsampling=kind, use_vae=vae, contain_dontcare=dontcare)
    most = 256 // config.stride
    height, width = (min(count, most) * config.stride for count in (rows, columns))
    model = kept_model(config, seed % 3)
    source = np.random.default_rng(seed)
    labels, z = blobs(source, ids_of(config), height, width), random_z(config, source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
        engine = Engine(model, "cpu", halo=Halo(pixels, cells))
        expected = PlainLive(model, pixels, cells)
        for steps in strokes:
            picture = engine.render(labels, z)
            assert (picture - expected.exact(labels, z)).abs().max() < TOLERANCE
            start, state = labels, kept_state(engine)
            for _ in range(steps):
                before, labels = labels, dab(source, labels, ids_of(config))
                last, picture = picture, engine.render(labels, z, live=True)
                assert same_state(state, kept_state(engine))
                if np.array_equal(labels, start):
                    assert engine.work == Work("same")
                    assert torch.equal(picture, engine.render(start, z))
                    expected.exact(start, z)
                    continue
                if np.array_equal(labels, before):
                    assert torch.equal(picture, last)
                    continue
                right, rect = expected.live(labels)
                assert engine.work.kind == "live"
                assert (picture - right).abs().max() < TOLERANCE
                picture[:, *rect.slices] = last[:, *rect.slices]
                assert torch.equal(picture, last)  # bit for bit
                picture = engine.render(labels, z, live=True)  # once more: nothing changes
        check_exact(engine.render(labels, z), model, labels, z)


@pytest.mark.parametrize("vae", [True, False])
@pytest.mark.parametrize("kind", ["normal", "more", "most"])
def test_strokes_that_the_coarsest_scale_sees(monkeypatch, kind, vae):
    """Without a VAE the base grid itself is of the labels."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    config = small(upsampling=kind, use_vae=vae)
    model, step = kept_model(config), config.stride
    engine, expected = Engine(model, "cpu", halo=Halo(16, 2)), PlainLive(model, 16, 2)
    source = np.random.default_rng(13)
    labels, z = blobs(source, range(3), 3 * step, 8 * step), random_z(config, source)
    engine.render(labels, z)
    expected.exact(labels, z)
    for cell in (1, 2, 6):
        here = slice(step, step + 9), slice(cell * step, cell * step + 9)
        labels[here] = (labels[here] + 1) % 3
        picture = engine.render(labels, z, live=True)
        assert engine.work.kind == "live"
        assert (picture - expected.live(labels)[0]).abs().max() < TOLERANCE
    check_exact(engine.render(labels, z), model, labels, z)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch):
    """An engine with an exact picture of a wide canvas."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    model = kept_model(small())
    engine = Engine(model, "cpu", halo=Halo(pixels=16, cells=2))
    labels = blobs(np.random.default_rng(6), range(3), 96, 352)
    engine.render(labels, model.default_z)
    return model, engine, labels


def test_live_is_near_to_exact_and_settles(started):
    model, engine, labels = started
    z = model.default_z
    exact = engine.render(labels, z)
    state = kept_state(engine)
    labels[40:60, 100:120] = (labels[40:60, 100:120] + 1) % 3
    live = engine.render(labels, z, live=True)
    assert engine.work == Work("live", Rect(100, 40, 20, 20))
    assert live.shape == exact.shape
    assert (live[:, 40:60, 100:120] - exact[:, 40:60, 100:120]).abs().max() > 0.1
    settled = engine.render(labels, z)
    assert engine.work == Work("edit", Rect(100, 40, 20, 20))
    check_exact(settled, model, labels, z)
    assert not same_state(state, kept_state(engine))
    here = (slice(None), slice(44, 56), slice(104, 116))
    change = (exact[here] - settled[here]).abs().mean()
    assert (live[here] - settled[here]).abs().mean() < 0.5 * change
    assert (live - settled).abs().max() > TOLERANCE  # or nothing was approximated here


def test_a_stroke_undone_while_live_is_the_kept_picture(started):
    model, engine, labels = started
    exact, before = engine.render(labels, model.default_z), labels.copy()
    labels[10:30, 10:30] = 0
    labels[50:80, 200:230] = 1
    engine.render(labels, model.default_z, live=True)
    assert torch.equal(engine.render(before, model.default_z, live=True), exact)
    assert engine.work == Work("same")
    # and the next stroke begins from it
    before[3, 3] = (before[3, 3] + 1) % 3
    engine.render(before, model.default_z, live=True)
    assert engine.work == Work("live", Rect(3, 3, 1, 1))


def test_a_stroke_in_steps_reports_each_step_and_settles_as_one(started):
    model, engine, labels = started
    for x in (20, 30, 40):
        labels[30:36, x : x + 8] = (labels[30:36, x : x + 8] + 1) % 3
        engine.render(labels, model.default_z, live=True)
        assert engine.work == Work("live", Rect(x, 30, 8, 6))
    check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)
    assert engine.work == Work("edit", Rect(20, 30, 28, 6))


def test_live_is_exact_where_there_is_nothing_to_start_from():
    model = kept_model(small())
    engine = Engine(model, "cpu")
    source = np.random.default_rng(8)
    z, other = model.default_z, model.default_z + 1
    for shape, style in (((64, 96), z), ((64, 96), other), ((96, 64), other), ((70, 64), other)):
        labels = blobs(source, range(3), *shape)
        check_exact(engine.render(labels, style, live=True), model, labels, style)
        assert engine.work == Work("full")
        kept = engine.render(labels, style)
        assert engine.work == Work("same")
        check_exact(kept, model, labels, style)
    check_exact(engine.render(labels, z, live=True), model, labels, z)
    assert engine.work == Work("style")
    engine.forget()
    check_exact(engine.render(labels, z, live=True), model, labels, z)
    assert engine.work == Work("full")


def test_live_without_room_for_activations_is_exact():
    model = kept_model(small())
    engine = Engine(model, "cpu", cache_bytes=80_000)
    labels = np.zeros((64, 64), np.uint8)
    engine.render(labels, model.default_z)
    assert engine.cached_bytes == 0
    labels[8:30, 9:50] = 1
    check_exact(engine.render(labels, model.default_z, live=True), model, labels, model.default_z)
    assert engine.work == Work("full")


@pytest.mark.parametrize("after_a_dab", [False, True])
def test_a_live_change_of_everything_is_exact_and_kept(after_a_dab):
    """Where pieces would save nothing the exact picture is made instead."""
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels, z = blobs(np.random.default_rng(9), range(3), 96, 96), model.default_z
    engine.render(labels, z)
    if after_a_dab:
        labels[2, 2] = (labels[2, 2] + 1) % 3
        engine.render(labels, z, live=True)
    labels = (labels + 1) % 3
    check_exact(engine.render(labels, z, live=True), model, labels, z)
    assert engine.work == Work("edit", Rect(0, 0, 96, 96))
    check_exact(engine.render(labels, z), model, labels, z)
    assert engine.work == Work("same")


@pytest.mark.parametrize("instances", [False, True])
def test_live_changes_of_borders_and_of_unknown(monkeypatch, instances):
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    config = small(instance_edges=True, contain_dontcare=True)
    model = kept_model(config)
    engine = Engine(model, "cpu")
    labels = np.zeros((96, 160), np.uint8)
    borders = np.zeros((96, 160), np.int64) if instances else None
    z = model.default_z
    first = engine.render(labels, z, instance_map=borders)
    if borders is None:
        labels[20:30, 20:30] = 255
    else:
        borders[20:30, 20:30] = 5
    live = engine.render(labels, z, instance_map=borders, live=True)
    assert engine.work.kind == "live"
    assert (live - first).abs().max() > 0.01
    check_exact(engine.render(labels, z, instance_map=borders), model, labels, z, borders)


def test_a_stroke_goes_on_after_the_windows_were_forgotten(started, monkeypatch):
    """Its own activations are dropped then: it starts again from the exact render."""
    model, engine, labels = started
    z = model.default_z
    state = kept_state(engine)
    labels[5:9, 5:9] = (labels[5:9, 5:9] + 1) % 3
    engine.render(labels, z, live=True)
    engine._network.forget_windows()
    labels[50:55, 300:310] = (labels[50:55, 300:310] + 1) % 3
    live = engine.render(labels, z, live=True)
    assert engine.work == Work("live", Rect(5, 5, 305, 50))
    assert same_state(state, kept_state(engine))
    monkeypatch.setattr(network, "LIBRARY_BYTES", 0)  # now at every render
    for _ in range(2):
        again = engine.render(labels, z, live=True)
        assert (again - live).abs().max() < TOLERANCE
    check_exact(engine.render(labels, z), model, labels, z)
    assert engine.work.kind == "edit"


def test_live_on_another_engine_of_the_same_network(started):
    """Tiles and exports do not disturb a stroke."""
    model, engine, labels = started
    z, source = model.default_z, np.random.default_rng(10)
    other = engine.share(cache_bytes=1 << 20)
    labels[30:40, 30:40] = (labels[30:40, 30:40] + 1) % 3
    live = engine.render(labels, z, live=True)
    state = kept_state(engine)
    for shape in ((64, 64), (40, 90)):
        tile = blobs(source, range(3), *shape)
        check_exact(other.render(tile, z), model, tile, z)
        tile[3:20, 3:9] = 0
        other.render(tile, z, live=True)
    assert torch.equal(engine.render(labels, z, live=True), live)
    assert same_state(state, kept_state(engine))
    check_exact(engine.render(labels, z), model, labels, z)


def test_the_halo_is_as_large_as_there_is_time_for(started, monkeypatch):
    model, _, labels = started
    engine = Engine(model, "cpu")
    z, (smallest, *_, largest) = model.default_z, engine_module.HALOS
    first = engine.render(labels, z)
    dabbed = labels.copy()
    dabbed[32:64, 160:192] = (labels[32:64, 160:192] + 1) % 3  # seen by every scale
    for seconds, halo in ((0.0, smallest), (1e9, largest)):
        monkeypatch.setattr(engine_module, "LIVE_SECONDS", seconds)
        assert torch.equal(engine.render(labels, z), first)  # the stroke before is over
        live = engine.render(dabbed, z, live=True)
        changed = box((live != first).any(0).numpy())
        assert changed == Rect(160, 32, 32, 32).grown(halo.pixels, 352, 96)


def test_what_is_handed_out_is_the_receivers_own(started):
    model, engine, labels = started
    z = model.default_z
    labels[30:40, 30:40] = (labels[30:40, 30:40] + 1) % 3
    live = engine.render(labels, z, live=True)
    copy = live.clone()
    live.zero_()
    assert torch.equal(engine.render(labels, z, live=True), copy)
    engine.render(labels, z).zero_()
    check_exact(engine.render(labels, z), model, labels, z)
    assert engine.work == Work("same")
