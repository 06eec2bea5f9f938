"""What the window shows of "Segment photo": whether it can be done, and that it is under way."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.ui.actions import Actions
from app.ui.banner import Banner
from app.ui.canvas.workspace import Workspace
from app.ui.files.segment_controller import SegmentController


class SegmentAction(QObject):
    """Keeps the menu entry, the drop targets and the banner up to date."""

    def __init__(
        self,
        segments: SegmentController,
        actions: Actions,
        workspace: Workspace,
        banner: Banner,
    ) -> None:
        super().__init__(segments)
        self._segments, self._workspace, self._banner = segments, workspace, banner
        self._action, self._menu = actions["segment_photo"], actions.menus["file"]
        self._tips = self._action.toolTip(), self._action.statusTip()
        self._text = ""  # what the banner says of the photo under way
        actions.on("segment_photo", segments.choose)
        segments.obstacle_changed.connect(self._show_obstacle)
        segments.working.connect(self._show_work)
        self._show_obstacle()

    def _show_obstacle(self) -> None:
        """If photos can't be made scenes, the entry's tool tip says why."""
        obstacle = self._segments.obstacle
        tool_tip, status_tip = self._tips
        self._action.setEnabled(not obstacle)
        self._action.setToolTip(obstacle or tool_tip)
        self._action.setStatusTip(obstacle or status_tip)
        self._menu.setToolTipsVisible(bool(obstacle))
        self._workspace.makes_scenes = not obstacle

    def _show_work(self, name: str) -> None:
        """In the banner, so that it can be given up; the status bar has the moving bar."""
        if name:
            self._text = f"Segmenting photo {name}…"
            self._banner.dismiss()
            self._banner.show_info(self._text, "Cancel", self._segments.cancel)
        elif self._banner.text.text() == self._text:
            self._banner.dismiss()
