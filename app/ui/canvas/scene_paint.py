"""Drawing layers of the canvas, and nothing but the exposed part of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QTransform

from app.ui.canvas.gestures import ShapePreview
from app.ui.canvas.pending_layer import PendingLayer
from app.ui.canvas.pyramid import Pyramid
from app.ui.canvas.view_transform import ViewTransform
from spade.formats.rect import Rect

_PENDING_OPACITY = 0.8
_CORNER = 3.5  # half the side of a polygon's handle, view pixels


def canvas_area(view: ViewTransform) -> QRectF:
    """The canvas in view coordinates."""
    left, top = view.to_view(0, 0)
    return QRectF(left, top, view.canvas_width * view.zoom, view.canvas_height * view.zoom)


def draw_layer(
    painter: QPainter,
    view: ViewTransform,
    layer: Pyramid,
    exposed: QRect,
    *,
    smooth: bool,
    opacity: float = 1.0,
) -> None:
    """Draw ``layer`` over the canvas, stretched to it if it has another size.

    Enlarged labels are not smooth: each screen pixel has the colour of the canvas pixel
    under its middle, exactly. What is made smaller is always averaged.
    """
    same_size = (layer.width, layer.height) == (view.canvas_width, view.canvas_height)
    painter.setOpacity(opacity)
    if same_size and (view.scale == 1 or (view.scale > 1 and not smooth)):
        _draw_exact(painter, view, layer.pixels, exposed)
    else:
        _draw_scaled(painter, view, layer, exposed)
    painter.setOpacity(1.0)


def draw_pending(
    painter: QPainter,
    view: ViewTransform,
    pending: PendingLayer,
    labels: Pyramid,
    exposed: QRect,
) -> None:
    """Draw the labels' colours where they were painted since the picture was rendered."""
    box = pending.box.clipped(view.canvas_width, view.canvas_height)
    if box.empty:
        return
    exposed = exposed.intersected(QRect(*view.view_rect(box)))
    left, top, columns, rows = view.sampling(*_screen_rect(exposed, view.ratio))
    if not (columns.size and rows.size):
        return
    in_x = (columns >= box.x) & (columns < box.right)
    in_y = (rows >= box.y) & (rows < box.bottom)
    if not (in_x.any() and in_y.any()):
        return
    left, top = left + int(in_x.argmax()), top + int(in_y.argmax())
    columns, rows = columns[in_x], rows[in_y]
    part = Rect(
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0]) + 1,
        int(rows[-1] - rows[0]) + 1,
    )
    shown = np.where(pending.mask(part), labels.pixels[part.slices], np.uint32(0))
    pixels = shown.take(columns - part.x, axis=1).take(rows - part.y, axis=0)
    painter.setOpacity(_PENDING_OPACITY)
    _put(painter, view, pixels, left, top, QImage.Format.Format_ARGB32_Premultiplied)
    painter.setOpacity(1.0)


def draw_frame(painter: QPainter, view: ViewTransform, line: QColor) -> None:
    """A hairline around the canvas, just outside its pixels."""
    pixel = 1 / view.ratio
    area = canvas_area(view).adjusted(-pixel, -pixel, pixel, pixel)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(line)
    outer, inner = QPainterPath(), QPainterPath()
    outer.addRect(area)
    inner.addRect(canvas_area(view))
    painter.drawPath(outer.subtracted(inner))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def to_view_transform(view: ViewTransform) -> QTransform:
    """From canvas to view coordinates."""
    left, top = view.to_view(0, 0)
    return QTransform.fromTranslate(left, top).scale(view.zoom, view.zoom)


def draw_shape(painter: QPainter, view: ViewTransform, shape: ShapePreview, fill: QColor) -> None:
    """A shape that isn't painted yet: filled in its class' colour, with an outline."""
    path = to_view_transform(view).map(shape.path)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipRect(canvas_area(view), Qt.ClipOperation.IntersectClip)
    inside = QColor(fill)
    inside.setAlphaF(0.75)
    painter.fillPath(path, inside)
    painter.restore()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    stroke_two_tone(painter, path)
    for number, (x, y) in enumerate(shape.corners):
        corner = QPainterPath()
        cx, cy = view.to_view(x, y)
        half = _CORNER + (1.5 if number == 0 else 0)  # the first closes the polygon
        corner.addRect(QRectF(cx - half, cy - half, 2 * half, 2 * half))
        painter.fillPath(corner, QColor("white"))
        painter.strokePath(corner, QPen(QColor(0, 0, 0, 190), 1))
    painter.restore()


def shape_bounds(view: ViewTransform, shape: ShapePreview) -> QRect:
    """Whole view pixels that hold ``shape`` with its outline and handles."""
    margin = math.ceil(_CORNER) + 4
    bounds = to_view_transform(view).mapRect(shape.path.controlPointRect())
    return bounds.toAlignedRect().adjusted(-margin, -margin, margin, margin)


def stroke_two_tone(painter: QPainter, path: QPainterPath) -> None:
    """A light line with a dark rim: visible on any colour. ``path`` in view coordinates."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.strokePath(path, QPen(QColor(0, 0, 0, 150), 3))
    painter.strokePath(path, QPen(QColor(255, 255, 255, 235), 1.2))


def _screen_rect(rect: QRect, ratio: float) -> tuple[int, int, int, int]:
    x, y = math.floor(rect.x() * ratio), math.floor(rect.y() * ratio)
    right = math.ceil((rect.x() + rect.width()) * ratio)
    bottom = math.ceil((rect.y() + rect.height()) * ratio)
    return x, y, max(right - x, 0), max(bottom - y, 0)


def _draw_exact(
    painter: QPainter, view: ViewTransform, pixels: NDArray[np.uint32], exposed: QRect
) -> None:
    left, top, columns, rows = view.sampling(*_screen_rect(exposed, view.ratio))
    if not (columns.size and rows.size):
        return
    part = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    wide = part.take(columns - columns[0], axis=1)
    _put(painter, view, wide.take(rows - rows[0], axis=0), left, top, QImage.Format.Format_RGB32)


def _put(
    painter: QPainter,
    view: ViewTransform,
    pixels: NDArray[np.uint32],
    left: int,
    top: int,
    format: QImage.Format,
) -> None:
    """Draw ``pixels``, one each screen pixel, with its corner at screen pixel (left, top)."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, format)
    image.setDevicePixelRatio(view.ratio)
    painter.drawImage(QPointF(left / view.ratio, top / view.ratio), image)


def _draw_scaled(painter: QPainter, view: ViewTransform, layer: Pyramid, exposed: QRect) -> None:
    stretch_x = view.canvas_width / layer.width
    stretch_y = view.canvas_height / layer.height
    level = layer.level_for(view.scale * max(stretch_x, stretch_y))
    left, top = view.to_view(0, 0)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setClipRect(
        canvas_area(view).intersected(QRectF(exposed)), Qt.ClipOperation.IntersectClip
    )
    painter.translate(left, top)
    size = 2**level * view.zoom
    painter.scale(size * stretch_x, size * stretch_y)
    painter.drawImage(0, 0, layer.image(level))
    painter.restore()
