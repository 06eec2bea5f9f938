"""What both views share: surround, frame, shape preview, brush outline, and small repaints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.core.brush import Brush
from app.core.tools import Tool
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.canvas.brush_cursor import (
    TINY,
    draw_outline,
    draw_swatch,
    outline,
    outline_region,
    swatch_bounds,
)
from app.ui.canvas.label_raster import LabelRaster
from app.ui.canvas.scene_input import SceneInput
from app.ui.canvas.scene_paint import canvas_area, draw_frame, draw_shape, shape_bounds
from app.ui.canvas.tool_controller import ToolController
from app.ui.canvas.view_transform import ViewTransform
from app.ui.look import theme
from spade.formats.rect import Rect

_WITH_OUTLINE = (Tool.BRUSH, Tool.ERASER, Tool.LINE)
_MANY_RECTS = 8


class SceneView(SceneInput):
    """Base of canvas and picture. A subclass draws the canvas' content in ``draw_scene``.

    On its own it keeps the canvas fitted while ``view.fit`` is true; a workspace that
    shows two sets ``keeps_fit`` to False and does it for both.
    """

    resized = Signal()
    keeps_fit = True

    def __init__(
        self,
        document: Document,
        tools: ToolSettings,
        view: ViewState,
        *,
        raster: LabelRaster | None = None,
        controller: ToolController | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(document, tools, view, controller, parent)
        self.raster = raster or LabelRaster(document, self)
        self._ghost: tuple[float, float] | None = None  # the pointer over the other view
        self._outline = QPainterPath()
        self._look = QRegion()  # where outline and swatch were drawn last
        self._shape_area = QRect()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(120, 90)
        self.raster.changed.connect(self._labels_changed)
        self.raster.replaced.connect(self._canvas_replaced)
        view.transform_changed.connect(self._transform_changed)
        tools.brush_changed.connect(self.look_changed)
        tools.tool_changed.connect(self.look_changed)
        tools.class_changed.connect(self.look_changed)
        self.controller.preview_changed.connect(self._preview_changed)
        theme.notifier().changed.connect(self.update)
        self._update_cursor()

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def set_ghost(self, point: tuple[float, float] | None) -> None:
        """Show the outline at a canvas point while the pointer is over another view."""
        if point != self._ghost:
            self._ghost = point
            self.look_changed()

    def draw_scene(self, painter: QPainter, view: ViewTransform, exposed: QRect) -> None:
        """Draw the exposed part of the canvas' content."""
        raise NotImplementedError

    def color_of(self, class_id: int) -> QColor:
        """The palette's colour of a class."""
        return QColor(int(self.raster.lut[class_id]))

    # -- what has to be drawn again

    def update_canvas(self, rect: Rect) -> None:
        """Repaint a rectangle of the canvas."""
        view = self.transform()
        level = self.raster.pyramid.level_for(view.scale)
        margin = 0 if view.scale >= 1 else 2 ** (level + 1)  # what smoothing reaches
        self.update(QRect(*view.view_rect(rect, margin)))

    def _labels_changed(self, rect: Rect, _different: NDArray[np.bool_]) -> None:
        self.update_canvas(rect)

    def _canvas_replaced(self) -> None:
        self.refit()
        self.update()

    def _transform_changed(self) -> None:
        self.refit()
        self.look_changed()
        self.update()

    def _preview_changed(self) -> None:
        shape = self.controller.preview
        area = QRect() if shape is None else shape_bounds(self.transform(), shape)
        self.update(area.united(self._shape_area))
        self._shape_area = area

    def refit(self) -> None:
        """Fit the canvas into the view if that is wanted and this view's task."""
        if self.keeps_fit and self.view.fit and self.isVisible():
            self.view.set_transform(*self.transform().fitted(), fit=True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refit()
        self.resized.emit()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.refit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self.update()

    # -- cursor and outline

    def look_changed(self) -> None:
        """Outline, swatch and cursor follow pointer, tool and keys."""
        view = self.transform()
        self._outline = self._brush_outline(view)
        region = outline_region(self._outline) if not self._outline.isEmpty() else QRegion()
        swatch = self._swatch_at()
        if swatch is not None:
            region = region.united(QRegion(swatch_bounds(swatch)))
        if region != self._look or not region.isEmpty():
            self.update(region.united(self._look))
        self._look = region
        self._update_cursor()

    def _brush_outline(self, view: ViewTransform) -> QPainterPath:
        if self.pointer is not None and not self.ready_to_pan and not self.ready_to_pick:
            point: tuple[float, float] | None = view.pointer(self.pointer.x(), self.pointer.y())
        else:
            point = self._ghost if self.pointer is None else None
        shape_begun = self.controller.preview is not None
        if point is None or shape_begun or self.tools.tool not in _WITH_OUTLINE:
            return QPainterPath()
        brush = Brush(self.tools.brush_size, self.tools.brush_shape)
        pressure = self.pressure if self.tools.pressure_size else 1.0
        return outline(brush, view, *point, pressure)

    def _swatch_at(self) -> QPointF | None:
        return self.pointer if self.ready_to_pick and not self.ready_to_pan else None

    def _update_cursor(self) -> None:
        shape = Qt.CursorShape.CrossCursor
        if self.ready_to_pan:
            panning = self.panning
            shape = Qt.CursorShape.ClosedHandCursor if panning else Qt.CursorShape.OpenHandCursor
        elif not self._outline.isEmpty() and self._outline.boundingRect().width() >= TINY:
            shape = Qt.CursorShape.BlankCursor
        if self.cursor().shape() != shape:
            self.setCursor(shape)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        view = self.transform()
        region = event.region()
        exposed = list(region) if region.rectCount() <= _MANY_RECTS else [event.rect()]
        surround = QColor(theme.tokens().backdrop)
        canvas = canvas_area(view).toAlignedRect()
        for rect in exposed:
            if not canvas.adjusted(1, 1, -1, -1).contains(rect):
                painter.fillRect(rect, surround)
                draw_frame(painter, view, theme.color("#000000", 0.45))
            self.draw_scene(painter, view, rect.intersected(canvas))
        shape = self.controller.preview
        if shape is not None:
            draw_shape(painter, view, shape, self.color_of(shape.class_id))
        if not self._outline.isEmpty():
            painter.setOpacity(1.0 if self.pointer is not None else 0.6)
            draw_outline(painter, self._outline)
            painter.setOpacity(1.0)
        swatch = self._swatch_at()
        if swatch is not None:
            under = self._class_under_pointer(view)
            if under is not None:
                draw_swatch(painter, swatch, self.color_of(under))
        painter.end()

    def _class_under_pointer(self, view: ViewTransform) -> int | None:
        if self.pointer is None:
            return None
        x, y = view.pointer(self.pointer.x(), self.pointer.y())
        if not (0 <= x < self.document.width and 0 <= y < self.document.height):
            return None
        return self.document.class_at(int(x), int(y))
