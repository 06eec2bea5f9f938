"""Fills and shapes against plain per-pixel models and asymmetric goldens."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core import fill
from app.core.brush import Brush, Stroke
from app.core.label_map import LabelMap
from app.core.tools import BrushShape
from spade.formats.rect import Rect

SHAPE = (9, 13)


def on_canvas(found: tuple[Rect, np.ndarray], shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """The whole canvas' mask; checks that the rectangle is tight and inside on the way."""
    rect, mask = found
    canvas = np.zeros(shape, bool)
    assert mask.dtype == np.bool_
    assert mask.shape == (rect.height, rect.width)
    if rect.empty:
        assert rect == Rect(0, 0, 0, 0)
        return canvas
    assert rect == rect.clipped(shape[1], shape[0])
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert edge.any()
    canvas[rect.slices] = mask
    return canvas


def picture(found: tuple[Rect, np.ndarray], shape: tuple[int, int] = SHAPE) -> list[str]:
    return ["".join("#" if p else "." for p in row) for row in on_canvas(found, shape)]


def plain_flood(array: np.ndarray, x: int, y: int) -> np.ndarray:
    seen = np.zeros(array.shape, bool)
    seen[y, x] = True
    queue = deque([(y, x)])
    while queue:
        row, column = queue.popleft()
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= r < array.shape[0] and 0 <= c < array.shape[1]
            if inside and not seen[r, c] and array[r, c] == array[row, column]:
                seen[r, c] = True
                queue.append((r, c))
    return seen


def spiral(side: int) -> np.ndarray:
    """A one pixel wide way (0) from the corner to the middle, walls (1) between."""
    array = np.ones((side, side), np.uint8)
    x, y, dx, dy = 0, 0, 1, 0
    array[0, 0] = 0
    while True:
        for _ in range(2):
            ahead, far = (x + dx, y + dy), (x + 2 * dx, y + 2 * dy)
            free = 0 <= ahead[0] < side and 0 <= ahead[1] < side and array[ahead[1], ahead[0]]
            beyond = 0 <= far[0] < side and 0 <= far[1] < side
            if free and (not beyond or array[far[1], far[0]]):
                break
            dx, dy = -dy, dx
        else:
            return array
        x, y = ahead
        array[y, x] = 0


class TestFlood:
    @settings(max_examples=120, deadline=None)
    @given(st.integers(1, 24), st.integers(1, 24), st.integers(1, 4), st.integers(0, 10**6))
    def test_equals_a_plain_search(self, width: int, height: int, classes: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        array = rng.integers(0, classes, (height, width)).astype(np.uint8)
        if seed % 2:  # larger regions
            array = array.repeat(3, 0).repeat(2, 1)
        x, y = int(rng.integers(array.shape[1])), int(rng.integers(array.shape[0]))
        found = on_canvas(fill.flood_mask(array, x + 0.7, y + 0.2), array.shape)
        assert np.array_equal(found, plain_flood(array, x, y))

    def test_neighbours_share_an_edge_not_a_corner(self) -> None:
        array = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]], np.uint8)
        assert picture(fill.flood_mask(array, 1, 1), (3, 3)) == ["...", ".#.", "..."]
        assert picture(fill.flood_mask(array, 0, 1), (3, 3)) == ["...", "#..", "##."]

    @pytest.mark.parametrize("turned", [False, True])
    def test_long_winding_ways(self, turned: bool) -> None:
        comb = np.zeros((61, 43), np.uint8)
        comb[1::2] = 1
        comb[1::4, -1] = comb[3::4, 0] = 0
        for array in (spiral(45), comb, comb[::-1]):
            array = array.T if turned else array
            y, x = np.argwhere(array == 0)[0]
            found = on_canvas(fill.flood_mask(array, int(x), int(y)), array.shape)
            assert np.array_equal(found, array == 0)

    def test_not_contiguous_takes_the_class_everywhere(self) -> None:
        array = np.random.default_rng(3).integers(0, 5, SHAPE).astype(np.uint8)
        found = on_canvas(fill.flood_mask(array, 4, 2, contiguous=False))
        assert np.array_equal(found, array == array[2, 4])

    @pytest.mark.parametrize("point", [(-0.1, 3), (3, -1), (13, 3), (3, 9.0)])
    def test_outside_nothing_is_filled(self, point: tuple[float, float]) -> None:
        assert fill.flood_mask(np.zeros(SHAPE, np.uint8), *point)[0].empty

    def test_a_large_canvas_of_many_regions(self) -> None:
        y, x = np.mgrid[:2048, :2048]
        array = ((np.sin(x / 90) + np.cos(y / 70) + np.sin((x + y) / 40)) > 0.2).astype(np.uint8)
        array[np.random.default_rng(1).random(array.shape) < 0.002] = 7
        rect, mask = fill.flood_mask(array, 1000, 1001)
        region = np.zeros(array.shape, bool)
        region[rect.slices] = mask
        assert region[1001, 1000]
        assert (array[region] == array[1001, 1000]).all()
        # Complete: no pixel of the class borders on the region without belonging to it.
        grown = np.zeros_like(region)
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            moved = np.roll(region, step, axis)
            edge: list[slice | int] = [slice(None), slice(None)]
            edge[axis] = 0 if step == 1 else -1
            moved[tuple(edge)] = False
            grown |= moved
        assert not (grown & ~region & (array == array[1001, 1000])).any()


class TestReplace:
    def test_replaces_everywhere_and_stores_the_changed_box(self) -> None:
        array = np.zeros(SHAPE, np.uint8)
        array[2, 3] = array[6, 11] = 4
        patch = fill.replace(array, 4, 8)
        assert patch is not None
        assert patch.rect == Rect(3, 2, 9, 5)
        patch.apply(array)
        assert np.argwhere(array == 8).tolist() == [[2, 3], [6, 11]]

    def test_nothing_to_replace(self) -> None:
        array = np.zeros(SHAPE, np.uint8)
        assert fill.replace(array, 4, 8) is None
        assert fill.replace(array, 0, 0) is None
        assert fill.class_mask(array, 4)[0].empty


class TestBoxes:
    def test_a_rectangle_holds_the_pixels_under_both_corners(self) -> None:
        found = fill.rectangle_mask(SHAPE, 7.9, 5.0, 3.2, 3.99)
        assert found[0] == Rect(3, 3, 5, 3)
        assert found[1].all()
        assert fill.rectangle_mask(SHAPE, 4.2, 4.8, 4.9, 4.1)[0] == Rect(4, 4, 1, 1)

    def test_a_rectangle_is_clipped(self) -> None:
        assert fill.rectangle_mask(SHAPE, -1e9, 7, 1.5, 1e12)[0] == Rect(0, 7, 2, 2)
        assert fill.rectangle_mask(SHAPE, -8, 2, -1, 5)[0].empty

    def test_an_ellipse_is_inscribed(self) -> None:
        assert picture(fill.ellipse_mask(SHAPE, 2, 1, 11.5, 6.5)) == [
            ".............",
            "....######...",
            "...########..",
            "..##########.",
            "..##########.",
            "...########..",
            "....######...",
            ".............",
            ".............",
        ]

    def test_an_ellipse_is_cut_by_the_canvas_not_squeezed(self) -> None:
        shape = (30, 30)
        whole = on_canvas(fill.ellipse_mask((60, 60), 15, 12, 40, 29), (60, 60))
        cut = on_canvas(fill.ellipse_mask(shape, 0, 0, 25, 17), shape)
        assert np.array_equal(cut[:18, :26], whole[12:30, 15:41])
        moved = on_canvas(fill.ellipse_mask(shape, -10, -9, 15, 8), shape)
        assert np.array_equal(moved[:9, :16], whole[21:30, 25:41])

    @given(st.integers(1, 40))
    def test_a_square_ellipse_is_a_round_brush(self, side: int) -> None:
        mask = fill.ellipse_mask((50, 50), 3, 4, 3 + side - 1, 4 + side - 1)[1]
        assert np.array_equal(mask, Brush(side).tip())


class TestLine:
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.floats(-20, 30), min_size=4, max_size=4),
        st.floats(0.5, 9),
        st.sampled_from(list(BrushShape)),
    )
    def test_is_a_straight_stroke(
        self, ends: list[float], diameter: float, shape: BrushShape
    ) -> None:
        brush = Brush(diameter, shape)
        label_map = LabelMap.filled(SHAPE[1], SHAPE[0], 0)
        stroke = Stroke(label_map, 1, brush)
        stroke.extend(*ends[:2])
        stroke.extend(*ends[2:])
        found = on_canvas(fill.line_mask(SHAPE, *ends, brush))
        assert np.array_equal(found, label_map.array == 1)

    def test_a_long_line_in_several_batches(self) -> None:
        found = fill.line_mask((700, 900), 3.5, 2.5, 803.5, 602.5, Brush(1))
        assert found[1].sum() == 801
        assert found[0] == Rect(3, 2, 801, 601)


def inside_by_crossing(points: list[tuple[int, int]], column: int, row: int) -> bool:
    """Even-odd in exact arithmetic; points in half pixels."""
    x, y = 2 * column + 1, 2 * row + 1
    odd = False
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        if (ay <= y) != (by <= y):
            odd ^= ax + Fraction((y - ay) * (bx - ax), by - ay) <= x
    return odd


class TestPolygon:
    def test_golden(self) -> None:
        corners = [(1, 1), (11, 2), (8, 8), (6, 4), (2, 8)]
        assert picture(fill.polygon_mask(SHAPE, corners)) == [
            ".............",
            ".#####.......",
            ".##########..",
            ".#########...",
            ".####.####...",
            "..##...##....",
            "..#....##....",
            ".............",
            ".............",
        ]

    def test_crossing_outlines_leave_a_hole(self) -> None:
        outer_and_inner = [(1, 1), (11, 1), (11, 8), (1, 8), (1, 1), (4, 3), (4, 6), (8, 6), (8, 3), (4, 3)]  # fmt: skip  # noqa: E501
        found = on_canvas(fill.polygon_mask(SHAPE, outer_and_inner))
        expected = np.zeros(SHAPE, bool)
        expected[1:8, 1:11] = True
        expected[3:6, 4:8] = False
        assert np.array_equal(found, expected)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.integers(-9, 36), st.integers(-9, 28)), min_size=3, max_size=7))
    def test_even_odd_at_pixel_centres(self, points: list[tuple[int, int]]) -> None:
        """Corners on half pixels put many centres exactly on edges."""
        found = on_canvas(fill.polygon_mask(SHAPE, [(x / 2, y / 2) for x, y in points]))
        expected = [
            [inside_by_crossing(points, column, row) for column in range(SHAPE[1])]
            for row in range(SHAPE[0])
        ]
        assert np.array_equal(found, expected)

    def test_centres_on_a_slanting_edge(self) -> None:
        triangle = fill.polygon_mask((12, 12), [(0, 0), (0, 11), (11, 0)])
        assert triangle[1].sum(axis=1).tolist() == list(range(10, 0, -1))
        other_half = fill.polygon_mask((12, 12), [(11, 0), (0, 11), (11, 11)])
        assert other_half[1].sum(axis=1).tolist() == list(range(1, 12))

    @settings(max_examples=100, deadline=None)
    @given(st.floats(-3, 16), st.floats(-3, 12), st.integers(0, 999))
    def test_a_fan_around_a_point_covers_the_canvas_once(
        self, x: float, y: float, seed: int
    ) -> None:
        rng = np.random.default_rng(seed)
        around = [(-40.0, -40.0), (60.0, -40.0), (60.0, 60.0), (-40.0, 60.0)]
        around.insert(int(rng.integers(1, 4)), (float(rng.uniform(-20, 40)), -40.0))
        around = [around[0], *sorted(around[1:], key=lambda p: np.arctan2(p[1] - y, p[0] - x))]
        angles = sorted(around, key=lambda p: np.arctan2(p[1] - y, p[0] - x))
        total = np.zeros(SHAPE, int)
        for a, b in zip(angles, [*angles[1:], angles[0]], strict=True):
            total += on_canvas(fill.polygon_mask(SHAPE, [(x, y), a, b]))
        assert (total == 1).all()

    @pytest.mark.parametrize(
        "points",
        [[], [(1, 1)], [(1, 1), (8, 8)], [(1, 2), (9, 2), (4, 2)], [(-9, 1), (-2, 4), (-9, 7)]],
    )
    def test_no_area_on_the_canvas(self, points: list[tuple[float, float]]) -> None:
        assert fill.polygon_mask(SHAPE, points)[0].empty

    def test_far_corners_are_harmless(self) -> None:
        assert on_canvas(fill.polygon_mask(SHAPE, [(-1e30, -1e30), (1e30, -1e30), (0, 1e30)])).all()

    def test_a_corner_that_is_nowhere_is_refused(self) -> None:
        with pytest.raises(ValueError, match="finite"):
            fill.polygon_mask(SHAPE, [(0, 0), (5, float("nan")), (3, 3)])
