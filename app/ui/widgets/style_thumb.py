"""A small picture of what a style comes from."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.core.style import DefaultStyle, ImageStyle, StyleSource
from app.ui.look.icons import paint_glyph
from app.ui.look.pictures import to_image
from app.ui.look.theme import color, tokens
from app.ui.styles.style_files import thumb_of
from app.ui.styles.style_tiles import source_title


class StyleThumb(QWidget):
    """The picture of an image style, a symbol for others, a dashed slot for none."""

    clicked = Signal()

    def __init__(self, letter: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._letter = letter
        self._source: StyleSource | None = None
        self._image: QImage | None = None
        self.setFixedSize(QSize(66, 44))

    def show_source(self, source: StyleSource | None, *, empty: str = "") -> None:
        """Show ``source``; for None the tool tip says ``empty``."""
        if source != self._source or source is None:
            self._source = source
            pixels = source.pixels if isinstance(source, ImageStyle) else None
            self._image = None if pixels is None else to_image(thumb_of(pixels))
        title = empty if source is None else source_title(source)
        self.setToolTip(title)
        self.setAccessibleName(f"Style {self._letter}: {title}")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.clicked.emit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        box = QRectF(self.rect())
        if self._source is None:
            painter.setPen(QPen(QColor(t.border_strong), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), t.radius, t.radius)
            self._glyph(painter, box, "plus", t.text_muted)
        else:
            outline = QPainterPath()
            outline.addRoundedRect(box, t.radius, t.radius)
            painter.setClipPath(outline)
            painter.fillRect(box, QColor(t.control))
            if self._image is not None:
                painter.drawImage(box, self._image)
            else:
                default = isinstance(self._source, DefaultStyle)
                name = "image-filter-hdr" if default else "dice-multiple-outline"
                self._glyph(painter, box, name, t.text)
            painter.setClipping(False)
            painter.setPen(QPen(color(t.text, 0.18), 1))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), t.radius, t.radius)
        painter.end()

    @staticmethod
    def _glyph(painter: QPainter, box: QRectF, name: str, value: str) -> None:
        middle = box.center()
        paint_glyph(painter, QRectF(middle.x() - 11, middle.y() - 11, 22, 22), name, value)
