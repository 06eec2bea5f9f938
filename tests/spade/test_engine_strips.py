"""Large canvases, made in strips: the same picture, told how far it is."""

from __future__ import annotations

import numpy as np
import pytest
from engine_models import (
    PATTERNS,
    Countdown,
    blobs,
    check_exact,
    configs,
    ids_of,
    kept_model,
    random_z,
    small,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from spade import memory
from spade.engine import Engine, RenderCancelled, Work, network, strips
from spade.engine import engine as engine_module
from spade.engine.regions import level_size, strip_of, whole
from spade.formats.rect import Rect


def in_strips(patch: pytest.MonkeyPatch, first: int, rows: int) -> None:
    """From stage ``first`` on, so many rows of the picture at a time."""
    patch.setattr(engine_module, "first_strip_stage", lambda *_: first)
    patch.setattr(strips, "strip_rows", lambda *_: rows)


@settings(max_examples=20)
@given(
    config=configs,
    height=st.integers(1, 200),
    width=st.integers(1, 140),
    pattern=st.sampled_from(sorted(PATTERNS)),
    first=st.integers(0, 7),
    rows=st.sampled_from([1, 2, 5, 13, 32, 33, 300]),
    library=st.sampled_from([0, 20_000, 768 << 20]),
    seed=st.integers(0, 1000),
)
def test_strips_are_exact(config, height, width, pattern, first, rows, library, seed):
    model = kept_model(config)
    source = np.random.default_rng(seed)
    labels = PATTERNS[pattern](source, ids_of(config), height, width)
    instances = source.integers(0, 2, (height, width)) if config.instance_edges else None
    z = random_z(config, source)
    rows = max(rows, height // 12)  # no need for hundreds of strips
    last = 7 if config.upsampling == "most" else 6
    with pytest.MonkeyPatch.context() as patch:
        in_strips(patch, min(first, last), rows)
        patch.setattr(network, "LIBRARY_BYTES", library)
        engine = Engine(model, "cpu", cache_bytes=0)
        picture = engine.render(labels, z, instance_map=instances)
    assert engine.work == Work("full")
    check_exact(picture, model, labels, z, instances)


@pytest.mark.parametrize("kind", ["normal", "more", "most"])
def test_the_limits_choose_strips_by_themselves(monkeypatch, kind):
    """Whatever a stage may take, from all in strips to none."""
    config = small(upsampling=kind)
    model = kept_model(config)
    labels = blobs(np.random.default_rng(1), range(3), 200, 260)
    size = (-(-side // config.stride) * config.stride for side in (260, 200))
    needs = memory._stage_bytes(config, int(np.prod(list(size))))
    ways = set()
    calls = []
    ordinary = engine_module.render_in_strips
    monkeypatch.setattr(
        engine_module,
        "render_in_strips",
        lambda *args: [calls.append(args[3]), ordinary(*args)][1],
    )
    monkeypatch.setattr(memory, "STRIP_BYTES", 1)  # as few rows as there may be
    for limit in [0, *sorted(needs)]:
        monkeypatch.setattr(memory, "WORK_BYTES", limit)
        calls.clear()
        engine = Engine(model, "cpu", cache_bytes=0)
        check_exact(engine.render(labels, model.default_z), model, labels, model.default_z)
        ways.add(calls[0] if calls else None)
    assert {0, None} <= ways
    assert len(ways) >= 4


def test_progress_through_strips_rises_to_one(monkeypatch):
    in_strips(monkeypatch, 4, 16)
    model = kept_model(small())
    heard: list[float] = []
    labels = blobs(np.random.default_rng(2), range(3), 160, 64)
    Engine(model, "cpu", cache_bytes=0).render(labels, model.default_z, progress=heard.append)
    assert heard == sorted(heard)
    assert len(set(heard)) == len(heard) == 4 + 10 + 1
    assert heard[0] > 0
    assert heard[-2] == pytest.approx(0.99)
    assert heard[-1] == 1.0


def test_windows_do_not_pile_up_from_strip_to_strip(monkeypatch):
    """Not even where hardly two are alike: they are forgotten when their room is full."""
    in_strips(monkeypatch, 5, 16)
    library = 400_000  # their contents alone would be some megabytes
    monkeypatch.setattr(network, "LIBRARY_BYTES", library)
    model = kept_model(small())
    engine = Engine(model, "cpu", cache_bytes=0)
    held: list[int] = []
    labels = PATTERNS["noise"](np.random.default_rng(6), range(3), 256, 128)
    picture = engine.render(
        labels, model.default_z, progress=lambda _: held.append(engine._network.nbytes)
    )
    check_exact(picture, model, labels, model.default_z)
    assert len(held) == 5 + 16 + 1
    assert max(held[5:]) < library


def test_strips_can_be_cancelled_at_any_step(monkeypatch):
    in_strips(monkeypatch, 2, 24)
    model = kept_model(small())
    labels = blobs(np.random.default_rng(3), range(3), 96, 64)
    engine = Engine(model, "cpu", cache_bytes=0)
    for step in range(1000):
        cancelled = Countdown(step)
        heard: list[float] = []
        try:
            picture = engine.render(
                labels, model.default_z, cancelled=cancelled, progress=heard.append
            )
        except RenderCancelled:
            assert cancelled.left == -1
            assert all(done < 1 for done in heard)
        else:
            break
    assert step > 4 * 5  # at least once for every stage of every strip
    check_exact(picture, model, labels, model.default_z)


def test_edits_and_styles_of_a_canvas_in_strips(monkeypatch):
    """Only the picture is kept of these: everything else is made anew, and exact."""
    in_strips(monkeypatch, 3, 24)
    model = kept_model(small())
    labels, z = blobs(np.random.default_rng(4), range(3), 128, 96), model.default_z
    engine = Engine(model, "cpu", cache_bytes=4 * 3 * 128 * 96)
    check_exact(engine.render(labels, z), model, labels, z)
    check_exact(engine.render(labels, z), model, labels, z)
    assert engine.work == Work("same")
    check_exact(engine.render(labels, z + 1), model, labels, z + 1)
    assert engine.work == Work("style")
    labels[20:30, 20:30] = (labels[20:30, 20:30] + 1) % 3
    check_exact(engine.render(labels, z + 1, live=True), model, labels, z + 1)
    assert engine.work == Work("full")
    check_exact(engine.render(labels, z), model, labels, z)
    assert engine.cached_bytes == 0


def test_from_strips_to_kept_activations_and_back(monkeypatch):
    in_strips(monkeypatch, 3, 24)
    model = kept_model(small())
    source, z = np.random.default_rng(5), model.default_z
    small_map, large_map = blobs(source, range(3), 64, 64), blobs(source, range(3), 128, 160)
    config = model.config.generator
    engine = Engine(model, "cpu", cache_bytes=memory.activation_bytes(config, 64, 64))
    for labels, kept in ((small_map, True), (large_map, False), (small_map, True)):
        check_exact(engine.render(labels, z), model, labels, z)
        assert bool(engine.cached_bytes) == kept
        labels[9:40, 5:60] = (labels[9:40, 5:60] + 1) % 3
        check_exact(engine.render(labels, z), model, labels, z)
        assert engine.work.kind == ("edit" if kept else "full")


@given(
    kind=st.sampled_from(["normal", "more", "most"]),
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    first=st.integers(0, 7),
    data=st.data(),
)
def test_a_strip_reads_of_each_stage_what_the_next_needs(kind, cells, first, data):
    config = small(upsampling=kind)
    net = Engine(kept_model(config), "cpu")._network
    size = cells[0] * config.stride, cells[1] * config.stride
    top = data.draw(st.integers(0, size[1] - 1))
    bottom = data.draw(st.integers(top + 1, size[1]))
    lower = net.stages[min(first, len(net.stages) - 1) :]
    pieces, source = strip_of(lower, size, top, bottom)
    needed = Rect(0, top, size[0], bottom - top).grown(1, *size)
    for stage, (middle, out) in zip(reversed(lower), reversed(pieces), strict=True):
        bounds = level_size(size, stage.level.halvings)
        assert out == needed
        assert middle == out.grown(1, *bounds)
        needed = middle.grown(1, *bounds)
        if stage.doubled:
            needed = needed.halved()
            assert needed.doubled().united(middle) == needed.doubled()
    assert source == needed
    everything, _ = strip_of(net.stages, size, 0, size[1])
    assert everything == whole(net, size).stages
