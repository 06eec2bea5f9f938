"""A column that scrolls and is exactly as high as its width makes it.

QScrollArea's own way of resizing takes the largest of several heights, which leaves room
below columns with wrapped text.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

MARGIN = 8
"""Kept free at the right, between the column and its scroll bar."""


class ScrollColumn(QScrollArea):
    """Fill ``column``; ``begin`` starts over with an empty one. Never wider than ``widest``."""

    def __init__(self, widest: int = 16_000, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._widest = widest
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.column: QVBoxLayout
        self.begin()

    def begin(self) -> QVBoxLayout:
        """An empty column in place of the one before; its layout."""
        content = QWidget()
        content.setProperty("role", "content")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, MARGIN, 0)
        column.setSpacing(MARGIN)
        self.column = column
        self.setWidget(content)  # deletes the one before, quicker than it is taken out
        content.installEventFilter(self)
        return column

    def fit(self) -> None:
        """Make the column as wide as there is room, and as high as it then is."""
        content, room = self.widget(), self.viewport().size()
        if content is not None:
            width = min(room.width(), self._widest)
            needed = self.column.totalHeightForWidth(width)
            if needed < 0:
                needed = self.column.totalSizeHint().height()
            content.resize(width, max(needed, room.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type()
            in (
                QEvent.Type.LayoutRequest,
                QEvent.Type.Show,
            )
            and watched is not self.viewport()
        ):
            self.fit()
        return super().eventFilter(watched, event)
