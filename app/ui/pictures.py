"""Arrays to Qt pictures and back, on the GUI thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap


def to_image(rgb: NDArray[np.uint8]) -> QImage:
    """uint8 ``(H, W, 3)`` -> an image that owns its pixels."""
    data = np.ascontiguousarray(rgb)
    height, width = data.shape[:2]
    return QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def to_array(image: QImage) -> NDArray[np.uint8]:
    """An image -> uint8 ``(H, W, 3)``; transparent parts come out over white."""
    if image.hasAlphaChannel():
        opaque = QImage(image.size(), QImage.Format.Format_RGB888)
        opaque.fill(Qt.GlobalColor.white)
        painter = QPainter(opaque)
        painter.drawImage(0, 0, image)
        painter.end()
        image = opaque
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    width, height, stride = image.width(), image.height(), image.bytesPerLine()
    flat = np.frombuffer(image.constBits(), np.uint8, count=stride * height)
    return flat.reshape(height, stride)[:, : 3 * width].reshape(height, width, 3).copy()


def thumbnail(rgb: NDArray[np.uint8], box: QSize, ratio: float = 1.0) -> QPixmap:
    """``rgb`` as large as fits ``box`` (logical pixels) on a screen of that pixel ratio."""
    pixmap = QPixmap.fromImage(to_image(rgb)).scaled(
        box * ratio,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
