"""The perceptual loss: with which weights, or without."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.widgets.text import ElidedLabel

DOWNLOAD: Final = "download"
WHAT: Final = (
    "A network that has seen many photos (VGG) compares pictures with photos. With it pictures "
    "get sharper and truer; a step takes longer."
)
CONSENT: Final = (
    "548 MB from download.pytorch.org, once, when training begins; BSD licence. Nothing of yours "
    "is sent. This is the only time that Spadework goes online."
)
WITHOUT: Final = "Steps are quicker, but pictures stay softer and it takes more of them."


class VggChoice(QFrame):
    """``value`` is what TrainingChoice.vgg takes. ``file_wanted``: ask for a file. ``changed``:
    another value."""

    file_wanted = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._found = self._file = ""
        self.found_button = QRadioButton("The weights that are here a&lready")
        self.file_button = QRadioButton("From a &file")
        self.download_button = QRadioButton("D&ownload VGG19, I agree")
        self.without_button = QRadioButton("&Without")
        self.path = ElidedLabel("", "caption")
        self.choose_button = QPushButton("Choose file…")
        self.choose_button.clicked.connect(self.file_wanted)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setProperty("role", "caption")
        what = QLabel(WHAT)
        what.setWordWrap(True)
        what.setProperty("role", "caption")
        self._group = QButtonGroup(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(4)
        layout.addWidget(what)
        layout.addSpacing(2)
        layout.addWidget(self.found_button)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.file_button)
        line.addWidget(self.path, 1)
        line.addWidget(self.choose_button)
        layout.addLayout(line)
        layout.addWidget(self.download_button)
        layout.addWidget(self.without_button)
        layout.addWidget(self.note)
        for button in self._buttons:
            self._group.addButton(button)
            button.toggled.connect(self._show)
        self.file_button.clicked.connect(self._ask_if_none)
        self.set_found("")

    @property
    def _buttons(self) -> tuple[QRadioButton, ...]:
        return (self.found_button, self.file_button, self.download_button, self.without_button)

    @property
    def value(self) -> str:
        """A file, "download", or "" for without."""
        if self.found_button.isChecked():
            return self._found
        if self.file_button.isChecked():
            return self._file
        return DOWNLOAD if self.download_button.isChecked() else ""

    def set_found(self, path: str) -> None:
        """Weights that are there already; "" if there are none."""
        self._found = path
        self.found_button.setVisible(bool(path))
        self.found_button.setToolTip(path)
        self.download_button.setVisible(not path)
        chosen = next((b for b in self._buttons if b.isChecked()), None)
        if chosen is None or chosen in (self.found_button, self.without_button):
            (self.found_button if path else self.without_button).setChecked(True)
        self._show()

    def set_file(self, path: Path) -> None:
        """Weights the user has chosen."""
        self._file = str(path)
        self.file_button.setChecked(True)
        self._show()

    def _ask_if_none(self) -> None:
        if not self._file:
            self.file_wanted.emit()
            (self.found_button if self._found else self.without_button).setChecked(True)

    def _show(self) -> None:
        self.path.setText(Path(self._file).name)
        self.path.setToolTip(self._file)
        self.choose_button.setVisible(bool(self._file))
        note = ""
        if self.download_button.isChecked():
            note = CONSENT
        elif self.without_button.isChecked():
            note = WITHOUT
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.changed.emit()
