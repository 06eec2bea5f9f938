"""Classes shown as colours: one swatch, the current and previous pair, the recent row."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ui.look.icons import paint_glyph
from app.ui.look.theme import color, ink_on, tokens
from app.ui.palette.class_icons import class_icon_name
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID, Palette, PaletteClass

UNKNOWN_CLASS: Final = PaletteClass(UNKNOWN_ID, "Unknown", UNKNOWN_COLOR, "unknown")
"""What stands for id 255: the model fills it as it likes."""


def class_of(palette: Palette, class_id: int) -> PaletteClass:
    """The class of that id; one made up for ids the palette does not name."""
    if class_id == UNKNOWN_ID:
        return UNKNOWN_CLASS
    found = palette.by_id(class_id)
    if found is not None:
        return found
    r, g, b = (int(value) for value in palette.lut()[class_id])
    return PaletteClass(class_id, f"Class {class_id}", f"#{r:02x}{g:02x}{b:02x}")


def display_name(entry: PaletteClass) -> str:
    """The class's name as panels show it: with a capital, otherwise as the palette has it."""
    return entry.name[:1].upper() + entry.name[1:]


def paint_swatch(
    painter: QPainter, rect: QRectF, entry: PaletteClass, *, glyph: bool = True, radius: float = 4
) -> None:
    """Fills ``rect`` with the class's colour and draws its icon upon it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # A hairline in the theme's text colour keeps colours near the background apart from it.
    painter.setPen(QPen(color(tokens().text, 0.22), 1))
    painter.setBrush(QColor(entry.color))
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    if entry.id == UNKNOWN_ID:
        painter.setPen(QPen(color("#ffffff", 0.28), 2))
        painter.setClipRect(rect.adjusted(2, 2, -2, -2))
        x = rect.left() - rect.height()
        while x < rect.right():
            painter.drawLine(
                QPoint(int(x), int(rect.bottom())), QPoint(int(x + rect.height()), int(rect.top()))
            )
            x += 8
        painter.setClipping(False)
    if glyph:
        side = min(rect.width(), rect.height()) * 0.72
        middle = rect.center()
        box = QRectF(middle.x() - side / 2, middle.y() - side / 2, side, side)
        name = class_icon_name(entry.name, entry.group)
        paint_glyph(painter, box, name, color(ink_on(entry.color), 0.85))
    painter.restore()


class SwatchPair(QWidget):
    """The current class upon the previous one. A click on the previous one, or on the
    corner between them, swaps the two; a click on the current one asks to show it."""

    swap_requested = Signal()
    show_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._current = self._previous = UNKNOWN_CLASS
        self.setFixedSize(58, 48)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_classes(self, current: PaletteClass, previous: PaletteClass) -> None:
        """Show these two."""
        self._current, self._previous = current, previous
        self.setToolTip(
            f"<b>{current.name}</b>, before: {previous.name}<br>Click the rear one to swap (X)"
        )
        self.setAccessibleName(f"Current class {current.name}, previous class {previous.name}")
        self.update()

    @property
    def front(self) -> QRectF:
        """Where the current class is."""
        return QRectF(0, 0, 40, 34)

    @property
    def back(self) -> QRectF:
        """Where the previous class is; the front covers part of it."""
        return QRectF(22, 18, 36, 30)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            signal = self.show_requested
            if not self.front.contains(event.position()):
                signal = self.swap_requested
            signal.emit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_swatch(painter, self.back, self._previous, glyph=False, radius=6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens().window))
        painter.drawRoundedRect(self.front.adjusted(0, 0, 2, 2), 7, 7)
        paint_swatch(painter, self.front, self._current, radius=6)
        t = tokens()
        paint_glyph(painter, QRectF(44, 1, 14, 14), "swap-horizontal", t.text_muted)
        painter.end()


class SwatchRow(QWidget):
    """Small swatches side by side, as many as fit; a click chooses one."""

    chosen = Signal(int)

    SIDE: Final = 26
    GAP: Final = 4

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: tuple[PaletteClass, ...] = ()
        self._current = -1
        self._hovered = -1
        self.setMouseTracking(True)
        self.setFixedHeight(self.SIDE)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_classes(self, entries: tuple[PaletteClass, ...], current: int) -> None:
        """Show these, the one with the id ``current`` marked."""
        self._entries, self._current = entries, current
        self.setAccessibleName("Recent classes: " + ", ".join(entry.name for entry in entries))
        self.update()

    def rect_of(self, index: int) -> QRectF:
        """Where the swatch number ``index`` is."""
        return QRectF(index * (self.SIDE + self.GAP), 0, self.SIDE, self.SIDE)

    def minimumSizeHint(self) -> QSize:
        return QSize(3 * (self.SIDE + self.GAP), self.SIDE)

    def _at(self, point: QPoint) -> int:
        index = point.x() // (self.SIDE + self.GAP)
        inside = point.x() % (self.SIDE + self.GAP) < self.SIDE and 0 <= point.y() < self.SIDE
        return index if inside and 0 <= index < self._shown else -1

    @property
    def _shown(self) -> int:
        return min(len(self._entries), (self.width() + self.GAP) // (self.SIDE + self.GAP))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.chosen.emit(self._entries[index].id)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self._at(event.pos())
            text = self._entries[index].name if index >= 0 else ""
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            hand = Qt.CursorShape.PointingHandCursor if index >= 0 else Qt.CursorShape.ArrowCursor
            self.setCursor(hand)
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        t = tokens()
        for index, entry in enumerate(self._entries[: self._shown]):
            rect = self.rect_of(index)
            marked = entry.id == self._current
            paint_swatch(painter, rect.adjusted(3, 3, -3, -3) if marked else rect, entry)
            if marked or index == self._hovered:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(t.accent if marked else t.text), 1.5))
                painter.drawRoundedRect(rect.adjusted(0.75, 0.75, -0.75, -0.75), 5, 5)
        painter.end()
