"""Mouse, pen, wheel, fingers and keys over a view, turned into canvas coordinates."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QEventPoint,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from app.core.tools import Tool
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.canvas.gestures import Pointer
from app.ui.canvas.tool_controller import ToolController
from app.ui.canvas.view_transform import ViewTransform

NOTCH = 120  # angleDelta of one step of a mouse wheel
ZOOM_PER_NOTCH = 2**0.5
REACH = 9.0  # view pixels that count as "on" a point
ARROW_STEP = 64.0  # view pixels that an arrow key pans
_ARROWS = {
    Qt.Key.Key_Left: (ARROW_STEP, 0.0),
    Qt.Key.Key_Right: (-ARROW_STEP, 0.0),
    Qt.Key.Key_Up: (0.0, ARROW_STEP),
    Qt.Key.Key_Down: (0.0, -ARROW_STEP),
}
_TYPING = (QLineEdit, QAbstractSpinBox, QTextEdit, QPlainTextEdit)
_LOST = (
    QEvent.Type.FocusOut,
    QEvent.Type.WindowDeactivate,
    QEvent.Type.Hide,
    QEvent.Type.UngrabMouse,
)
_TOUCH = (
    QEvent.Type.TouchBegin,
    QEvent.Type.TouchUpdate,
    QEvent.Type.TouchEnd,
    QEvent.Type.TouchCancel,
)

Button = Qt.MouseButton
Modifier = Qt.KeyboardModifier


class SceneInput(QWidget):
    """A view that pans, zooms, paints and picks; how it looks is up to its subclasses.

    Left paints, right or Alt+left picks a class, middle or Space+left pans, the wheel
    zooms at the pointer, Ctrl+wheel sizes the brush, a touchpad scrolls and pinches.
    """

    hovered = Signal(int, int, int)  # canvas x, canvas y, class id
    hover_left = Signal()
    pointer_moved = Signal(object)  # canvas point (x, y), or None when it left

    def __init__(
        self,
        document: Document,
        tools: ToolSettings,
        view: ViewState,
        controller: ToolController | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.document, self.tools, self.view = document, tools, view
        self.controller = controller or ToolController(document, tools, self)
        self.pointer: QPointF | None = None  # where the pointer is, in view coordinates
        self.pressure = 1.0
        self._held = Button.NoButton  # the button whose drag belongs to the controller
        self._pen_down = False
        self._pan_from: QPointF | None = None
        self._pan_button = Button.NoButton
        self._space = self._alt = False
        self._notches = 0.0
        self._fingers: list[QPointF] = []  # on the touch screen, two at most
        self.setMouseTracking(True)
        self.setTabletTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)

    # -- where things are

    def transform(self) -> ViewTransform:
        """Where the canvas lies in this view now."""
        return ViewTransform(
            self.document.width,
            self.document.height,
            self.width(),
            self.height(),
            self.view.zoom,
            self.view.center,
            self.devicePixelRatioF(),
        )

    @property
    def panning(self) -> bool:
        """True while a drag pans."""
        return self._pan_from is not None

    @property
    def ready_to_pan(self) -> bool:
        """True if a press would pan, or does."""
        return self.panning or self._space or self.tools.tool is Tool.PAN

    @property
    def ready_to_pick(self) -> bool:
        """True if a press would pick the class under the pointer."""
        return (self._alt or self.tools.tool is Tool.EYEDROPPER) and not self.controller.dragging

    def _at(self, position: QPointF, modifiers: Modifier, pressure: float = 1.0) -> Pointer:
        x, y = self.transform().pointer(position.x(), position.y())
        shift = bool(modifiers & Modifier.ShiftModifier)
        return Pointer(x, y, pressure, shift, REACH / self.view.zoom)

    # -- what the pointer does, whatever device it is

    def _press(
        self, position: QPointF, button: Button, modifiers: Modifier, eraser: bool = False
    ) -> None:
        if self.panning or self.controller.dragging:
            return
        left = button == Button.LeftButton
        if button == Button.MiddleButton or (left and self.ready_to_pan):
            self._pan_from, self._pan_button = position, button
        elif left or button == Button.RightButton:
            self._held = button
            pick = not left or bool(modifiers & Modifier.AltModifier)
            at = self._at(position, modifiers, self.pressure)
            self.controller.press(at, pick=pick, eraser=eraser)

    def _move(self, position: QPointF, modifiers: Modifier) -> None:
        if self._pan_from is not None:
            delta, self._pan_from = position - self._pan_from, position
            self.pan(delta.x(), delta.y())
        else:
            self.controller.move(self._at(position, modifiers, self.pressure))
        self._alt = bool(modifiers & Modifier.AltModifier)
        self._point_at(position)

    def _release(self, position: QPointF, button: Button, modifiers: Modifier) -> None:
        if button == self._pan_button:
            self._pan_from, self._pan_button = None, Button.NoButton
        elif button == self._held:
            self._held = Button.NoButton
            self.controller.release(self._at(position, modifiers, self.pressure))
        self._point_at(position)

    def _lose_pointer(self) -> None:
        """Focus, window or mouse grab are gone: nothing stays half done."""
        self._space = self._alt = self._pen_down = False
        self._pan_from, self._pan_button = None, Button.NoButton
        if self._held != Button.NoButton:
            self._held = Button.NoButton
            self.controller.finish()
        self.look_changed()

    def _point_at(self, position: QPointF) -> None:
        self.pointer = position
        x, y = self.transform().pointer(position.x(), position.y())
        column, row = int(x // 1), int(y // 1)
        if 0 <= column < self.document.width and 0 <= row < self.document.height:
            self.hovered.emit(column, row, self.document.class_at(column, row))
        else:
            self.hover_left.emit()
        self.pointer_moved.emit((x, y))
        self.look_changed()

    def look_changed(self) -> None:
        """Called when cursor or outline may have to look different."""

    # -- pan and zoom

    def pan(self, dx: float, dy: float) -> None:
        """Push the canvas by view pixels."""
        if dx or dy:
            self.view.center = self.transform().panned(dx, dy)

    def zoom_at(self, factor: float, position: QPointF) -> None:
        """Zoom by ``factor``; what is under ``position`` stays there."""
        self.view.set_transform(*self.transform().zoomed(factor, position.x(), position.y()))

    # -- mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if not self._pen_down:
            self.pressure = 1.0
            self._press(event.position(), event.button(), event.modifiers())
            self._point_at(event.position())
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._pen_down:
            self.pressure = 1.0
            held = self._pan_button if self.panning else self._held
            if held != Button.NoButton and not event.buttons() & held:
                self._lose_pointer()  # the release went to another window
            self._move(event.position(), event.modifiers())
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._pen_down:
            self._release(event.position(), event.button(), event.modifiers())
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        plain = not event.modifiers() & Modifier.AltModifier and not self.ready_to_pan
        if self._pen_down or event.button() != Button.LeftButton or not plain:
            self.mousePressEvent(event)
            return
        if not (self.panning or self.controller.dragging):
            self._held = Button.LeftButton
            self.controller.double_click(self._at(event.position(), event.modifiers()))
        event.accept()

    # -- pen

    def tabletEvent(self, event: QTabletEvent) -> None:
        """Accepted, so that Qt makes no mouse events of it."""
        self.pressure = event.pressure() if event.buttons() or self._pen_down else 1.0
        position, modifiers = event.position(), event.modifiers()
        if event.type() == QEvent.Type.TabletPress:
            eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
            self._pen_down = True
            self._press(position, event.button(), modifiers, eraser)
            self._point_at(position)
        elif event.type() == QEvent.Type.TabletMove:
            self._move(position, modifiers)
        elif event.type() == QEvent.Type.TabletRelease:
            self._release(position, event.button(), modifiers)
            self._pen_down = bool(event.buttons())
            self.pressure = 1.0
        event.accept()

    # -- wheel, touchpad, fingers

    def wheelEvent(self, event: QWheelEvent) -> None:
        angle = event.angleDelta().y() or event.angleDelta().x()  # Alt turns the wheel sideways
        pixels = event.pixelDelta()
        touchpad = event.device().type() == QInputDevice.DeviceType.TouchPad or (
            not pixels.isNull() and event.phase() != Qt.ScrollPhase.NoScrollPhase
        )
        if event.modifiers() & Modifier.ControlModifier:
            self._notches += angle / NOTCH
            steps = int(self._notches)
            self._notches -= steps
            if steps:
                self.tools.grow_brush(steps)
        elif touchpad:
            delta = event.angleDelta() / 2 if pixels.isNull() else pixels
            self.pan(delta.x(), delta.y())
        elif angle:
            self.zoom_at(ZOOM_PER_NOTCH ** (angle / NOTCH), event.position())
        event.accept()

    def _native_gesture(self, event: QNativeGestureEvent) -> bool:
        if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_at(max(1.0 + event.value(), 0.1), event.position())
        elif event.gestureType() == Qt.NativeGestureType.SmartZoomNativeGesture:
            self.view.fit = True
        else:
            return False
        return True

    def _touch(self, event: QTouchEvent) -> bool:
        """One finger does what the left button does; two pan and zoom, and take it back."""
        if event.device().type() != QInputDevice.DeviceType.TouchScreen:
            return False  # a touchpad moves the mouse and sends gestures
        fingers = [
            point.position()
            for point in event.points()
            if point.state() != QEventPoint.State.Released
        ][:2]
        pressed = any(point.state() == QEventPoint.State.Pressed for point in event.points())
        modifiers, before = event.modifiers(), self._fingers
        if event.type() == QEvent.Type.TouchCancel:
            self._held, self._fingers = Button.NoButton, []
            self.controller.abort()
        elif event.type() == QEvent.Type.TouchEnd:
            if len(before) == 1:
                self._release(before[0], Button.LeftButton, modifiers)
            self._fingers = []
        elif len(fingers) == 2:
            if len(before) == 1:
                self._held = Button.NoButton
                self.controller.abort()  # the first finger had begun to paint
            elif before and not pressed:
                self._pinch(before, fingers)
            self._fingers = fingers
        elif not before and fingers:
            self.pressure = 1.0
            self._press(fingers[0], Button.LeftButton, modifiers)
            self._fingers = fingers
        elif len(before) == 1 and fingers:
            self._move(fingers[0], modifiers)
            self._fingers = fingers
        return True

    def _pinch(self, before: list[QPointF], now: list[QPointF]) -> None:
        middle, old_middle = (now[0] + now[1]) / 2, (before[0] + before[1]) / 2
        spread, old_spread = now[1] - now[0], before[1] - before[0]
        self.pan(middle.x() - old_middle.x(), middle.y() - old_middle.y())
        width = max(math.hypot(spread.x(), spread.y()), 1.0)
        self.zoom_at(width / max(math.hypot(old_spread.x(), old_spread.y()), 1.0), middle)

    # -- keys, focus, everything else

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if self.controller.key(key):
            return
        if key == Qt.Key.Key_Space and not event.modifiers() & ~Modifier.ShiftModifier:
            self._space = self._space or not self.controller.dragging
        elif key == Qt.Key.Key_Alt:
            self._alt = True
            event.ignore()  # the menu bar wants it too
        elif key == Qt.Key.Key_Shift:
            self.controller.set_shift(True)
        elif key in _ARROWS and not event.modifiers() & ~Modifier.KeypadModifier:
            self.pan(*_ARROWS[key])
        else:
            super().keyPressEvent(event)
        self.look_changed()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self._space = self._space and event.isAutoRepeat()
        elif event.key() == Qt.Key.Key_Alt:
            self._alt = False
            event.ignore()
        elif event.key() == Qt.Key.Key_Shift:
            self.controller.set_shift(False)
        else:
            super().keyReleaseEvent(event)
        self.look_changed()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Keys such as Space work over the canvas at once, but never interrupt typing."""
        if self.isActiveWindow() and not isinstance(QApplication.focusWidget(), _TYPING):
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._point_at(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self.pointer = None
        self.hover_left.emit()
        self.pointer_moved.emit(None)
        self.look_changed()

    def event(self, event: QEvent) -> bool:
        kind = event.type()
        if kind in _LOST:
            self._lose_pointer()
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            key = Qt.Key(event.key())
            if self.controller.wants(key) or (key == Qt.Key.Key_Space and not event.modifiers()):
                event.accept()
                return True
        elif kind == QEvent.Type.NativeGesture and isinstance(event, QNativeGestureEvent):
            if self._native_gesture(event):
                return True
        elif kind in _TOUCH and isinstance(event, QTouchEvent) and self._touch(event):
            event.accept()
            return True
        return super().event(event)
