"""Image > Crop: drag the part to keep on a small picture of the scene, or type it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from app.ui.dialogs.new_dialog import SMALLEST
from app.ui.dialogs.pixel_box import PixelBox
from app.ui.look.pictures import to_image
from spade.formats.rect import Rect

SIDE = 380


class CropPicture(QWidget):
    """The scene with what is cut away darkened. Emits the rectangle as it is dragged."""

    rect_dragged = Signal(object)

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        super().__init__()
        height, width = rgb.shape[:2]
        self._scale = SIDE / max(width, height)
        self._size = (width, height)
        self._image = to_image(rgb)
        self._rect = Rect(0, 0, width, height)
        self._start: tuple[int, int] | None = None
        self.setFixedSize(QSize(round(width * self._scale), round(height * self._scale)))
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Part of the canvas to keep")

    def set_rect(self, rect: Rect) -> None:
        """Show ``rect`` (canvas pixels) as the part to keep."""
        self._rect = rect
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = self._canvas_point(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is None:
            return
        x, y = self._canvas_point(event.position())
        left, top = min(x, self._start[0]), min(y, self._start[1])
        rect = Rect(left, top, abs(x - self._start[0]), abs(y - self._start[1]))
        if not rect.empty:
            self.rect_dragged.emit(rect)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._start = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(self.rect()), self._image)
        keep = QRectF(
            self._rect.x * self._scale,
            self._rect.y * self._scale,
            self._rect.width * self._scale,
            self._rect.height * self._scale,
        )
        shade = QColor(0, 0, 0, 150)
        full = QRectF(self.rect())
        painter.fillRect(QRectF(0, 0, full.width(), keep.top()), shade)
        painter.fillRect(QRectF(0, keep.bottom(), full.width(), full.height()), shade)
        painter.fillRect(QRectF(0, keep.top(), keep.left(), keep.height()), shade)
        painter.fillRect(QRectF(keep.right(), keep.top(), full.width(), keep.height()), shade)
        painter.setPen(QPen(QColor(255, 255, 255), 1.5))
        painter.drawRect(keep.adjusted(1, 1, -1, -1))

    def _canvas_point(self, point: QPointF) -> tuple[int, int]:
        width, height = self._size
        x = min(max(round(point.x() / self._scale), 0), width)
        y = min(max(round(point.y() / self._scale), 0), height)
        return x, y


class CropDialog(QDialog):
    """The part of the canvas to keep; at least 64 pixels a side, less only if the canvas is."""

    def __init__(self, rgb: NDArray[np.uint8], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Crop")
        height, width = rgb.shape[:2]
        self._size = (width, height)
        self._least = (min(SMALLEST, width), min(SMALLEST, height))
        self.picture = CropPicture(rgb)
        self.x_box, self.y_box, self.width_box, self.height_box = boxes = [
            PixelBox(0, max(width, height), 0) for _ in range(4)
        ]
        for box in boxes:
            box.setKeyboardTracking(False)
        form = QFormLayout()
        form.addRow("&Left", self.x_box)
        form.addRow("&Top", self.y_box)
        form.addRow("&Width", self.width_box)
        form.addRow("&Height", self.height_box)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.ok_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok_button.setText("Crop")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        middle = QHBoxLayout()
        middle.addWidget(self.picture)
        middle.addLayout(form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(middle)
        layout.addWidget(buttons)
        self._show(Rect(0, 0, width, height))
        for box in boxes:
            box.valueChanged.connect(self._take_numbers)
        self.picture.rect_dragged.connect(self._show)

    @property
    def choice(self) -> Rect:
        """The part to keep, in canvas pixels, inside the canvas."""
        return self._rect

    def _take_numbers(self) -> None:
        x, y = self.x_box.value(), self.y_box.value()
        width, height = self.width_box.value(), self.height_box.value()
        # All of the canvas can't move: its corner moves in and the part gets smaller.
        if width == self._size[0]:
            width -= x
        if height == self._size[1]:
            height -= y
        self._show(Rect(x, y, width, height))

    def _show(self, rect: Rect) -> None:
        canvas_width, canvas_height = self._size
        width = min(max(rect.width, self._least[0]), canvas_width)
        height = min(max(rect.height, self._least[1]), canvas_height)
        x = min(max(rect.x, 0), canvas_width - width)
        y = min(max(rect.y, 0), canvas_height - height)
        self._rect = Rect(x, y, width, height)
        self.x_box.show_value(x)
        self.y_box.show_value(y)
        self.width_box.show_value(width)
        self.height_box.show_value(height)
        self.picture.set_rect(self._rect)
        self.ok_button.setEnabled((width, height) != self._size)
