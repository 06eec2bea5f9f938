"""What the tests of the views share: a scene, and mouse, pen and wheel events made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QImage,
    QInputDevice,
    QMouseEvent,
    QPointingDevice,
    QPointingDeviceUniqueId,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from spade.formats.palette import palette_from_classes

PALETTE = palette_from_classes(
    "test",
    [
        (0, "sky", "#88c0f0", "air"),
        (1, "lake", "#2050a0", "water"),
        (2, "grass", "#50a030", "plant"),
        (3, "rock", "#706050", "ground"),
        (4, "sand", "#e0d090", "ground"),
    ],
)
COLORS = {entry.id: entry.rgb for entry in PALETTE.classes}

Button, Modifier = Qt.MouseButton, Qt.KeyboardModifier
_PEN = {}


@dataclass
class Studio:
    """A document of ``width`` x ``height`` pixels of class 0 with its tools and view."""

    width: int
    height: int
    document: Document = field(default_factory=Document)
    tools: ToolSettings = field(default_factory=ToolSettings)
    view: ViewState = field(default_factory=ViewState)

    def __post_init__(self) -> None:
        self.document.new(self.width, self.height, 0, PALETTE, "test")
        self.tools.class_id = 3
        self.tools.brush_size = 1

    @property
    def painted(self) -> set[tuple[int, int]]:
        """The pixels (x, y) that aren't class 0."""
        rows, columns = np.nonzero(self.document.labels)
        return set(zip(columns.tolist(), rows.tolist(), strict=True))

    def undo_steps(self) -> int:
        """How many times one can undo; does it, and redoes."""
        steps = 0
        while self.document.can_undo:
            self.document.undo()
            steps += 1
        for _ in range(steps):
            self.document.redo()
        return steps


class Hand:
    """Mouse events over ``widget``. ``at`` gives view coordinates for canvas pixels."""

    def __init__(self, widget: QWidget) -> None:
        self.widget = widget
        self.held = Button.NoButton
        self.modifiers = Modifier.NoModifier

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The middle of canvas pixel (x, y) at zoom 8 with the corner at (40, 30).

        A pointer at 43 stands for the middle of the screen pixel, 43.5.
        """
        return 40 + 8 * x + 3.5, 30 + 8 * y + 3.5

    def press(self, x: float, y: float, button: Button = Button.LeftButton) -> None:
        self.held |= button
        self.send(QEvent.Type.MouseButtonPress, self.at(x, y), button)

    def double_click(self, x: float, y: float) -> None:
        """Press, release, the second press, release, as Qt sends them."""
        self.click(x, y)
        self.held |= Button.LeftButton
        self.send(QEvent.Type.MouseButtonDblClick, self.at(x, y), Button.LeftButton)
        self.release(x, y)

    def move(self, x: float, y: float) -> None:
        self.send(QEvent.Type.MouseMove, self.at(x, y), Button.NoButton)

    def release(self, x: float, y: float, button: Button = Button.LeftButton) -> None:
        self.held &= ~button
        self.send(QEvent.Type.MouseButtonRelease, self.at(x, y), button)

    def click(self, x: float, y: float, button: Button = Button.LeftButton) -> None:
        self.press(x, y, button)
        self.release(x, y, button)

    def drag(self, *points: tuple[float, float], button: Button = Button.LeftButton) -> None:
        self.press(*points[0], button)
        for point in points[1:]:
            self.move(*point)
        self.release(*points[-1], button)

    def send(self, kind: QEvent.Type, position: tuple[float, float], button: Button) -> None:
        """A mouse event at a view position."""
        point = QPointF(*position)
        everywhere = QPointF(self.widget.mapToGlobal(point))
        event = QMouseEvent(kind, point, everywhere, button, self.held, self.modifiers)
        QApplication.sendEvent(self.widget, event)

    def wheel(
        self,
        position: tuple[float, float],
        notches: float = 0.0,
        pixels: tuple[int, int] = (0, 0),
        phase: Qt.ScrollPhase = Qt.ScrollPhase.NoScrollPhase,
    ) -> None:
        point = QPointF(*position)
        event = QWheelEvent(
            point,
            QPointF(self.widget.mapToGlobal(point)),
            QPoint(*pixels),
            QPoint(0, round(120 * notches)),
            self.held,
            self.modifiers,
            phase,
            False,
        )
        QApplication.sendEvent(self.widget, event)

    def pen(
        self,
        kind: QEvent.Type,
        x: float,
        y: float,
        pressure: float,
        pointer: QPointingDevice.PointerType = QPointingDevice.PointerType.Pen,
    ) -> QTabletEvent:
        """A tablet event in the middle of a canvas pixel; returns it, to see if it was taken."""
        down = kind == QEvent.Type.TabletRelease or pressure <= 0
        point = QPointF(*self.at(x, y))
        event = QTabletEvent(
            kind,
            _pen_device(pointer),
            point,
            QPointF(self.widget.mapToGlobal(point)),
            pressure,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            self.modifiers,
            Button.NoButton if kind == QEvent.Type.TabletMove else Button.LeftButton,
            Button.NoButton if down else Button.LeftButton,
        )
        event.ignore()
        QApplication.sendEvent(self.widget, event)
        return event


def _pen_device(pointer: QPointingDevice.PointerType) -> QPointingDevice:
    if pointer not in _PEN:
        _PEN[pointer] = QPointingDevice(
            "pen",
            7,
            QInputDevice.DeviceType.Stylus,
            pointer,
            QInputDevice.Capability.Position | QInputDevice.Capability.Pressure,
            1,
            3,
            "",
            QPointingDeviceUniqueId(),
        )
    return _PEN[pointer]


def pixels(widget: QWidget) -> np.ndarray:
    """What ``widget`` looks like on the screen: uint8 ``(H, W, 3)`` of screen pixels."""
    return image_pixels(widget.grab().toImage())


def image_pixels(image: QImage) -> np.ndarray:
    """An image as uint8 ``(H, W, 3)``."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return flat[..., 2::-1].copy()


class Repaints(QObject):
    """Notes the regions that a widget repaints."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.widget = widget
        self.areas: list[int] = []
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self.areas.append(sum(r.width() * r.height() for r in event.region()))
        return False
