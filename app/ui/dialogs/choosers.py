"""The system's file dialogs, opened without blocking; tests put their own in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from app.state.preferences import Preferences

OPEN_FILTER = (
    "Everything that opens (*.ora *.png);;Spadework project (*.ora);;"
    "Label map or exported picture (*.png);;All files (*)"
)
PROJECT_FILTER = "Spadework project, OpenRaster (*.ora)"
PHOTO_FILTER = "Pictures (*.jpg *.jpeg *.png *.webp *.tif *.tiff *.bmp *.gif);;All files (*)"
LABEL_FILTER = "Label map (*.png)"
PALETTE_FILTER = "Palette (*.json);;All files (*)"
CHECKPOINT_FILTER = "Reference generator (*.pth);;All files (*)"
PICTURE_FILTERS = {
    ".png": "PNG picture (*.png)",
    ".jpg": "JPEG picture (*.jpg *.jpeg)",
    ".webp": "WebP picture (*.webp)",
}

OnPath = Callable[[Path], object]


class Choosers:
    """Each method shows a dialog over ``parent`` and calls ``on_path`` if one is chosen.

    Where ``folder`` is None, the dialog begins where the last photo was chosen, or else the
    last file of a model; ``preferences`` keep both. Without them every dialog begins at home.
    """

    def __init__(self, preferences: Preferences | None = None) -> None:
        self._preferences = preferences

    def open_file(
        self, parent: QWidget, title: str, filters: str, folder: Path | None, on_path: OnPath
    ) -> None:
        """An existing file."""
        kind = "photo_folder" if filters == PHOTO_FILTER else "model_folder"
        dialog = QFileDialog(parent, title, self._start(folder, kind), filters)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._run(dialog, on_path if folder else self._remembering(kind, on_path))

    def open_folder(
        self, parent: QWidget, title: str, folder: Path | None, on_path: OnPath
    ) -> None:
        """An existing folder."""
        kind = "model_folder"
        dialog = QFileDialog(parent, title, self._start(folder, kind))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._run(dialog, on_path if folder else self._remembering(kind, on_path))

    def save_file(
        self, parent: QWidget, title: str, filters: str, proposal: Path, on_path: OnPath
    ) -> None:
        """A file to write, which the dialog asks about if it exists; gets the suffix of
        ``proposal`` if it is typed without one."""
        dialog = QFileDialog(parent, title, str(proposal.parent), filters)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(proposal.suffix.removeprefix("."))
        dialog.selectFile(proposal.name)
        self._run(dialog, on_path)

    def _start(self, folder: Path | None, kind: str) -> str:
        last = getattr(self._preferences, kind, "")
        return str(folder or last or Path.home())

    def _remembering(self, kind: str, on_path: OnPath) -> OnPath:
        def remember(path: Path) -> None:
            if self._preferences is not None:
                setattr(self._preferences, kind, str(path.parent))
            on_path(path)

        return remember

    @staticmethod
    def _run(dialog: QFileDialog, on_path: OnPath) -> None:
        dialog.fileSelected.connect(lambda name: on_path(Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
