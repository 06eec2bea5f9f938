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
CROP_SIZES = (128, 256, 512, 1024)  # proposals; any can be typed
LARGEST_CROP = 8192


class ModelDialog(QDialog):
    """Number of up-samplings, crop size, aspect ratio; every field may be left to the file.

    ``tried``: the form as it stood when the file was refused, with the ``problem``.
    """

    def __init__(
        self,
        path: str,
        parent: QWidget | None = None,
        *,
        tried: ModelSource | None = None,
        problem: str = "",
    ) -> None:
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
        self.crop_size.setEditable(True)
        self.crop_size.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.crop_size.setCompleter(None)  # it would take the first Enter for itself
        self.crop_size.addItems([FROM_FILE, *(f"{size} px" for size in CROP_SIZES)])
        self.aspect = QLineEdit()
        self.aspect.setPlaceholderText("1 (square); 2 for Cityscapes: width / height")
        self.error = QLabel()
        self.error.setWordWrap(True)
        self.error.setProperty("role", "error")
        self._complain(problem)
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
        if tried is not None:
            self._show(tried)

    @property
    def source(self) -> ModelSource:
        """The model as the form describes it. Raises InputError for a bad size or ratio."""
        return ModelSource(
            self._path,
            upsampling=self.upsampling.currentData(),
            crop_size=_crop_size(self.crop_size.currentText()),
            aspect_ratio=_ratio(self.aspect.text()),
        )

    def accept(self) -> None:
        """Closes only if the form reads."""
        try:
            self.source  # noqa: B018 - read for its errors
        except InputError as error:
            self._complain(str(error))
            (self.aspect if "ratio" in str(error) else self.crop_size).setFocus()
            return
        super().accept()

    def _show(self, source: ModelSource) -> None:
        self.upsampling.setCurrentIndex(max(0, self.upsampling.findData(source.upsampling)))
        if source.crop_size is not None:
            self.crop_size.setEditText(f"{source.crop_size} px")
        if source.aspect_ratio is not None:
            self.aspect.setText(f"{source.aspect_ratio:g}")

    def _complain(self, problem: str) -> None:
        self.error.setText(problem)
        self.error.setVisible(bool(problem))


def _crop_size(text: str) -> int | None:
    text = text.strip()
    if text in ("", FROM_FILE):
        return None
    digits = text.removesuffix("px").strip()
    if not digits.isdecimal() or not 1 <= int(digits) <= LARGEST_CROP:
        raise InputError(
            f"crop size '{text}' is not a whole number of pixels up to {LARGEST_CROP}: "
            "write 256 or 512"
        )
    return int(digits)


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
