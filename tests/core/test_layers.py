"""Composition against per-pixel arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.layers import compose_rgba

RNG = np.random.default_rng(5)
LUT = RNG.integers(0, 256, (256, 3)).astype(np.uint8)


def test_classes_alone_are_their_colours() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    out = compose_rgba(labels, LUT)
    assert out.flags.c_contiguous
    assert out.dtype == np.uint8
    assert np.array_equal(out[..., :3], LUT[labels])
    assert (out[..., 3] == 255).all()


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 999))
def test_photo_and_opacity(opacity: float, trace_opacity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 256, (5, 7)).astype(np.uint8)
    photo = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    out = compose_rgba(labels, LUT, opacity, photo, trace_opacity)
    mixed = LUT[labels] * (1 - trace_opacity) + photo * trace_opacity
    assert np.abs(out[..., :3] - mixed).max() <= 1.01
    assert (out[..., 3] == round(255 * opacity)).all()


def test_the_ends_of_the_slider_are_exact() -> None:
    labels = RNG.integers(0, 256, (6, 4)).astype(np.uint8)
    photo = RNG.integers(0, 256, (6, 4, 3)).astype(np.uint8)
    assert np.array_equal(compose_rgba(labels, LUT, 1, photo, 1.0)[..., :3], photo)
    assert np.array_equal(compose_rgba(labels, LUT, 1, photo, 0.0)[..., :3], LUT[labels])
    white = np.full((256, 3), 255, np.uint8)
    for share in np.linspace(0, 1, 9):  # no overflow
        assert (compose_rgba(labels, white, 1, np.full_like(photo, 255), share) == 255).all()


def test_a_crop_of_a_larger_array_works() -> None:
    labels = RNG.integers(0, 9, (20, 30)).astype(np.uint8)
    photo = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    whole = compose_rgba(labels, LUT, 0.5, photo, 0.3)
    part = compose_rgba(labels[3:9, 4:25], LUT, 0.5, photo[3:9, 4:25], 0.3)
    assert np.array_equal(part, whole[3:9, 4:25])


def test_what_does_not_fit_is_refused() -> None:
    labels = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="does not fit"):
        compose_rgba(labels, LUT, 1, np.zeros((5, 4, 3), np.uint8), 0.5)
    with pytest.raises(ValueError, match="256"):
        compose_rgba(labels, LUT[:9])
