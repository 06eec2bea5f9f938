"""File > Segment photo, and photos dropped to become a scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.core.style import ImageStyle
from app.state.document import Document
from app.ui.dialogs.choosers import PHOTO_FILTER, Choosers
from app.ui.files.file_controller import FileController
from app.ui.files.photo_scene import (
    DROPPED,
    PhotoFile,
    longest_side,
    read_photo_file,
    scene_of,
)
from app.ui.files.scene_files import Opened
from app.ui.model_controller import ModelController
from app.workers.messages import Failure, SegmentRequest, SegmentResult
from spade.formats.errors import InputError

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker
    from app.workers.preview_worker import PreviewWorker

ENOUGH = 0.7
"""Share of a foreign segmenter's classes that the palette must have."""

NO_MODEL = "No model is loaded: open one from the Model menu."
NO_SEGMENTER = (
    "This model has no segmenter, which finds what is where in a photo: choose a model that has "
    "one (segmenter.safetensors in its folder)."
)
FOREIGN = (
    "This model has no segmenter, and that of the landscape model knows other classes: choose a "
    "model that has one."
)


class SegmentController(QObject):
    """One photo at a time: read it, have it segmented, make a scene of it. Newest wins."""

    failed = Signal(str)
    working = Signal(str)  # the photo's name, or "" when that is over
    obstacle_changed = Signal()
    style_used = Signal(object)  # Path or bytes of the photo, which is the scene's style now

    def __init__(
        self,
        document: Document,
        worker: PreviewWorker,
        file_controller: FileController,
        models: ModelController,
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._worker, self._models = document, worker, models
        self._scenes, self._files = file_controller, files
        self._choosers, self._window = choosers, window
        self._number = 0  # of the photo under way; results of others are nobody's
        self._source: Path | bytes = b""
        self._photo: PhotoFile | None = None
        self._made: Opened | None = None
        self._edits = 0  # the document's edit count when the photo was chosen
        models.changed.connect(lambda _info: self.obstacle_changed.emit())
        document.palette_changed.connect(self.obstacle_changed)
        worker.segmented.connect(self._segmented)
        worker.failed.connect(self._worker_failed)
        file_controller.opened.connect(self._opened)

    @property
    def obstacle(self) -> str:
        """Why no photo can be segmented now; "" if one can."""
        info = self._models.info
        if info is None:
            return NO_MODEL
        if info.segmenter is None:
            return NO_SEGMENTER
        if info.segmenter.is_own:
            return ""
        names = info.segmenter.class_names
        known = sum(self._document.palette.find(name) is not None for name in names)
        return "" if known >= ENOUGH * len(names) else FOREIGN

    def choose(self) -> None:
        """Ask for a photo and make a scene of it, after asking about unsaved changes."""
        self._scenes.unless_unsaved(
            lambda: self._choosers.open_file(
                self._window, "Segment photo", PHOTO_FILTER, None, self._begin
            )
        )

    def use(self, source: Path | bytes) -> None:
        """Make a scene of a photo, a file or an encoded picture, after asking the same."""
        if self.obstacle:
            self.failed.emit(self.obstacle)
            return
        self._scenes.unless_unsaved(lambda: self._begin(source))

    def cancel(self) -> None:
        """Give the photo under way up."""
        self._over()
        self._worker.cancel_segment()

    def _begin(self, source: Path | bytes) -> None:
        info = self._models.info
        if info is None or self.obstacle:  # the model went while the dialog stood
            self.failed.emit(self.obstacle)
            return
        self.cancel()
        number = self._number
        self._source, self._edits = source, self._document.edit_count
        side = longest_side(info.trained_size)
        self.working.emit(source.name if isinstance(source, Path) else DROPPED)
        self._files.submit(
            lambda: read_photo_file(source, side),
            lambda photo: self._photo_read(photo, number),
            lambda error: self._not_done(error, number),
        )

    def _photo_read(self, photo: PhotoFile, number: int) -> None:
        info = self._models.info
        if number != self._number:
            return
        if info is None or info.segmenter is None:
            self._not_done(InputError(NO_SEGMENTER), number)
            return
        self._photo = photo
        self._worker.segment(SegmentRequest(photo.pixels, info.segmenter.source, str(number)))

    def _segmented(self, result: SegmentResult) -> None:
        info, photo, number = self._models.info, self._photo, self._number
        if result.request.key != str(number) or info is None or photo is None:
            return
        background = self._document.background
        self._files.submit(
            lambda: scene_of(photo, result, info, background),
            lambda found: self._done(found, number),
            lambda error: self._not_done(error, number),
        )

    def _done(self, found: Opened, number: int) -> None:
        if number == self._number:
            self._over()
            self._made = found
            self._scenes.take(found, self._edits)

    def _opened(self, found: Opened) -> None:
        if found is self._made and isinstance(found.project.style.source, ImageStyle):
            self.style_used.emit(self._source)
        self._made = None

    def _worker_failed(self, failure: Failure) -> None:
        request = failure.request
        if isinstance(request, SegmentRequest) and request.key == str(self._number):
            self._not_done(InputError(failure.message), self._number)

    def _not_done(self, error: InputError, number: int) -> None:
        if number == self._number:
            self._over()
            self.failed.emit(f"Not segmented. {error}")

    def _over(self) -> None:
        """What is still on its way is no longer wanted."""
        self._number += 1
        self._photo = None
        self.working.emit("")
