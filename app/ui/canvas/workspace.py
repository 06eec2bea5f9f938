"""The middle of the window: canvas and picture, side by side or one upon the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.core.tools import ViewMode
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.canvas.badges import MessageCard, State, StateBadge
from app.ui.canvas.canvas_view import CanvasView
from app.ui.canvas.drop_targets import DropTargets
from app.ui.canvas.drops import (
    Drop,
    Use,
    offers_something,
    picture_bytes,
    read_drop,
    training_data,
)
from app.ui.canvas.label_raster import LabelRaster
from app.ui.canvas.preview_view import PreviewView
from app.ui.canvas.tool_controller import ToolController
from app.ui.look import theme

STACK_GAIN = 1.25  # the views lie one above the other if that shows the canvas so much larger


class Workspace(QWidget):
    """Both views of one document, with one zoom, one set of tools and one drop area."""

    style_dropped = Signal(object)  # Path of a picture file, or bytes of an encoded picture
    open_dropped = Signal(object)  # Path
    scene_dropped = Signal(object)  # a photo to be made a scene: Path or bytes, as above
    train_dropped = Signal(object)  # Path of a folder or zip
    drop_refused = Signal(str)  # why, and what to do instead
    hovered = Signal(int, int, int)  # canvas x, canvas y, class id
    hover_left = Signal()

    def __init__(
        self,
        document: Document,
        tools: ToolSettings,
        view: ViewState,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("workspace")
        self.setAccessibleName("Canvas and picture")
        self.document, self.view = document, view
        raster = LabelRaster(document, self)
        self.controller = ToolController(document, tools, self)
        shared: dict[str, Any] = {"raster": raster, "controller": self.controller}
        self.canvas = CanvasView(document, tools, view, **shared)
        self.preview = PreviewView(document, tools, view, **shared)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setHandleWidth(4)
        for one, other in ((self.canvas, self.preview), (self.preview, self.canvas)):
            self._splitter.addWidget(one)
            one.keeps_fit = False
            one.hovered.connect(self.hovered)
            one.hover_left.connect(self.hover_left)
            one.pointer_moved.connect(other.set_ghost)
            one.resized.connect(self._refit)
        self._splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._splitter)
        self._badge = StateBadge(self.preview)
        self._card = MessageCard(self.preview)
        self._targets = DropTargets(self)
        self._drop = Drop()
        self.makes_scenes = False  # photos can be turned into scenes
        self.trains = False  # folders can be trained on
        self._stale = self._updating = False
        self.setAcceptDrops(True)
        view.mode_changed.connect(self._mode_changed)
        view.transform_changed.connect(self._refit)
        view.before_changed.connect(self._show_state)
        document.canvas_replaced.connect(self._canvas_replaced)
        self._mode_changed(view.mode)

    # -- what the picture's maker says

    def set_picture(self, rgb: NDArray[np.uint8] | None, revision: int, stale: bool) -> None:
        """Show ``rgb``, uint8 ``(H, W, 3)``, rendered at ``revision``; None: there is none.

        ``stale``: it is not the present scene's. The array must not be written to later.
        """
        self.preview.set_picture(rgb, revision)
        self._stale = stale and rgb is not None
        self._show_state()

    def set_updating(self, updating: bool) -> None:
        """A picture of the present scene is being made."""
        self._updating = updating
        self._show_state()

    def set_message(self, text: str | None) -> None:
        """Show a message over the picture: a headline, then lines that explain. None: nothing."""
        self._card.set_text(text)

    @property
    def state(self) -> State:
        """What the badge on the picture says."""
        return self._badge.state

    @property
    def message(self) -> str:
        """The message shown, or ""."""
        return self._card.text

    def _show_state(self) -> None:
        state = State.CURRENT
        if self.preview.shows_before:
            state = State.BEFORE
        elif self._updating:
            state = State.UPDATING
        elif self._stale:
            state = State.OUT_OF_DATE
        self._badge.set_state(state)

    # -- layout

    def sizeHint(self) -> QSize:
        return QSize(1100, 640)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(event.rect(), theme.color(theme.tokens().backdrop))

    def set_foot(self, pixels: int) -> None:
        """Leave ``pixels`` free at the lower edge, for what lies over the workspace there."""
        self.layout().setContentsMargins(0, 0, 0, pixels)
        self._arrange()

    def _mode_changed(self, mode: ViewMode) -> None:
        self.controller.finish()
        had_focus = self.canvas.hasFocus() or self.preview.hasFocus()
        self.canvas.setVisible(mode is ViewMode.SIDE_BY_SIDE)
        if had_focus:
            (self.canvas if mode is ViewMode.SIDE_BY_SIDE else self.preview).setFocus()
        self._arrange()

    def _canvas_replaced(self) -> None:
        self._stale = False
        self._show_state()
        self._arrange()

    def _arrange(self) -> None:
        """Put the views side by side, or one above the other where that is much better."""
        if self.view.mode is ViewMode.SIDE_BY_SIDE:
            width, height = self.document.width, self.document.height
            room = self.rect().marginsRemoved(self.layout().contentsMargins())
            beside = min(room.width() / 2 / width, room.height() / height)
            stacked = min(room.width() / width, room.height() / 2 / height)
            stack = stacked > STACK_GAIN * beside
            wanted = Qt.Orientation.Vertical if stack else Qt.Orientation.Horizontal
            if self._splitter.orientation() != wanted:
                self._splitter.setOrientation(wanted)
                self._splitter.setSizes([1 << 16, 1 << 16])
        self._refit()

    def _refit(self) -> None:
        """While ``view.fit`` is on, zoom so that the canvas fits into every view shown."""
        views = [view for view in (self.canvas, self.preview) if view.isVisible()]
        if self.view.fit and views:
            zoom, center = min(view.transform().fitted() for view in views)
            self.view.set_transform(zoom, center, fit=True)

    # -- drops

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not offers_something(event.mimeData()):
            event.ignore()
            return
        self.controller.finish()
        self._drop = self._read_drop(event.mimeData())
        self._targets.begin(self._drop)
        self._targets.point_at(event.position())
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._targets.point_at(event.position())
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._targets.end()

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop = self._read_drop(event.mimeData())
        self._targets.begin(self._drop)
        use = self._targets.use_at(event.position())
        self._targets.end()
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        source = self._drop.path or picture_bytes(event.mimeData())
        if use is None or not source:
            self.drop_refused.emit(self._drop.refusal or "The dropped picture can't be read.")
        elif use is Use.STYLE:
            self.style_dropped.emit(source)
        elif use is Use.SCENE:
            self.scene_dropped.emit(source)
        elif use is Use.TRAIN:
            self.train_dropped.emit(source)
        else:
            self.open_dropped.emit(source)

    def _read_drop(self, data: QMimeData) -> Drop:
        drop = read_drop(data)
        folder = training_data(data) if self.trains and not drop.uses else None
        if folder is not None:
            return Drop((Use.TRAIN,), folder)
        if self.makes_scenes:
            return drop
        return replace(drop, uses=tuple(use for use in drop.uses if use is not Use.SCENE))
