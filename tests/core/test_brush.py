"""Strokes against their definition: the union of dabs along a digital line."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.brush import Brush, Dab, Stroke
from app.core.label_map import LabelMap
from app.core.tools import BrushShape
from spade.formats.rect import Rect

ROUND, SQUARE = BrushShape.ROUND, BrushShape.SQUARE


def picture(mask: np.ndarray) -> list[str]:
    return ["".join("#" if pixel else "." for pixel in row) for row in mask]


def bounds(mask: np.ndarray) -> Rect:
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return Rect(0, 0, 0, 0)
    x, y = int(columns.min()), int(rows.min())
    return Rect(x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1)


def in_dab(dab: Dab, shape: BrushShape, column: int, row: int) -> bool:
    d = dab.diameter
    x, y = 2 * (column - dab.left) + 1 - d, 2 * (row - dab.top) + 1 - d
    if max(abs(x), abs(y)) > d - 1:
        return False
    return shape is SQUARE or x * x + y * y <= d * d


def between(a: Dab, b: Dab) -> list[Dab]:
    steps = max(abs(b.left - a.left), abs(b.top - a.top), abs(b.diameter - a.diameter), 1)

    def at(start: int, end: int, step: int) -> int:
        return floor(start + Fraction(step * (end - start), steps) + Fraction(1, 2))

    return [
        Dab(at(a.left, b.left, step), at(a.top, b.top, step), at(a.diameter, b.diameter, step))
        for step in range(steps + 1)
    ]


def painted(
    events: list[tuple[float, float, float]], brush: Brush, height: int, width: int
) -> np.ndarray:
    """The plain model: every dab between the events, pixel by pixel."""
    dabs = [brush.dab(*event) for event in events]
    every = dabs[:1] + [dab for a, b in pairwise(dabs) for dab in between(a, b)]
    mask = np.zeros((height, width), bool)
    for dab in set(every):
        for row in range(max(dab.top, 0), min(dab.top + dab.diameter, height)):
            for column in range(max(dab.left, 0), min(dab.left + dab.diameter, width)):
                mask[row, column] |= in_dab(dab, brush.shape, column, row)
    return mask


def stroke(
    array: np.ndarray,
    events: list[tuple[float, float, float]],
    brush: Brush,
    class_id: int = 9,
    only_over: int | None = None,
) -> tuple[LabelMap, Stroke, list[Rect]]:
    label_map = LabelMap(array)
    one = Stroke(label_map, class_id, brush, only_over)
    return label_map, one, [one.extend(*event) for event in events]


events_strategy = st.lists(
    st.tuples(
        st.floats(-30, 50, allow_nan=False),
        st.floats(-30, 40, allow_nan=False),
        st.sampled_from([0.0, 0.1, 0.37, 0.5, 0.8, 1.0]),
    ),
    min_size=1,
    max_size=5,
)
brushes = st.builds(
    Brush,
    st.one_of(st.integers(1, 16).map(float), st.floats(0.2, 24)),
    st.sampled_from([ROUND, SQUARE]),
)


class TestTip:
    def test_small_round_tips(self) -> None:
        assert picture(Brush(1).tip()) == ["#"]
        assert picture(Brush(2).tip()) == ["##", "##"]
        assert picture(Brush(4).tip()) == [".##.", "####", "####", ".##."]
        assert picture(Brush(5).tip()) == [".###.", "#####", "#####", "#####", ".###."]
        assert picture(Brush(7).tip()) == [
            "..###..",
            ".#####.",
            "#######",
            "#######",
            "#######",
            ".#####.",
            "..###..",
        ]

    @pytest.mark.parametrize("diameter", [1, 2, 3, 10, 25, 40, 65, 200])
    def test_a_round_tip_is_the_disc_of_pixel_centres(self, diameter: int) -> None:
        # 25 and 65 have centres exactly on the circle (7-24-25): those belong to the disc.
        expected = [
            [in_dab(Dab(0, 0, diameter), ROUND, column, row) for column in range(diameter)]
            for row in range(diameter)
        ]
        assert np.array_equal(Brush(diameter).tip(), expected)

    @pytest.mark.parametrize("shape", [ROUND, SQUARE])
    def test_every_tip_fills_its_box_and_is_symmetric(self, shape: BrushShape) -> None:
        for diameter in range(1, 70):
            tip = Brush(diameter, shape).tip()
            assert bounds(tip) == Rect(0, 0, diameter, diameter)
            assert np.array_equal(tip, tip.T)
            assert np.array_equal(tip, tip[::-1])

    def test_an_odd_dab_has_the_pixel_under_the_pointer_in_its_middle(self) -> None:
        for x in (7.0, 7.3, 7.99):
            assert Brush(1).dab(x, 4.5) == Dab(7, 4, 1)
            assert Brush(5).dab(x, 4.5) == Dab(5, 2, 5)

    def test_an_even_dab_is_centred_on_the_nearest_corner(self) -> None:
        assert Brush(2).dab(7.4, 4.6) == Dab(6, 4, 2)
        assert Brush(4).dab(7.6, 4.4) == Dab(6, 2, 4)

    def test_pressure_scales_the_diameter_down_to_one_pixel(self) -> None:
        brush = Brush(10)
        assert [brush.dab(20, 20, p).diameter for p in (0.0, 0.04, 0.25, 0.5, 1.0, 3.0, -1.0)] == [
            1, 1, 3, 5, 10, 10, 1,
        ]  # fmt: skip

    def test_a_pointer_that_is_nowhere_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not finite"):
            Brush(3).dab(float("nan"), 1)


class TestStroke:
    def test_one_pixel_line_is_a_digital_line(self) -> None:
        label_map, _, _ = stroke(
            np.zeros((5, 9), np.uint8), [(0.5, 0.5, 1), (8.5, 3.5, 1)], Brush(1)
        )
        assert picture(label_map.array == 9) == [
            "##.......",
            "..##.....",
            "....###..",
            ".......##",
            ".........",
        ]

    def test_asymmetric_golden(self) -> None:
        label_map, one, rects = stroke(
            np.zeros((8, 12), np.uint8), [(2, 1, 1), (9, 3, 1), (9, 9, 1)], Brush(3, SQUARE)
        )
        assert picture(label_map.array == 9) == [
            ".####.......",
            ".########...",
            ".##########.",
            "...########.",
            ".......####.",
            "........###.",
            "........###.",
            "........###.",
        ]
        assert rects == [Rect(1, 0, 3, 3), Rect(3, 0, 8, 5), Rect(8, 5, 3, 3)]
        assert one.abort() == Rect(1, 0, 10, 8)

    @settings(max_examples=150, deadline=None)
    @given(events_strategy, brushes)
    def test_a_stroke_is_the_union_of_its_dabs(
        self, events: list[tuple[float, float, float]], brush: Brush
    ) -> None:
        before = np.zeros((23, 31), np.uint8)
        expected = before.copy()
        label_map = LabelMap(before)
        one = Stroke(label_map, 9, brush)
        for count in range(1, len(events) + 1):
            earlier = label_map.array.copy()
            rect = one.extend(*events[count - 1])
            expected = np.where(painted(events[:count], brush, 23, 31), 9, 0)
            assert np.array_equal(label_map.array, expected)
            assert rect == bounds(label_map.array != earlier)  # tight and clipped
        assert one.abort() == bounds(expected)

    @settings(max_examples=60, deadline=None)
    @given(events_strategy, brushes, st.integers(0, 3), st.integers(0, 3), st.integers(0, 99))
    def test_only_over_paints_what_held_the_class_at_the_start(
        self,
        events: list[tuple[float, float, float]],
        brush: Brush,
        class_id: int,
        only_over: int,
        seed: int,
    ) -> None:
        before = np.random.default_rng(seed).integers(0, 4, (23, 31)).astype(np.uint8)
        label_map, one, _ = stroke(before, events, brush, class_id, only_over)
        chosen = painted(events, brush, 23, 31) & (before == only_over)
        assert np.array_equal(label_map.array, np.where(chosen, class_id, before))
        assert one.abort() == bounds(chosen & (before != class_id))

    @settings(max_examples=60, deadline=None)
    @given(events_strategy, brushes, st.booleans())
    def test_commit_and_abort(
        self, events: list[tuple[float, float, float]], brush: Brush, commit: bool
    ) -> None:
        before = np.arange(200 * 150, dtype=np.uint64).reshape(150, 200) % 7
        before = before.astype(np.uint8)
        wide = [(4 * x, 4 * y, p) for x, y, p in events]
        label_map, one, rects = stroke(before, wide, brush, 3)
        after = label_map.array.copy()
        if not commit:
            assert one.abort() == bounds(after != before)
            assert np.array_equal(label_map.array, before)
            return
        patch = one.commit()
        assert np.array_equal(label_map.array, after)
        if patch is None:
            assert np.array_equal(before, after)
            assert all(rect.empty for rect in rects)
            return
        assert patch.rect == bounds(after != before)
        assert patch.revert(label_map.array) == patch.rect
        assert np.array_equal(label_map.array, before)
        patch.apply(label_map.array)
        assert np.array_equal(label_map.array, after)

    def test_painting_a_class_over_itself_changes_nothing(self) -> None:
        _, one, rects = stroke(np.full((20, 20), 9, np.uint8), [(5, 5, 1), (15, 9, 1)], Brush(6))
        assert all(rect.empty for rect in rects)
        assert one.commit() is None

    def test_a_stroke_beside_the_canvas_changes_nothing(self) -> None:
        _, one, rects = stroke(
            np.zeros((20, 20), np.uint8), [(-50, 5, 1), (-50, 900, 1), (1e300, 900, 1)], Brush(30)
        )
        assert all(rect.empty for rect in rects)
        assert one.commit() is None

    def test_a_brush_larger_than_the_canvas_covers_it(self) -> None:
        label_map, one, rects = stroke(np.zeros((20, 30), np.uint8), [(1, 1, 1)], Brush(512))
        assert (label_map.array == 9).all()
        assert rects == [Rect(0, 0, 30, 20)]
        assert one.commit() is not None

    def test_a_very_long_way_across_the_canvas_leaves_no_gap(self) -> None:
        label_map, _, _ = stroke(
            np.zeros((40, 3000), np.uint8), [(-5e6, 20, 1), (5e6, 20, 1)], Brush(3)
        )
        assert (label_map.array[19:22] == 9).all()
        assert np.count_nonzero(label_map.array) == 3 * 3000

    def test_a_jump_of_pressure_leaves_no_gap(self) -> None:
        label_map, _, _ = stroke(
            np.zeros((120, 600), np.uint8), [(60, 60, 1.0), (540, 60, 0.0)], Brush(100)
        )
        covered = label_map.array == 9
        extents = covered.sum(axis=0)[60:541]
        assert extents[0] == 100
        assert extents[-1] == 1
        # Odd and even dabs are centred half a pixel apart, so the taper may step back by one.
        assert (np.diff(extents.astype(int)) <= 1).all()
        edges = np.diff(np.pad(covered, ((1, 1), (0, 0))).astype(int), axis=0)
        assert ((edges == 1).sum(axis=0) <= 1).all()

    def test_after_its_end_a_stroke_refuses_everything(self) -> None:
        _, one, _ = stroke(np.zeros((5, 5), np.uint8), [(2, 2, 1)], Brush(1))
        one.commit()
        for use in (one.commit, one.abort, lambda: one.extend(1, 1)):
            with pytest.raises(RuntimeError, match="already"):
                use()

    def test_put_aside_is_what_the_stroke_touched_not_the_canvas(self) -> None:
        """A dab's cost does not grow with the canvas: memory tells, without a clock."""
        label_map = LabelMap.filled(2048, 2048, 0)
        one = Stroke(label_map, 1, Brush(20))
        for x in range(100, 400, 25):
            one.extend(x, 1000)
        patch = one.commit()
        assert patch is not None
        assert patch.rect == Rect(90, 990, 295, 20)
        assert patch.nbytes < 2000


class TestLabelMap:
    def test_owns_a_copy_and_hands_out_read_only_ones(self) -> None:
        source = np.zeros((3, 4), np.uint8)
        label_map = LabelMap(source)
        source[:] = 5
        snapshot = label_map.snapshot()
        label_map.array[1, 2] = 7
        assert (label_map.width, label_map.height) == (4, 3)
        assert not snapshot.any()
        with pytest.raises(ValueError, match="read-only"):
            snapshot[0, 0] = 1

    @pytest.mark.parametrize(
        "array", [np.zeros((2, 2)), np.zeros((2, 2, 3), np.uint8), np.zeros((0, 4), np.uint8)]
    )
    def test_refuses_other_arrays(self, array: np.ndarray) -> None:
        with pytest.raises(ValueError, match="uint8"):
            LabelMap(array)
