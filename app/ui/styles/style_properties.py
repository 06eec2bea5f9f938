"""How much of which style: strength, a mix of two, samples; and the layers over and under."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.style import DefaultStyle, SampledStyle, Style, StyleSource
from app.state.document import Document
from app.state.view_state import ViewState
from app.ui.look.icons import icon
from app.ui.look.pictures import thumbnail
from app.ui.look.theme import tokens
from app.ui.styles.style_tiles import source_title
from app.ui.widgets.labelled_slider import JumpSlider, LabelledSlider
from app.ui.widgets.style_thumb import StyleThumb
from app.ui.widgets.text import ElidedLabel, heading, separator

SEEDS: Final = 1_000_000
PAUSE: Final = 1.0  # seconds without a change after which the next one is an undo step of its own
NO_STYLE: Final = "This model takes no style: the label map alone decides the picture."


class StyleProperties(QWidget):
    """Bound to the document's style and tracing photo, and to the labels' opacity in ``view``.

    ``seeds`` draws a seed for "Surprise me", ``clock`` gives seconds; tests put theirs.
    """

    trace_requested = Signal()  # ask for a photo and give it to the document
    second_requested = Signal()  # let the user pick the style to mix in

    def __init__(
        self,
        document: Document,
        view: ViewState | None = None,
        *,
        seeds: Callable[[], int] = lambda: random.randrange(SEEDS),
        clock: Callable[[], float] = time.monotonic,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self._document, self._view = document, view
        self._seeds, self._clock = seeds, clock
        self._drag = 0  # number of the slider drag; part of its merge key
        self._last_change = float("-inf")
        self.thumb_a, self.thumb_b = StyleThumb("A"), StyleThumb("B")
        self.name_a, self.name_b = ElidedLabel(role="caption"), ElidedLabel(role="caption")
        self.mix = JumpSlider()
        self.end_mix = self._tool("close", "End the mix: only the first style")
        self.strength = LabelledSlider("Strength", 0, 100, suffix=" %", default=100)
        self.strength.setToolTip("From the model's default style (0 %) to the chosen one (100 %)")
        self.surprise_button = QPushButton(icon("dice-5-outline"), " Surprise me")
        self.seed = QSpinBox()
        self.reset_button = self._tool("restore", "Back to the model's default style")
        self.no_style = QLabel(NO_STYLE)
        self.trace_opacity = LabelledSlider("Opacity", 0, 100, suffix=" %", default=50)
        self.trace_load = QPushButton(icon("image-plus"), " Load photo…")
        self.trace_remove = self._tool("delete-outline", "Take the tracing photo away")
        self.trace_thumb = QLabel()
        self.overlay = LabelledSlider("Labels over the picture", 0, 100, suffix=" %", default=50)
        self._style_part = QWidget()
        self._arrange()
        self._bind()
        self._show_style()
        self._show_trace()
        self._show_overlay()

    # -- what others may do to the style, always in one undoable step

    def choose(self, source: StyleSource) -> None:
        """Make ``source`` the style; a mix ends, and a strength of 0 becomes 1."""
        style = self._document.style
        changed = replace(style, source=source, second=None, mix=0.0)
        self._document.set_style(_effective(changed), "Change style")

    def choose_second(self, source: StyleSource | None) -> None:
        """Mix ``source`` in, half and half to begin with; None ends the mix."""
        style = self._document.style
        if source is None:
            self._document.set_style(replace(style, second=None, mix=0.0), "End style mix")
            return
        mix = 0.5 if style.second is None else style.mix
        changed = replace(style, second=source, mix=mix)
        self._document.set_style(_effective(changed), "Mix styles")

    def surprise(self) -> None:
        """A style drawn at random."""
        self.choose(SampledStyle(self._seeds()))

    def reset(self) -> None:
        """The model's default style, at full strength."""
        self._document.set_style(Style(), "Reset style")

    def set_abilities(self, *, has_style: bool) -> None:
        """Whether a style enters the model in use at all."""
        self._style_part.setVisible(has_style)
        self.no_style.setVisible(not has_style)

    def sizeHint(self) -> QSize:
        return QSize(272, super().sizeHint().height())

    # -- building

    @staticmethod
    def _tool(icon_name: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(icon_name, "text_muted"))
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _arrange(self) -> None:
        t = tokens()
        column = QVBoxLayout(self)
        column.setContentsMargins(t.space_3, t.space_3, t.space_3, t.space_3)
        column.setSpacing(t.space_3)
        column.addWidget(self._style_part)
        self.no_style.setWordWrap(True)
        self.no_style.setProperty("role", "caption")
        self.no_style.hide()
        column.addWidget(self.no_style)
        self._arrange_style()
        column.addWidget(separator())
        column.addWidget(heading("Layers"))
        if self._view is not None:
            column.addWidget(self.overlay)
        self._arrange_trace(column)
        column.addStretch()

    def _arrange_style(self) -> None:
        t = tokens()
        part = QVBoxLayout(self._style_part)
        part.setContentsMargins(0, 0, 0, 0)
        part.setSpacing(t.space_3)
        mix = QGridLayout()
        mix.setHorizontalSpacing(t.space_2)
        mix.setVerticalSpacing(3)
        self.mix.setRange(0, 100)
        self.mix.setAccessibleName("Mix of the two styles")
        mix.addWidget(self.thumb_a, 0, 0)
        mix.addWidget(self.mix, 0, 1)
        mix.addWidget(self.thumb_b, 0, 2)
        mix.addWidget(self.name_a, 1, 0, 1, 2)
        second = QHBoxLayout()
        second.setSpacing(0)
        self.name_b.setAlignment(Qt.AlignmentFlag.AlignRight)
        second.addWidget(self.name_b, 1)
        second.addWidget(self.end_mix)
        mix.addLayout(second, 1, 1, 1, 2)
        mix.setColumnStretch(1, 1)
        part.addLayout(mix)
        part.addWidget(self.strength)
        sample = QHBoxLayout()
        sample.setSpacing(t.space_2)
        self.surprise_button.setToolTip("Draw a style at random (Ctrl+R)")
        self.surprise_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.seed.setRange(0, SEEDS - 1)
        self.seed.setKeyboardTracking(False)
        self.seed.setToolTip("The seed: the same number gives the same style again")
        self.seed.setAccessibleName("Seed")
        self.seed.lineEdit().setTextMargins(5, 0, 0, 0)
        self.seed.setFixedWidth(self.seed.fontMetrics().horizontalAdvance("999999") + 40)
        sample.addWidget(self.surprise_button, 1)
        sample.addWidget(self.seed)
        sample.addWidget(self.reset_button)
        part.addLayout(sample)

    def _arrange_trace(self, column: QVBoxLayout) -> None:
        t = tokens()
        row = QHBoxLayout()
        row.setSpacing(t.space_2)
        label = QLabel("Tracing photo")
        label.setToolTip("A photo under the labels, to paint over; it is not part of the picture")
        row.addWidget(label, 1)
        row.addWidget(self.trace_thumb)
        self.trace_load.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addWidget(self.trace_load)
        row.addWidget(self.trace_remove)
        column.addLayout(row)
        column.addWidget(self.trace_opacity)

    def _bind(self) -> None:
        document = self._document
        self.strength.pressed.connect(self._drag_begins)
        self.strength.value_changed.connect(self._strength_moved)
        self.mix.sliderPressed.connect(self._drag_begins)
        self.mix.valueChanged.connect(self._mix_moved)
        self.thumb_b.clicked.connect(self.second_requested)
        self.end_mix.clicked.connect(lambda: self.choose_second(None))
        self.surprise_button.clicked.connect(self.surprise)
        self.seed.valueChanged.connect(lambda seed: self.choose(SampledStyle(seed)))
        self.seed.editingFinished.connect(self.seed.clearFocus)
        self.reset_button.clicked.connect(self.reset)
        self.trace_load.clicked.connect(self.trace_requested)
        self.trace_remove.clicked.connect(lambda: document.set_trace(None))
        self.trace_opacity.value_changed.connect(
            lambda percent: document.set_trace_opacity(percent / 100)
        )
        document.style_changed.connect(self._show_style)
        document.trace_changed.connect(self._show_trace)
        if self._view is not None:
            self.overlay.value_changed.connect(self._overlay_moved)
            self._view.overlay_changed.connect(self._show_overlay)

    # -- sliders: one drag is one undo step

    def _drag_begins(self) -> None:
        self._drag += 1
        self._last_change = self._clock()

    def _merge_key(self, what: str) -> str:
        now = self._clock()
        held = self.strength.slider.isSliderDown() or self.mix.isSliderDown()
        if not held and now - self._last_change > PAUSE:
            self._drag += 1
        self._last_change = now
        return f"{what}-{id(self)}-{self._drag}"

    def _strength_moved(self, percent: int) -> None:
        style = replace(self._document.style, strength=percent / 100)
        self._document.set_style(style, "Change style strength", self._merge_key("strength"))

    def _mix_moved(self, percent: int) -> None:
        style = replace(self._document.style, mix=percent / 100)
        self._document.set_style(style, "Change style mix", self._merge_key("mix"))

    def _overlay_moved(self, percent: int) -> None:
        if self._view is not None:
            self._view.overlay_opacity = percent / 100

    # -- showing

    def _show_style(self) -> None:
        style = self._document.style
        mixed = style.second is not None
        self.thumb_a.show_source(style.source)
        self.thumb_b.show_source(style.second, empty="Pick a style to mix in (or Shift-click it)")
        self.name_a.setText(source_title(style.source))
        self.name_b.setText("" if style.second is None else source_title(style.second))
        self.end_mix.setVisible(mixed)
        self.mix.setEnabled(mixed)
        percent = round(style.mix * 100)
        self.mix.setToolTip(
            f"{100 - percent} % : {percent} %" if mixed else "Shift-click a style to mix it in"
        )
        self.mix.blockSignals(True)
        self.mix.setValue(percent if mixed else 0)
        self.mix.blockSignals(False)
        self.strength.show_value(round(style.strength * 100))
        default = isinstance(style.source, DefaultStyle) and not mixed
        self.strength.setEnabled(not default)
        self.reset_button.setEnabled(style != Style())
        if isinstance(style.source, SampledStyle):
            self.seed.blockSignals(True)
            self.seed.setValue(style.source.seed)
            self.seed.blockSignals(False)

    def _show_trace(self) -> None:
        trace = self._document.trace
        self.trace_load.setVisible(trace is None)
        self.trace_remove.setVisible(trace is not None)
        self.trace_thumb.setVisible(trace is not None)
        self.trace_opacity.setVisible(trace is not None)
        if trace is not None:
            self.trace_thumb.setPixmap(
                thumbnail(trace.pixels, QSize(48, 32), self.devicePixelRatioF())
            )
            self.trace_opacity.show_value(round(trace.opacity * 100))

    def _show_overlay(self) -> None:
        if self._view is not None:
            self.overlay.show_value(round(self._view.overlay_opacity * 100))


def _effective(style: Style) -> Style:
    """``style``, at full strength if it had none: a choice must show."""
    return replace(style, strength=1.0) if style.strength == 0 else style
