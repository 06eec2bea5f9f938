"""Edits by pieces: nothing outside the pieces changes, and they are not needlessly large."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_models import (
    ALWAYS,
    NEVER,
    blobs,
    box,
    check_exact,
    ids_of,
    kept_model,
    random_z,
    semantics,
    small,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spade.config import GeneratorConfig
from spade.engine import Engine, Work, network, regions
from spade.engine import engine as engine_module
from spade.engine.regions import Halo, Pieces
from spade.formats.rect import Rect

LONG = {"normal": (64, 544), "more": (64, 896), "most": (128, 1792)}
"""Canvases on which a change at one end does not reach the other."""

changes = st.tuples(
    st.sampled_from(["start", "end", "any"]),
    st.integers(0, 1 << 20),
    st.sampled_from([1, 2, 3, 9, 40]),
    st.sampled_from([1, 2, 7, 64]),
)


def change_at(where: tuple[str, int, int, int], height: int, width: int) -> Rect:
    """A rect on a canvas of this size, its size and place as ``changes`` draws them."""
    end, at, wide, tall = where
    wide, tall = min(wide, width), min(tall, height)
    far = width - wide
    x = {"start": at % min(40, far + 1), "end": far - at % min(40, far + 1), "any": at % (far + 1)}
    return Rect(x[end], at // 7 % (height - tall + 1), wide, tall)


def painted(labels: np.ndarray, rect: Rect, config: GeneratorConfig) -> np.ndarray:
    """A copy with every label in ``rect`` changed."""
    result = labels.copy()
    ids = ids_of(config)
    after = dict(zip(ids, [*ids[1:], ids[0]], strict=True))
    result[rect.slices] = np.vectorize(after.__getitem__)(labels[rect.slices])
    return result


def holds(outer: Rect, inner: Rect) -> bool:
    return outer.united(inner) == outer


class Fields:
    """All activations of the exact render that an engine keeps, and its windows."""

    def __init__(self, engine: Engine) -> None:
        kept = engine._kept
        assert kept is not None
        assert kept.fields is not None
        assert kept.numbers is not None
        self.pairs = [(middle.values.clone(), out.values.clone()) for middle, out in kept.fields]
        self.picture = kept.picture.values.permute(1, 2, 0).clone()
        self.windows = {k: level.clone() for k, level in kept.numbers.levels.items()}


def differing(a: Tensor, b: Tensor) -> Rect:
    """Where two fields ``(H, W, C)`` or ``(H, W)`` are not the same, bit for bit."""
    return box((a != b).reshape(*a.shape[:2], -1).any(-1).numpy())


def before_and_after(
    config: GeneratorConfig, shape: tuple[int, int], change: Rect, seed: int
) -> tuple[Engine, Fields, Fields]:
    """Everything computed whole for a map and for one with ``change`` painted; by the same
    arithmetic, as all windows are known beforehand."""
    engine = Engine(kept_model(config), "cpu")
    source = np.random.default_rng(seed)
    labels = blobs(source, ids_of(config), *shape, count=4)
    z = random_z(config, source)
    after = painted(labels, change, config)
    engine.render(after, z)
    engine.render(labels, z)
    first = Fields(engine)
    engine.render(after, z)
    return engine, first, Fields(engine)


@settings(max_examples=15)
@given(
    kind=st.sampled_from(sorted(LONG)),
    vae=st.booleans(),
    upright=st.booleans(),
    where=changes,
    seed=st.integers(0, 100),
)
def test_nothing_changes_outside_what_a_change_reaches(kind, vae, upright, where, seed):
    config = small(upsampling=kind, use_vae=vae, contain_dontcare=True)
    height, width = LONG[kind]
    change = change_at(where, height, width)
    if upright:
        height, width = width, height
        change = Rect(change.y, change.x, change.height, change.width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "_WORTH_CROPPING", NEVER)
        engine, before, after = before_and_after(config, (height, width), change, seed)
    pieces = regions.reached(engine._network, (width, height), change)
    for rects, a, b in zip(pieces.stages, before.pairs, after.pairs, strict=True):
        for rect, was, now in zip(rects, a, b, strict=True):
            assert holds(rect, differing(was, now))
    assert holds(pieces.picture, differing(before.picture, after.picture))
    for k, rect in pieces.windows.items():
        assert holds(rect, differing(before.windows[k], after.windows[k]))


@pytest.mark.parametrize("vae", [True, False])
@pytest.mark.parametrize("kind", sorted(LONG))
def test_what_a_change_reaches_is_no_larger_than_need_be(monkeypatch, kind, vae):
    """A change of whole cells of the base grid alters something at every end of every piece,
    but for the last pixels, where what arrives drowns in rounding."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", NEVER)
    config = small(upsampling=kind, use_vae=vae)
    height, width = LONG[kind]
    change = Rect(0, 0, config.stride, config.stride)
    engine, before, after = before_and_after(config, (height, width), change, 0)
    pieces = regions.reached(engine._network, (width, height), change)
    size = width, height
    assert pieces.picture.right < width
    for stage, rects, a, b in zip(
        engine._network.stages, pieces.stages, before.pairs, after.pairs, strict=True
    ):
        bounds = regions.level_size(size, stage.level.halvings)
        for rect, was, now in zip(rects, a, b, strict=True):
            assert rect.right < bounds[0]
            assert holds(differing(was, now).grown(2, *bounds), rect)
    assert holds(differing(before.picture, after.picture).grown(4, *size), pieces.picture)
    for k, rect in pieces.windows.items():
        assert differing(before.windows[k], after.windows[k]) == rect


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[Pieces]:
    """The pieces of every pass through the network, as they are computed; edits are always
    made by pieces."""
    seen: list[Pieces] = []
    run = engine_module.run_stages

    def recorded(net, size, numbers, base, pieces, *rest, **options):
        seen.append(pieces)
        return run(net, size, numbers, base, pieces, *rest, **options)

    monkeypatch.setattr(engine_module, "run_stages", recorded)
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    return seen


CASES = [
    ("normal", True, (64, 544)),
    ("normal", False, (544, 40)),
    ("normal", True, (400, 416)),
    ("more", True, (40, 900)),
    ("more", False, (896, 64)),
    ("most", True, (1790, 100)),
]


@pytest.mark.parametrize(("kind", "vae", "shape"), CASES)
@pytest.mark.parametrize("edges", [False, True])
def test_edits_by_pieces_are_exact(monkeypatch, computed, kind, vae, shape, edges):
    monkeypatch.setattr(network, "STRIP_BYTES", 20_000)
    config = small(upsampling=kind, use_vae=vae, instance_edges=edges, contain_dontcare=True)
    model = kept_model(config, 3)
    engine = Engine(model, "cpu")
    source = np.random.default_rng(1)
    labels = blobs(source, ids_of(config), *shape)
    instances = source.integers(0, 2, (6, 6)).repeat(300, 0).repeat(300, 1) if edges else None
    instances = None if instances is None else instances[: shape[0], : shape[1]].copy()
    z = random_z(config, source)
    check_exact(engine.render(labels, z, instance_map=instances), model, labels, z, instances)
    across = shape[1] > shape[0]
    area = np.prod([-(-side // config.stride) * config.stride for side in shape])
    for end in ("start", "end", "start", "start"):
        where = (end, int(source.integers(1 << 20)), int(source.integers(1, 12)), 5)
        change = change_at(where, min(shape), max(shape))
        if not across:
            change = Rect(change.y, change.x, change.height, change.width)
        labels = painted(labels, change, config)
        if instances is not None:
            instances[change.slices] += int(source.integers(0, 2))
        picture = engine.render(labels, z, instance_map=instances)
        assert engine.work.kind == "edit"
        assert holds(engine.work.rect, change)
        last = computed[-1]
        for piece in (last.picture, *last.stages[-1]):
            assert piece.width * piece.height < 0.75 * area
        check_exact(picture, model, labels, z, instances)
    # The activations as well, or the next edit would show it: compare with those made anew.
    kept = Fields(engine)
    engine.forget()
    engine.render(labels, z, instance_map=instances)
    for a, b in zip(kept.pairs, Fields(engine).pairs, strict=True):
        for was, now in zip(a, b, strict=True):
            torch.testing.assert_close(was, now, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("corner", ["top left", "top right", "bottom left", "bottom right"])
def test_single_pixels_in_the_corners(computed, corner):
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels, z = np.zeros((512, 512), np.uint8), model.default_z
    engine.render(labels, z)
    down, across = corner.split()
    for inset in (0, 1, 31):
        y = inset if down == "top" else 511 - inset
        x = inset if across == "left" else 511 - inset
        labels[y, x] = 1
        picture = engine.render(labels, z)
        assert engine.work == Work("edit", Rect(x, y, 1, 1))
        assert computed[-1].picture.width < 300
        assert computed[-1].picture.height < 300
        check_exact(picture, model, labels, z)


def test_changes_far_apart_in_one_edit(computed):
    model = kept_model(small())
    engine = Engine(model, "cpu")
    source = np.random.default_rng(7)
    labels, z = blobs(source, range(3), 64, 544), model.default_z
    engine.render(labels, z)
    labels[10, 3] += 1
    labels[60, 540] += 1
    labels %= 3
    picture = engine.render(labels, z)
    assert engine.work == Work("edit", Rect(3, 10, 538, 51))
    check_exact(picture, model, labels, z)


def test_changes_that_coarse_levels_do_not_show(computed):
    """Halving leaves most pixels out; the fine levels alone change, and all that they reach."""
    model = kept_model(small())
    engine = Engine(model, "cpu")
    labels, z = np.zeros((64, 544), np.uint8), model.default_z
    engine.render(labels, z)
    for x in (1, 33, 2, 64):
        labels[33, x] = 2
        check_exact(engine.render(labels, z), model, labels, z)


def test_pieces_are_taken_where_they_cost_less(monkeypatch):
    model = kept_model(small())
    engine = Engine(model, "cpu")
    net = engine._network
    everything = regions.whole(net, (544, 64))
    little = regions.reached(net, (544, 64), Rect(0, 0, 4, 4))
    assert 0 < little.seconds(net) < everything.seconds(net)
    assert regions.reached(net, (64, 64), Rect(5, 5, 9, 9)).stages == (
        regions.whole(net, (64, 64)).stages
    )
    nothing = regions.nearby(net, (544, 64), Rect(0, 0, 0, 0), Halo(16, 2))
    assert all(first.empty and second.empty for first, second in nothing.stages)
    assert nothing.seconds(net) == 0.0


@settings(max_examples=40)
@given(
    where=changes,
    pixels=st.integers(0, 50),
    cells=st.integers(0, 5),
    kind=st.sampled_from(sorted(LONG)),
)
def test_live_pieces_are_the_change_and_its_halo(where, pixels, cells, kind):
    config = small(upsampling=kind)
    net = Engine(kept_model(config), "cpu")._network
    height, width = LONG[kind]
    change = change_at(where, height, width)
    pieces = regions.nearby(net, (width, height), change, Halo(pixels, cells))
    marked = np.zeros((height, width), bool)
    marked[change.slices] = True
    assert pieces.picture == change.grown(max(pixels, cells), width, height)
    for stage, (middle, out) in zip(net.stages, pieces.stages, strict=True):
        step = 1 << stage.level.halvings
        under = box(marked.reshape(height // step, step, width // step, step).any((1, 3)))
        halo = max(cells, pixels // step)
        assert middle == out == under.grown(halo, width // step, height // step)


@settings(max_examples=40)
@given(
    labels=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    dots=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 1 << 20)), max_size=3),
    edges=st.booleans(),
)
def test_the_rect_of_a_change_holds_all_of_it_and_no_more(labels, dots, edges):
    config = small(instance_edges=edges)
    height, width = labels
    before = np.zeros((height, width), np.uint8)
    instances = np.zeros((height, width), np.uint8)
    engine = Engine(kept_model(config), "cpu")
    z = torch.zeros(5)
    engine.render(before, z, instance_map=instances)
    after, others = before.copy(), instances.copy()
    for y, x in dots:
        (others if edges else after)[y % height, x % width] = 1
    engine.render(after, z, instance_map=others)
    was, now = semantics(config, before, instances), semantics(config, after, others)
    rect = box((was != now).any(1)[0].numpy())
    assert engine.work == (Work("same") if rect.empty else Work("edit", rect))
