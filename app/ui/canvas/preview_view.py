"""The rendered picture, to look at and to paint on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.core.tools import ViewMode
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.canvas.label_raster import LabelRaster
from app.ui.canvas.pending_layer import PendingLayer
from app.ui.canvas.pyramid import Pyramid
from app.ui.canvas.scene_paint import draw_layer, draw_pending
from app.ui.canvas.scene_view import SceneView
from app.ui.canvas.tool_controller import ToolController
from app.ui.canvas.view_transform import ViewTransform
from spade.formats.rect import Rect

SHARP_FROM = 4.0  # zoom from which the picture's pixels are shown as squares
FAINT = 0.3  # opacity of the labels where there is no picture yet


class PreviewView(SceneView):
    """Shows the picture and takes every tool.

    In picture mode, what was painted since the picture was rendered is seen in its class'
    colour until the picture shows it; in overlay mode the labels lie above it.
    """

    def __init__(
        self,
        document: Document,
        tools: ToolSettings,
        view: ViewState,
        *,
        raster: LabelRaster | None = None,
        controller: ToolController | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(document, tools, view, raster=raster, controller=controller, parent=parent)
        self.setObjectName("preview_view")
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The picture rendered from the label map. Paint here too.")
        self._shown: tuple[NDArray[np.uint8], Pyramid] | None = None
        self._other: tuple[NDArray[np.uint8], Pyramid] | None = None  # shown before that
        self._revision = 0
        self._pending = PendingLayer()
        document.canvas_replaced.connect(self._forget_picture)
        view.mode_changed.connect(self.update)
        view.overlay_changed.connect(self.update)
        view.before_changed.connect(self.update)

    @property
    def has_picture(self) -> bool:
        """False until the first picture of this canvas came."""
        return self._shown is not None

    @property
    def shows_before(self) -> bool:
        """True while the picture from before the last change is held up for comparison."""
        older = self._revision < self.document.revision
        return self.view.show_before and self.has_picture and older

    @property
    def pending(self) -> Rect:
        """The box around what was painted and isn't in the picture yet."""
        return self._pending.box

    def set_picture(self, rgb: NDArray[np.uint8] | None, revision: int) -> None:
        """Show ``rgb``, uint8 ``(H, W, 3)``, rendered from the document at ``revision``.

        The array is not copied twice: it must not be written to afterwards. None: there
        is no picture, and faint labels stand in for it.
        """
        if rgb is None:
            self._forget_picture()
            return
        if self._shown is None or self._shown[0] is not rgb:
            kept = self._other if self._other is not None and self._other[0] is rgb else None
            self._other = self._shown
            self._shown = kept or (rgb, Pyramid.from_rgb(rgb))
            self.update()
        if revision != self._revision:
            self._revision = revision
            box = self._pending.settle(revision)
            if not box.empty:
                self.update_canvas(box)

    def draw_scene(self, painter: QPainter, view: ViewTransform, exposed: QRect) -> None:
        labels = self.raster.pyramid
        if self._shown is None:
            draw_layer(painter, view, labels, exposed, smooth=False, opacity=FAINT)
            return
        draw_layer(painter, view, self._shown[1], exposed, smooth=view.zoom < SHARP_FROM)
        if self.view.show_before:
            return
        opacity = self.view.overlay_opacity
        if self.view.mode is ViewMode.OVERLAY and opacity > 0:
            draw_layer(painter, view, labels, exposed, smooth=False, opacity=opacity)
        elif self.view.mode is ViewMode.PICTURE:
            draw_pending(painter, view, self._pending, labels, exposed)

    def _forget_picture(self) -> None:
        self._shown = self._other = None
        self._pending.clear()
        self.update()

    def _labels_changed(self, rect: Rect, different: NDArray[np.bool_]) -> None:
        if self._shown is not None and different.any():
            self._pending.add(rect, different, self.document.revision)
        if self._shown is None or self.view.mode is not ViewMode.SIDE_BY_SIDE:
            self.update_canvas(rect)
