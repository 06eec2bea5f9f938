"""A list of classes to choose from, each with its colour."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QComboBox, QWidget

from spade.formats.palette import Palette

UNKNOWN = 255
UNKNOWN_TEXT = "Unknown (the model decides)"


def swatch(rgb: tuple[int, int, int], size: int = 16) -> QIcon:
    """A rounded square of one colour."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*rgb))
    painter.drawRoundedRect(1, 1, size - 2, size - 2, 3, 3)
    painter.end()
    return QIcon(pixmap)


class ClassCombo(QComboBox):
    """The classes of ``palette`` by name, then "unknown" (255)."""

    def __init__(self, palette: Palette, class_id: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        lut = palette.lut()
        for entry in palette.classes:
            self.addItem(swatch(entry.rgb), entry.name, entry.id)
        if self.findData(UNKNOWN) < 0:
            red, green, blue = (int(value) for value in lut[UNKNOWN])
            self.addItem(swatch((red, green, blue)), UNKNOWN_TEXT, UNKNOWN)
        self.setMaxVisibleItems(20)
        index = self.findData(class_id)
        self.setCurrentIndex(max(index, 0))

    @property
    def class_id(self) -> int:
        """The chosen class."""
        return int(self.currentData())
