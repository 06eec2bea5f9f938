"""A row of joined buttons of which exactly one is down."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QToolButton, QWidget

from app.ui.look.icons import icon


class Segmented(QFrame):
    """``options``: (value, text, icon name or ""); with an icon the text is its tool tip."""

    chosen = Signal(object)  # a value, by the user

    def __init__(
        self, options: Sequence[tuple[object, str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "segmented")
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        self._group = QButtonGroup(self)
        self._values: list[object] = []
        self.buttons: dict[object, QToolButton] = {}
        for value, text, icon_name in options:
            button = QToolButton()
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(text)
            if icon_name:
                button.setIcon(icon(icon_name, "text_muted", "on_selection"))
                button.setIconSize(QSize(16, 16))
                button.setToolTip(text)
            else:
                button.setText(text)
            self._group.addButton(button, len(self._values))
            self._values.append(value)
            self.buttons[value] = button
            row.addWidget(button)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(lambda index: self.chosen.emit(self._values[index]))

    @property
    def value(self) -> object:
        """The value whose button is down."""
        return self._values[self._group.checkedId()]

    def show_value(self, value: object) -> None:
        """Put the button of ``value`` down, without a signal."""
        self.buttons[value].setChecked(True)
