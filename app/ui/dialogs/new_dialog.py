"""File > New: how large, and of what."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.ui.dialogs.pixel_box import PixelBox
from app.ui.palette.class_combo import ClassCombo
from spade.formats.palette import Palette

SIZES: tuple[tuple[int, int], ...] = (
    (256, 256),
    (384, 256),
    (512, 512),
    (768, 512),
    (1024, 1024),
)
SMALLEST, LARGEST = 64, 4096


@dataclass(frozen=True)
class NewScene:
    """What to start with."""

    width: int
    height: int
    background: int


class NewDialog(QDialog):
    """Sizes as a list, any other as two numbers, and the class the canvas is filled with."""

    def __init__(
        self,
        palette: Palette,
        background: int,
        trained_size: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("New scene")
        self.sizes = QComboBox()
        for width, height in SIZES:
            self.sizes.addItem(f"{width} × {height}", (width, height))
        self.sizes.addItem("Custom", None)
        self.width_box = PixelBox(SMALLEST, LARGEST, 0)
        self.height_box = PixelBox(SMALLEST, LARGEST, 0)
        self.background = ClassCombo(palette, background)
        hint = QLabel()
        hint.setWordWrap(True)
        hint.setProperty("role", "caption")
        if trained_size:
            hint.setText(
                f"The model was trained at {trained_size} × {trained_size}. Canvases a little "
                "larger look fine; much larger ones repeat themselves and render more slowly."
            )
        hint.setVisible(bool(trained_size))
        numbers = QHBoxLayout()
        numbers.addWidget(self.width_box)
        numbers.addWidget(QLabel("×"))
        numbers.addWidget(self.height_box)
        numbers.addStretch(1)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Create")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow("&Size", self.sizes)
        form.addRow("", numbers)
        form.addRow("Filled &with", self.background)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(form)
        layout.addWidget(hint)
        layout.addWidget(buttons)
        self.sizes.currentIndexChanged.connect(self._take_preset)
        self.width_box.valueChanged.connect(self._find_preset)
        self.height_box.valueChanged.connect(self._find_preset)
        self.sizes.setCurrentIndex(SIZES.index((512, 512)))

    @property
    def choice(self) -> NewScene:
        """The scene as the form stands."""
        return NewScene(self.width_box.value(), self.height_box.value(), self.background.class_id)

    def _take_preset(self) -> None:
        size = self.sizes.currentData()
        if size is not None and size != (self.width_box.value(), self.height_box.value()):
            self.width_box.show_value(size[0])
            self.height_box.show_value(size[1])

    def _find_preset(self) -> None:
        size = (self.width_box.value(), self.height_box.value())
        index = SIZES.index(size) if size in SIZES else len(SIZES)
        self.sizes.blockSignals(True)
        self.sizes.setCurrentIndex(index)
        self.sizes.blockSignals(False)
