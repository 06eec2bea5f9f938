"""Labels and lines that give a panel its order."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QToolTip, QWidget


def heading(text: str, role: str = "section") -> QLabel:
    """A label in one of the theme's text roles: title, heading, section, caption."""
    label = QLabel(text)
    label.setProperty("role", role)
    return label


def separator(*, vertical: bool = False) -> QFrame:
    """A thin line between groups."""
    line = QFrame()
    line.setProperty("role", "separator")
    line.setProperty("orientation", "vertical" if vertical else "horizontal")
    return line


class SteadyLabel(QLabel):
    """One line that changes many times a second. It takes the room of its widest text so far,
    so that what stands beside it keeps its place, and no change makes the window lay itself
    out anew, as a QLabel's does.
    """

    _PADDING = 4

    def __init__(
        self,
        alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text = ""
        self._room = 0
        self.setAlignment(alignment)

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        if text == self._text:
            return
        self._text = text
        self.setAccessibleName(text)
        room = self.fontMetrics().horizontalAdvance(text) + 2 * self._PADDING
        if room > self._room:
            self._room = room
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._room, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            metrics = self.fontMetrics()
            self._room = metrics.horizontalAdvance(self._text) + 2 * self._PADDING
            self.updateGeometry()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        rect = self.rect().adjusted(self._PADDING, 0, -self._PADDING, 0)
        painter.drawText(rect, int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), self._text)
        painter.end()


class ElidedLabel(QLabel):
    """One line of text that ends in "…" where there is no room; the tool tip has it whole."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        if role:
            self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            whole = self.fontMetrics().horizontalAdvance(self.text()) <= self.width()
            QToolTip.showText(event.globalPos(), self.toolTip() if whole else self.text(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        rect = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()
