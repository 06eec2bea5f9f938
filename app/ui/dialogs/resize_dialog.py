"""Image > Resize canvas: room around the scene, or the scene itself scaled."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.dialogs.new_dialog import LARGEST, SMALLEST
from app.ui.dialogs.pixel_box import PixelBox

ANCHORS = (
    ("top_left", "top", "top_right"),
    ("left", "center", "right"),
    ("bottom_left", "bottom", "bottom_right"),
)


@dataclass(frozen=True)
class Resize:
    """``scale`` stretches the labels (nearest); else the canvas grows or shrinks at ``anchor``."""

    width: int
    height: int
    scale: bool
    anchor: str


class ResizeDialog(QDialog):
    """New width and height, and where the old canvas stays."""

    def __init__(self, width: int, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Resize canvas")
        self._aspect = width / height
        self.width_box, self.height_box = (
            PixelBox(min(SMALLEST, side), max(LARGEST, side), side) for side in (width, height)
        )
        self.keep_aspect = QCheckBox("&Keep the proportions")
        self.scale = QRadioButton("&Scale the scene to the new size")
        self.extend = QRadioButton("&Add or cut at the edges; the scene stays at")
        self.extend.setChecked(True)
        self.anchors = QButtonGroup(self)
        grid_box = QWidget()
        grid = QGridLayout(grid_box)
        grid.setContentsMargins(24, 0, 0, 0)
        grid.setSpacing(4)
        for row, names in enumerate(ANCHORS):
            for column, name in enumerate(names):
                button = QToolButton()
                button.setCheckable(True)
                button.setChecked(name == "center")
                button.setFixedSize(34, 34)
                button.setToolTip(name.replace("_", " "))
                button.setAccessibleName(name.replace("_", " "))
                button.setProperty("anchor", name)
                button.setText("●" if name == "center" else "·")
                self.anchors.addButton(button)
                grid.addWidget(button, row, column)
        grid.setColumnStretch(3, 1)
        self.anchors.buttonToggled.connect(lambda button, on: button.setText("●" if on else "·"))
        self.extend.toggled.connect(grid_box.setEnabled)
        self.scale.toggled.connect(lambda on: self.keep_aspect.setChecked(on))
        self.note = QLabel("New area is filled with the background class.")
        self.note.setProperty("role", "caption")
        sizes = QFormLayout()
        sizes.addRow("&Width", self.width_box)
        sizes.addRow("&Height", self.height_box)
        top = QHBoxLayout()
        top.addLayout(sizes)
        top.addWidget(self.keep_aspect, alignment=Qt.AlignmentFlag.AlignVCenter)
        top.addStretch(1)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Resize")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addLayout(top)
        for widget in (self.scale, self.extend, grid_box, self.note, buttons):
            layout.addWidget(widget)
        self.width_box.valueChanged.connect(self._follow_width)
        self.height_box.valueChanged.connect(self._follow_height)

    @property
    def choice(self) -> Resize:
        """The change as the form stands."""
        anchor = self.anchors.checkedButton().property("anchor")
        return Resize(
            self.width_box.value(), self.height_box.value(), self.scale.isChecked(), str(anchor)
        )

    def _follow_width(self, width: int) -> None:
        if self.keep_aspect.isChecked():
            self.height_box.show_value(round(width / self._aspect))

    def _follow_height(self, height: int) -> None:
        if self.keep_aspect.isChecked():
            self.width_box.show_value(round(height * self._aspect))
