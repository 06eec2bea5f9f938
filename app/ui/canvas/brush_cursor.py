"""The outline of the brush under the pointer, as exact as the dab that a click would paint."""

from __future__ import annotations

import math
from functools import lru_cache

from PySide6.QtCore import QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF, QRegion, QTransform

from app.core.brush import Brush
from app.core.tools import BrushShape
from app.ui.canvas.scene_paint import stroke_two_tone
from app.ui.canvas.view_transform import ViewTransform

TINY = 6.0  # view pixels; a smaller outline needs a crosshair to be found
_STEPS_FROM = 3.0  # view pixels a canvas pixel from which the outline follows the pixels
_MARK_FROM = 28.0  # view pixels from which the middle is marked
_RIM = 3
_SWATCH = 11.0


def outline(brush: Brush, view: ViewTransform, x: float, y: float, pressure: float) -> QPainterPath:
    """What a dab at canvas point (x, y) would paint, as a path in view coordinates."""
    dab = brush.dab(x, y, pressure)
    left, top = view.to_view(dab.left, dab.top)
    if brush.shape is BrushShape.ROUND and view.zoom < _STEPS_FROM:
        path = QPainterPath()
        path.addEllipse(QRectF(left, top, dab.diameter * view.zoom, dab.diameter * view.zoom))
        return path
    move = QTransform.fromTranslate(left, top).scale(view.zoom, view.zoom)
    return move.map(_tip_outline(dab.diameter, brush.shape))


def outline_region(path: QPainterPath) -> QRegion:
    """The part of the view that drawing ``path`` touches: a frame, not its inside."""
    bounds = path.boundingRect().toAlignedRect().adjusted(-_RIM, -_RIM, _RIM, _RIM)
    # 0.2 of the width on each side lies outside the square within any round tip
    inset = math.ceil(bounds.width() * 0.2) + 2 * _RIM
    inner = bounds.adjusted(inset, inset, -inset, -inset)
    region = QRegion(bounds)
    if inner.width() > 64:
        middle = QRect(0, 0, 16, 16)
        middle.moveCenter(bounds.center())
        region = region.subtracted(QRegion(inner)).united(QRegion(middle))
    return region


def draw_outline(painter: QPainter, path: QPainterPath) -> None:
    """Draw the outline, with a mark in the middle of a large one."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bounds = path.boundingRect()
    if bounds.width() >= _MARK_FROM:
        middle, mark = bounds.center(), QPainterPath()
        for dx, dy in ((3.0, 0.0), (0.0, 3.0)):
            mark.moveTo(middle - QPointF(dx, dy))
            mark.lineTo(middle + QPointF(dx, dy))
        stroke_two_tone(painter, mark)
    stroke_two_tone(painter, path)
    painter.restore()


def swatch_bounds(at: QPointF) -> QRect:
    """Where ``draw_swatch`` draws."""
    size = math.ceil(2 * _SWATCH) + 6
    return QRect((at + QPointF(10, 10)).toPoint(), QSize(size, size))


def draw_swatch(painter: QPainter, at: QPointF, color: QColor) -> None:
    """A disc in the colour of the class that a click would pick, beside the pointer."""
    disc = QPainterPath()
    disc.addEllipse(QPointF(swatch_bounds(at).center()), _SWATCH - 1, _SWATCH - 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(disc, color)
    stroke_two_tone(painter, disc)
    painter.restore()


@lru_cache(maxsize=64)
def _tip_outline(diameter: int, shape: BrushShape) -> QPainterPath:
    """The edge of a tip's pixels, its box at 0..diameter."""
    tip = Brush(diameter, shape).tip()
    starts = tip.argmax(axis=1).tolist()
    ends = (diameter - tip[:, ::-1].argmax(axis=1)).tolist()
    rows = range(diameter)
    right = [QPointF(x, y + dy) for x, y in zip(ends, rows, strict=True) for dy in (0, 1)]
    left = [QPointF(x, y + dy) for x, y in zip(starts, rows, strict=True) for dy in (0, 1)]
    path = QPainterPath()
    path.addPolygon(QPolygonF(right + left[::-1]))
    path.closeSubpath()
    return path
