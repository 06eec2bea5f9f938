"""A render that is cancelled or fails, and one that is live, leaves what is kept as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from engine_models import (
    ALWAYS,
    NEVER,
    Countdown,
    blobs,
    box,
    check_exact,
    kept_model,
    kept_state,
    same_state,
    small,
)

from spade.engine import Engine, RenderCancelled, Work, modulation, network, strips
from spade.engine import engine as engine_module
from spade.model import Model

MODEL = small(contain_dontcare=True)
IDS = [0, 1, 2, 255]


class Scene:
    """An engine with an exact picture, and requests that differ from it."""

    def __init__(self, model: Model) -> None:
        source = np.random.default_rng(11)
        self.model = model
        self.engine = Engine(model, "cpu")
        self.labels, self.z = blobs(source, IDS, 64, 352), model.default_z
        self.picture = self.engine.render(self.labels, self.z)
        self.dabbed = self.labels.copy()
        self.dabbed[8:30, 5:25] = source.choice(IDS, (22, 20))
        self.dabbed_on = self.dabbed.copy()
        self.dabbed_on[20:40, 100:120] = source.choice(IDS, (20, 20))
        self.requests: dict[str, Callable[..., torch.Tensor]] = {
            "edit": lambda **told: self.engine.render(self.dabbed, self.z, **told),
            "style": lambda **told: self.engine.render(self.labels, self.z + 1, **told),
            "both": lambda **told: self.engine.render(self.dabbed, self.z + 1, **told),
            "other size": lambda **told: self.engine.render(
                blobs(source, IDS, 70, 90), self.z, **told
            ),
            "live": lambda **told: self.engine.render(self.dabbed, self.z, live=True, **told),
            "live on": lambda **told: self.engine.render(self.dabbed_on, self.z, live=True, **told),
            "live, all new": lambda **told: self.engine.render(
                2 - self.labels % 3, self.z, live=True, **told
            ),
        }

    def check_untouched(self, state: list[torch.Tensor]) -> None:
        """The engine has the picture still, and works on as if nothing had been."""
        assert same_state(state, kept_state(self.engine))
        assert torch.equal(self.engine.render(self.labels, self.z), self.picture)
        assert self.engine.work == Work("same")


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """In which edits are made by pieces, and everything in many small steps."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", ALWAYS)
    monkeypatch.setattr(network, "STRIP_BYTES", 8000)
    monkeypatch.setattr(modulation, "PRODUCT_BYTES", 1000)
    return Scene(kept_model(MODEL))


KINDS = ["edit", "style", "both", "other size", "live", "live on", "live, all new"]


def steps() -> Iterator[int]:
    """0, 1, 2 ..., after a while in strides."""
    step = 0
    while True:
        yield step
        step += 1 + step // 6


@pytest.mark.parametrize(
    ("worth", "library"), [(ALWAYS, 768 << 20), (NEVER, 768 << 20), (ALWAYS, 30_000)]
)
@pytest.mark.parametrize("kind", KINDS)
def test_cancelled_at_any_step(monkeypatch, scene, kind, worth, library):
    """By pieces or whole; also where windows are forgotten and made when they are needed."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", worth)
    monkeypatch.setattr(network, "LIBRARY_BYTES", library)
    state, ask = kept_state(scene.engine), scene.requests[kind]
    for step in steps():
        if kind == "live on":
            scene.requests["live"]()
            if not same_state(state, kept_state(scene.engine)):
                break  # an exact render paid: there is no stroke to go on with
        work, cancelled = scene.engine.work, Countdown(step)
        try:
            picture = ask(cancelled=cancelled)
        except RenderCancelled:
            assert cancelled.left == -1  # not asked again
            assert scene.engine.work == work
            scene.check_untouched(state)
        else:
            assert step > 8
            break
    # Each of them works in the end.
    if kind.startswith("live"):
        check_exact(scene.engine.render(scene.dabbed, scene.z), scene.model, scene.dabbed, scene.z)
    elif kind == "other size":
        assert picture.shape == (3, 70, 90)
    else:
        labels = scene.labels if kind == "style" else scene.dabbed
        check_exact(picture, scene.model, labels, scene.z + (kind != "edit"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_callback_is_no_worse_than_cancelling(scene, kind):
    state = kept_state(scene.engine)
    for fatal in range(1, 8):
        heard: list[float] = []

        def fail(done: float, at: int = fatal, heard: list[float] = heard) -> None:
            heard.append(done)
            if len(heard) == at:
                raise OSError("no one listens")

        with pytest.raises(OSError, match="no one listens"):
            scene.requests[kind](progress=fail)
        scene.check_untouched(state)


@pytest.mark.parametrize("kind", ["live", "live on"])
def test_live_renders_write_nothing_that_is_kept(scene, kind):
    state = kept_state(scene.engine)
    for _ in range(3):
        scene.requests[kind]()
        assert scene.engine.work.kind == "live"
        assert same_state(state, kept_state(scene.engine))
    scene.check_untouched(state)


def test_a_stroke_cancelled_in_the_middle_goes_on_from_the_exact_picture(scene):
    scene.requests["live"]()
    untroubled = scene.requests["live on"]()
    for step in (0, 3, 6):
        scene.engine.render(scene.labels, scene.z)
        scene.requests["live"]()
        with pytest.raises(RenderCancelled):
            scene.requests["live on"](cancelled=Countdown(step))
        again = scene.requests["live on"]()
        assert scene.engine.work == Work("live", box(scene.labels != scene.dabbed_on))
        # As a stroke that came at once: near to what the two steps made.
        assert (again - untroubled).abs().mean() < 0.02
        check_exact(
            scene.engine.render(scene.dabbed_on, scene.z), scene.model, scene.dabbed_on, scene.z
        )


@pytest.mark.parametrize("rows", [7, 32])
def test_a_cancelled_render_in_strips_leaves_the_picture(monkeypatch, rows):
    model = kept_model(MODEL)
    monkeypatch.setattr(engine_module, "first_strip_stage", lambda *_: 3)
    monkeypatch.setattr(strips, "strip_rows", lambda *_: rows)
    engine = Engine(model, "cpu", cache_bytes=200_000)
    source = np.random.default_rng(12)
    labels, z = blobs(source, IDS, 96, 96), model.default_z
    picture = engine.render(labels, z)
    assert engine.cached_bytes == 0
    state = kept_state(engine)
    other = blobs(source, IDS, 96, 96)
    for step in steps():
        try:
            made = engine.render(other, z, live=step % 2 == 1, cancelled=Countdown(step))
        except RenderCancelled:
            assert same_state(state, kept_state(engine))
            assert torch.equal(engine.render(labels, z), picture)
            assert engine.work == Work("same")
        else:
            assert step > 30
            break
    check_exact(made, model, other, z)
    assert engine.work == Work("full")
