"""The label map in its classes' colours, kept in step with the document."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.state.document import Document
from app.ui.canvas.pyramid import Pyramid
from spade.formats.rect import Rect

_OPAQUE = np.uint32(0xFF000000)


class LabelRaster(QObject):
    """One coloured copy of the label map for all views of a document.

    An edit costs as much as its dirty rectangle; only a new palette or canvas colours
    everything anew.
    """

    changed = Signal(object, object)  # Rect, bool array (rect's height, width): what differs
    replaced = Signal()

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._recolor()
        document.labels_changed.connect(self._sync)
        document.canvas_replaced.connect(self._rebuild)
        document.palette_changed.connect(self._rebuild)

    @property
    def pyramid(self) -> Pyramid:
        """The coloured labels."""
        return self._pyramid

    @property
    def lut(self) -> NDArray[np.uint32]:
        """0xffRRGGBB of each class id, uint32 ``(256,)``."""
        return self._lut

    def _recolor(self) -> None:
        self._lut = packed_lut(self._document.palette.lut())
        self._pyramid = Pyramid(self._lut[self._document.labels])

    def _rebuild(self) -> None:
        self._recolor()
        self.replaced.emit()

    def _sync(self, rect: Rect) -> None:
        rect = rect.clipped(self._pyramid.width, self._pyramid.height)
        if rect.empty:
            return
        target = self._pyramid.pixels[rect.slices]
        colors = self._lut[self._document.labels[rect.slices]]
        different = colors != target
        target[...] = colors
        self._pyramid.touch(rect)
        self.changed.emit(rect, different)


def packed_lut(lut: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """uint8 ``(256, 3)`` as uint32 ``(256,)``, 0xffRRGGBB."""
    wide = lut.astype(np.uint32)
    packed: NDArray[np.uint32] = (
        _OPAQUE | (wide[:, 0] << np.uint32(16)) | (wide[:, 1] << np.uint32(8)) | wide[:, 2]
    )
    return packed
