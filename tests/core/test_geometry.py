"""Canvas sizes: anchors, cropping and nearest scaling with asymmetric goldens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.geometry import Anchor, cropped, placed, resized, scaled
from spade.formats.errors import InputError
from spade.formats.rect import Rect

GOLDEN = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)


def test_larger_canvas_by_anchor() -> None:
    assert resized(GOLDEN, 5, 3, Anchor.TOP_LEFT, 9).tolist() == [
        [1, 2, 3, 9, 9],
        [4, 5, 6, 9, 9],
        [9, 9, 9, 9, 9],
    ]
    assert resized(GOLDEN, 5, 3, Anchor.BOTTOM_RIGHT, 9).tolist() == [
        [9, 9, 9, 9, 9],
        [9, 9, 1, 2, 3],
        [9, 9, 4, 5, 6],
    ]
    assert resized(GOLDEN, 6, 5, Anchor.CENTER, 0).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 2, 3, 0, 0],
        [0, 4, 5, 6, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_smaller_canvas_and_mixed() -> None:
    assert resized(GOLDEN, 2, 1, Anchor.RIGHT, 9).tolist() == [[2, 3]]
    assert resized(GOLDEN, 1, 4, Anchor.BOTTOM, 9).tolist() == [[9], [9], [2], [5]]


@given(st.sampled_from(list(Anchor)), st.integers(0, 5), st.integers(0, 5))
def test_growing_and_shrinking_back_loses_nothing(anchor: Anchor, dx: int, dy: int) -> None:
    grown = resized(GOLDEN, 3 + dx, 2 + dy, anchor, 7)
    x, y = anchor.offset((3, 2), (3 + dx, 2 + dy))
    assert np.array_equal(cropped(grown, Rect(x, y, 3, 2)), GOLDEN)
    assert np.array_equal(resized(grown, 3, 2, anchor, 0), GOLDEN)
    assert np.count_nonzero(grown == 7) == grown.size - GOLDEN.size


def test_placed_beside_the_canvas() -> None:
    assert placed(GOLDEN, Rect(-1, 1, 3, 2), 8).tolist() == [[8, 4, 5], [8, 8, 8]]
    assert (placed(GOLDEN, Rect(50, 50, 2, 2), 8) == 8).all()


def test_scaling_takes_the_pixel_under_the_centre() -> None:
    assert scaled(GOLDEN, 6, 2).tolist() == [[1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6]]
    assert scaled(GOLDEN, 1, 1).tolist() == [[5]]
    assert scaled(GOLDEN, 5, 3).tolist() == [[1, 1, 2, 3, 3], [4, 4, 5, 6, 6], [4, 4, 5, 6, 6]]


@given(st.integers(1, 5), st.integers(1, 5))
def test_enlarging_and_reducing_back_loses_nothing(across: int, down: int) -> None:
    assert np.array_equal(scaled(scaled(GOLDEN, 3 * across, 2 * down), 3, 2), GOLDEN)


def test_cropping_is_clipped_and_copies() -> None:
    part = cropped(GOLDEN, Rect(1, -5, 40, 6))
    assert part.tolist() == [[2, 3]]
    part[:] = 0
    assert GOLDEN[0, 1] == 2
    with pytest.raises(InputError, match="beside the 3x2 canvas"):
        cropped(GOLDEN, Rect(3, 0, 4, 4))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, -1), (100_000, 5)])
def test_sizes_out_of_range(width: int, height: int) -> None:
    with pytest.raises(InputError, match="out of range"):
        scaled(GOLDEN, width, height)
    with pytest.raises(InputError, match="out of range"):
        resized(GOLDEN, width, height, Anchor.TOP, 0)
