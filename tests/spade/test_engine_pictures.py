"""Pictures as bytes, kept up piece by piece; reduced precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_models import ALWAYS, blobs, box, kept_model, plain, small
from hypothesis import given
from hypothesis import strategies as st

from spade.engine import Engine, pictures
from spade.engine import engine as engine_module
from spade.engine.pictures import Picture, to_bytes
from spade.engine.regions import Halo
from spade.formats.rect import Rect


def rounded(values: torch.Tensor) -> np.ndarray:
    """By its definition: -1 is 0, 1 is 255, to the nearest."""
    levels = np.clip(np.rint((values.numpy() + np.float32(1)) * np.float32(127.5)), 0, 255)
    return levels.astype(np.uint8).transpose(1, 2, 0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (256, 2), (257, 3), (600, 1)])
def test_bytes_are_the_rounded_values(shape):
    values = torch.empty(3, *shape).uniform_(-1.1, 1.1, generator=torch.Generator().manual_seed(0))
    values[0, 0, 0], values[2, -1, -1] = -1, 1
    found = to_bytes(values)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.array_equal(found, rounded(values))


@given(
    rects=st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 8), st.integers(0, 3), st.integers(0, 4)),
        max_size=4,
    ),
    look=st.lists(st.booleans(), min_size=4, max_size=4),
    copy=st.booleans(),
)
def test_pieces_change_values_and_bytes_alike(rects, look, copy):
    source = torch.Generator().manual_seed(1)
    first = torch.rand(3, 9, 12, generator=source) * 2 - 1
    picture, model = Picture(first.clone()), first.clone()
    before = None
    for (y, x, tall, wide), looked in zip(rects, look, strict=False):
        if looked:
            assert np.array_equal(picture.pixels(), rounded(model))
        if copy and before is None:
            before, unchanged, picture = picture, model.clone(), picture.copy()
        rect = Rect(x, y, wide, tall)
        piece = torch.rand(3, tall, wide, generator=source) * 2 - 1
        model[:, *rect.slices] = piece
        picture.write(rect, piece)
    assert torch.equal(picture.values, model)
    assert np.array_equal(picture.pixels(), rounded(model))
    if before is not None:
        assert torch.equal(before.values, unchanged)
        assert np.array_equal(before.pixels(), rounded(unchanged))


@pytest.mark.parametrize("look", ["at all", "now and then"])
def test_an_engine_gives_the_same_picture_as_values_and_as_bytes(monkeypatch, look):
    """After every kind of render, whether the bytes of the one before were made or not."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    monkeypatch.setattr(pictures, "_ROWS", 40)
    model = kept_model(small(contain_dontcare=True))
    by_values = Engine(model, "cpu", halo=Halo(16, 2))
    by_bytes = by_values.share(cache_bytes=1 << 28)
    source, z = np.random.default_rng(3), model.default_z
    labels = blobs(source, [0, 1, 2, 255], 90, 330)
    wanted = ["full", "edit", "live", "live", "edit", "same", "live", "edit", "style", "edit"]
    for step, kind in enumerate(wanted):
        if kind in ("edit", "live"):
            y, x = source.integers(0, 60), source.integers(0, 300)
            labels[y : y + 20, x : x + 20] = source.choice([0, 1, 2, 255])
        z = z + 1 if kind == "style" else z
        values = by_values.render(labels, z, live=kind == "live")
        if look == "now and then" and step % 3:
            by_bytes.render(labels, z, live=kind == "live")
            continue
        pixels = by_bytes.render_pixels(labels, z, live=kind == "live")
        assert by_bytes.work == by_values.work
        assert pixels.shape == (90, 330, 3)
        assert np.array_equal(pixels, rounded(values))
        pixels[:] = 7  # the receiver's own


def test_bytes_in_strips_and_without_room(monkeypatch):
    model = kept_model(small())
    labels, z = blobs(np.random.default_rng(4), range(3), 70, 50), model.default_z
    expected = rounded(plain(model, labels, z)).astype(int)
    for first in (None, 3):
        monkeypatch.setattr(engine_module, "first_strip_stage", lambda *_, first=first: first)
        engine = Engine(model, "cpu", cache_bytes=0)
        # What differs by a rounding error may be a level apart.
        assert np.abs(engine.render_pixels(labels, z) - expected).max() <= 1


@pytest.mark.parametrize("use_vae", [True, False])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_is_near_and_settles_alike(monkeypatch, precision, use_vae):
    """What it is apart by depends on the network; that edits and strips are the same picture
    as a render anew does not."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    model = kept_model(small(use_vae=use_vae, ngf=4))
    engine = Engine(model, "cpu", precision=precision)
    labels, z = blobs(np.random.default_rng(5), range(3), 64, 352), model.default_z
    first = engine.render(labels, z)
    assert first.dtype == torch.float32
    assert (first - plain(model, labels, z)).abs().mean() < 0.02
    dabbed = labels.copy()
    dabbed[10:20, 10:20] = (labels[10:20, 10:20] + 1) % 3
    live = engine.render(dabbed, z, live=True)
    assert box((live != first).any(0).numpy()).width < 150
    settled = engine.render(dabbed, z)
    assert engine.work.kind == "edit"
    engine.forget()
    assert (settled - engine.render(dabbed, z)).abs().mean() < 1e-3
    monkeypatch.setattr(engine_module, "first_strip_stage", lambda *_: 3)
    strips = engine.share(cache_bytes=0).render(dabbed, z)
    assert (settled - strips).abs().mean() < 1e-3
    back = engine.render(labels, z)
    assert (back - first).abs().mean() < 1e-3
