"""The scene in each gallery tile's style, rendered small while nothing else is to do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.core.style import Style, StyleSource
from app.state.document import Document
from app.ui.canvas.preview_controller import PreviewController
from app.ui.styles.style_gallery import StyleGallery
from app.workers.messages import Failure, Purpose, RenderResult

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.preview_worker import PreviewWorker

LONG_SIDE = 192  # pixels; a tile is about 130 wide


class TileController(QObject):
    """Answers the gallery's requests with renders of the lowest priority."""

    def __init__(
        self,
        document: Document,
        preview: PreviewController,
        worker: PreviewWorker,
        gallery: StyleGallery,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._document, self._preview, self._worker = document, preview, worker
        self._gallery = gallery
        self._labels_since = document.revision  # revision of the labels as they are
        gallery.tile_requested.connect(self._render)
        gallery.tiles_cancelled.connect(worker.cancel_tiles)
        document.labels_changed.connect(lambda _rect: self._scene_changed())
        document.canvas_replaced.connect(self._scene_changed)
        preview.source_changed.connect(self._scene_changed)
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)

    def _scene_changed(self) -> None:
        self._labels_since = self._document.revision
        self._gallery.scene_changed()

    def _render(self, key: str, source: StyleSource) -> None:
        if self._preview.source is None:
            self._gallery.tile_failed(key)  # asked for again when a model is there
            return
        request = self._preview.request(Purpose.TILE, self._size(), key)
        self._worker.submit(replace(request, style=Style(source)))

    def _size(self) -> tuple[int, int]:
        width, height = self._document.width, self._document.height
        scale = LONG_SIDE / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def _finished(self, result: RenderResult) -> None:
        request = result.request
        if request.purpose is Purpose.TILE:
            stale = request.revision < self._labels_since
            self._gallery.set_tile_picture(request.key, result.picture, stale=stale)

    def _failed(self, failure: Failure) -> None:
        request = failure.request
        if request is not None and request.purpose is Purpose.TILE:
            self._gallery.tile_failed(request.key)
