"""What training had to say, the newest first."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QListWidget, QWidget

from app.ui.training.texts import breakable, sentence

MOST: Final = 200
HIGHEST: Final = 104
SPACING: Final = 2


class NoticeList(QListWidget):
    """As high as its lines, up to a few; hidden while there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Notices, the newest first")
        self.setWordWrap(True)
        self.setSpacing(SPACING)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.hide()

    def add(self, text: str) -> None:
        """One more line."""
        self.insertItem(0, breakable(sentence(text), 60))
        while self.count() > MOST:
            self.takeItem(self.count() - 1)
        self.show()
        self.scrollToTop()
        self._fit()

    def clear(self) -> None:
        super().clear()
        self.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Lines wrap by the width, so the height is known only with it."""
        if not self.count():
            return
        self.doItemsLayout()
        last = self.visualItemRect(self.item(self.count() - 1))
        lines = last.bottom() + self.verticalScrollBar().value() + SPACING
        height = min(lines + 2 * self.frameWidth() + 2, HIGHEST)
        if height != self.height():
            self.setFixedHeight(height)
