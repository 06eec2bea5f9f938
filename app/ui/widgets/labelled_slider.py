"""A named value with a slider and a number field that always agree."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from app.ui.look.theme import tokens

_LOG_STEPS = 1000


class JumpSlider(QSlider):
    """A slider that goes to where it is clicked, and leaves the wheel to the panel around it
    until it has the focus."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            option = QStyleOptionSlider()
            self.initStyleOption(option)
            handle = self.style().subControlRect(
                QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
            )
            if not handle.contains(event.position().toPoint()):
                # Pressed first, so that whoever merges a drag into one undo sees it begin.
                self.setSliderDown(True)
                self.setValue(
                    QStyle.sliderValueFromPosition(
                        self.minimum(),
                        self.maximum(),
                        round(event.position().x() - handle.width() / 2),
                        max(self.width() - handle.width(), 1),
                    )
                )
        super().mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class LabelledSlider(QWidget):
    """``text``, an integer field with ``suffix``, and a slider over the same range.

    ``log``: the slider moves in equal ratios (needs ``minimum`` >= 1). ``inline``: all in
    one row, for bars. A double click on the text goes back to ``default``, if one is given.
    """

    value_changed = Signal(int)  # by the user or by set_value
    pressed = Signal()  # a drag begins
    released = Signal()

    def __init__(
        self,
        text: str,
        minimum: int,
        maximum: int,
        *,
        suffix: str = "",
        log: bool = False,
        inline: bool = False,
        default: int | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._minimum, self._maximum, self._log = minimum, maximum, log
        self._default = default
        self._value = minimum
        self.label = QLabel(text)
        self.slider = JumpSlider()
        self.slider.setAccessibleName(text)
        self.slider.setRange(*((0, _LOG_STEPS) if log else (minimum, maximum)))
        self.slider.setSingleStep(max(1, (self.slider.maximum() - self.slider.minimum()) // 100))
        self.slider.setPageStep(max(1, (self.slider.maximum() - self.slider.minimum()) // 10))
        self.field = QSpinBox()
        self.field.setAccessibleName(text)
        self.field.setRange(minimum, maximum)
        self.field.setSuffix(suffix)
        self.field.setKeyboardTracking(False)
        # Hidden by the style sheet: with NoButtons set, Qt leaves the text one pixel of room.
        self.field.setProperty("buttons", "none")
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.field.lineEdit().setTextMargins(0, 0, 5, 0)  # no style sheet can say this
        self.field.setFixedWidth(
            self.field.fontMetrics().horizontalAdvance(f"{maximum}{suffix}") + 16
        )
        self.label.setBuddy(self.field)
        self._arrange(inline)
        self.set_value(minimum if default is None else default)
        self.slider.valueChanged.connect(self._slider_moved)
        self.slider.sliderPressed.connect(self.pressed)
        self.slider.sliderReleased.connect(self.released)
        self.field.valueChanged.connect(self.set_value)
        self.field.editingFinished.connect(self.field.clearFocus)

    def _arrange(self, inline: bool) -> None:
        if inline:
            row = QHBoxLayout(self)
            row.addWidget(self.label)
            row.addWidget(self.slider)
            row.addWidget(self.field)
            self.slider.setFixedWidth(132)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            layout: QHBoxLayout | QGridLayout = row
        else:
            grid = QGridLayout(self)
            self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            grid.addWidget(self.label, 0, 0)
            grid.addWidget(self.field, 0, 1)
            grid.addWidget(self.slider, 1, 0, 1, 2)
            grid.setColumnStretch(0, 1)
            grid.setVerticalSpacing(0)
            layout = grid
        layout.setContentsMargins(0, 0, 0, 0)
        if inline:
            layout.setSpacing(tokens().space_2)

    @property
    def value(self) -> int:
        """The value, in ``minimum``..``maximum``."""
        return self._value

    def set_value(self, value: int) -> None:
        """Show ``value`` (clamped); emits ``value_changed`` if it is another one."""
        value = min(max(int(value), self._minimum), self._maximum)
        changed = value != self._value
        self._value = value
        if self._from_slider(self.slider.value()) != value:
            self.slider.blockSignals(True)
            self.slider.setValue(self._to_slider(value))
            self.slider.blockSignals(False)
        self.field.blockSignals(True)
        self.field.setValue(value)
        self.field.blockSignals(False)
        if changed:
            self.value_changed.emit(value)

    def show_value(self, value: int) -> None:
        """``set_value`` without the signal: the value comes from where it is stored."""
        self.blockSignals(True)
        self.set_value(value)
        self.blockSignals(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._default is not None and self.label.geometry().contains(event.position().toPoint()):
            self.set_value(self._default)

    def _slider_moved(self, position: int) -> None:
        self.set_value(self._from_slider(position))

    def _from_slider(self, position: int) -> int:
        if not self._log:
            return position
        ratio = self._maximum / self._minimum
        return round(self._minimum * math.pow(ratio, position / _LOG_STEPS))

    def _to_slider(self, value: int) -> int:
        if not self._log:
            return value
        ratio = self._maximum / self._minimum
        return round(_LOG_STEPS * math.log(value / self._minimum) / math.log(ratio))
