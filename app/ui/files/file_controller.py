"""New, open, save, recent files and sample scenes; nothing is ever lost unasked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.core.project_file import Project, save_project
from app.state.document import Document
from app.state.preferences import Preferences
from app.state.view_state import ViewState
from app.ui.canvas.preview_controller import PreviewController
from app.ui.dialogs.choosers import OPEN_FILTER, PROJECT_FILTER, Choosers
from app.ui.dialogs.new_dialog import NewDialog
from app.ui.dialogs.questions import ask_nearest, ask_unsaved
from app.ui.files.recovery import Lost
from app.ui.files.scene_files import (
    PROJECT_SUFFIX,
    Opened,
    Origin,
    read_sample,
    read_scene_file,
)
from spade.formats.errors import InputError
from spade.formats.label_png import InexactColors
from spade.formats.resources import bundled_scenes

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".heic")
UNTITLED = "Untitled"

Call = Callable[[], object]


class FileController(QObject):
    """What becomes of the document as a file. A file that can't be read changes nothing."""

    opened = Signal(object)  # Opened, now in the document
    created = Signal()  # an empty scene
    title_changed = Signal()
    failed = Signal(str)
    said = Signal(str)
    photo_opened = Signal(object)  # Path of a photo: a style, not a scene

    def __init__(
        self,
        document: Document,
        view: ViewState,
        preview: PreviewController,
        preferences: Preferences,
        files: FileWorker,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._document, self._view, self._preview = document, view, preview
        self._preferences, self._files = preferences, files
        self._choosers, self._window = choosers, window
        self._title = UNTITLED
        self.trained_size: int | None = None
        document.path_changed.connect(self.title_changed)

    @property
    def title(self) -> str:
        """What the scene is called: its file, the sample it began as, or "Untitled"."""
        path = self._document.path
        return path.name if path is not None else self._title

    @property
    def stem(self) -> str:
        """The title without a file's suffix, to propose names."""
        path = self._document.path
        return path.stem if path is not None else self._title

    @property
    def folder(self) -> Path:
        """Where file dialogs begin: the folder used last, also before the last start, else
        the home folder."""
        path, last = self._document.path, self._preferences.scene_folder
        return path.parent if path is not None else Path(last or Path.home())

    def project(self) -> Project:
        """The scene as it would be saved now, with the newest picture of it that there is.

        If the picture is a moment behind the labels, it is rendered anew after reopening.
        """
        return self._document.to_project(self._view.to_dict(), self._preview.picture)

    def unless_unsaved(self, go_on: Call) -> None:
        """Call ``go_on`` at once, or after the changes were saved or given up."""
        self._document.commit_stroke()
        if not self._document.modified:
            go_on()
        else:
            ask_unsaved(self._window, self.title, lambda: self.save(go_on), go_on)

    def new(self) -> None:
        """Ask for a size and a background, and start an empty scene."""
        self.unless_unsaved(self._ask_new)

    def open(self) -> None:
        """Ask for a file and open it."""
        self.unless_unsaved(
            lambda: self._choosers.open_file(
                self._window, "Open", OPEN_FILTER, self.folder, self._open_now
            )
        )

    def open_path(self, path: Path) -> None:
        """Open ``path``, after asking about unsaved changes."""
        if path.suffix.lower() in PHOTO_SUFFIXES:
            self.photo_opened.emit(path)
            return
        self.unless_unsaved(lambda: self._open_now(path))

    def open_sample(self, path: Path) -> None:
        """Open a bundled scene."""
        self.unless_unsaved(lambda: self.open_sample_now(path))

    def open_sample_now(self, path: Path) -> None:
        """Open a bundled scene without a question: at the start."""
        document = self._document
        model, background = document.model, document.background
        self._read(lambda: read_sample(path, model, background))

    def open_lost(self, lost: Lost, then: Call) -> None:
        """Open what an earlier session left; it counts as unsaved. Then call ``then``."""
        document = self._document
        palette, model, background = document.palette, document.model, document.background

        def done(found: Opened) -> None:
            document.load(found.project, lost.original, modified=True)
            self._title = lost.original.stem if lost.original else "Recovered"
            self._shown(found)
            then()

        self._files.submit(
            lambda: read_scene_file(lost.scene, palette, model, background), done, self._not_read
        )

    def take(self, found: Opened, edits: int) -> None:
        """Show a scene whose making began when the document's edit count was ``edits``."""
        if self._document.modified and self._document.edit_count != edits:
            # Painted on meanwhile: that is not lost either.
            self.unless_unsaved(lambda: self._load(found))
        else:
            self._load(found)

    def save(self, then: Call | None = None) -> None:
        """Save to the project's file, or ask for one; ``then`` is called if it was saved."""
        path = self._document.path
        if path is None:
            self.save_as(then)
        else:
            self._save_to(path, then)

    def save_as(self, then: Call | None = None) -> None:
        """Ask for a file and save to it."""
        proposal = self.folder / f"{self.stem}{PROJECT_SUFFIX}"
        self._choosers.save_file(
            self._window,
            "Save project",
            PROJECT_FILTER,
            proposal,
            lambda path: self._save_to(_with_suffix(path), then),
        )

    def _save_to(self, path: Path, then: Call | None) -> None:
        self._document.commit_stroke()
        project, edits = self.project(), self._document.edit_count

        def done(_result: object) -> None:
            self._document.mark_saved(path, edits)
            self._preferences.add_recent_file(path)
            self._preferences.scene_folder = str(path.parent)
            self.said.emit(f"Saved {path.name}")
            if then is not None:
                then()

        self._files.submit(
            lambda: save_project(path, project),
            done,
            lambda error: self.failed.emit(f"Not saved. {error}"),
        )

    def _ask_new(self) -> None:
        document = self._document
        dialog = NewDialog(document.palette, document.background, self.trained_size, self._window)

        def create() -> None:
            choice = dialog.choice
            document.new(
                choice.width, choice.height, choice.background, document.palette, document.model
            )
            self._title = UNTITLED
            self._view.fit = True
            self.title_changed.emit()
            self.created.emit()

        dialog.accepted.connect(create)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _open_now(self, path: Path, nearest: bool = False) -> None:
        if path.suffix.lower() in PHOTO_SUFFIXES:
            self.photo_opened.emit(path)
            return
        document = self._document
        palette, model, background = document.palette, document.model, document.background

        def refused(error: InputError) -> None:
            if isinstance(error, InexactColors):
                ask_nearest(
                    self._window,
                    path.name,
                    error.pixels,
                    error.total,
                    lambda: self._open_now(path, nearest=True),
                    lambda: self.photo_opened.emit(path),
                )
                return
            if not path.exists():
                self._preferences.remove_recent_file(path)
            self._not_read(error)

        self._read(
            lambda: read_scene_file(path, palette, model, background, nearest=nearest), refused
        )

    def _read(
        self,
        read: Callable[[], Opened],
        refused: Callable[[InputError], None] | None = None,
    ) -> None:
        edits = self._document.edit_count

        self._files.submit(read, lambda found: self.take(found, edits), refused or self._not_read)

    def _not_read(self, error: InputError) -> None:
        self.failed.emit(str(error))

    def _load(self, found: Opened) -> None:
        path = found.path
        is_project = found.origin is Origin.PROJECT
        self._title = sample_name(path) if found.origin is Origin.SAMPLE else path.stem
        self._document.load(found.project, path if is_project else None)
        if found.origin is not Origin.SAMPLE and path.is_absolute():
            self._preferences.scene_folder = str(path.parent)
        if found.origin not in (Origin.SAMPLE, Origin.PHOTO):
            self._preferences.add_recent_file(path)
        self._shown(found)
        if found.changed:
            self.said.emit(f"{found.changed:,} pixels got the class with the nearest colour.")
        if found.note:
            self.said.emit(found.note)

    def _shown(self, found: Opened) -> None:
        self._view.fit = True
        self._view.restore(found.project.view)
        if found.project.picture is not None:
            self._preview.show_cached(found.project.picture)
        self.title_changed.emit()
        self.opened.emit(found)


def sample_name(path: Path) -> str:
    """ "mountain-lake.png" -> "Mountain lake"."""
    return path.stem.replace("-", " ").replace("_", " ").capitalize()


def first_sample() -> Path | None:
    """The scene that a newcomer sees; None if none is bundled."""
    return next(iter(bundled_scenes()), None)


def _with_suffix(path: Path) -> Path:
    if path.suffix.lower() == PROJECT_SUFFIX:
        return path
    return path.with_name(path.name + PROJECT_SUFFIX)
