"""The data page while there are no data: the drop target, and trainings to go on with."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.training.drop_zone import DropZone
from app.ui.training.known_runs_list import KnownRunsList
from app.ui.training.message_card import MessageCard


class StartView(QWidget):
    """``data_chosen``: a folder or zip (Path). The other signals are those of its parts."""

    data_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.error = MessageCard()
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
