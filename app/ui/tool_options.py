"""The bar above the canvas: what can be set for the tool in use, and nothing else."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLayout, QWidget

from app.core.tools import BrushShape, Tool, ViewMode
from app.state.tool_settings import MAX_BRUSH, MIN_BRUSH, ToolSettings
from app.state.view_state import ViewState
from app.ui.look.icons import icon
from app.ui.look.theme import notifier, tokens
from app.ui.tool_bar import HINTS, tool_icon_name, tool_text
from app.ui.widgets.labelled_slider import LabelledSlider
from app.ui.widgets.segmented import Segmented
from app.ui.widgets.text import ElidedLabel, separator

_TIPPED: Final = (Tool.BRUSH, Tool.ERASER, Tool.LINE)
_SLIDER: Final = 132, 64  # width with enough room, and without
_PRESSURE: Final = "Pen pressure", "Pen"
_ONLY_OVER: Final = "Only over start class", "Start class"
_SHAPED: Final = (Tool.RECTANGLE, Tool.ELLIPSE, Tool.POLYGON, Tool.LASSO)


class ToolOptions(QWidget):
    """Size, shape, pressure, "only over" and "contiguous", bound to the tool settings; the
    strength of the labels while they lie over the picture, bound to the view."""

    def __init__(self, tools: ToolSettings, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._tools, self._view = tools, view
        self._compact = False
        self.tool_icon = QLabel()
        self.tool_name = QLabel()
        self.tool_name.setProperty("role", "heading")
        self.brush_size = LabelledSlider(
            "Size", MIN_BRUSH, MAX_BRUSH, suffix=" px", log=True, inline=True, default=32
        )
        self.brush_size.setToolTip("Diameter of the brush in canvas pixels ([ and ], Ctrl + wheel)")
        self.shape = Segmented(
            (
                (BrushShape.ROUND, "Round brush", "circle"),
                (BrushShape.SQUARE, "Square brush", "square"),
            )
        )
        self.pressure = self._check(_PRESSURE[0], "A pen's pressure changes the brush size")
        self.only_over = self._check(
            _ONLY_OVER[0],
            "Change only pixels of the class the drag starts on; all others stay as they are",
        )
        self.contiguous = self._check(
            "Contiguous", "Fill only the connected area; off: every pixel of that class"
        )
        self.overlay = LabelledSlider("Labels", 0, 100, suffix=" %", inline=True, default=50)
        self.overlay.setToolTip("How strongly the labels cover the picture")
        self.hint = ElidedLabel(role="caption")
        self.hint.setMinimumWidth(1)
        self._arrange()
        self._bind()
        self._show_tool(tools.tool)
        self._show_brush()
        self._show_options()
        self._show_mode(view.mode)
        self._show_overlay()

    @staticmethod
    def _check(text: str, tip: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setToolTip(tip)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return box

    def _arrange(self) -> None:
        t = tokens()
        row = QHBoxLayout(self)
        row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # minimumSizeHint counts
        row.setContentsMargins(t.space_3, 5, t.space_3, 5)
        row.setSpacing(t.space_4)
        name = QHBoxLayout()
        name.setSpacing(t.space_2)
        name.addWidget(self.tool_icon)
        name.addWidget(self.tool_name)
        row.addLayout(name)
        row.addWidget(separator(vertical=True))
        for widget in (self.brush_size, self.shape, self.pressure, self.only_over, self.contiguous):
            row.addWidget(widget)
        row.addWidget(self.hint, 1)
        row.addWidget(self.overlay)
        self.tool_name.setMinimumWidth(
            max(
                self.tool_name.fontMetrics().horizontalAdvance(tool_text(tool))
                for tool in (Tool.BRUSH, Tool.ERASER, Tool.LINE)
            )
        )

    def _bind(self) -> None:
        tools, view = self._tools, self._view
        self.brush_size.value_changed.connect(lambda value: setattr(tools, "brush_size", value))
        self.shape.chosen.connect(lambda value: setattr(tools, "brush_shape", value))
        self.pressure.toggled.connect(lambda on: setattr(tools, "pressure_size", on))
        self.only_over.toggled.connect(lambda on: setattr(tools, "only_over", on))
        self.contiguous.toggled.connect(lambda on: setattr(tools, "contiguous", on))
        self.overlay.value_changed.connect(
            lambda percent: setattr(view, "overlay_opacity", percent / 100)
        )
        tools.tool_changed.connect(self._show_tool)
        tools.brush_changed.connect(self._show_brush)
        tools.options_changed.connect(self._show_options)
        view.mode_changed.connect(self._show_mode)
        view.overlay_changed.connect(self._show_overlay)
        notifier().changed.connect(self._show_icon)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), tokens().control_height + 14)

    def minimumSizeHint(self) -> QSize:
        """Hint and labels' strength give way and words get shorter, so that what stands beside
        the bar never has to."""
        width = self._needed_width() - (0 if self._compact else self._savings())
        return QSize(width, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()  # the style sheet has come, and with it other widths
        return handled

    def _needed_width(self) -> int:
        """Width of the tool's name and its options."""
        row = self.layout()
        items = [row.itemAt(index) for index in range(row.count())]
        optional = (self.hint, self.overlay)
        widths = [
            max(item.sizeHint().width(), item.minimumSize().width())  # the line's differ
            for item in items
            if not item.isEmpty() and item.widget() not in optional
        ]
        margins = row.contentsMargins()
        return sum(widths) + row.spacing() * len(widths) + margins.left() + margins.right()

    def _savings(self) -> int:
        """Pixels that the compact form is narrower, with the options shown now."""
        metrics = self.fontMetrics()
        saved = max(self.tool_name.sizeHint().width(), self.tool_name.minimumWidth())
        if not self.brush_size.isHidden():
            saved += _SLIDER[0] - _SLIDER[1]
        for box, texts in ((self.pressure, _PRESSURE), (self.only_over, _ONLY_OVER)):
            if not box.isHidden():
                saved += metrics.horizontalAdvance(texts[0]) - metrics.horizontalAdvance(texts[1])
        return saved

    def _set_compact(self, compact: bool) -> None:
        if compact == self._compact:
            return
        self._compact = compact
        self.tool_name.setVisible(not compact)
        self.brush_size.slider.setFixedWidth(_SLIDER[compact])
        self.pressure.setText(_PRESSURE[compact])
        self.only_over.setText(_ONLY_OVER[compact])

    def _fit(self) -> None:
        """Show the labels' strength and the hint as far as there is room for them."""
        whole = self._needed_width() + (self._savings() if self._compact else 0)
        self._set_compact(self.width() < whole)
        room = self.width() - self._needed_width()
        wanted = self.overlay.sizeHint().width() + self.layout().spacing()
        fits = self._view.mode is ViewMode.OVERLAY and room >= wanted
        self.overlay.setVisible(fits)
        room -= wanted if fits else 0
        self.hint.setText(self._hint_within(room - self.layout().spacing()))

    def _hint_within(self, room: int) -> str:
        """As many whole sentences of the tool's hint as fit: a piece of one says nothing."""
        metrics, fitting = self.hint.fontMetrics(), ""
        for sentence in HINTS[self._tools.tool].split(". "):
            text = f"{fitting} {sentence}".strip()
            text += "" if text.endswith(".") else "."
            if metrics.horizontalAdvance(text) > room:
                break
            fitting = text
        return fitting

    def _show_tool(self, tool: Tool) -> None:
        self.tool_name.setText(tool_text(tool))
        self._show_icon()
        self.brush_size.setVisible(tool in _TIPPED)
        self.shape.setVisible(tool in _TIPPED)
        self.pressure.setVisible(tool in (Tool.BRUSH, Tool.ERASER))
        self.only_over.setVisible(tool in _TIPPED or tool in _SHAPED)
        self.contiguous.setVisible(tool is Tool.FILL)
        self._fit()

    def _show_icon(self) -> None:
        picture = icon(tool_icon_name(self._tools.tool), "accent")
        self.tool_icon.setPixmap(picture.pixmap(QSize(20, 20), self.devicePixelRatioF()))

    def _show_brush(self) -> None:
        self.brush_size.show_value(self._tools.brush_size)
        self.shape.show_value(self._tools.brush_shape)

    def _show_options(self) -> None:
        self.pressure.setChecked(self._tools.pressure_size)
        self.only_over.setChecked(self._tools.only_over)
        self.contiguous.setChecked(self._tools.contiguous)

    def _show_mode(self, _mode: ViewMode) -> None:
        self._fit()

    def _show_overlay(self) -> None:
        self.overlay.show_value(round(self._view.overlay_opacity * 100))
