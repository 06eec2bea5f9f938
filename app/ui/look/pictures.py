"""Arrays to Qt pictures, on the GUI thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap


def to_image(rgb: NDArray[np.uint8]) -> QImage:
    """uint8 ``(H, W, 3)`` -> an image that owns its pixels."""
    data = np.ascontiguousarray(rgb)
    height, width = data.shape[:2]
    return QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def thumbnail(rgb: NDArray[np.uint8], box: QSize, ratio: float = 1.0) -> QPixmap:
    """``rgb`` as large as fits ``box`` (logical pixels) on a screen of that pixel ratio."""
    pixmap = QPixmap.fromImage(to_image(rgb)).scaled(
        box * ratio,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
