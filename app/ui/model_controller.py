"""Opening models: loading, switching the palette, and what becomes of the scene's classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.state.class_match import NAMES_SHOWN, Match, match_scene, percent
from app.state.document import Document
from app.ui.canvas.preview_controller import PreviewController
from app.ui.dialogs.choosers import CHECKPOINT_FILTER, PALETTE_FILTER, Choosers
from app.ui.dialogs.model_dialog import ModelDialog
from app.ui.dialogs.questions import ask_remap
from app.ui.model_sources import default_source, palette_for, source_of, text_of
from app.workers.messages import Failure, ModelInfo, ModelSource
from spade.formats.palette import UNKNOWN_ID, Palette, load_palette
from spade.formats.run_folder import RunFolder

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker
    from app.workers.preview_worker import PreviewWorker


def foreign_classes(labels: NDArray[np.uint8], palette: Palette) -> tuple[list[int], float]:
    """Ids in ``labels`` that ``palette`` doesn't have, and their share of the canvas."""
    counts = np.bincount(labels.ravel(), minlength=256)
    known = {*palette.ids, UNKNOWN_ID}
    ids = [int(value) for value in np.flatnonzero(counts) if int(value) not in known]
    return ids, float(sum(counts[ids])) / labels.size


class ModelController(QObject):
    """One model at a time; a model that can't be opened leaves everything as it was."""

    loading = Signal(str)  # a model's name, or "" when that is over
    changed = Signal(object)  # ModelInfo of the model now in use
    failed = Signal(str)
    refused = Signal(str, object)  # why, and the reference checkpoint's form as ModelSource
    said = Signal(str)  # something worth knowing

    def __init__(
        self,
        document: Document,
        worker: PreviewWorker,
        preview: PreviewController,
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._worker, self._preview = document, worker, preview
        self._files, self._choosers, self._window = files, choosers, window
        self._info: ModelInfo | None = None
        self._wanted: ModelSource | None = None
        self._keep_ids = False
        worker.model_loaded.connect(self._loaded)
        worker.failed.connect(self._failed)

    @property
    def info(self) -> ModelInfo | None:
        """The model in use; None until the first is loaded."""
        return self._info

    def open(self, source: ModelSource, *, keep_ids: bool = False) -> None:
        """Load ``source``; ``keep_ids``: the scene was made with it, nothing is to be asked."""
        self._wanted, self._keep_ids = source, keep_ids
        self.loading.emit(display_name(source))
        self._worker.load_model(source)

    def open_default(self) -> None:
        """Load the document's model, or the bundled one if it states none."""
        model = self._document.model
        self.open(source_of(model) if model else default_source())

    def follow_document(self, *, keep_ids: bool) -> None:
        """Another scene was opened: load its model, unless it is the one in use."""
        source = source_of(self._document.model) if self._document.model else None
        if source is None or source == self._wanted:
            return
        if self._wanted is None and self._info is not None and source == self._info.source:
            self._adopt(self._info, keep_ids)
            return
        self._preview.set_source(None)  # the model before would paint other classes
        self.open(source, keep_ids=keep_ids)

    def open_folder(self) -> None:
        """Ask for a model folder and load it."""
        self._choosers.open_folder(
            self._window,
            "Open model folder",
            None,
            lambda path: self.open(ModelSource(str(path))),
        )

    def open_checkpoint(self) -> None:
        """Ask for a reference checkpoint, then for what it can't say, and load it."""
        self._choosers.open_file(
            self._window, "Open reference checkpoint", CHECKPOINT_FILTER, None, self._ask_reference
        )

    def use_palette(self, name: str | Path) -> None:
        """Show the scene's ids by another palette: a bundled name or a JSON file."""
        self._files.submit(
            lambda: load_palette(name),
            self._switch_palette,
            lambda error: self.failed.emit(str(error)),
        )

    def use_model_palette(self) -> None:
        """Back to the classes of the model in use."""
        if self._info is not None:
            info = self._info
            self._files.submit(lambda: palette_for(info), self._switch_palette)

    def open_palette(self) -> None:
        """Ask for a palette file and use it."""
        self._choosers.open_file(
            self._window, "Open palette", PALETTE_FILTER, None, self.use_palette
        )

    def ask_again(self, tried: ModelSource, problem: str) -> None:
        """The form of a reference checkpoint that did not fit, with the reason."""
        self._ask_reference(Path(tried.path), tried, problem)

    def _ask_reference(
        self, path: Path, tried: ModelSource | None = None, problem: str = ""
    ) -> None:
        dialog = ModelDialog(str(path), self._window, tried=tried, problem=problem)
        dialog.accepted.connect(lambda: self.open(dialog.source))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _loaded(self, info: ModelInfo) -> None:
        if info.source != self._wanted:
            return
        self._wanted = None
        self._info = info
        self.loading.emit("")
        self._adopt(info, self._keep_ids)
        self.changed.emit(info)

    def _adopt(self, info: ModelInfo, keep_ids: bool) -> None:
        """Render with the model at once; its palette follows when it is read."""

        def adopt(palette: Palette) -> None:
            if self._info is not info:
                return
            self._take(text_of(info.source), palette, keep_ids)
            self._preview.set_source(info.source)

        self._files.submit(
            lambda: palette_for(info), adopt, lambda error: self.failed.emit(str(error))
        )

    def _take(self, model: str, palette: Palette, keep_ids: bool) -> None:
        document = self._document
        old = document.palette
        match = self._match(old, palette)
        document.set_model(model, palette)
        found = match.used - len(match.lost)
        if keep_ids or not match.changes or not found:  # by name, nothing would be left
            self._report_foreign()
            return
        ask_remap(
            self._window,
            f"“{palette.name}” has other classes than “{old.name}”.",
            f"{found} of the {match.used} classes in the scene are found there by name."
            + match.lost_text
            + " Keep the ids if the label map was made for the new model.",
            lambda: self._remap(old, palette),
            self._report_foreign,
        )

    def _remap(self, old: Palette, new: Palette) -> None:
        if self._document.palette is not new:
            return  # yet another model came while the question stood
        match = self._match(old, new)
        self._document.set_model(self._document.model, new, match.id_map)
        if match.lost:
            self.said.emit(match.lost_text.strip())

    def _match(self, old: Palette, new: Palette) -> Match:
        has_dont_care = self._info is not None and self._info.has_dont_care
        return match_scene(self._document.labels, old, new, has_dont_care=has_dont_care)

    def _switch_palette(self, palette: Palette) -> None:
        self._document.set_model(self._document.model, palette)
        self._report_foreign()

    def _report_foreign(self) -> None:
        ids, share = foreign_classes(self._document.labels, self._document.palette)
        if not ids:
            return
        names = ", ".join(map(str, ids[:NAMES_SHOWN])) + (" …" if len(ids) > NAMES_SHOWN else "")
        self.said.emit(
            f"Class {names} ({percent(share)} of the canvas) is not in the palette "
            f"“{self._document.palette.name}”: it is shown in a colour of its own. Paint over it, "
            "or replace it by a class of the model."
        )

    def _failed(self, failure: Failure) -> None:
        if failure.model is None or failure.model != self._wanted:
            return
        self._wanted = None
        self.loading.emit("")
        message = failure.message
        if self._info is not None:
            # The model before is still there; requests dropped meanwhile are made again.
            self._preview.set_source(self._info.source)
            message += f". Still rendering with “{self._info.name}”."
        if Path(failure.model.path).suffix == ".pth":
            self.refused.emit(message, failure.model)
        else:
            self.failed.emit(message)


def display_name(source: ModelSource) -> str:
    """What a model is called before it is loaded; those of trainings after their folders."""
    path = Path(source.path)
    if path.name == RunFolder(path.parent).model.name:
        return path.parent.name or source.path
    if path.parent.name == RunFolder(path.parent.parent).early.name:
        return f"{path.parent.parent.name}, {path.name}"
    return path.stem or source.path
