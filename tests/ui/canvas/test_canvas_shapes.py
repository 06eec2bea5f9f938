"""Shapes: what a drag or a row of clicks paints, what is shown until then, what cancels it."""

from __future__ import annotations

import numpy as np
import pytest
from hands import COLORS, Hand, Modifier, Studio, pixels
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.brush import Brush
from app.core.fill import ellipse_mask, line_mask, polygon_mask
from app.core.tools import BrushShape, Tool
from app.ui.canvas.canvas_view import CanvasView


def filled(studio: Studio, area: tuple) -> set[tuple[int, int]]:
    """The pixels of a (rect, mask)."""
    rect, mask = area
    rows, columns = np.nonzero(mask)
    return set(zip((columns + rect.x).tolist(), (rows + rect.y).tolist(), strict=True))


def box(x0: int, y0: int, x1: int, y1: int) -> set[tuple[int, int]]:
    return {(x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)}


def test_rectangle_holds_both_corner_pixels(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.RECTANGLE
    hand.drag((12, 9), (8, 8), (5, 4))
    assert studio.painted == box(5, 4, 12, 9)
    assert studio.undo_steps() == 1
    assert studio.document.undo_text == "Rectangle"


def test_a_click_with_the_rectangle_is_one_pixel(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.RECTANGLE
    hand.click(12, 9)
    assert studio.painted == {(12, 9)}


def test_shift_makes_a_square_in_the_drags_direction(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.RECTANGLE
    hand.press(20, 10)
    hand.modifiers = Modifier.ShiftModifier
    hand.move(14, 12)
    hand.release(14, 12)
    assert studio.painted == box(14, 10, 20, 16)


def test_shift_alone_changes_the_shape_at_once(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    studio.tools.tool = Tool.RECTANGLE
    hand.press(20, 10)
    hand.move(14, 12)
    assert canvas.controller.preview.path.boundingRect().height() == 3
    QTest.keyPress(canvas, Qt.Key.Key_Shift)
    assert canvas.controller.preview.path.boundingRect().height() == 7
    QTest.keyRelease(canvas, Qt.Key.Key_Shift)
    assert canvas.controller.preview.path.boundingRect().height() == 3


def test_ellipse(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.ELLIPSE
    hand.drag((5, 4), (19, 10))
    assert studio.painted == filled(studio, ellipse_mask((30, 40), 5, 4, 19, 10))
    assert (5, 4) not in studio.painted
    assert (5, 7) in studio.painted
    assert studio.document.undo_text == "Ellipse"


def test_line_is_as_wide_as_the_brush(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.LINE
    studio.tools.brush_size = 3
    studio.tools.brush_shape = BrushShape.SQUARE
    hand.drag((5, 5), (30, 12), (20, 9))
    brush = Brush(3, BrushShape.SQUARE)
    expected = filled(studio, line_mask((30, 40), 5.5, 5.5, 20.5, 9.5, brush))
    assert studio.painted == expected
    assert studio.undo_steps() == 1


def test_shift_line_is_level(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.LINE
    hand.modifiers = Modifier.ShiftModifier
    hand.drag((5, 5), (25, 6))
    assert {y for _, y in studio.painted} == {5}
    assert (5, 5) in studio.painted
    assert (24, 5) in studio.painted


@pytest.mark.parametrize("shape", list(BrushShape))
@pytest.mark.parametrize("end", [(25, 6), (6, 25), (25, 20), (3, 18), (5, 5)])
def test_the_shown_line_is_the_painted_one(
    studio: Studio, canvas: CanvasView, hand: Hand, shape: BrushShape, end: tuple[int, int]
) -> None:
    """Within a pixel: the outline is smooth, what is painted is made of pixels."""
    studio.tools.tool = Tool.LINE
    studio.tools.brush_size = 5
    studio.tools.brush_shape = shape
    hand.press(5, 5)
    hand.move(*end)
    shown = canvas.controller.preview.path.boundingRect()
    hand.release(*end)
    rows, columns = np.nonzero(studio.document.labels)
    assert abs(shown.left() - columns.min()) <= 1
    assert abs(shown.right() - columns.max() - 1) <= 1
    assert abs(shown.top() - rows.min()) <= 1
    assert abs(shown.bottom() - rows.max() - 1) <= 1


def test_lasso(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.LASSO
    hand.drag((5, 5), (15, 5), (15, 12), (5, 12))
    corners = [(5.5, 5.5), (15.5, 5.5), (15.5, 12.5), (5.5, 12.5)]
    assert studio.painted == filled(studio, polygon_mask((30, 40), corners))
    assert studio.undo_steps() == 1


def test_a_lasso_click_paints_nothing(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.LASSO
    hand.click(5, 5)
    assert studio.painted == set()
    assert not studio.document.can_undo


CORNERS = [(5, 5), (20, 6), (12, 20)]
MIDDLES = [(x + 0.5, y + 0.5) for x, y in CORNERS]


@pytest.mark.parametrize("how", ["enter", "double click", "first corner"])
def test_polygon_closes(studio: Studio, canvas: CanvasView, hand: Hand, how: str) -> None:
    studio.tools.tool = Tool.POLYGON
    for corner in CORNERS:
        hand.click(*corner)
    assert studio.painted == set()
    if how == "enter":
        QTest.keyClick(canvas, Qt.Key.Key_Return)
    elif how == "double click":
        hand.release(12, 20)
        hand.held = Qt.MouseButton.LeftButton
        hand.send(QEvent.Type.MouseButtonDblClick, hand.at(12, 20), Qt.MouseButton.LeftButton)
        hand.release(12, 20)
    else:
        hand.click(5, 6)
    assert studio.painted == filled(studio, polygon_mask((30, 40), MIDDLES))
    assert not canvas.controller.active
    assert studio.undo_steps() == 1


def test_a_double_click_as_qt_sends_it_sets_the_last_corner_once(
    studio: Studio, hand: Hand
) -> None:
    studio.tools.tool = Tool.POLYGON
    hand.click(*CORNERS[0])
    hand.click(*CORNERS[1])
    hand.double_click(*CORNERS[2])
    assert studio.painted == filled(studio, polygon_mask((30, 40), MIDDLES))


def test_backspace_removes_the_last_corner(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    studio.tools.tool = Tool.POLYGON
    for corner in [*CORNERS, (39, 29)]:
        hand.click(*corner)
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    QTest.keyClick(canvas, Qt.Key.Key_Enter)
    assert studio.painted == filled(studio, polygon_mask((30, 40), MIDDLES))
    hand.click(5, 5)
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    assert not canvas.controller.active


def test_escape_cancels_the_polygon(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    studio.tools.tool = Tool.POLYGON
    for corner in CORNERS:
        hand.click(*corner)
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.keyClick(canvas, Qt.Key.Key_Return)
    assert studio.painted == set()
    assert canvas.controller.preview is None


def test_a_polygon_survives_a_look_elsewhere_but_not_another_tool(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    studio.tools.tool = Tool.POLYGON
    hand.click(5, 5)
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusOut))
    assert canvas.controller.active
    studio.tools.tool = Tool.BRUSH
    assert not canvas.controller.active
    studio.tools.tool = Tool.POLYGON
    assert not canvas.controller.active


def test_keys_of_a_polygon_come_before_shortcuts(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    def overridden(key: Qt.Key) -> bool:
        event = QKeyEvent(QEvent.Type.ShortcutOverride, key, Modifier.NoModifier)
        event.ignore()
        QApplication.sendEvent(canvas, event)
        return event.isAccepted()

    studio.tools.tool = Tool.POLYGON
    keys = (Qt.Key.Key_Return, Qt.Key.Key_Backspace, Qt.Key.Key_Escape)
    assert not any(overridden(key) for key in keys)
    hand.click(5, 5)
    assert all(overridden(key) for key in keys)
    assert not overridden(Qt.Key.Key_B)
    assert overridden(Qt.Key.Key_Space)


@pytest.mark.parametrize("tool", [Tool.LINE, Tool.RECTANGLE, Tool.ELLIPSE, Tool.LASSO])
def test_escape_or_a_lost_pointer_drops_a_shape(studio: Studio, hand: Hand, tool: Tool) -> None:
    studio.tools.tool = tool
    for drop in (
        lambda: QTest.keyClick(hand.widget, Qt.Key.Key_Escape),
        lambda: QApplication.sendEvent(hand.widget, QFocusEvent(QEvent.Type.FocusOut)),
    ):
        hand.press(5, 5)
        hand.move(20, 8)
        hand.move(20, 20)
        drop()
        hand.move(25, 25)
        hand.release(25, 25)
        assert studio.painted == set()
        assert not studio.document.can_undo


def test_shapes_paint_only_over_the_class_they_started_on(studio: Studio, hand: Hand) -> None:
    hand.drag((5, 0), (5, 29))
    studio.tools.class_id = 1
    studio.tools.only_over = True
    studio.tools.tool = Tool.RECTANGLE
    hand.drag((3, 3), (7, 6))
    assert studio.document.labels[3, 3:8].tolist() == [1, 1, 3, 1, 1]


def test_a_shape_that_changes_nothing_is_no_step(studio: Studio, hand: Hand) -> None:
    studio.tools.tool = Tool.RECTANGLE
    studio.tools.class_id = 0
    hand.drag((3, 3), (7, 6))
    hand.drag((-9, -9), (-3, -3))
    assert not studio.document.can_undo


def test_fill_contiguous_or_not(studio: Studio, hand: Hand) -> None:
    hand.drag((5, 0), (5, 29))
    studio.tools.tool = Tool.FILL
    studio.tools.class_id = 1
    hand.click(2, 2)
    assert studio.document.labels[0, :8].tolist() == [1, 1, 1, 1, 1, 3, 0, 0]
    studio.document.undo()
    studio.tools.contiguous = False
    hand.click(2, 2)
    assert studio.document.labels[0, :8].tolist() == [1, 1, 1, 1, 1, 3, 1, 1]
    hand.click(-5, -5)
    assert studio.undo_steps() == 2


def test_replace_changes_the_class_under_the_pointer_everywhere(studio: Studio, hand: Hand) -> None:
    hand.click(5, 5)
    hand.click(30, 20)
    studio.tools.tool = Tool.REPLACE
    studio.tools.class_id = 4
    hand.click(30, 20)
    assert studio.document.labels[5, 5] == studio.document.labels[20, 30] == 4
    assert np.count_nonzero(studio.document.labels) == 2


def test_the_shape_is_shown_and_then_gone(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    studio.tools.tool = Tool.RECTANGLE
    before = pixels(canvas)
    hand.press(5, 5)
    hand.move(20, 15)
    canvas.pointer = None
    canvas.look_changed()
    during = pixels(canvas)
    inside = during[30 + 8 * 10, 40 + 8 * 10].astype(int)
    rock, sky = np.array(COLORS[3]), np.array(COLORS[0])
    assert np.abs(inside - (0.75 * rock + 0.25 * sky)).max() <= 2
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert (pixels(canvas) == before).all()
