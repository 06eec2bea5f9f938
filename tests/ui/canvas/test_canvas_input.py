"""Pan, zoom, pen, wheel, touchpad and keys."""

from __future__ import annotations

import numpy as np
import pytest
from hands import Button, Hand, Modifier, Studio
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QNativeGestureEvent, QPointingDevice
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from app.core.tools import Tool
from app.state.view_state import ViewState
from app.ui.canvas.canvas_view import CanvasView
from spade.formats.rect import Rect

Pen = QPointingDevice.PointerType


def center(view: ViewState) -> tuple[float, float]:
    return tuple(round(value, 6) for value in view.center)


def test_space_pans_and_leaves_the_labels_alone(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    assert canvas.cursor().shape() == Qt.CursorShape.OpenHandCursor
    hand.press(5, 5)
    assert canvas.cursor().shape() == Qt.CursorShape.ClosedHandCursor
    hand.move(8, 7)
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    hand.move(9, 8)  # the drag goes on without the key
    hand.release(9, 8)
    assert center(studio.view) == (20 - 4, 15 - 3)
    assert studio.painted == set()
    assert not studio.document.can_undo
    hand.at = lambda x, y: (40 + 8 * (x + 4) + 4, 30 + 8 * (y + 3) + 4)
    hand.click(5, 5)
    assert studio.painted == {(5, 5)}


@pytest.mark.parametrize("button", [Button.MiddleButton, Button.LeftButton])
def test_middle_button_and_pan_tool(studio: Studio, hand: Hand, button: Button) -> None:
    if button == Button.LeftButton:
        studio.tools.tool = Tool.PAN
    hand.drag((5, 5), (6, 5), (9, 9), button=button)
    assert center(studio.view) == (16, 11)
    assert studio.painted == set()


def test_panning_keeps_the_canvas_in_sight(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    canvas.pan(1e6, -1e6)
    left, top = canvas.transform().to_view(0, 0)
    right, bottom = canvas.transform().to_view(40, 30)
    assert left <= 400 - 48
    assert bottom >= 48
    assert right > 0
    assert top < 300


def test_space_in_the_middle_of_a_stroke_goes_on_painting(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    hand.press(5, 5)
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    hand.move(7, 5)
    hand.release(7, 5)
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert studio.painted == {(5, 5), (6, 5), (7, 5)}


@pytest.mark.parametrize("ratio_position", [(40 + 8 * 30 + 3, 30 + 8 * 7 + 5), (44, 34), (199, 99)])
def test_wheel_zooms_at_the_pointer(
    studio: Studio, canvas: CanvasView, hand: Hand, ratio_position: tuple[int, int]
) -> None:
    x, y = ratio_position
    before = canvas.transform().pointer(x, y)
    pixel = (int(before[0]), int(before[1]))
    for notches in (1, 1, 1, 0.5, -0.5, -1, -1, -1, 1):
        hand.wheel((x, y), notches)
        now = canvas.transform().pointer(x, y)
        # the corner of the canvas is kept on whole screen pixels
        assert abs(now[0] - before[0]) <= 1.01 / studio.view.zoom
        assert abs(now[1] - before[1]) <= 1.01 / studio.view.zoom
    assert studio.view.zoom == pytest.approx(8 * 2**0.5)
    now = canvas.transform().pointer(x, y)
    assert (int(now[0]), int(now[1])) == pixel
    assert not studio.view.fit


def test_wheel_stops_at_the_limits(studio: Studio, hand: Hand) -> None:
    for _ in range(40):
        hand.wheel((200, 150), 1)
    assert studio.view.zoom == 64
    for _ in range(80):
        hand.wheel((200, 150), -1)
    assert studio.view.zoom == 1 / 32


def test_ctrl_wheel_sizes_the_brush(studio: Studio, hand: Hand) -> None:
    studio.tools.brush_size = 10
    hand.modifiers = Modifier.ControlModifier
    hand.wheel((200, 150), 1)
    assert studio.tools.brush_size > 10
    hand.wheel((200, 150), -0.5)
    hand.wheel((200, 150), -0.5)
    assert studio.tools.brush_size == 10
    assert studio.view.zoom == 8


def test_a_touchpad_scrolls(studio: Studio, hand: Hand) -> None:
    hand.wheel((200, 150), 1, pixels=(16, -24), phase=Qt.ScrollPhase.ScrollUpdate)
    assert center(studio.view) == (18, 18)
    assert studio.view.zoom == 8


def test_a_touchpad_pinches(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    before = canvas.transform().pointer(120, 80)
    point = QPointF(120, 80)
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        point,
        point,
        QPointF(canvas.mapToGlobal(point)),
        0.25,
        QPointF(),
    )
    QApplication.sendEvent(canvas, event)
    assert studio.view.zoom == pytest.approx(10)
    now = canvas.transform().pointer(120, 80)
    assert np.abs(np.subtract(now, before)).max() < 0.1


def test_arrow_keys_pan(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    assert center(studio.view) == (28, 7)


def test_fit_follows_the_size_until_zoomed(qtbot, studio: Studio, canvas: CanvasView) -> None:
    assert studio.view.fit
    assert studio.view.zoom == pytest.approx((300 - 32) / 30)
    canvas.resize(200, 300)
    assert studio.view.zoom == pytest.approx((200 - 32) / 40)
    assert center(studio.view) == (20, 15)
    studio.document.new(10, 60, 0, studio.document.palette, "test")
    assert studio.view.zoom == pytest.approx((300 - 32) / 60)
    assert center(studio.view) == (5, 30)
    Hand(canvas).wheel((100, 100), 1)
    zoom = studio.view.zoom
    canvas.resize(400, 400)
    assert studio.view.zoom == zoom
    studio.view.fit = True
    assert studio.view.zoom == pytest.approx((400 - 32) / 60)


def test_the_pen_paints_with_pressure_as_size(studio: Studio, hand: Hand) -> None:
    studio.tools.brush_size = 5
    assert hand.pen(QEvent.Type.TabletPress, 5, 5, 0.2).isAccepted()
    assert studio.painted == {(5, 5)}
    assert hand.pen(QEvent.Type.TabletMove, 15, 5, 1.0).isAccepted()
    assert hand.pen(QEvent.Type.TabletRelease, 15, 5, 0.0).isAccepted()
    assert (15, 3) in studio.painted
    assert (15, 7) in studio.painted
    assert (5, 4) not in studio.painted
    assert studio.undo_steps() == 1


def test_without_pressure_the_pen_has_one_size(studio: Studio, hand: Hand) -> None:
    studio.tools.brush_size = 3
    studio.tools.pressure_size = False
    hand.pen(QEvent.Type.TabletPress, 5, 5, 0.1)
    hand.pen(QEvent.Type.TabletRelease, 5, 5, 0.0)
    assert {(5, 4), (4, 5), (5, 6), (6, 5)} <= studio.painted


def test_mouse_events_made_from_the_pen_are_ignored(studio: Studio, hand: Hand) -> None:
    hand.pen(QEvent.Type.TabletPress, 5, 5, 1.0)
    hand.press(5, 5)
    hand.move(20, 20)
    hand.release(20, 20)
    assert studio.document.stroke_active
    hand.pen(QEvent.Type.TabletMove, 6, 5, 1.0)
    hand.pen(QEvent.Type.TabletRelease, 6, 5, 0.0)
    assert studio.painted == {(5, 5), (6, 5)}
    assert studio.undo_steps() == 1


def test_the_pens_other_end_erases(studio: Studio, hand: Hand) -> None:
    hand.drag((2, 5), (9, 5))
    hand.pen(QEvent.Type.TabletPress, 5, 5, 1.0, Pen.Eraser)
    hand.pen(QEvent.Type.TabletRelease, 5, 5, 0.0, Pen.Eraser)
    assert studio.document.labels[5, 4:7].tolist() == [3, 0, 3]
    hand.pen(QEvent.Type.TabletPress, 5, 5, 1.0)
    hand.pen(QEvent.Type.TabletRelease, 5, 5, 0.0)
    assert studio.document.labels[5, 5] == 3


def test_hover_tells_pixel_and_class(qtbot, studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    studio.document.paint_mask(*_one_pixel(7, 2), 4, "dot")
    with qtbot.waitSignal(canvas.hovered) as seen:
        hand.move(7, 2)
    assert seen.args == [7, 2, 4]
    with qtbot.waitSignal(canvas.hover_left):
        hand.move(-2, 3)
    with qtbot.waitSignal(canvas.hover_left):
        QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
    assert canvas.pointer is None


def _one_pixel(x: int, y: int) -> tuple[Rect, np.ndarray]:
    return Rect(x, y, 1, 1), np.ones((1, 1), bool)


def test_the_cursor_says_what_a_press_would_do(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    shape = Qt.CursorShape
    studio.tools.brush_size = 10
    hand.move(7, 7)
    assert canvas.cursor().shape() == shape.BlankCursor  # the outline stands for it
    studio.view.set_transform(0.25, (20.0, 15.0))
    hand.move(7, 7)
    assert canvas.cursor().shape() == shape.CrossCursor  # the outline is tiny
    studio.tools.tool = Tool.PAN
    assert canvas.cursor().shape() == shape.OpenHandCursor
    studio.tools.tool = Tool.RECTANGLE
    assert canvas.cursor().shape() == shape.CrossCursor


def test_typing_is_never_interrupted(qtbot, studio: Studio, canvas: CanvasView) -> None:
    field = QLineEdit(canvas)
    field.show()
    canvas.activateWindow()
    qtbot.waitUntil(canvas.isActiveWindow)
    field.setFocus()
    QApplication.sendEvent(canvas, _enter(canvas))
    assert field.hasFocus()
    field.clearFocus()
    QApplication.sendEvent(canvas, _enter(canvas))
    assert canvas.hasFocus()


def _enter(widget: CanvasView) -> QEnterEvent:
    return QEnterEvent(QPointF(9, 9), QPointF(9, 9), QPointF(widget.mapToGlobal(QPointF(9, 9))))


class Fingers:
    """Touches of ``widget``, by number of the finger."""

    def __init__(self, widget: CanvasView) -> None:
        self.widget, self.device = widget, QTest.createTouchDevice()

    def __call__(self, **touches: tuple[str, int, int]) -> None:
        """``a=("press", x, y), b=("move", x, y)``: one event for all."""
        sequence = QTest.touchEvent(self.widget, self.device)
        for name, (action, x, y) in touches.items():
            getattr(sequence, action)("ab".index(name), QPoint(x, y), self.widget)
        sequence.commit()


def test_one_finger_paints(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    touch = Fingers(canvas)
    touch(a=("press", 44, 34))
    touch(a=("move", 60, 34))
    touch(a=("release", 60, 34))
    assert studio.painted == {(0, 0), (1, 0), (2, 0)}
    assert studio.undo_steps() == 1


def test_two_fingers_pan_and_zoom_and_take_back_what_the_first_painted(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    touch = Fingers(canvas)
    touch(a=("press", 100, 100))
    assert studio.document.stroke_active
    touch(a=("move", 100, 100), b=("press", 200, 100))
    assert studio.painted == set()
    under = canvas.transform().to_canvas(150, 100)
    touch(a=("move", 60, 110), b=("move", 260, 110))
    assert studio.view.zoom == pytest.approx(16)
    assert np.abs(np.subtract(canvas.transform().to_canvas(160, 110), under)).max() < 0.2
    touch(a=("release", 60, 110), b=("move", 260, 110))
    touch(b=("move", 300, 150))
    touch(b=("release", 300, 150))
    assert studio.view.zoom == pytest.approx(16)
    assert studio.painted == set()
    assert not studio.document.can_undo
    touch(a=("press", 200, 150))
    touch(a=("release", 200, 150))
    assert len(studio.painted) == 1
