"""What a press, a drag and a release mean, one small class per family of tools.

A gesture knows the document and the tool settings, in canvas coordinates; nothing of
widgets. Until it ends, a shape is only a preview: the document is edited once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainterPath

from app.core.brush import Brush
from app.core.tools import Tool
from app.state.document import Document
from app.state.tool_settings import ToolSettings

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the mouse or pen is.

    ``x, y``: canvas coordinates; pixel (i, j) covers i..i+1, j..j+1. ``pressure`` is in
    [0, 1]; ``reach`` is how far, in canvas pixels, counts as "on" a point.
    """

    x: float
    y: float
    pressure: float = 1.0
    shift: bool = False
    reach: float = 1.0

    @property
    def point(self) -> Point:
        """``(x, y)``."""
        return self.x, self.y

    @property
    def pixel(self) -> tuple[int, int]:
        """The canvas pixel; may lie outside the canvas."""
        return math.floor(self.x), math.floor(self.y)


@dataclass(frozen=True)
class ShapePreview:
    """A shape that isn't painted yet: its ``path`` in canvas coordinates, and its handles."""

    path: QPainterPath
    class_id: int
    corners: tuple[Point, ...] = ()


class Gesture:
    """Base of all: does nothing. ``active`` from the press until the gesture has ended."""

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        self.document = document
        self.tools = tools
        self.active = False

    def press(self, at: Pointer) -> None:
        """The button or pen went down at ``at``."""

    def drag(self, at: Pointer) -> None:
        """It moved while down."""

    def hover(self, at: Pointer) -> None:
        """It moved while up."""

    def release(self, at: Pointer) -> None:
        """It went up; a drag ends."""

    def double_click(self, at: Pointer) -> None:
        """The second press of a double click."""
        self.press(at)

    def key(self, key: Qt.Key) -> bool:
        """A key; True if the gesture used it."""
        return False

    def finish(self) -> None:
        """The pointer was lost: keep what is painted, drop what is only a preview."""
        self.abort()

    def abort(self) -> None:
        """Take the gesture back."""
        self.active = False

    def preview(self) -> ShapePreview | None:
        """What would be painted, for shapes."""
        return None

    def class_under(self, at: Pointer) -> int | None:
        """The class at ``at``; None outside the canvas."""
        x, y = at.pixel
        if 0 <= x < self.document.width and 0 <= y < self.document.height:
            return self.document.class_at(x, y)
        return None


class StrokeGesture(Gesture):
    """Brush and eraser: paints while it moves. Shift starts at the last stroke's end."""

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        super().__init__(document, tools)
        self.erasing = False
        self._last: Point | None = None
        self._here: Point = (0.0, 0.0)

    def forget(self) -> None:
        """No last point: the canvas is another one."""
        self._last = None

    def press(self, at: Pointer) -> None:
        erase = self.erasing or self.tools.tool is Tool.ERASER
        start = self._last if at.shift and self._last is not None else at.point
        pressure = self._pressure(at)
        self.document.begin_stroke(
            self.document.background if erase else self.tools.class_id,
            Brush(self.tools.brush_size, self.tools.brush_shape),
            only_over=self.tools.only_over,
            x=start[0],
            y=start[1],
            pressure=pressure,
        )
        self.active = True
        if start != at.point:
            self.document.extend_stroke(at.x, at.y, pressure)
        self._here = at.point

    def drag(self, at: Pointer) -> None:
        if not self._still_open():
            return
        self.document.extend_stroke(at.x, at.y, self._pressure(at))
        self._here = at.point

    def release(self, at: Pointer) -> None:
        self.finish()

    def finish(self) -> None:
        if self._still_open():
            self.document.commit_stroke()
            self._last = self._here
        self.active = False

    def abort(self) -> None:
        if self._still_open():
            self.document.abort_stroke()
        self.active = False

    def _still_open(self) -> bool:
        """Undo or a new canvas may have closed the stroke."""
        self.active = self.active and self.document.stroke_active
        return self.active

    def _pressure(self, at: Pointer) -> float:
        return at.pressure if self.tools.pressure_size else 1.0


class FillGesture(Gesture):
    """A click floods the area of one class, or turns one class into another."""

    def press(self, at: Pointer) -> None:
        under = self.class_under(at)
        if under is None:
            return
        if self.tools.tool is Tool.REPLACE:
            self.document.replace_class(under, self.tools.class_id)
        else:
            self.document.flood_fill(*at.pixel, self.tools.class_id, self.tools.contiguous)


class PickGesture(Gesture):
    """Makes the class under the pointer the current one, for as long as the button is down."""

    def press(self, at: Pointer) -> None:
        self.active = True
        self.drag(at)

    def drag(self, at: Pointer) -> None:
        under = self.class_under(at)
        if under is not None:
            self.tools.class_id = under

    def release(self, at: Pointer) -> None:
        self.active = False
