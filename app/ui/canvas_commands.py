"""Image menu: resize, crop, and the photo for tracing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.state.document import Document
from app.ui.canvas.preview_controller import PreviewController
from app.ui.dialogs.choosers import PHOTO_FILTER, Choosers
from app.ui.dialogs.crop_dialog import CropDialog
from app.ui.dialogs.resize_dialog import ResizeDialog
from spade.formats.errors import InputError
from spade.formats.label_png import colorize
from spade.formats.photo import read_photo

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker

TRACE_SIDE = 4096


class CanvasCommands(QObject):
    """Asks, then changes the document."""

    failed = Signal(str)

    def __init__(
        self,
        document: Document,
        preview: PreviewController,
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._preview, self._files = document, preview, files
        self._choosers, self._window = choosers, window

    def resize(self) -> None:
        """Another canvas size."""
        document = self._document
        dialog = ResizeDialog(document.width, document.height, self._window)

        def change() -> None:
            choice = dialog.choice
            try:
                if choice.scale:
                    document.scale_canvas(choice.width, choice.height)
                else:
                    document.resize_canvas(choice.width, choice.height, choice.anchor)
            except InputError as error:
                self.failed.emit(str(error))

        dialog.accepted.connect(change)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def crop(self) -> None:
        """A part of the canvas, chosen on the picture, or on the labels if there is none."""
        document = self._document
        document.commit_stroke()
        picture = self._preview.picture
        if picture is None or picture.shape[:2] != (document.height, document.width):
            picture = colorize(document.labels, document.palette)
        dialog = CropDialog(picture, self._window)
        dialog.accepted.connect(lambda: document.crop(dialog.choice))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def trace(self) -> None:
        """Ask for a photo to lay under the labels."""
        self._choosers.open_file(
            self._window, "Photo to trace", PHOTO_FILTER, None, self.trace_file
        )

    def trace_file(self, path: Path) -> None:
        """Lay the photo ``path`` under the labels."""
        self._files.submit(
            lambda: read_photo(path, max_side=TRACE_SIDE),
            self._document.set_trace,
            lambda error: self.failed.emit(str(error)),
        )

    def remove_trace(self) -> None:
        """Take the photo away."""
        self._document.set_trace(None)
