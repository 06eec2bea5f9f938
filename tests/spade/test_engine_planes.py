"""Planes, changes laid over them, and their doubling, against plain arrays."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from torch import Tensor

from spade.engine.planes import Doubled, Overlay, Plane
from spade.formats.rect import Rect

CHANNELS = 2


class Ids:
    """Values that never come twice."""

    def __init__(self) -> None:
        self._next = 0

    def draw(self, height: int, width: int, *, spread: bool = False) -> Tensor:
        """``(height, width, CHANNELS)``; spread: not contiguous, as cropped results are."""
        count = height * width * CHANNELS
        values = torch.arange(self._next, self._next + count).float()
        self._next += count
        values = values.view(height, width, CHANNELS)
        if spread:
            wide = torch.full((height + 1, width + 2, CHANNELS), -1.0)
            wide[:height, :width] = values
            return wide[:height, :width]
        return values


def inner(data: st.DataObject, outer: Rect) -> Rect:
    """A rect with at least a pixel in ``outer``; often it touches its sides."""
    x = data.draw(st.integers(0, outer.width - 1))
    y = data.draw(st.integers(0, outer.height - 1))
    wide = data.draw(st.integers(1, outer.width - x))
    tall = data.draw(st.integers(1, outer.height - y))
    return Rect(outer.x + x, outer.y + y, wide, tall)


class OverlayMachine(RuleBasedStateMachine):
    """An overlay and the plane below it; two arrays tell what they should hold."""

    @initialize(
        width=st.integers(1, 9),
        height=st.integers(1, 9),
        at=st.sampled_from([(0, 0), (3, 5)]),
    )
    def begin(self, width: int, height: int, at: tuple[int, int]) -> None:
        self.ids = Ids()
        self.whole = Rect(*at, width, height)
        self.plane = Plane(self.whole)
        self.below = self.ids.draw(height, width)
        self.plane.write(self.whole, self.below.clone())
        self.overlay = Overlay(self.plane)
        self.above = self.below.clone()

    def here(self, rect: Rect) -> tuple[slice, slice]:
        return rect.moved(-self.whole.x, -self.whole.y).slices

    @rule(data=st.data(), spread=st.booleans())
    def write(self, data: st.DataObject, spread: bool) -> None:
        rect = inner(data, self.whole)
        values = self.ids.draw(rect.height, rect.width, spread=spread)
        self.above[self.here(rect)] = values
        self.overlay.write(rect, values)
        assert self.overlay.nbytes >= values.numel() * 4

    @rule(spread=st.booleans())
    def write_all(self, spread: bool) -> None:
        values = self.ids.draw(self.whole.height, self.whole.width, spread=spread)
        self.above[:] = values
        self.overlay.write(self.whole, values)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        rect = inner(data, self.whole)
        assert torch.equal(self.overlay.read(rect), self.above[self.here(rect)])
        assert torch.equal(self.plane.read(rect), self.below[self.here(rect)])

    @rule()
    def commit(self) -> None:
        self.overlay.commit()
        self.below = self.above.clone()
        assert self.overlay.nbytes == 0

    @rule()
    def take_back(self) -> None:
        self.overlay.clear()
        self.above = self.below.clone()
        assert self.overlay.nbytes == 0

    @rule()
    def another(self) -> None:
        """A render that was given up, and the next."""
        self.overlay = Overlay(self.plane)
        self.above = self.below.clone()

    @precondition(lambda self: hasattr(self, "overlay"))
    @invariant()
    def the_plane_knows_nothing(self) -> None:
        assert torch.equal(self.plane.read(self.whole), self.below)
        assert torch.equal(self.overlay.read(self.whole), self.above)


TestOverlay = OverlayMachine.TestCase
TestOverlay.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)


@given(data=st.data(), width=st.integers(1, 9), height=st.integers(1, 9))
def test_a_plane_holds_what_was_written_last(data, width, height):
    whole, ids = Rect(2, 4, width, height), Ids()
    plane = Plane(whole)
    assert plane.nbytes == 0
    model = ids.draw(height, width)
    plane.write(whole, model.clone())
    for _ in range(data.draw(st.integers(0, 4))):
        rect = inner(data, whole)
        values = ids.draw(rect.height, rect.width, spread=data.draw(st.booleans()))
        plane.write(rect, values)
        model[rect.moved(-2, -4).slices] = values
        part = inner(data, whole)
        assert torch.equal(plane.read(part), model[part.moved(-2, -4).slices])
        assert plane.nbytes == 4 * model.numel()
    plane.clear()
    assert plane.nbytes == 0


def test_a_plane_can_be_written_piece_by_piece():
    whole, ids = Rect(0, 0, 5, 6), Ids()
    plane, model = Plane(whole), torch.zeros(6, 5, CHANNELS)
    for rect in (Rect(0, 0, 5, 2), Rect(0, 2, 2, 4), Rect(2, 2, 3, 4)):
        model[rect.slices] = values = ids.draw(rect.height, rect.width)
        plane.write(rect, values)
    assert torch.equal(plane.read(whole), model)


@given(data=st.data(), width=st.integers(1, 9), height=st.integers(1, 9), above=st.booleans())
def test_doubling_repeats_each_pixel(data, width, height, above):
    whole, ids = Rect(0, 0, width, height), Ids()
    values = ids.draw(height, width)
    plane = Plane(whole)
    plane.write(whole, values.clone())
    source: Plane | Overlay = plane
    if above:
        rect = inner(data, whole)
        values[rect.slices] = patch = ids.draw(rect.height, rect.width)
        source = Overlay(plane)
        source.write(rect, patch)
    doubled = values.repeat_interleave(2, 0).repeat_interleave(2, 1)
    part = inner(data, whole.doubled())
    found = Doubled(source).read(part)
    assert torch.equal(found, doubled[part.slices])
    found.zero_()  # it is the reader's own
    assert torch.equal(source.read(whole), values)


@pytest.mark.parametrize("first", [Rect(0, 0, 2, 2), Rect(3, 3, 1, 1), Rect(0, 0, 4, 4)])
def test_pieces_far_apart_keep_what_lies_between(first):
    whole, ids = Rect(0, 0, 4, 4), Ids()
    plane = Plane(whole)
    plane.write(whole, below := ids.draw(4, 4))
    overlay = Overlay(plane)
    expected = below.clone()
    for rect in (first, Rect(2, 0, 2, 1), Rect(0, 3, 1, 1), Rect(1, 1, 2, 2)):
        expected[rect.slices] = values = ids.draw(rect.height, rect.width)
        overlay.write(rect, values)
        assert torch.equal(overlay.read(whole), expected)
    assert torch.equal(plane.read(whole), below)
    overlay.commit()
    assert torch.equal(plane.read(whole), expected)
