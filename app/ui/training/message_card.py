"""A line in a frame: what went wrong and what to do about it, or how something ended."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QWidget

from app.ui.look.icons import icon
from app.ui.look.theme import notifier
from app.ui.training.texts import breakable


class MessageCard(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._bad = True
        self._icon = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.text, 1)
        self._draw_icon()
        notifier().changed.connect(self._draw_icon)
        self.hide()

    def say(self, text: str, bad: bool = True) -> None:
        """Show ``text``; "": nothing. ``bad``: with a warning's icon, else with a tick."""
        self._bad = bad
        self._draw_icon()
        self.text.setText(breakable(text, 60))
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def _draw_icon(self) -> None:
        name, role = (
            ("alert-circle-outline", "danger") if self._bad else ("check-circle", "success")
        )
        self._icon.setPixmap(icon(name, role).pixmap(20, 20))
