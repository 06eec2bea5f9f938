"""Help > About, Model > About this model, and the licence that is shown once at export."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import app_icon
from app.workers.messages import ModelInfo

NO_LICENCE = "The model states no licence: ask whoever made it what you may do with its pictures."
PAPER = (
    "Spadework renders with SPADE: Semantic Image Synthesis with Spatially-Adaptive "
    "Normalization, T. Park, M.-Y. Liu, T.-C. Wang, J.-Y. Zhu, CVPR 2019 (arXiv 1903.07291). "
    "Everything is written from the paper; no code of the authors is in it."
)


def version() -> str:
    """The installed version; "checkout" when run from a folder that isn't installed."""
    from importlib import metadata  # costs time that the start doesn't have

    try:
        return metadata.version("spadework")
    except metadata.PackageNotFoundError:
        return "checkout"


def licence_text(model: ModelInfo | None) -> str:
    """What the model's licence says, or what to do if it says nothing."""
    if model is None:
        return "No model is loaded."
    return model.licence.strip() or NO_LICENCE


class AboutDialog(QDialog):
    """Version, what the model's licence allows, and whose photos are in the gallery."""

    def __init__(
        self, model: ModelInfo | None, attribution: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("About Spadework")
        self.resize(620, 520)
        logo = QLabel()
        logo.setPixmap(app_icon().pixmap(64, 64))
        name = QLabel("Spadework")
        name.setProperty("role", "title")
        slogan = QLabel(
            f"Version {version()}. Paint what is where; a SPADE generator shows the photo."
        )
        slogan.setProperty("role", "caption")
        names = QVBoxLayout()
        names.setSpacing(4)
        names.addStretch(1)
        names.addWidget(name)
        names.addWidget(slogan)
        names.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(logo)
        head.addLayout(names, 1)
        self.tabs = QTabWidget()
        program = (
            f"{PAPER}\n\nThe program is free software under the MIT licence, without warranty."
        )
        self.tabs.addTab(_text(program), "Program")
        title = f"{model.name}\n\n" if model else ""
        self.tabs.addTab(_text(title + licence_text(model)), "Model licence")
        photos = QTextBrowser()
        photos.setOpenExternalLinks(True)
        photos.setMarkdown(attribution)
        self.tabs.addTab(photos, "Photos")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(head)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(_close_button(self))


class ModelInfoDialog(QDialog):
    """What the loaded model is and can do."""

    def __init__(self, model: ModelInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About this model")
        self.setMinimumWidth(460)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignTop)
        for label, value in (
            ("Name", model.name),
            ("From", model.source.path),
            ("Classes", f"{model.label_nc}{', and unknown' if model.has_dont_care else ''}"),
            ("Style", _style_text(model)),
            ("Trained at", f"{model.trained_size} × {model.trained_size} pixels"),
            ("Parameters", f"{model.parameters:,}" if model.parameters else "not stated"),
            ("Runs on", model.device.upper()),
            ("Licence", licence_text(model)),
        ):
            text = QLabel(value)
            text.setWordWrap(True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(label, text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(form)
        layout.addWidget(_close_button(self))


class LicenceDialog(QDialog):
    """Shown before the first export: what may be done with the pictures."""

    def __init__(
        self, model: ModelInfo, go_on: Callable[[], object], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Before your first export")
        self.setMinimumSize(480, 300)
        title = QLabel(f"What you may do with pictures made with “{model.name}”")
        title.setProperty("role", "heading")
        title.setWordWrap(True)
        note = QLabel("This is shown once. You find it again under Help > About Spadework.")
        note.setProperty("role", "caption")
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Understood")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.accepted.connect(go_on)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(title)
        layout.addWidget(_text(licence_text(model)), 1)
        layout.addWidget(note)
        layout.addWidget(buttons)
        buttons.button(QDialogButtonBox.StandardButton.Ok).setFocus()


def _style_text(model: ModelInfo) -> str:
    if model.has_encoder:
        return "from a picture, or at random"
    return "at random; it has no encoder for pictures" if model.has_style else "none"


def _text(text: str) -> QPlainTextEdit:
    view = QPlainTextEdit(text)
    view.setReadOnly(True)
    return view


def _close_button(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    return buttons
