"""Style properties: bound to the document, one undo a drag."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.core.style import DefaultStyle, ImageStyle, SampledStyle, Style
from app.state.document import Document
from app.state.view_state import ViewState
from app.ui.styles.style_properties import StyleProperties
from spade.formats.palette import load_palette

LEFT = Qt.MouseButton.LeftButton
LAKE = ImageStyle(np.full((20, 30, 3), 90, np.uint8), "Lake")
DUSK = ImageStyle(np.full((20, 30, 3), 30, np.uint8), "Dusk")


class Fixture:
    def __init__(self, qtbot: QtBot) -> None:
        self.qtbot = qtbot
        self.document = Document()
        self.document.new(24, 16, 0, load_palette("landscape"), "landscape")
        self.view = ViewState()
        self.now = 0.0
        seeds = iter((42, 7, 99))
        self.panel = StyleProperties(
            self.document, self.view, seeds=lambda: next(seeds), clock=lambda: self.now
        )
        qtbot.addWidget(self.panel)
        self.panel.resize(272, 420)
        with qtbot.waitExposed(self.panel):
            self.panel.show()

    @property
    def style(self) -> Style:
        return self.document.style

    def undo_steps(self) -> int:
        steps = 0
        while self.document.can_undo:
            self.document.undo()
            steps += 1
        for _ in range(steps):
            self.document.redo()
        return steps


@pytest.fixture
def props(qtbot: QtBot) -> Fixture:
    return Fixture(qtbot)


def test_choose_is_undoable_and_shown(props: Fixture) -> None:
    props.panel.choose(LAKE)
    assert props.style == Style(LAKE)
    assert props.panel.name_a.text() == "Lake"
    assert props.panel.strength.isEnabled()
    props.document.undo()
    assert props.style == Style()
    assert props.panel.name_a.text() == "Default style"
    assert not props.panel.strength.isEnabled()


def test_a_drag_of_the_strength_is_one_undo(props: Fixture) -> None:
    props.panel.choose(LAKE)
    slider = props.panel.strength.slider
    middle = QPoint(slider.width() // 2, slider.height() // 2)
    props.qtbot.mousePress(slider, LEFT, pos=middle)
    assert props.style.strength == pytest.approx(0.5, abs=0.05)
    for x in range(slider.width() // 2, 20, -7):
        props.now += 5  # a slow hand
        props.qtbot.mouseMove(slider, QPoint(x, middle.y()))
    props.qtbot.mouseRelease(slider, LEFT, pos=QPoint(20, middle.y()))
    assert props.style.strength < 0.2
    assert props.undo_steps() == 2
    props.document.undo()
    assert props.style == Style(LAKE)
    assert props.panel.strength.value == 100


def test_two_drags_are_two_undos(props: Fixture) -> None:
    props.panel.choose(LAKE)
    slider = props.panel.strength.slider
    for x in (60, 120):
        props.qtbot.mouseClick(slider, LEFT, pos=QPoint(x, slider.height() // 2))
    assert props.undo_steps() == 3


def test_keys_in_quick_succession_are_one_undo(props: Fixture) -> None:
    props.panel.choose(LAKE)
    slider = props.panel.strength.slider
    for _ in range(3):
        props.now += 0.2
        props.qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert props.style.strength == pytest.approx(0.97)
    assert props.undo_steps() == 2
    props.now += 30
    props.qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert props.undo_steps() == 3


def test_mixing_starts_half_and_half_and_ends(props: Fixture) -> None:
    panel = props.panel
    panel.choose(LAKE)
    assert not panel.mix.isEnabled()
    panel.choose_second(DUSK)
    assert props.style == Style(LAKE, DUSK, 0.5)
    assert panel.mix.value() == 50
    assert panel.name_b.text() == "Dusk"
    panel.mix.setValue(80)
    assert props.style.mix == pytest.approx(0.8)
    panel.choose_second(SampledStyle(3))
    assert props.style == Style(LAKE, SampledStyle(3), 0.8)
    props.qtbot.mouseClick(panel.end_mix, LEFT)
    assert props.style == Style(LAKE)
    assert not panel.end_mix.isVisible()
    assert panel.mix.value() == 0


def test_mix_and_strength_do_not_merge_into_each_other(props: Fixture) -> None:
    props.panel.choose(LAKE)
    props.panel.choose_second(DUSK)
    props.panel.strength.slider.setValue(60)
    props.panel.mix.setValue(20)
    assert props.undo_steps() == 4


def test_the_empty_slot_asks_for_a_second_style(props: Fixture) -> None:
    with props.qtbot.waitSignal(props.panel.second_requested, timeout=0):
        props.qtbot.mouseClick(props.panel.thumb_b, LEFT)


def test_surprise_shows_the_seed_and_the_seed_can_be_typed(props: Fixture) -> None:
    panel, qtbot = props.panel, props.qtbot
    qtbot.mouseClick(panel.surprise_button, LEFT)
    assert props.style.source == SampledStyle(42)
    assert panel.seed.value() == 42
    qtbot.mouseClick(panel.surprise_button, LEFT)
    assert panel.seed.value() == 7
    panel.seed.selectAll()
    qtbot.keyClicks(panel.seed, "4711")
    assert props.style.source == SampledStyle(7)
    qtbot.keyClick(panel.seed, Qt.Key.Key_Return)
    assert props.style.source == SampledStyle(4711)
    panel.seed.stepUp()
    assert props.style.source == SampledStyle(4712)
    props.document.undo()
    assert panel.seed.value() == 4711


def test_a_choice_at_strength_zero_shows(props: Fixture) -> None:
    props.panel.choose(LAKE)
    props.panel.strength.set_value(0)
    assert props.style.strength == 0
    props.panel.choose(DUSK)
    assert props.style == Style(DUSK)


def test_reset(props: Fixture) -> None:
    assert not props.panel.reset_button.isEnabled()
    props.panel.choose(LAKE)
    props.panel.strength.set_value(30)
    props.qtbot.mouseClick(props.panel.reset_button, LEFT)
    assert props.style == Style(DefaultStyle())
    assert props.panel.strength.value == 100


def test_a_model_without_style_says_so(props: Fixture) -> None:
    props.panel.set_abilities(has_style=False)
    assert props.panel.no_style.isVisible()
    assert not props.panel.strength.isVisible()
    props.panel.set_abilities(has_style=True)
    assert not props.panel.no_style.isVisible()
    assert props.panel.strength.isVisible()


def test_the_tracing_photo(props: Fixture) -> None:
    panel = props.panel
    assert not panel.trace_opacity.isVisible()
    with props.qtbot.waitSignal(panel.trace_requested, timeout=0):
        props.qtbot.mouseClick(panel.trace_load, LEFT)
    props.document.set_trace(np.full((16, 24, 3), 200, np.uint8))
    assert panel.trace_opacity.isVisible()
    assert not panel.trace_load.isVisible()
    panel.trace_opacity.set_value(30)
    assert props.document.trace is not None
    assert props.document.trace.opacity == pytest.approx(0.3)
    props.document.set_trace_opacity(0.9)
    assert panel.trace_opacity.value == 90
    props.qtbot.mouseClick(panel.trace_remove, LEFT)
    assert props.document.trace is None
    assert panel.trace_load.isVisible()


def test_the_labels_opacity_is_the_views(props: Fixture) -> None:
    props.panel.overlay.set_value(20)
    assert props.view.overlay_opacity == pytest.approx(0.2)
    props.view.overlay_opacity = 0.75
    assert props.panel.overlay.value == 75


def test_the_wheel_over_a_slider_scrolls_the_panel_not_the_value(props: Fixture) -> None:
    from PySide6.QtCore import QPointF
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    props.panel.choose(LAKE)
    slider = props.panel.strength.slider
    slider.clearFocus()
    event = QWheelEvent(
        QPointF(10, 10),
        QPointF(slider.mapToGlobal(QPoint(10, 10))),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(slider, event)
    assert not event.isAccepted()
    assert props.style.strength == 1.0
