"""The column of tools."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QToolBar, QToolButton, QWidget

from app.core.tools import Tool
from app.state.tool_settings import ToolSettings
from app.ui.actions import ACTIONS, ActionSpec, plain_text
from app.ui.look.icons import icon

HINTS: Final[dict[Tool, str]] = {
    Tool.BRUSH: "Paint the current class. Shift-click draws a straight line, Alt picks a class.",
    Tool.ERASER: "Paint the background class.",
    Tool.LINE: "Drag a straight line, as thick as the brush.",
    Tool.RECTANGLE: "Drag a filled rectangle. Shift keeps it square.",
    Tool.ELLIPSE: "Drag a filled ellipse. Shift keeps it a circle.",
    Tool.POLYGON: "Click the corners; a double click or Enter fills the outline, Esc gives it up.",
    Tool.LASSO: "Draw an outline; it is filled when you let go.",
    Tool.FILL: "Click an area to fill it with the current class.",
    Tool.REPLACE: "Click a class to turn it into the current one, everywhere.",
    Tool.EYEDROPPER: "Click to make the class under the pointer the current one.",
    Tool.PAN: "Drag to move the canvas. Space or the middle button does so with every tool.",
}
"""One sentence on each tool, for tool tips and the options bar."""

_GROUPS: Final = (
    (Tool.BRUSH, Tool.ERASER),
    (Tool.LINE, Tool.RECTANGLE, Tool.ELLIPSE, Tool.POLYGON, Tool.LASSO),
    (Tool.FILL, Tool.REPLACE),
    (Tool.EYEDROPPER, Tool.PAN),
)


def tool_text(tool: Tool) -> str:
    """The tool's name, as in the menu."""
    return plain_text(_spec(tool).text)


def tool_icon_name(tool: Tool) -> str:
    """The tool's icon."""
    return _spec(tool).icon


def tool_tip(tool: Tool) -> str:
    """Name, key and one sentence, as rich text."""
    keys = ", ".join(
        QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
        for key in _spec(tool).keys
    )
    mark = f"&nbsp;&nbsp;({keys})" if keys else ""
    return f"<p style='white-space: pre'><b>{tool_text(tool)}</b>{mark}</p>{HINTS[tool]}"


def _spec(tool: Tool) -> ActionSpec:
    return next(spec for spec in ACTIONS if spec.id == f"tool_{tool.value}")


class ToolBar(QToolBar):
    """One button a tool; the one in use is down. The keys belong to the window's actions."""

    def __init__(self, tools: ToolSettings, parent: QWidget | None = None) -> None:
        super().__init__("Tools", parent)
        self.setObjectName("tool_bar")
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(20, 20))
        self._tools = tools
        self._actions: dict[Tool, QAction] = {}
        group = QActionGroup(self)
        for index, members in enumerate(_GROUPS):
            if index:
                self.addSeparator()
            for tool in members:
                action = QAction(
                    icon(tool_icon_name(tool), on_role="accent"), tool_text(tool), group
                )
                action.setCheckable(True)
                action.setToolTip(tool_tip(tool))
                action.setData(tool)
                self._actions[tool] = action
                self.addAction(action)
                button = self.widgetForAction(action)
                if isinstance(button, QToolButton):
                    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                    button.setAccessibleName(tool_text(tool))
        group.triggered.connect(self._chosen)
        tools.tool_changed.connect(self._show)
        self._show(tools.tool)

    def button(self, tool: Tool) -> QToolButton:
        """The button of ``tool``."""
        button = self.widgetForAction(self._actions[tool])
        assert isinstance(button, QToolButton)
        return button

    def _chosen(self, action: QAction) -> None:
        self._tools.tool = action.data()

    def _show(self, tool: Tool) -> None:
        self._actions[tool].setChecked(True)
