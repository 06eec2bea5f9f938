"""Mouse events paint exactly the pixels they point at."""

from __future__ import annotations

import numpy as np
import pytest
from hands import COLORS, Button, Hand, Modifier, Studio, pixels
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.tools import BrushShape, Tool
from app.ui.canvas.canvas_view import CanvasView


def test_a_click_paints_the_pixel_under_it(studio: Studio, hand: Hand) -> None:
    hand.click(7, 2)
    assert studio.painted == {(7, 2)}
    assert studio.document.labels[2, 7] == 3
    assert studio.undo_steps() == 1


@pytest.mark.parametrize(
    ("position", "pixel"),
    [
        ((160, 126), (0, 0)),
        ((163, 129), (0, 0)),
        ((164, 126), (1, 0)),
        ((160, 130), (0, 1)),
        ((203, 149), (10, 5)),
        ((319, 245), (39, 29)),
    ],
)
def test_zoomed_and_panned(
    studio: Studio, canvas: CanvasView, position: tuple[int, int], pixel: tuple[int, int]
) -> None:
    """At zoom 4 with (10, 6) in the middle of 400 x 300, pixel (0, 0) begins at (160, 126)."""
    studio.view.set_transform(4.0, (10.0, 6.0))
    hand = Hand(canvas)
    hand.held = Button.LeftButton
    hand.send(QEvent.Type.MouseButtonPress, position, Button.LeftButton)
    hand.held = Button.NoButton
    hand.send(QEvent.Type.MouseButtonRelease, position, Button.LeftButton)
    assert studio.painted == {pixel}


def test_zoomed_out_paints_under_the_pointer(studio: Studio, canvas: CanvasView) -> None:
    studio.view.set_transform(0.5, (20.0, 14.0))  # the corner at (190, 143)
    hand = Hand(canvas)
    hand.held = Button.LeftButton
    hand.send(QEvent.Type.MouseButtonPress, (195, 145), Button.LeftButton)
    hand.held = Button.NoButton
    hand.send(QEvent.Type.MouseButtonRelease, (195, 145), Button.LeftButton)
    assert studio.painted == {(11, 5)}


def test_a_drag_has_no_gaps_and_is_one_step(studio: Studio, hand: Hand) -> None:
    hand.drag((2, 3), (12, 3), (12, 9))
    expected = {(x, 3) for x in range(2, 13)} | {(12, y) for y in range(3, 10)}
    assert studio.painted == expected
    assert studio.undo_steps() == 1
    studio.document.undo()
    assert studio.painted == set()


def test_square_brush_and_eraser(studio: Studio, hand: Hand) -> None:
    studio.tools.brush_shape = BrushShape.SQUARE
    studio.tools.brush_size = 3
    hand.click(10, 6)
    assert studio.painted == {(x, y) for x in (9, 10, 11) for y in (5, 6, 7)}
    studio.tools.tool = Tool.ERASER
    studio.tools.brush_size = 1
    hand.click(10, 6)
    assert (10, 6) not in studio.painted
    assert len(studio.painted) == 8


def test_what_is_painted_is_seen_at_once(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    hand.press(7, 2)
    hand.move(9, 2)
    hand.widget.pointer = None  # no outline in the picture
    canvas.look_changed()
    seen = pixels(canvas)
    for x in (7, 8, 9):
        block = seen[30 + 16 : 30 + 24, 40 + 8 * x : 48 + 8 * x]
        assert (block == COLORS[3]).all()
    assert (seen[30 + 16 : 30 + 24, 40 + 80 : 48 + 80] == COLORS[0]).all()
    hand.release(9, 2)


def test_only_over_the_class_it_started_on(studio: Studio, hand: Hand) -> None:
    hand.drag((5, 0), (5, 29))
    studio.tools.class_id = 1
    studio.tools.only_over = True
    hand.drag((2, 4), (9, 4))
    assert studio.document.labels[4, 2:10].tolist() == [1, 1, 1, 3, 1, 1, 1, 1]


def test_shift_click_draws_a_straight_line_from_the_last_point(studio: Studio, hand: Hand) -> None:
    hand.click(4, 4)
    hand.modifiers = Modifier.ShiftModifier
    hand.click(14, 4)
    assert studio.painted == {(x, 4) for x in range(4, 15)}
    hand.click(14, 9)
    assert {(14, y) for y in range(4, 10)} <= studio.painted
    assert studio.undo_steps() == 3


def test_shift_without_a_last_point_paints_a_dot(studio: Studio, hand: Hand) -> None:
    hand.modifiers = Modifier.ShiftModifier
    hand.click(14, 4)
    assert studio.painted == {(14, 4)}


def test_a_new_canvas_has_no_last_point(studio: Studio, hand: Hand) -> None:
    hand.click(4, 4)
    studio.document.new(40, 30, 0, studio.document.palette, "test")
    studio.view.set_transform(8.0, (20.0, 15.0))
    hand.modifiers = Modifier.ShiftModifier
    hand.click(14, 4)
    assert studio.painted == {(14, 4)}


def test_escape_takes_the_drag_back(studio: Studio, hand: Hand) -> None:
    hand.click(1, 1)
    hand.press(5, 5)
    hand.move(9, 9)
    QTest.keyClick(hand.widget, Qt.Key.Key_Escape)
    assert studio.painted == {(1, 1)}
    assert not studio.document.stroke_active
    hand.move(12, 12)
    hand.release(12, 12)
    assert studio.painted == {(1, 1)}
    assert studio.undo_steps() == 1


@pytest.mark.parametrize("tool", [Tool.BRUSH, Tool.FILL, Tool.RECTANGLE])
def test_alt_picks_with_any_tool(studio: Studio, hand: Hand, tool: Tool) -> None:
    studio.document.flood_fill(0, 0, 2)
    hand.click(6, 6)
    studio.tools.tool = tool
    hand.modifiers = Modifier.AltModifier
    hand.click(20, 20)
    assert studio.tools.class_id == 2
    assert studio.tools.tool is tool
    assert studio.document.labels[20, 20] == 2
    hand.modifiers = Modifier.NoModifier
    hand.click(6, 6, Button.RightButton)
    assert studio.tools.class_id == 3


def test_eyedropper_follows_the_drag_and_ignores_the_surround(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.EYEDROPPER
    studio.document.flood_fill(0, 0, 4)
    hand.press(-3, -3)
    assert studio.tools.class_id == 3
    hand.move(3, 3)
    assert studio.tools.class_id == 4
    hand.release(3, 3)


@pytest.mark.parametrize(
    "lost",
    [QEvent.Type.FocusOut, QEvent.Type.WindowDeactivate, QEvent.Type.UngrabMouse],
)
def test_a_lost_pointer_ends_the_stroke_and_keeps_it(
    studio: Studio, hand: Hand, lost: QEvent.Type
) -> None:
    hand.press(5, 5)
    hand.move(7, 5)
    event = QFocusEvent(lost) if lost == QEvent.Type.FocusOut else QEvent(lost)
    QApplication.sendEvent(hand.widget, event)
    assert not studio.document.stroke_active
    assert studio.painted == {(5, 5), (6, 5), (7, 5)}
    hand.move(9, 9)
    hand.release(9, 9)
    assert studio.painted == {(5, 5), (6, 5), (7, 5)}
    assert studio.undo_steps() == 1


def test_hiding_the_view_ends_the_stroke(studio: Studio, hand: Hand) -> None:
    hand.press(5, 5)
    hand.widget.hide()
    assert not studio.document.stroke_active


def test_a_move_without_the_button_ends_the_stroke(studio: Studio, hand: Hand) -> None:
    """The release went to a window that popped up."""
    hand.press(5, 5)
    hand.held = Button.NoButton
    hand.move(20, 5)
    assert not studio.document.stroke_active
    assert studio.painted == {(5, 5)}


def test_another_tool_ends_the_stroke(studio: Studio, hand: Hand) -> None:
    hand.press(5, 5)
    studio.tools.tool = Tool.RECTANGLE
    assert not studio.document.stroke_active
    hand.move(9, 9)
    hand.release(9, 9)
    assert studio.painted == {(5, 5)}


def test_undo_in_the_middle_of_a_stroke(studio: Studio, hand: Hand) -> None:
    hand.press(5, 5)
    hand.move(8, 5)
    studio.document.undo()
    assert studio.painted == set()
    hand.move(12, 5)
    hand.release(12, 5)
    assert studio.painted == set()
    hand.click(1, 1)
    assert studio.painted == {(1, 1)}


def test_a_second_button_changes_nothing(studio: Studio, hand: Hand) -> None:
    hand.press(5, 5)
    hand.press(5, 5, Button.RightButton)
    assert studio.tools.class_id == 3
    hand.release(5, 5, Button.RightButton)
    assert studio.document.stroke_active
    hand.move(6, 5)
    hand.release(6, 5)
    assert studio.painted == {(5, 5), (6, 5)}


def test_a_stroke_may_begin_and_end_outside(studio: Studio, hand: Hand) -> None:
    hand.drag((-4, 7), (3, 7), (-4, 7))
    assert studio.painted == {(x, 7) for x in range(4)}


def test_the_last_row_and_column_can_be_painted(studio: Studio, hand: Hand) -> None:
    hand.click(39, 29)
    assert studio.document.labels[29, 39] == 3
    assert np.count_nonzero(studio.document.labels) == 1


def test_two_clicks_in_a_row_are_two_strokes(studio: Studio, hand: Hand) -> None:
    hand.double_click(5, 5)
    studio.tools.class_id = 4
    hand.double_click(6, 5)
    assert studio.document.labels[5, 5:7].tolist() == [3, 4]
    assert not studio.document.stroke_active


def test_events_of_an_unknown_button_do_nothing(studio: Studio, hand: Hand) -> None:
    hand.click(5, 5, Button.BackButton)
    assert studio.painted == set()
    point = QPointF(*hand.at(5, 5))
    QApplication.sendEvent(
        hand.widget,
        QMouseEvent(
            QEvent.Type.MouseButtonRelease,
            point,
            point,
            Button.LeftButton,
            Button.NoButton,
            Modifier.NoModifier,
        ),
    )
    assert studio.painted == set()
