"""Autosave, and offering after a crash what it saved.

Each running window owns a session folder in the state folder with a lock file in it. The
lock names its process, so a folder whose process is gone belongs to a session that didn't
end properly; if an autosave lies in it, the next start offers it. A proper end removes the
folder. All functions of this module that touch the disk run on the file worker's thread.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QObject, QTimer, Signal

from app.core.project_file import Project, save_project
from app.state.document import Document
from app.state.folders import state_dir
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.file_worker import FileWorker

SECONDS = 60
LOCK, SCENE, ABOUT = "lock", "autosave.ora", "about.json"
MAX_KEPT = 20  # sessions the user never answered for; the oldest go first


@dataclass(frozen=True)
class Lost:
    """What a session that didn't end properly left behind. ``original`` is its file, if any."""

    folder: Path
    scene: Path
    original: Path | None
    saved: datetime

    @property
    def text(self) -> str:
        """One line for the question."""
        name = f"“{self.original.name}”" if self.original else "An unnamed scene"
        return f"{name}, autosaved on {self.saved:%d %B %Y at %H:%M}."


def sessions_dir() -> Path:
    """Where the session folders are."""
    return state_dir() / "sessions"


def try_lock(folder: Path) -> QLockFile | None:
    """The lock of a session folder, or None while its process lives."""
    lock = QLockFile(str(folder / LOCK))
    lock.setStaleLockTime(0)  # never by age: only the death of its process makes it stale
    return lock if lock.tryLock(0) else None


def open_session() -> tuple[Path, QLockFile]:
    """A new session folder and its lock. Raises InputError if the state folder can't be used."""
    folder = sessions_dir() / uuid.uuid4().hex
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"{folder}: can't be made ({error.strerror}); nothing is saved by itself"
        ) from error
    lock = try_lock(folder)
    if lock is None:
        raise InputError(f"{folder}: can't be locked; nothing is saved by itself")
    return folder, lock


def find_lost(own: Path | None) -> list[Lost]:
    """The autosaves of sessions whose process is gone, newest first. Empty folders are removed."""
    found = []
    root = sessions_dir()
    folders = [entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
    for folder in folders:
        if folder == own:
            continue
        lock = try_lock(folder)
        if lock is None:
            continue
        scene = folder / SCENE
        if scene.is_file():
            saved = datetime.fromtimestamp(scene.stat().st_mtime)
            found.append(Lost(folder, scene, _original(folder), saved))
            lock.unlock()
        else:
            lock.unlock()
            shutil.rmtree(folder, ignore_errors=True)
    found.sort(key=lambda lost: lost.saved, reverse=True)
    for lost in found[MAX_KEPT:]:
        discard(lost)
    return found[:MAX_KEPT]


def discard(lost: Lost) -> None:
    """Throw an autosave away."""
    shutil.rmtree(lost.folder, ignore_errors=True)


def write_autosave(folder: Path, project: Project, original: Path | None) -> None:
    """Save ``project`` into a session folder, atomically."""
    about = {"original": str(original) if original else None}
    write_atomically(folder / ABOUT, json.dumps(about).encode())
    save_project(folder / SCENE, project)


def _original(folder: Path) -> Path | None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return Path(about["original"]) if about["original"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Autosave(QObject):
    """Saves the document every minute while it has unsaved changes.

    ``project()`` gives what to save. ``lost`` is emitted once after ``start`` if an earlier
    session left something; ``failed`` with one line when saving doesn't work.
    """

    lost = Signal(object)  # list[Lost], newest first
    saved = Signal()
    failed = Signal(str)

    def __init__(
        self,
        document: Document,
        files: FileWorker,
        project: Callable[[], Project],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._files, self._project = document, files, project
        self._folder: Path | None = None
        self._lock: QLockFile | None = None
        self._saved_revision: int | None = None
        self._writing = False
        self._warned = False
        self._timer = QTimer(self, interval=SECONDS * 1000)
        self._timer.timeout.connect(self.save_now)
        document.modified_changed.connect(self._modified_changed)

    @property
    def folder(self) -> Path | None:
        """This session's folder; None until it exists."""
        return self._folder

    def start(self) -> None:
        """Open this session and look for lost ones, off the GUI thread."""
        self._files.submit(open_session, self._opened, lambda error: self.failed.emit(str(error)))

    def save_now(self) -> None:
        """Save, if there is something new to save and no stroke under way."""
        document = self._document
        if (
            self._folder is None
            or self._writing
            or not document.modified
            or document.stroke_active
            or document.revision == self._saved_revision
        ):
            return
        self._writing = True
        revision, folder, original = document.revision, self._folder, document.path
        project = self._project()

        def done(_result: object) -> None:
            self._writing = False
            self._warned = False
            self._saved_revision = revision
            self.saved.emit()

        self._files.submit(lambda: write_autosave(folder, project, original), done, self._failed)

    def close(self) -> None:
        """The session ends properly: nothing is left behind."""
        self._timer.stop()
        folder, lock = self._folder, self._lock
        self._folder = self._lock = None
        if folder is None or lock is None:
            return

        def remove() -> None:
            lock.unlock()
            shutil.rmtree(folder, ignore_errors=True)

        self._files.submit(remove)

    def _opened(self, session: tuple[Path, QLockFile]) -> None:
        self._folder, self._lock = session
        own = self._folder
        self._timer.start()
        self._files.submit(lambda: find_lost(own), self._found)

    def _found(self, lost: list[Lost]) -> None:
        if lost:
            self.lost.emit(lost)

    def _failed(self, error: InputError) -> None:
        self._writing = False
        if not self._warned:
            self._warned = True
            self.failed.emit(f"The scene could not be saved by itself. {error}")

    def _modified_changed(self, modified: bool) -> None:
        """Once saved or discarded, the old autosave would only offer what is safe already."""
        folder = self._folder
        if not modified and folder is not None:
            self._saved_revision = None
            self._files.submit(lambda: (folder / SCENE).unlink(missing_ok=True))
