"""The data page while a check or an import goes on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.ui.widgets.text import ElidedLabel

WIDTH = 420


class WorkingView(QWidget):
    """A heading, a bar, what is being looked at, and Cancel."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.heading.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(WIDTH)
        self.text = ElidedLabel("", "caption")
        self.text.setFixedWidth(WIDTH)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.cancel_button = QPushButton("&Cancel")
        self.cancel_button.clicked.connect(self.cancelled)
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        layout.addStretch(2)
        layout.addWidget(self.heading)
        for widget in (self.bar, self.text):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(4)
        layout.addWidget(self.cancel_button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)

    def begin(self, heading: str) -> None:
        """Something starts."""
        self.heading.setText(heading)
        self.bar.setAccessibleName(heading)
        self.set_progress("", None)

    def set_progress(self, text: str, fraction: float | None) -> None:
        """How far it is; None while that can't be told."""
        self.text.setText(text)
        self.bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self.bar.setValue(round(1000 * fraction))
