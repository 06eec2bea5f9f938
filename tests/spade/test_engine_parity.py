"""The engine against outputs that the reference implementation computed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from engine_models import ALWAYS, TOLERANCE
from test_parity import NAMES, opened
from torch import Tensor

from spade.engine import Engine
from spade.engine import engine as engine_module
from spade.labels import IGNORE_INDEX, edge_map


class Example:
    """A checkpoint, what it was given and what the reference made of it."""

    def __init__(self, name: str) -> None:
        self.model, _, tensors = opened(name)
        self.config = self.model.config.generator
        self.labels = tensors["label_map"].numpy().copy()
        if self.config.contain_dontcare:
            self.labels[self.labels == self.config.label_nc] = IGNORE_INDEX
        self.instances = None
        if self.config.instance_edges:
            self.instances = instances_with(tensors["edge_map"][0, 0].numpy() > 0)
        self.outputs = tensors["output"]
        self.styles = [z[None] for z in tensors["z"]] if self.config.use_vae else [None]

    def check(self, picture: Tensor, style: int) -> None:
        assert (picture - self.outputs[style]).abs().max() < TOLERANCE


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest) -> Example:
    return cached(request.param)


cached = functools.lru_cache(Example)


def instances_with(edges: np.ndarray) -> np.ndarray:
    """The finest instance map ``(H, W)`` whose edges are these: a pixel off the edges belongs
    to the same instance as its four neighbours."""
    ids = np.arange(edges.size).reshape(edges.shape)
    across = ~edges[:, 1:] | ~edges[:, :-1]
    down = ~edges[1:] | ~edges[:-1]
    while True:
        before = ids.copy()
        for bound, one, two in (
            (across, (slice(None), slice(1, None)), (slice(None), slice(None, -1))),
            (down, (slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ):
            least = np.minimum(ids[one], ids[two])
            ids[one] = np.where(bound, least, ids[one])
            ids[two] = np.where(bound, np.minimum(ids[two], ids[one]), ids[two])
        if np.array_equal(ids, before):
            return ids


def test_edges_come_back_from_their_instances():
    example = cached("instance-dontcare")
    found = edge_map(torch.from_numpy(example.instances)[None])
    _, _, tensors = opened("instance-dontcare")
    assert torch.equal(found, tensors["edge_map"])


def test_every_style_of_every_checkpoint(example):
    engine = Engine(example.model, "cpu")
    for style, z in enumerate(example.styles):
        picture = engine.render(example.labels, z, instance_map=example.instances)
        example.check(picture, style)
        assert engine.work.kind == ("style" if style else "full")


def test_in_strips(example, monkeypatch):
    monkeypatch.setattr(engine_module, "first_strip_stage", lambda *_: 2)
    engine = Engine(example.model, "cpu", cache_bytes=0)
    for style, z in enumerate(example.styles):
        example.check(engine.render(example.labels, z, instance_map=example.instances), style)


@pytest.mark.parametrize("worth", [0.9, ALWAYS])
def test_painted_step_by_step(example, monkeypatch, worth):
    """From a plain map: by edits, live strokes and undone strokes to the one compared."""
    monkeypatch.setattr(engine_module, "_WORTH_CROPPING", worth)
    engine = Engine(example.model, "cpu")
    source = np.random.default_rng(0)
    z, goal = example.styles[-1], example.labels
    instances = example.instances
    labels = np.full_like(goal, goal[0, 0])
    engine.render(labels, z, instance_map=instances)
    height, width = goal.shape
    for top in range(0, height, height // 4):
        here = slice(top, top + height // 4)
        for left in range(0, width, width // 3):
            labels[here, left : left + width // 3] = source.choice(example.labels.ravel())
            engine.render(labels, z, instance_map=instances, live=True)
        labels[here] = goal[here]
        engine.render(labels, z, instance_map=instances, live=bool(top % 3))
    example.check(engine.render(labels, z, instance_map=instances), len(example.styles) - 1)
