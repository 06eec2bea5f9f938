"""What ties the training window to the workers, to the painter and to the main window.

Light enough to be imported at the start: the window itself is made when it is first opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.state.document import Document
from app.ui.dialogs.questions import ask_training
from app.ui.files.file_controller import FileController
from app.ui.model_controller import ModelController
from app.ui.training.painter_bridge import PainterBridge, model_of
from app.ui.training.run_state import short_text
from app.workers.training_messages import KnownRun, RunNews

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.state.preferences import Preferences
    from app.ui.dialogs.choosers import Choosers
    from app.ui.training.training_room import TrainingRoom
    from app.workers.dataset_worker import DatasetWorker
    from app.workers.file_worker import FileWorker
    from app.workers.training_worker import TrainingWorker

ALIVE = ("running", "paused")


class TrainingController(QObject):
    """Knows the trainings there are and the one that is watched.

    ``status_changed``: a line for the status bar, "" if nothing is training. ``interrupted``:
    a KnownRun found at the start. ``finished``: the name of a training that is done now;
    ``broke_off``: a line about one that failed or is gone.
    """

    status_changed = Signal(str)
    interrupted = Signal(object)
    finished = Signal(str)
    broke_off = Signal(str)
    said = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        document: Document,
        datasets: DatasetWorker,
        trainings: TrainingWorker,
        worker: FileWorker,
        files: FileController,
        models: ModelController,
        preferences: Preferences,
        choosers: Choosers,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self.datasets, self.trainings = datasets, trainings
        self.submit = worker.submit
        self.preferences, self.choosers = preferences, choosers
        self.painter = PainterBridge(document, files, models, datasets, self)
        self.runs: tuple[KnownRun, ...] = ()
        self._names: dict[str, str] = {}
        self._window = window
        self._room: TrainingRoom | None = None
        self._news: RunNews | None = None
        self._starting = False  # the first list of runs is still to come
        self._stop_at_exit = self._is_shut_down = False
        trainings.runs.connect(self._runs_listed)
        trainings.started.connect(self._started)
        trainings.news.connect(self._news_came)
        trainings.early_model.connect(self._early_model)
        trainings.failed.connect(self._failed)
        datasets.failed.connect(self._failed)
        self.painter.opened.connect(self._show_painter)

    # -- for the main window

    @property
    def is_running(self) -> bool:
        """The training that is watched goes on."""
        return self._news is not None and self._news.state in ALIVE

    @property
    def room(self) -> TrainingRoom:
        """The window with its pages, made on first use."""
        if self._room is None:
            from app.ui.training.training_room import TrainingRoom  # costs time at the start

            self._room = TrainingRoom(self)
            self._room.show_runs(self.runs)
            folder = self.trainings.folder
            if folder:  # watched already: once more, for the whole story
                self._room.expect(folder)
                self.trainings.watch(folder)
        return self._room

    def start(self) -> None:
        """To be called once the main window shows: look for trainings that go on or broke off."""
        self._starting = True
        self.trainings.list_runs()

    def open(self) -> None:
        """Show the training window."""
        self.room.present()

    def open_data(self, path: Path) -> None:
        """Show the window and check the data in ``path``."""
        self.room.present()
        self.room.check(path)

    def resume(self, folder: str) -> None:
        """Go on with a training that ended or broke off, and show it."""
        self.room.expect(folder)
        self.room.present()
        self.trainings.resume(folder)

    def unless_running(self, go_on: Callable[[], object]) -> None:
        """Call ``go_on`` at once, or after it is decided what becomes of the training."""
        if not self.is_running:
            go_on()
            return

        def stop() -> None:
            self._stop_at_exit = True
            go_on()

        ask_training(self._window, self.name_of(self.trainings.folder), go_on, stop)

    def shut_down(self) -> None:
        """The program ends: close the window and the workers."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        if self._room is not None:
            self._room.close()
        self.trainings.shut_down(stop=self._stop_at_exit)
        self.datasets.stop()

    # -- for the room

    def name_of(self, folder: str) -> str:
        """What the training in that folder is called."""
        return self._names.get(folder) or Path(folder).name

    def remember(self, folder: str, name: str) -> None:
        """A training that is about to start, and what it is called."""
        self._names[folder] = name

    def watch(self, folder: str) -> None:
        """Look at a training, whatever state it is in."""
        self._news = None
        self.status_changed.emit("")
        self.trainings.watch(folder)

    def paint_with(self) -> None:
        """Open the model of the training that is watched in the painter."""
        folder = self.trainings.folder
        model = model_of(folder)
        if model:
            self.painter.paint_with(folder, model, self.name_of(folder))
        else:
            self.failed.emit("This training has no model yet: resume it until a checkpoint.")

    # -- what the workers say

    def _runs_listed(self, runs: tuple[KnownRun, ...]) -> None:
        self.runs = runs
        self._names.update({run.folder: run.name for run in runs if run.name})
        if self._room is not None:
            self._room.show_runs(runs)
        if not self._starting:
            return
        self._starting = False
        if self.trainings.folder:
            return  # something was started meanwhile
        alive = next((run for run in runs if run.state in ALIVE), None)
        if alive is not None:
            self.watch(alive.folder)
            return
        broken = next((run for run in runs if run.state == "interrupted"), None)
        if broken is not None:
            self.interrupted.emit(broken)

    def _started(self, folder: str) -> None:
        self._news = None
        self.room.started(folder)
        self.status_changed.emit(short_text(self.name_of(folder), None, None))
        self.trainings.list_runs()

    def _news_came(self, news: RunNews) -> None:
        if news.folder != self.trainings.folder:
            return
        before, self._news = self._news, news
        name = self.name_of(news.folder)
        if self._room is not None:
            self._room.take(news)
        alive = news.state in ALIVE
        self.status_changed.emit(short_text(name, news.state, news.status) if alive else "")
        if before is not None and before.state in ALIVE and not alive:
            self.trainings.list_runs()
            if news.state == "done":
                self.finished.emit(name)
                self.paint_with()
            elif news.state in ("failed", "interrupted"):
                self.broke_off.emit(ended_badly(name, news))

    def _early_model(self, path: str) -> None:
        folder = self.trainings.folder
        self.room.early_model()
        self.painter.paint_with(folder, path, self.name_of(folder))

    def _failed(self, text: str) -> None:
        """To the page where it belongs; where none does, to the main window."""
        if self._room is not None and self._room.fail(text):
            return
        name = self.painter.give_up()
        if name:
            self.said.emit(f"“{name}” is open. It has no scene of its own: {text}")
        else:
            self.failed.emit(text)

    def _show_painter(self) -> None:
        self._window.raise_()
        self._window.activateWindow()


def ended_badly(name: str, news: RunNews) -> str:
    """One line for the main window's banner."""
    message = news.status.message if news.status is not None else ""
    what = "failed" if news.state == "failed" else "was interrupted"
    return f"Training of “{name}” {what}. {message}".strip()
