"""A number of pixels, for the dialogs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QSpinBox, QWidget

LEFT = 7  # a style sheet's padding doesn't reach a spin box's text


class PixelBox(QSpinBox):
    """A whole number of pixels from ``minimum`` to ``maximum``."""

    def __init__(
        self, minimum: int, maximum: int, value: int, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setRange(minimum, maximum)
        self.setSuffix(" px")
        self.setValue(value)
        self.lineEdit().setTextMargins(LEFT, 0, 0, 0)
        self.setMinimumWidth(self.sizeHint().width() + LEFT)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() != Qt.FocusReason.MouseFocusReason:
            self.selectAll()  # what is typed replaces the number, also in the first field

    def show_value(self, value: int) -> None:
        """Show ``value`` without a signal."""
        blocked = self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(blocked)
