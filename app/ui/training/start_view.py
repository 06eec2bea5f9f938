"""The data page while there are no data: the drop target, and trainings to go on with."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui.look.icons import icon
from app.ui.look.theme import notifier
from app.ui.training.drop_zone import DropZone
from app.ui.training.known_runs_list import KnownRunsList
from app.ui.training.texts import breakable


class ErrorCard(QFrame):
    """What went wrong and what to do about it; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
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

    def say(self, text: str) -> None:
        """Show ``text``; "": nothing."""
        self.text.setText(breakable(text, 60))
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def _draw_icon(self) -> None:
        self._icon.setPixmap(icon("alert-circle-outline", "danger").pixmap(20, 20))


class StartView(QWidget):
    """``data_chosen``: a folder or zip (Path). The other signals are those of its parts."""

    data_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.error = ErrorCard()
        self.drop_zone = DropZone()
        self.known = KnownRunsList()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(16)
        layout.addWidget(self.error)
        layout.addWidget(self.drop_zone, 1)
        layout.addWidget(self.known)
        self.drop_zone.chosen.connect(self.data_chosen)
        self.drop_zone.refused.connect(self.error.say)
