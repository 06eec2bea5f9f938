"""File > Export label map: which of the three ways."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.files.scene_files import LabelKind

KINDS = (
    (
        LabelKind.INDEXED,
        "&Indexed PNG",
        "The number of each pixel is its class id, 255 is unknown; the file's palette holds the "
        "colours. The exact label map, for programs and for training.",
    ),
    (
        LabelKind.COLOURS,
        "&Coloured PNG",
        "RGB in the colours of the palette. Opens again exactly with the same palette.",
    ),
    (
        LabelKind.MASKS,
        "One &mask a class",
        "A folder with a black and white PNG for each class in the scene.",
    ),
)


class LabelsDialog(QDialog):
    """Three ways to write a label map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export label map")
        self.setMinimumWidth(460)
        self._group = QButtonGroup(self)
        self.buttons: dict[LabelKind, QRadioButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(4)
        for number, (kind, text, about) in enumerate(KINDS):
            button = QRadioButton(text)
            button.setChecked(number == 0)
            self._group.addButton(button, number)
            self.buttons[kind] = button
            note = QLabel(about)
            note.setWordWrap(True)
            note.setProperty("role", "caption")
            note.setContentsMargins(26, 0, 0, 8)
            layout.addWidget(button)
            layout.addWidget(note)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Save).setText("Save as…")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout.addStretch(1)
        layout.addWidget(buttons)

    @property
    def kind(self) -> LabelKind:
        """The one that is chosen."""
        return KINDS[self._group.checkedId()][0]
