"""Canvas, view and screen pixels: exact both ways, at any zoom and pixel ratio."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.canvas.view_transform import FIT_MARGIN, ViewTransform
from spade.formats.rect import Rect

sizes = st.integers(1, 3000)
transforms = st.builds(
    ViewTransform,
    canvas_width=sizes,
    canvas_height=sizes,
    view_width=st.integers(50, 2000),
    view_height=st.integers(50, 2000),
    zoom=st.floats(1 / 32, 64),
    center=st.tuples(st.floats(-50, 3000), st.floats(-50, 3000)),
    ratio=st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0]),
)


@given(transforms, st.floats(0, 2000), st.floats(0, 2000))
def test_there_and_back(view: ViewTransform, x: float, y: float) -> None:
    assert view.to_view(*view.to_canvas(x, y)) == pytest.approx((x, y), abs=1e-6)


@given(transforms)
def test_the_center_is_in_the_middle(view: ViewTransform) -> None:
    """To half a screen pixel: the corner lies on a whole one."""
    x, y = view.to_view(*view.center)
    assert abs(x - view.view_width / 2) * view.ratio <= 0.5 + 1e-6
    assert abs(y - view.view_height / 2) * view.ratio <= 0.5 + 1e-6


@given(transforms, st.integers(0, 1999), st.integers(0, 1999))
def test_a_screen_pixel_shows_the_canvas_pixel_that_a_click_on_it_means(
    view: ViewTransform, column: int, row: int
) -> None:
    left, top, columns, rows = view.sampling(column, row, 1, 1)
    x, y = view.pointer(column / view.ratio, row / view.ratio)
    if columns.size and rows.size:
        assert (left, top) == (column, row)
        assert abs(columns[0] + 0.5 - x) <= 0.5 + 1e-6
        assert abs(rows[0] + 0.5 - y) <= 0.5 + 1e-6
    else:
        tolerance = 1e-6
        outside_x = x < tolerance or x > view.canvas_width - tolerance
        outside_y = y < tolerance or y > view.canvas_height - tolerance
        assert outside_x or outside_y


@given(transforms, st.integers(0, 500), st.integers(0, 500), st.integers(1, 700))
def test_a_part_is_sampled_like_the_whole(view: ViewTransform, x: int, y: int, side: int) -> None:
    whole_left, whole_top, columns, rows = view.sampling(0, 0, 2000, 2000)
    left, top, some_columns, some_rows = view.sampling(x, y, side, side)
    if some_columns.size:
        start = left - whole_left
        assert (columns[start : start + some_columns.size] == some_columns).all()
    if some_rows.size:
        start = top - whole_top
        assert (rows[start : start + some_rows.size] == some_rows).all()


def test_whole_magnifications_are_even() -> None:
    """At 200 % of a screen with two pixels to a point, each canvas pixel is 4 x 4, aligned."""
    view = ViewTransform(30, 20, 201, 101, 2.0, (15.3, 9.9), 2.0)
    left, top, columns, rows = view.sampling(0, 0, 402, 202)
    assert (left, top) == view.origin
    assert np.bincount(columns).tolist() == [4] * 30
    assert np.bincount(rows).tolist() == [4] * 20


@given(transforms, st.integers(0, 2000), st.integers(0, 2000), sizes, sizes)
def test_view_rect_holds_the_rect(
    view: ViewTransform, x: int, y: int, width: int, height: int
) -> None:
    left, top, wide, high = view.view_rect(Rect(x, y, width, height))
    x0, y0 = view.to_view(x, y)
    x1, y1 = view.to_view(x + width, y + height)
    assert left <= x0 + 1e-6
    assert top <= y0 + 1e-6
    assert left + wide >= x1 - 1e-6
    assert top + high >= y1 - 1e-6
    assert left + wide <= math.ceil(x1) + 1


@given(transforms)
def test_fitted_shows_all(view: ViewTransform) -> None:
    zoom, (x, y) = view.fitted()
    assert (x, y) == (view.canvas_width / 2, view.canvas_height / 2)
    if zoom > 1 / 32:
        assert zoom * view.canvas_width <= view.view_width - 2 * FIT_MARGIN + 1e-6
        assert zoom * view.canvas_height <= view.view_height - 2 * FIT_MARGIN + 1e-6
