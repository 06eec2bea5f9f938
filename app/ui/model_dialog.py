"""What a reference checkpoint can't say about itself."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.workers.messages import ModelSource
from spade.formats.errors import InputError

FROM_FILE = "From the file, else the default"


class ModelDialog(QDialog):
    """Number of up-samplings, crop size, aspect ratio; every field may be left to the file."""

    def __init__(self, path: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open reference checkpoint")
        self._path = path
        name = QLabel(path)
        name.setWordWrap(True)
        name.setProperty("role", "caption")
        about = QLabel(
            "The file tells its widths, channels and whether it takes a style. What it can't tell "
            "is read from opt.txt beside it, or from here. If something doesn't fit, the message "
            "names the values that would."
        )
        about.setWordWrap(True)
        self.upsampling = QComboBox()
        self.upsampling.addItem(FROM_FILE, None)
        for value in ("normal", "more", "most"):
            self.upsampling.addItem(value, value)
        self.crop_size = QComboBox()
        self.crop_size.addItem(FROM_FILE, None)
        for size in (256, 512, 1024):
            self.crop_size.addItem(f"{size} px", size)
        self.aspect = QLineEdit()
        self.aspect.setPlaceholderText("1 (square); 2 for Cityscapes: width / height")
        self.error = QLabel()
        self.error.setWordWrap(True)
        self.error.setProperty("role", "error")
        self.error.hide()
        form = QFormLayout()
        form.addRow("&Up-sampling", self.upsampling)
        form.addRow("&Crop size", self.crop_size)
        form.addRow("&Aspect ratio", self.aspect)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(name)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.error)
        layout.addWidget(buttons)
        self.setMinimumWidth(480)

    @property
    def source(self) -> ModelSource:
        """The model as the form describes it. Raises InputError for a bad aspect ratio."""
        return ModelSource(
            self._path,
            upsampling=self.upsampling.currentData(),
            crop_size=self.crop_size.currentData(),
            aspect_ratio=_ratio(self.aspect.text()),
        )

    def accept(self) -> None:
        """Closes only if the form reads."""
        try:
            self.source  # noqa: B018 - read for its errors
        except InputError as error:
            self.error.setText(str(error))
            self.error.show()
            self.aspect.setFocus()
            return
        super().accept()


def _ratio(text: str) -> float | None:
    text = text.strip().replace(",", ".")
    if not text:
        return None
    width, _, height = text.partition(":")
    try:
        value = float(width) / float(height or 1)
    except (ValueError, ZeroDivisionError):
        value = 0.0
    if not 0.1 <= value <= 10:
        raise InputError(
            f"aspect ratio '{text}' is not a number between 0.1 and 10: write 2, 1.5 or 16:9"
        )
    return value
