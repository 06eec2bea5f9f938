"""Tool options: only what the tool has, and always what the state says."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.tools import BrushShape, Tool, ViewMode
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.tool_bar import HINTS
from app.ui.tool_options import ToolOptions
from app.ui.widgets.labelled_slider import LabelledSlider

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tools() -> ToolSettings:
    return ToolSettings(0)


@pytest.fixture
def view() -> ViewState:
    return ViewState()


@pytest.fixture
def options(tools: ToolSettings, view: ViewState, qtbot: QtBot) -> ToolOptions:
    options = ToolOptions(tools, view)
    qtbot.addWidget(options)
    options.resize(1400, 42)  # room for everything, in any font
    with qtbot.waitExposed(options):
        options.show()
    return options


def shown(options: ToolOptions) -> set[str]:
    names = ("brush_size", "shape", "pressure", "only_over", "contiguous")
    return {name for name in names if getattr(options, name).isVisible()}


STROKE = {"brush_size", "shape", "pressure", "only_over"}


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (Tool.BRUSH, STROKE),
        (Tool.ERASER, STROKE),
        (Tool.LINE, {"brush_size", "shape", "only_over"}),
        (Tool.RECTANGLE, {"only_over"}),
        (Tool.ELLIPSE, {"only_over"}),
        (Tool.POLYGON, {"only_over"}),
        (Tool.LASSO, {"only_over"}),
        (Tool.FILL, {"contiguous"}),
        (Tool.REPLACE, set()),
        (Tool.EYEDROPPER, set()),
        (Tool.PAN, set()),
    ],
)
def test_only_what_the_tool_has(
    options: ToolOptions, tools: ToolSettings, tool: Tool, expected: set[str]
) -> None:
    tools.tool = tool
    assert shown(options) == expected
    assert options.hint.text()
    assert options.tool_name.text()


def test_the_controls_write_the_state(
    options: ToolOptions, tools: ToolSettings, qtbot: QtBot
) -> None:
    options.brush_size.set_value(80)
    assert tools.brush_size == 80
    qtbot.mouseClick(options.shape.buttons[BrushShape.SQUARE], LEFT)
    assert tools.brush_shape is BrushShape.SQUARE
    options.only_over.click()
    options.pressure.click()
    assert tools.only_over
    assert not tools.pressure_size
    tools.tool = Tool.FILL
    options.contiguous.click()
    assert not tools.contiguous


def test_the_controls_show_the_state(options: ToolOptions, tools: ToolSettings) -> None:
    tools.brush_size = 200
    tools.brush_shape = BrushShape.SQUARE
    tools.only_over = True
    tools.contiguous = False
    assert options.brush_size.value == 200
    assert options.brush_size.field.value() == 200
    assert options.shape.value is BrushShape.SQUARE
    assert options.only_over.isChecked()
    assert not options.contiguous.isChecked()


def test_the_size_typed_as_a_number(
    options: ToolOptions, tools: ToolSettings, qtbot: QtBot
) -> None:
    field = options.brush_size.field
    field.selectAll()
    qtbot.keyClicks(field, "144")
    assert tools.brush_size == 32  # not before it is finished
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert tools.brush_size == 144
    assert not field.hasFocus()


def test_the_slider_moves_in_ratios_and_reaches_both_ends(
    options: ToolOptions, tools: ToolSettings
) -> None:
    slider = options.brush_size.slider
    slider.setValue(slider.minimum())
    assert tools.brush_size == 1
    slider.setValue(slider.maximum())
    assert tools.brush_size == 512
    slider.setValue((slider.minimum() + slider.maximum()) // 2)
    assert tools.brush_size == pytest.approx(512**0.5, abs=1)


def test_every_size_survives_the_way_through_the_slider(qtbot: QtBot) -> None:
    size = LabelledSlider("Size", 1, 512, log=True)
    qtbot.addWidget(size)
    for value in range(1, 513):
        size.set_value(value)
        assert size.value == size.field.value() == value


def test_a_click_on_the_slider_goes_there(
    options: ToolOptions, tools: ToolSettings, qtbot: QtBot
) -> None:
    slider = options.brush_size.slider
    qtbot.mouseClick(slider, LEFT, pos=QPoint(slider.width() - 4, slider.height() // 2))
    assert tools.brush_size > 450
    qtbot.mouseClick(slider, LEFT, pos=QPoint(4, slider.height() // 2))
    assert tools.brush_size == 1


def test_a_double_click_on_the_name_resets(options: ToolOptions, tools: ToolSettings) -> None:
    options.brush_size.set_value(300)
    QTest.mouseDClick(options.brush_size, LEFT, pos=options.brush_size.label.geometry().center())
    assert tools.brush_size == 32


def test_the_labels_strength_shows_in_overlay_mode_only(
    options: ToolOptions, view: ViewState
) -> None:
    assert not options.overlay.isVisible()
    view.mode = ViewMode.OVERLAY
    assert options.overlay.isVisible()
    options.overlay.set_value(70)
    assert view.overlay_opacity == pytest.approx(0.7)
    view.overlay_opacity = 0.25
    assert options.overlay.value == 25
    view.mode = ViewMode.PICTURE
    assert not options.overlay.isVisible()


def test_a_narrow_bar_gives_up_the_hint_and_the_labels_strength_first(
    options: ToolOptions, view: ViewState
) -> None:
    view.mode = ViewMode.OVERLAY
    options.resize(options.minimumSizeHint().width(), 42)
    assert not options.overlay.isVisible()
    assert options.hint.text() == ""
    assert shown(options) == STROKE
    options.resize(1400, 42)
    assert options.overlay.isVisible()
    assert options.hint.text()


@pytest.mark.parametrize("tool", list(Tool))
def test_at_its_narrowest_nothing_is_cut_off(
    options: ToolOptions, tools: ToolSettings, tool: Tool
) -> None:
    tools.tool = tool
    QApplication.processEvents()
    wide = options.sizeHint().width()
    options.resize(options.minimumSizeHint().width(), 42)
    QApplication.processEvents()
    assert options.minimumSizeHint().width() < wide
    for name in ("brush_size", "shape", "pressure", "only_over", "contiguous"):
        widget = getattr(options, name)
        if widget.isVisible():
            assert widget.width() >= widget.sizeHint().width()
            assert widget.geometry().right() < options.width()
    options.resize(1400, 42)
    assert options.tool_name.isVisible()
    assert options.pressure.text() == "Pen pressure"


def test_the_hint_is_cut_between_sentences(options: ToolOptions) -> None:
    for width in range(options.minimumSizeHint().width(), 1500, 20):
        options.resize(width, 42)
        text = options.hint.text()
        assert HINTS[Tool.BRUSH].startswith(text)
        assert text == "" or text.endswith(".")
        assert options.hint.fontMetrics().horizontalAdvance(text) <= max(options.hint.width(), 0)
    assert text == HINTS[Tool.BRUSH]
