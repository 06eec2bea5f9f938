"""The fixed maps of a training: a row a map, captioned columns, a click to see one large."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QScrollBar, QSizePolicy, QWidget

from app.ui.look.theme import color, notifier, tokens
from app.ui.training.sample_levels import Levels

CAPTIONS: Final = {
    3: ("Labels", "Photo", "Picture"),
    5: ("Labels", "Photo", "Own light", "First's light", "Last's light"),
}
GAP: Final = 4
HEAD: Final = 22
WAITING: Final = "The first samples come once training has begun."


class SampleView(QWidget):
    """``set_levels`` shows a grid as training writes it. A cell that is clicked fills the view
    until the next click or Esc."""

    wheeled = Signal(int)  # steps through time, with Ctrl held

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._levels: Levels | None = None
        self._large: tuple[int, int] | None = None  # column, row
        self._hot: tuple[int, int] | None = None
        self.bar = QScrollBar(Qt.Orientation.Vertical, self)
        self.bar.valueChanged.connect(lambda _value: self.update())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Samples")
        notifier().changed.connect(self.update)

    @property
    def _columns(self) -> int:
        return self._levels.columns if self._levels is not None else 0

    @property
    def _rows(self) -> int:
        return self._levels.rows if self._levels is not None else 0

    @property
    def large(self) -> tuple[int, int] | None:
        """(column, row) of the cell that fills the view."""
        return self._large

    @property
    def is_empty(self) -> bool:
        """There is no grid yet."""
        return self._levels is None

    def set_levels(self, levels: Levels | None) -> None:
        """Show a grid; None: there is none."""
        self._levels = levels
        large = self._large
        if large is not None and (large[0] >= self._columns or large[1] >= self._rows):
            self._large = None
        self._arrange()
        self.update()

    def show_large(self, cell: tuple[int, int] | None) -> None:
        """Let (column, row) fill the view; None: all of them again."""
        self._large = cell
        self._arrange()
        self.update()

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """(column, row) under a place of the widget."""
        if self._levels is None or self._large is not None:
            return None
        for row in range(self._rows):
            for column in range(self._columns):
                if self._cell(column, row).contains(point) and point.y() > HEAD:
                    return column, row
        return None

    # -- Qt's questions

    def sizeHint(self) -> QSize:
        return QSize(480, 420)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 160)

    def resizeEvent(self, event: object) -> None:
        self._arrange()

    def wheelEvent(self, event: QWheelEvent) -> None:
        turned = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.wheeled.emit(1 if turned > 0 else -1)
        elif self.bar.isVisible():
            self.bar.setValue(self.bar.value() - turned // 2)
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hot = self.cell_at(event.position())
        if hot != self._hot:
            self._hot = hot
            hand = hot is not None or self._large is not None
            shape = Qt.CursorShape.PointingHandCursor if hand else Qt.CursorShape.ArrowCursor
            self.setCursor(shape)
            self.update()

    def leaveEvent(self, event: object) -> None:
        self._hot = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._levels is not None:
            cell = None if self._large is not None else self.cell_at(event.position())
            self.show_large(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        move = moves.get(Qt.Key(event.key()))
        opens = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
        if self._large is not None and event.key() == Qt.Key.Key_Escape:
            self.show_large(None)
        elif opens and self._levels is not None:
            self.show_large((min(2, self._columns - 1), 0) if self._large is None else None)
        elif move is not None and self._large is not None:
            column, row = self._large[0] + move[0], self._large[1] + move[1]
            if 0 <= column < self._columns and 0 <= row < self._rows:
                self.show_large((column, row))
        elif move is not None and move[1] and self.bar.isVisible():
            self.bar.setValue(self.bar.value() + move[1] * 40)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        font = QFont()
        font.setPixelSize(t.font_small)
        painter.setFont(font)
        if self._levels is None:
            painter.setPen(QColor(t.text_muted))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(QRectF(self.rect()).adjusted(16, 0, -16, 0), flags, WAITING)
        elif self._large is not None:
            self._paint_large(painter, *self._large)
        else:
            self._paint_all(painter, event)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(t.focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(1, 1, -1, -1), t.radius_small, t.radius_small
            )
        painter.end()

    # -- geometry

    @property
    def _side(self) -> float:
        """The side of a cell: all columns fit the width; a few rows fill the height."""
        room = self.width() - (self.bar.sizeHint().width() + 2 if self._overflows() else 0)
        return max((room - GAP * (self._columns - 1)) / max(self._columns, 1), 8)

    def _overflows(self) -> bool:
        full = (self.width() - GAP * (self._columns - 1)) / max(self._columns, 1)
        return HEAD + self._rows * (full + GAP) - GAP > self.height()

    def _arrange(self) -> None:
        width = self.bar.sizeHint().width()
        self.bar.setGeometry(self.width() - width, HEAD, width, max(self.height() - HEAD, 1))
        over = HEAD + self._rows * (self._side + GAP) - GAP - self.height()
        needed = self._levels is not None and self._large is None and over > 0.5
        self.bar.setVisible(needed)
        self.bar.setRange(0, max(round(over), 0) if needed else 0)
        self.bar.setPageStep(self.height())

    def _cell(self, column: int, row: int) -> QRectF:
        step = self._side + GAP
        top = HEAD + row * step - self.bar.value()
        return QRectF(column * step, top, self._side, self._side)

    def _paint_cell(self, painter: QPainter, box: QRectF, column: int, row: int) -> None:
        assert self._levels is not None
        image = self._levels.for_cell(box.width() * self.devicePixelRatioF())
        width, height = image.width() / self._columns, image.height() / self._rows
        painter.drawImage(box, image, QRectF(column * width, row * height, width, height))

    # -- drawing

    def _caption(self, column: int) -> str:
        captions = CAPTIONS.get(self._columns, ())
        return captions[column] if column < len(captions) else ""

    def _paint_all(self, painter: QPainter, event: QPaintEvent) -> None:
        t = tokens()
        painter.save()
        painter.setClipRect(QRectF(0, HEAD, self.width(), self.height()))
        for row in range(self._rows):
            for column in range(self._columns):
                box = self._cell(column, row)
                if not box.intersects(QRectF(event.rect())) or box.bottom() < HEAD:
                    continue
                self._paint_cell(painter, box, column, row)
                if (column, row) == self._hot:
                    painter.setPen(QPen(QColor(t.accent), 2))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(box.adjusted(1, 1, -1, -1))
        painter.restore()
        painter.setPen(QColor(t.text_muted))
        for column in range(self._columns):
            box = self._cell(column, 0)
            text = painter.fontMetrics().elidedText(
                self._caption(column), Qt.TextElideMode.ElideRight, int(box.width())
            )
            line = QRectF(box.left(), 0, box.width(), HEAD - 4)
            painter.drawText(line, int(Qt.AlignmentFlag.AlignCenter), text)

    def _paint_large(self, painter: QPainter, column: int, row: int) -> None:
        t = tokens()
        side = min(self.width(), self.height() - HEAD)
        box = QRectF((self.width() - side) / 2, HEAD, side, side)
        self._paint_cell(painter, box, column, row)
        painter.setPen(QPen(color(t.text, 0.15), 1))
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(QColor(t.text_muted))
        text = f"{self._caption(column)}, map {row + 1} of {self._rows}; click to see all"
        line = QRectF(0, 0, self.width(), HEAD - 4)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignCenter), text)
