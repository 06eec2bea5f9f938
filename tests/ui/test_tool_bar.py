"""Tool bar: one tool at a time, both ways."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.tools import Tool
from app.state.tool_settings import ToolSettings
from app.ui.tool_bar import HINTS, ToolBar, tool_tip

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tools() -> ToolSettings:
    return ToolSettings(0)


@pytest.fixture
def bar(tools: ToolSettings, qtbot: QtBot) -> ToolBar:
    bar = ToolBar(tools)
    qtbot.addWidget(bar)
    bar.resize(46, 600)
    with qtbot.waitExposed(bar):
        bar.show()
    return bar


def test_every_tool_has_a_button_that_chooses_it(
    bar: ToolBar, tools: ToolSettings, qtbot: QtBot
) -> None:
    for tool in Tool:
        qtbot.mouseClick(bar.button(tool), LEFT)
        assert tools.tool is tool
        assert [other for other in Tool if bar.button(other).isChecked()] == [tool]


def test_it_follows_the_state(bar: ToolBar, tools: ToolSettings) -> None:
    tools.tool = Tool.FILL
    assert bar.button(Tool.FILL).isChecked()
    assert not bar.button(Tool.BRUSH).isChecked()


def test_a_click_on_the_tool_in_use_keeps_it(
    bar: ToolBar, tools: ToolSettings, qtbot: QtBot
) -> None:
    qtbot.mouseClick(bar.button(Tool.BRUSH), LEFT)
    assert tools.tool is Tool.BRUSH
    assert bar.button(Tool.BRUSH).isChecked()


def test_tips_name_the_tool_its_key_and_what_it_does(bar: ToolBar) -> None:
    tip = bar.button(Tool.BRUSH).toolTip()
    assert "Brush" in tip
    assert "(B)" in tip
    assert "straight line" in tip
    assert set(HINTS) == set(Tool)
    assert len({tool_tip(tool) for tool in Tool}) == len(Tool)


def test_it_does_not_take_keys_from_the_windows_actions(bar: ToolBar) -> None:
    assert all(action.shortcut().isEmpty() for action in bar.actions())


def test_buttons_have_names_for_screen_readers(bar: ToolBar) -> None:
    assert all(bar.button(tool).accessibleName() for tool in Tool)
