"""Pictures on their way to being a style: dropped, pasted, opened. And what a model can't do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.core.style import ImageStyle
from app.ui.canvas.drops import picture_bytes, read_drop
from app.ui.dialogs.choosers import PHOTO_FILTER, Choosers
from app.ui.styles.style_files import STYLE_SIDE, title_of
from app.workers.messages import ModelInfo
from spade.formats.photo import read_photo

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker

NO_ENCODER = (
    "This model has no encoder: it can't take its style from a picture. "
    "“Surprise me” draws one at random."
)
NO_STYLE = "This model takes no style: the label map alone decides the picture."


class StyleController(QObject):
    """Reads pictures off the GUI thread and hands them to ``choose``."""

    failed = Signal(str)
    picture_used = Signal(object)  # Path or bytes of a picture that became the style

    def __init__(
        self,
        choose: Callable[[ImageStyle], object],
        surprise: Callable[[], object],
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._choose, self._surprise = choose, surprise
        self._files, self._choosers, self._window = files, choosers, window
        self._info: ModelInfo | None = None
        self._number = 0

    def set_model(self, info: ModelInfo) -> None:
        """What the model in use can do with a style."""
        self._info = info

    @property
    def obstacle(self) -> str:
        """Why a picture can't be a style now; "" if it can (or no model is there to ask)."""
        if self._info is None or self._info.has_encoder:
            return ""
        return NO_ENCODER if self._info.has_style else NO_STYLE

    def use(self, source: Path | bytes) -> None:
        """Restyle the scene with a picture: a file, or the bytes of one."""
        if self.obstacle:
            self.failed.emit(self.obstacle)
            return
        is_file = isinstance(source, Path)
        title = title_of(source.stem) if is_file else "Pasted picture"
        self._number += 1
        number = self._number

        def done(pixels: NDArray[np.uint8]) -> None:
            if number == self._number:  # of two drops in a row the later one counts
                self._choose(ImageStyle(pixels, title))
                self.picture_used.emit(source)

        self._files.submit(
            lambda: read_photo(
                source, max_side=STYLE_SIDE, name=source.name if is_file else "The picture"
            ),
            done,
            lambda error: self.failed.emit(str(error)),
        )

    def open_picture(self) -> None:
        """Ask for a photo and use it."""
        self._choosers.open_file(self._window, "Open a style picture", PHOTO_FILTER, None, self.use)

    def paste(self) -> None:
        """Use the picture on the clipboard."""
        data = QApplication.clipboard().mimeData()
        source = read_drop(data).path or picture_bytes(data)
        if not source:
            self.failed.emit(
                "There is no picture on the clipboard: copy one in a browser or a picture viewer."
            )
            return
        self.use(source)

    def surprise(self) -> None:
        """Draw a style at random."""
        if self._info is not None and not self._info.has_style:
            self.failed.emit(NO_STYLE)
            return
        self._number += 1  # a picture still being read must not come after it
        self._surprise()
