"""From training to painting: a model of a training, with its classes and a scene of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from app.core.project_file import Project
from app.core.style import Style
from app.state.document import Document
from app.ui.files.file_controller import FileController
from app.ui.files.scene_files import Opened, Origin
from app.ui.model_controller import ModelController
from app.ui.model_sources import source_of, text_of
from app.workers.messages import ModelSource
from spade.formats.palette import Palette
from spade.formats.run_folder import RunFolder

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.dataset_worker import DatasetWorker


class PainterBridge(QObject):
    """One model at a time. ``opened``: the painter shows it now, or is about to."""

    opened = Signal()

    def __init__(
        self,
        document: Document,
        files: FileController,
        models: ModelController,
        datasets: DatasetWorker,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._document, self._files, self._models = document, files, models
        self._datasets = datasets
        self._waiting: tuple[str, str] | None = None  # (model, name) whose scene is being read
        datasets.scene.connect(self._scene_read)

    @property
    def waits(self) -> bool:
        """A scene is being read."""
        return self._waiting is not None

    def paint_with(self, run: str, model: str, name: str) -> None:
        """Open the model folder ``model`` of the training ``run``.

        A scene of that training stays as it is; else one of its validation maps is opened,
        after the question about unsaved changes.
        """
        if self._is_of(run):
            self._open(model)
            return
        self._waiting = (model, name)
        self._datasets.open_scene(run)

    def give_up(self) -> str:
        """No scene can be had: open the model alone. Returns its name."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return ""
        self._open(waiting[0])
        return waiting[1]

    def _is_of(self, run: str) -> bool:
        if not self._document.model:
            return False
        return Path(run) in Path(source_of(self._document.model).path).parents

    def _open(self, model: str) -> None:
        self._models.open(self._fresh(model), keep_ids=True)
        self.opened.emit()

    def _fresh(self, model: str) -> ModelSource:
        """The model by another name than the one in use: training may have written the folder
        anew since it was read."""
        info = self._models.info
        if info is not None and info.source.path == model:
            return ModelSource(os.path.join(model, "."))
        return ModelSource(model)

    def _scene_read(self, labels: NDArray[np.uint8], palette: Palette) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        model, name = waiting
        project = Project(
            labels=labels,
            palette=palette,
            style=Style(),
            model=text_of(self._fresh(model)),
            background=palette.ids[0],
        )
        found = Opened(project, Path(name or "training"), Origin.SAMPLE)

        def take() -> None:
            self._files.take(found, self._document.edit_count)
            self.opened.emit()

        self._files.unless_unsaved(take)


def model_of(run: str) -> str:
    """The model of a training's last checkpoint; "" if there is none yet."""
    folder = RunFolder(Path(run)).model
    return str(folder) if (folder / "model.json").is_file() else ""
