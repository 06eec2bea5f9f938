"""The label map, in its classes' colours, to paint on; a photo may lie under it for tracing."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.state.trace import TraceImage
from app.state.view_state import ViewState
from app.ui.canvas.label_raster import LabelRaster
from app.ui.canvas.pyramid import Pyramid
from app.ui.canvas.scene_paint import draw_layer
from app.ui.canvas.scene_view import SceneView
from app.ui.canvas.tool_controller import ToolController
from app.ui.canvas.view_transform import ViewTransform


class CanvasView(SceneView):
    """Shows and paints the labels."""

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
        self.setObjectName("canvas_view")
        self.setAccessibleName("Label map")
        self.setAccessibleDescription(
            "Paint here with the current class. Each colour stands for a class."
        )
        self._photo: Pyramid | None = None
        self._photo_of: TraceImage | None = None
        document.trace_changed.connect(self._trace_changed)
        self._trace_changed()

    def draw_scene(self, painter: QPainter, view: ViewTransform, exposed: QRect) -> None:
        opacity = 1.0
        if self._photo is not None and self._photo_of is not None and self._photo_of.opacity > 0:
            draw_layer(painter, view, self._photo, exposed, smooth=True)
            opacity = 1.0 - self._photo_of.opacity
        if opacity > 0:
            draw_layer(painter, view, self.raster.pyramid, exposed, smooth=False, opacity=opacity)

    def _trace_changed(self) -> None:
        trace, before = self.document.trace, self._photo_of
        if trace is None:
            self._photo = None
        elif before is None or trace.pixels is not before.pixels:
            self._photo = Pyramid.from_rgb(trace.pixels)
        self._photo_of = trace
        self.update()
