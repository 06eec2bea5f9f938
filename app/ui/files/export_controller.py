"""Export of pictures and label maps, and the renders that pictures are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.core.project_file import Project
from app.state.document import Document
from app.state.preferences import Preferences
from app.ui.canvas.preview_controller import PreviewController
from app.ui.dialogs.about_dialog import LicenceDialog
from app.ui.dialogs.choosers import LABEL_FILTER, PICTURE_FILTERS, Choosers
from app.ui.dialogs.export_dialog import ExportChoice, ExportDialog
from app.ui.dialogs.labels_dialog import LabelsDialog
from app.ui.files.file_controller import FileController
from app.ui.files.scene_files import LabelKind, export_labels, export_picture, without_pictures
from app.workers.messages import Failure, ModelInfo, Progress, Purpose, RenderResult
from spade.formats.errors import InputError

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker
    from app.workers.preview_worker import PreviewWorker

Pixels = NDArray[np.uint8]
OnPicture = Callable[[Pixels], object]
OnText = Callable[[str], object]


@dataclass(frozen=True)
class _Waiting:
    on_picture: OnPicture
    on_failed: OnText


class ExportController(QObject):
    """A picture is exported only if it is exactly the present scene's."""

    failed = Signal(str)
    said = Signal(str)

    def __init__(
        self,
        document: Document,
        preview: PreviewController,
        worker: PreviewWorker,
        file_controller: FileController,
        preferences: Preferences,
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._preview, self._worker = document, preview, worker
        self._names, self._preferences, self._files = file_controller, preferences, files
        self._choosers, self._window = choosers, window
        self._waiting: dict[str, _Waiting] = {}
        self._numbers = count(1)
        self._dialog: ExportDialog | None = None
        self.info: ModelInfo | None = None
        worker.finished.connect(self._finished)
        worker.failed.connect(self._render_failed)
        worker.progress.connect(self._progress)

    def export_picture(self) -> None:
        """Licence (once), dialog, file name, file."""
        if self._preview.source is None or self.info is None:
            self.failed.emit(
                "There is no picture to export: no model is loaded. Open one from the Model menu."
            )
            return
        self._document.commit_stroke()
        if self._preferences.licence_seen:
            self._show_dialog()
            return
        dialog = LicenceDialog(self.info, self._licence_seen, self._window)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def export_labels(self) -> None:
        """Kind, file name, file."""
        dialog = LabelsDialog(self._window)
        dialog.accepted.connect(lambda: self._choose_labels(dialog.kind))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def render(self, size: tuple[int, int] | None, on_picture: OnPicture, on_failed: OnText) -> str:
        """Have the scene rendered at ``size`` (None: canvas); returns a key to cancel it."""
        key = f"export-{next(self._numbers)}"
        self._waiting[key] = _Waiting(on_picture, on_failed)
        self._worker.submit(self._preview.request(Purpose.EXPORT, size, key))
        return key

    def cancel(self, key: str) -> None:
        """Give a render up."""
        if self._waiting.pop(key, None) is not None:
            self._worker.cancel_export(key)

    def _licence_seen(self) -> None:
        self._preferences.licence_seen = True
        self._show_dialog()

    def _show_dialog(self) -> None:
        document = self._document
        project = self._names.project()
        dialog = ExportDialog(
            document.width,
            document.height,
            self._window,
            has_style_picture=project.style != without_pictures(project.style),
        )
        keys: list[str] = []

        def render(size: tuple[int, int] | None, deliver: OnPicture) -> None:
            keys.append(self.render(size, deliver, dialog.set_failed))

        def abandon() -> None:
            for key in keys:
                self.cancel(key)
            keys.clear()

        def closed(_result: int) -> None:
            abandon()
            self._dialog = None
            dialog.deleteLater()

        picture = self._preview.current_picture
        if picture is not None:
            dialog.set_picture(picture)
        else:
            render(None, dialog.set_picture)
        dialog.render_wanted.connect(
            lambda width, height: render((width, height), dialog.set_rendered)
        )
        dialog.render_abandoned.connect(abandon)
        dialog.accepted.connect(lambda: self._choose_picture(dialog.choice, project))
        dialog.finished.connect(closed)
        self._dialog = dialog
        dialog.open()

    def _choose_picture(self, choice: ExportChoice, project: Project) -> None:
        self._choosers.save_file(
            self._window,
            "Export picture",
            PICTURE_FILTERS[choice.suffix],
            self._names.folder / f"{self._names.stem}{choice.suffix}",
            lambda path: self._write_picture(_with_suffix(path, choice.suffix), choice, project),
        )

    def _write_picture(self, path: Path, choice: ExportChoice, project: Project) -> None:
        if not choice.with_style:
            project = replace(project, style=without_pictures(project.style))
        self._files.submit(
            lambda: export_picture(path, choice.picture, choice.scale, choice.quality, project),
            lambda _: self.said.emit(f"Exported {path.name}"),
            self._not_written,
        )

    def _choose_labels(self, kind: LabelKind) -> None:
        names = self._names
        if kind is LabelKind.MASKS:
            self._choosers.open_folder(
                self._window,
                "Folder for the masks",
                names.folder,
                lambda path: self._write_labels(path, kind),
            )
            return
        self._choosers.save_file(
            self._window,
            "Export label map",
            LABEL_FILTER,
            names.folder / f"{names.stem}-labels.png",
            lambda path: self._write_labels(_with_suffix(path, ".png"), kind),
        )

    def _write_labels(self, path: Path, kind: LabelKind) -> None:
        labels, palette = self._document.snapshot(), self._document.palette

        def done(written: int) -> None:
            what = f"{written} masks to {path.name}" if kind is LabelKind.MASKS else path.name
            self.said.emit(f"Exported {what}")

        self._files.submit(
            lambda: export_labels(path, labels, palette, kind), done, self._not_written
        )

    def _not_written(self, error: InputError) -> None:
        self.failed.emit(f"Not exported. {error}")

    def _finished(self, result: RenderResult) -> None:
        if result.request.purpose is Purpose.EXPORT:
            waiting = self._waiting.pop(result.request.key, None)
            if waiting is not None:
                waiting.on_picture(result.picture)

    def _render_failed(self, failure: Failure) -> None:
        request = failure.request
        if request is not None and request.purpose is Purpose.EXPORT:
            waiting = self._waiting.pop(request.key, None)
            if waiting is not None:
                waiting.on_failed(failure.message)

    def _progress(self, progress: Progress) -> None:
        if self._dialog is not None and progress.key in self._waiting:
            self._dialog.set_progress(progress.fraction)


def _with_suffix(path: Path, suffix: str) -> Path:
    same = path.suffix.lower() == suffix or (suffix == ".jpg" and path.suffix.lower() == ".jpeg")
    return path if same else path.with_name(path.name + suffix)
