"""Every way to another style: dropped, pasted, opened, drawn at random, or the model's own."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QWidget

from app.core.style import DefaultStyle, ImageStyle, SampledStyle, StyleSource
from app.state.document import Document
from app.ui.choosers import PHOTO_FILTER, Choosers
from app.ui.drops import picture_bytes, read_drop
from app.workers.file_worker import FileWorker
from app.workers.messages import ModelInfo
from spade.formats.photo import read_photo

STYLE_SIDE = 512
SEEDS = 1_000_000

NO_ENCODER = (
    "This model has no encoder: it can't take its style from a picture. "
    "“Surprise me” draws one at random."
)
NO_STYLE = "This model takes no style: it paints each scene in one way only."


class StyleController(QObject):
    """Reads pictures off the GUI thread and makes them the document's style, undoably."""

    failed = Signal(str)
    picture_used = Signal(object)  # Path, bytes or None, of a picture that became the style

    def __init__(
        self, document: Document, files: FileWorker, choosers: Choosers, window: QWidget
    ) -> None:
        super().__init__(window)
        self._document, self._files = document, files
        self._choosers, self._window = choosers, window
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
        name = source.stem if isinstance(source, Path) else "Pasted picture"
        self._number += 1
        number = self._number

        def done(pixels: NDArray[np.uint8]) -> None:
            if number == self._number:  # of two drops in a row the later one counts
                self.choose(ImageStyle(pixels, name))
                self.picture_used.emit(source)

        self._files.submit(
            lambda: read_photo(source, max_side=STYLE_SIDE, name=_label(source)),
            done,
            lambda error: self.failed.emit(str(error)),
        )

    def choose(self, source: StyleSource) -> None:
        """Make ``source`` the style; strength stays, a mix ends."""
        if isinstance(source, ImageStyle) and self.obstacle:
            self.failed.emit(self.obstacle)
            return
        style = replace(self._document.style, source=source, second=None, mix=0.0)
        if style.strength == 0.0:
            style = replace(style, strength=1.0)  # else the choice would change nothing
        self._document.set_style(style, "Change style")

    def open_picture(self) -> None:
        """Ask for a photo and use it."""
        self._choosers.open_file(self._window, "Open a style picture", PHOTO_FILTER, None, self.use)

    def paste(self) -> None:
        """Use the picture on the clipboard."""
        data = QApplication.clipboard().mimeData()
        drop = read_drop(data)
        source = picture_bytes(data) if drop.source == b"" else drop.source
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
        self.choose(SampledStyle(random.randrange(SEEDS)))

    def use_default(self) -> None:
        """Back to the model's own style."""
        self._number += 1
        self.choose(DefaultStyle())


def _label(source: Path | bytes) -> str | None:
    return source.name if isinstance(source, Path) else "The picture"
