"""Two hundred random things a painter may do, and every settled picture against a plain render."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from engine_models import (
    ALWAYS,
    DIRECT,
    TILES,
    Countdown,
    blobs,
    check_exact,
    ids_of,
    kept_model,
    kept_state,
    random_z,
    same_state,
    small,
)
from torch import Tensor

from spade import memory
from spade.config import GeneratorConfig
from spade.engine import Engine, RenderCancelled, network
from spade.engine import engine as engine_module

STEPS = 200

SIZES = [(64, 96), (50, 75), (96, 64), (1, 40), (64, 352), (33, 33)]

ACTIONS = {
    "paint": 30,
    "stroke": 25,
    "undo": 12,
    "cancel": 20,
    "drop": 6,
    "style": 8,
    "look again": 4,
    "tile": 6,
    "resize": 4,
    "windows": 3,
    "forget": 2,
    "wrong": 2,
}


class Painter:
    """Someone who paints at random. ``self.labels`` and ``self.z`` are what is wanted now."""

    def __init__(self, config: GeneratorConfig, seed: int, cache_bytes: int) -> None:
        self.source = np.random.default_rng(seed)
        self.config = config
        self.model = kept_model(config)
        self.engine = Engine(self.model, "cpu", cache_bytes=cache_bytes)
        self.other = self.engine.share(cache_bytes=cache_bytes // 2)
        self.ids = ids_of(config)
        self.styles = [random_z(config, self.source) for _ in range(3)]
        self.z = self.styles[0]
        self.done: Counter[str] = Counter()
        self.resize()

    def below(self, limit: int) -> int:
        return int(self.source.integers(limit))

    # The document.

    def resize(self) -> None:
        """Another canvas."""
        height, width = SIZES[self.below(len(SIZES))]
        self.labels = blobs(self.source, self.ids, height, width)
        self.instances = None
        if self.config.instance_edges and self.below(2):
            self.instances = blobs(self.source, range(4), height, width)
        self.history = [self.now()]

    def now(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.labels.copy(), None if self.instances is None else self.instances.copy()

    def dab(self) -> None:
        """A brush mark of any size, in the same array: the engine may not rely on it."""
        height, width = self.labels.shape
        y, x = self.below(height), self.below(width)
        tall, wide = 1 + self.source.integers(0, (1, 8, 24)[self.below(3)], 2)
        here = (slice(y, y + tall), slice(x, x + wide))
        if self.instances is not None and self.below(3) == 0:
            self.instances[here] = self.below(6)
        else:
            self.labels[here] = self.source.choice(self.ids)

    def edit(self) -> None:
        """Any change of the label map."""
        kind = self.below(10)
        height, width = self.labels.shape
        if kind < 6:
            self.dab()
        elif kind == 6:  # a line along an edge or across
            self.labels[self.source.choice([0, height - 1, self.below(height)])] = self.ids[0]
        elif kind == 7:
            self.labels[:, self.source.choice([0, width - 1, self.below(width)])] = self.ids[-1]
        elif kind == 8:  # whole fill
            self.labels[:] = self.source.choice(self.ids)
        else:  # spray
            y, x = self.below(height), self.below(width)
            part = self.labels[y : y + 16, x : x + 16]
            part[:] = self.source.choice(self.ids, part.shape)

    # What is asked of the engine.

    def render(self, *, live: bool = False, cancelled: Countdown | None = None) -> Tensor:
        return self.engine.render(
            self.labels, self.z, instance_map=self.instances, live=live, cancelled=cancelled
        )

    def settle(self) -> None:
        """The exact picture of what is wanted now, whatever was before."""
        picture = self.render()
        self.done[self.engine.work.kind] += 1
        check_exact(picture, self.model, self.labels, self.z, self.instances)
        assert self.engine.cached_bytes <= self.engine._cache_bytes

    def step(self, action: str) -> None:
        getattr(self, "do_" + action.replace(" ", "_"))()

    def do_paint(self) -> None:
        self.edit()
        self.history.append(self.now())
        self.settle()

    def do_stroke(self) -> None:
        """Live, step by step; then the pen lifts, or something else comes first."""
        for _ in range(1 + self.below(4)):
            self.dab()
            before = None if self.engine._kept is None else kept_state(self.engine)
            picture = self.render(live=True)
            self.done["live" if self.engine.work.kind == "live" else "live, exact"] += 1
            if self.engine.work.kind == "live":
                assert before is not None
                assert same_state(before, kept_state(self.engine))
                assert picture.abs().max() <= 1
            else:
                check_exact(picture, self.model, self.labels, self.z, self.instances)
        self.history.append(self.now())
        if self.below(4):
            self.settle()

    def do_undo(self) -> None:
        self.labels, self.instances = self.history[self.below(len(self.history))]
        self.labels = self.labels.copy()
        self.instances = None if self.instances is None else self.instances.copy()
        if self.below(3) == 0:
            self.render(live=True)
        self.settle()

    def do_cancel(self) -> None:
        """Newer requests come before a render is through, wherever it is by then."""
        for _ in range(1 + self.below(3)):
            if self.below(4) == 0:
                self.z = self.styles[self.below(3)]
            else:
                self.edit()
            before = None if self.engine._kept is None else kept_state(self.engine)
            try:
                self.render(live=self.below(2) == 0, cancelled=Countdown(self.below(25)))
            except RenderCancelled:
                self.done["cancelled"] += 1
                if before is not None:
                    assert same_state(before, kept_state(self.engine))
        if self.below(2):
            self.settle()

    def do_drop(self) -> None:
        """Edits that nobody asked a picture of."""
        for _ in range(3):
            self.edit()
            self.history.append(self.now())

    def do_style(self) -> None:
        self.z = self.styles[self.below(3)]
        self.settle()

    def do_look_again(self) -> None:
        self.settle()
        self.settle()
        assert self.engine.work.kind == "same"

    def do_tile(self) -> None:
        """The gallery, or an export, on the same network."""
        height, width = SIZES[self.below(len(SIZES))]
        labels, z = blobs(self.source, self.ids, height, width), self.styles[self.below(3)]
        check_exact(self.other.render(labels, z), self.model, labels, z)

    def do_resize(self) -> None:
        self.resize()
        if self.below(2):
            self.render(live=True)
        self.settle()

    def do_windows(self) -> None:
        self.engine._network.forget_windows()

    def do_forget(self) -> None:
        (self.engine, self.other)[self.below(2)].forget()

    def do_wrong(self) -> None:
        with pytest.raises(ValueError, match="H, W"):
            self.engine.render(self.labels[None], self.z)


PLENTY = 1 << 30

CASES = {
    "by pieces": ({}, ALWAYS, DIRECT, PLENTY, PLENTY),
    "no VAE, tiles": ({"use_vae": False}, 0.9, TILES, PLENTY, PLENTY),
    "borders, few windows": (
        {"instance_edges": True, "contain_dontcare": True},
        ALWAYS,
        DIRECT,
        20_000,
        PLENTY,
    ),
    "most, little memory": ({"upsampling": "most"}, ALWAYS, DIRECT, 200_000, 1 << 20),
}
"""Settings of the network, when pieces are taken, what pays, bytes of windows and of the rest."""


@pytest.mark.parametrize(("seed", "case"), [*enumerate(CASES)])
def test_two_hundred_random_steps(monkeypatch, seed, case):
    settings, worth, rates, library, cache = CASES[case]
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", worth)
    monkeypatch.setattr(network, "measured", lambda device, threads: rates)
    monkeypatch.setattr(network, "LIBRARY_BYTES", library)
    monkeypatch.setattr(network, "STRIP_BYTES", 300_000)
    if cache < PLENTY:  # then the larger canvases are made in strips
        monkeypatch.setattr(memory, "WORK_BYTES", 1 << 20)
        monkeypatch.setattr(memory, "STRIP_BYTES", 1 << 18)
    painter = Painter(small(**settings), seed, cache)
    names, weights = list(ACTIONS), np.array(list(ACTIONS.values()), float)
    for action in painter.source.choice(names, STEPS, p=weights / weights.sum()):
        painter.step(action)
    painter.settle()
    expected = {"full", "edit", "live", "live, exact", "cancelled", "same"}
    assert expected <= set(painter.done)
    for kind in ("edit", "live", "cancelled"):
        assert painter.done[kind] >= 10
    assert torch.isfinite(painter.render()).all()
