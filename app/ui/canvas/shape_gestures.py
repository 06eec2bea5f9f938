"""Gestures that paint one shape when they end, and show it until then."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainterPath, QPainterPathStroker, QPolygonF

from app.core import fill
from app.core.brush import Brush
from app.core.tools import BrushShape, Tool
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.ui.canvas.gestures import Gesture, Point, Pointer, ShapePreview
from spade.formats.rect import Rect


class AreaGesture(Gesture):
    """Base of the gestures that paint one shape when they end."""

    text = ""

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        super().__init__(document, tools)
        self._over: int | None = None

    def _start(self, at: Pointer) -> None:
        self._over = self.class_under(at) if self.tools.only_over else None
        self.active = True

    def _paint(self, area: tuple[Rect, NDArray[np.bool_]]) -> None:
        rect, mask = area
        self.active = False
        if self._over is not None:
            mask = mask & (self.document.labels[rect.slices] == self._over)
        if mask.any():
            self.document.paint_mask(rect, mask, self.tools.class_id, self.text)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.document.height, self.document.width


class ShapeGesture(AreaGesture):
    """From where the drag starts to where it ends. Shift makes it regular."""

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        super().__init__(document, tools)
        self._from = self._to = Pointer(0.0, 0.0)

    def press(self, at: Pointer) -> None:
        self._from = self._to = at
        self._start(at)

    def drag(self, at: Pointer) -> None:
        self._to = at


class LineGesture(ShapeGesture):
    """A straight line as wide as the brush; with Shift in steps of 15 degrees."""

    text = "Line"

    def release(self, at: Pointer) -> None:
        self._to = at
        self._paint(fill.line_mask(self._shape, *self._from.point, *self._end(), self._brush()))

    def preview(self) -> ShapePreview:
        size = self.tools.brush_size
        (x0, y0), (x1, y1) = self._from.point, self._end()
        path = QPainterPath(QPointF(x0, y0))
        path.lineTo(x1 + (1e-3 if (x0, y0) == (x1, y1) else 0), y1)
        if self.tools.brush_shape is BrushShape.SQUARE:
            return ShapePreview(_swept_square(x0, y0, x1, y1, size / 2), self.tools.class_id)
        stroker = QPainterPathStroker()
        stroker.setWidth(size)
        stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
        return ShapePreview(stroker.createStroke(path).simplified(), self.tools.class_id)

    def _brush(self) -> Brush:
        return Brush(self.tools.brush_size, self.tools.brush_shape)

    def _end(self) -> Point:
        dx, dy = self._to.x - self._from.x, self._to.y - self._from.y
        if not self._to.shift:
            return self._to.point
        step = math.pi / 12
        angle = round(math.atan2(dy, dx) / step) * step
        length = dx * math.cos(angle) + dy * math.sin(angle)
        return self._from.x + length * math.cos(angle), self._from.y + length * math.sin(angle)


class BoxGesture(ShapeGesture):
    """Rectangle and ellipse: both corner pixels belong to the box."""

    def release(self, at: Pointer) -> None:
        self._to = at
        box = self._box()
        mask = fill.ellipse_mask if self.tools.tool is Tool.ELLIPSE else fill.rectangle_mask
        self.text = "Ellipse" if self.tools.tool is Tool.ELLIPSE else "Rectangle"
        self._paint(mask(self._shape, box.x, box.y, box.right - 1, box.bottom - 1))

    def preview(self) -> ShapePreview:
        box = self._box()
        area = QRectF(box.x, box.y, box.width, box.height)
        path = QPainterPath()
        if self.tools.tool is Tool.ELLIPSE:
            path.addEllipse(area)
        else:
            path.addRect(area)
        return ShapePreview(path, self.tools.class_id)

    def _box(self) -> Rect:
        (x0, y0), (x1, y1) = self._from.pixel, self._to.pixel
        if self._to.shift:
            side = max(abs(x1 - x0), abs(y1 - y0))
            x1, y1 = x0 + (side if x1 >= x0 else -side), y0 + (side if y1 >= y0 else -side)
        return Rect(min(x0, x1), min(y0, y1), abs(x1 - x0) + 1, abs(y1 - y0) + 1)


class LassoGesture(AreaGesture):
    """A free outline, filled when the pen lifts."""

    text = "Lasso fill"

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        super().__init__(document, tools)
        self._points: list[Point] = []

    def press(self, at: Pointer) -> None:
        self._points = [at.point]
        self._start(at)

    def drag(self, at: Pointer) -> None:
        if at.point != self._points[-1]:
            self._points.append(at.point)

    def release(self, at: Pointer) -> None:
        self.drag(at)
        if len(self._points) < 3:
            self.abort()
            return
        self._paint(fill.polygon_mask(self._shape, self._points))

    def preview(self) -> ShapePreview:
        return ShapePreview(_polygon(self._points), self.tools.class_id)


class PolygonGesture(AreaGesture):
    """Each click sets a corner. Enter, a double click or the first corner closes it."""

    text = "Polygon"

    def __init__(self, document: Document, tools: ToolSettings) -> None:
        super().__init__(document, tools)
        self._corners: list[Point] = []
        self._here: Point = (0.0, 0.0)

    def press(self, at: Pointer) -> None:
        if not self.active:
            self._corners = []
            self._start(at)
        elif len(self._corners) > 2 and math.dist(at.point, self._corners[0]) <= at.reach:
            self._close()
            return
        self._corners.append(at.point)
        self._here = at.point

    def drag(self, at: Pointer) -> None:
        """Until the button goes up the corner just set can be moved."""
        if self.active:
            self._corners[-1] = self._here = at.point

    def hover(self, at: Pointer) -> None:
        self._here = at.point

    def double_click(self, at: Pointer) -> None:
        if self.active:
            self._close()
        else:
            self.press(at)

    def key(self, key: Qt.Key) -> bool:
        if not self.active:
            return False
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._close()
        elif key == Qt.Key.Key_Backspace:
            self._corners.pop()
            self.active = bool(self._corners)
        else:
            return False
        return True

    def finish(self) -> None:
        """Corners stay: between clicks a polygon holds nothing open in the document."""

    def preview(self) -> ShapePreview:
        outline = [*self._corners, self._here]
        return ShapePreview(_polygon(outline), self.tools.class_id, tuple(self._corners))

    def _close(self) -> None:
        if len(self._corners) > 2:
            self._paint(fill.polygon_mask(self._shape, self._corners))
        self.active = False


def _polygon(points: list[Point]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    path.closeSubpath()
    return path


def _swept_square(x0: float, y0: float, x1: float, y1: float, half: float) -> QPainterPath:
    """The area that a square tip covers on its way: the hull of both end squares."""
    along = 1.0 if (x1 - x0) * (y1 - y0) >= 0 else -1.0
    band = [
        (x0 - half, y0 + along * half),
        (x0 + half, y0 - along * half),
        (x1 + half, y1 - along * half),
        (x1 - half, y1 + along * half),
    ]
    path = _polygon(band)
    for x, y in ((x0, y0), (x1, y1)):
        end = QPainterPath()
        end.addRect(QRectF(x - half, y - half, 2 * half, 2 * half))
        path = path.united(end)
    return path
