"""Patches: what they store and that they go back and forth exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.patch import LabelPatch
from spade.formats.rect import Rect

sides = st.integers(1, 30)


@settings(max_examples=120, deadline=None)
@given(sides, sides, st.integers(0, 10**6))
def test_round_trip(width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 256, (height, width)).astype(np.uint8)
    after = before.copy()
    for _ in range(seed % 4):
        after[rng.integers(height), rng.integers(width)] = rng.integers(256)
    rect = Rect(5, 3, width, height)
    patch = LabelPatch.between(before, after, rect)
    changed = np.argwhere(before != after)
    if not len(changed):
        assert patch is None
        return
    assert patch is not None
    (top, left), (bottom, right) = changed.min(0).tolist(), changed.max(0).tolist()
    assert patch.rect == Rect(5 + left, 3 + top, right - left + 1, bottom - top + 1)
    canvas = np.full((40, 50), 77, np.uint8)
    canvas[rect.slices] = before
    start = canvas.copy()
    for _ in range(2):  # applying or reverting twice does no harm
        assert patch.apply(canvas) == patch.rect
        assert np.array_equal(canvas[rect.slices], after)
    for _ in range(2):
        assert patch.revert(canvas) == patch.rect
        assert np.array_equal(canvas, start)


def test_large_plain_areas_take_little_memory() -> None:
    before = np.zeros((2048, 2048), np.uint8)
    after = before.copy()
    after[100:1900, 100:1900] = 3
    patch = LabelPatch.between(before, after, Rect(0, 0, 2048, 2048))
    assert patch is not None
    assert patch.nbytes < 40_000


@settings(max_examples=120, deadline=None)
@given(
    st.integers(-12, 20), st.integers(-12, 20), sides, sides,
    st.one_of(st.none(), st.integers(0, 3)), st.integers(0, 999),
)  # fmt: skip
def test_painting_a_mask_anywhere(
    x: int, y: int, width: int, height: int, only_over: int | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    canvas = rng.integers(0, 4, (15, 18)).astype(np.uint8)
    mask = rng.random((height, width)) < 0.4
    expected = canvas.copy()
    for row in range(15):
        for column in range(18):
            inside = 0 <= row - y < height and 0 <= column - x < width
            chosen = inside and mask[row - y, column - x]
            if chosen and only_over in (None, canvas[row, column]):
                expected[row, column] = 2
    before = canvas.copy()
    patch = LabelPatch.painting(canvas, Rect(x, y, width, height), mask, 2, only_over)
    assert np.array_equal(canvas, before)
    if patch is None:
        assert np.array_equal(expected, before)
    else:
        patch.apply(canvas)
        assert np.array_equal(canvas, expected)


def test_an_empty_rectangle_paints_nothing() -> None:
    canvas = np.zeros((4, 4), np.uint8)
    assert LabelPatch.painting(canvas, Rect(0, 0, 0, 0), np.zeros((0, 0), bool), 1) is None


def test_what_does_not_fit_is_refused() -> None:
    pixels = np.zeros((2, 3), np.uint8)
    with pytest.raises(ValueError, match="does not fit"):
        LabelPatch.between(pixels, pixels, Rect(0, 0, 2, 3))
    with pytest.raises(ValueError, match="does not fit"):
        LabelPatch.painting(pixels, Rect(0, 0, 2, 3), np.ones((2, 3), bool), 1)
    patch = LabelPatch.between(pixels, pixels + np.uint8(1), Rect(4, 4, 3, 2))
    assert patch is not None
    with pytest.raises(ValueError, match="outside"):
        patch.apply(np.zeros((5, 5), np.uint8))
