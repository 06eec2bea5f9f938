"""Trainers, from the window: started, watched and steered through their folders' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.state.known_runs import KnownRuns
from app.workers.file_worker import FileWorker
from app.workers.training_desk import Desk, Look
from app.workers.training_launch import Command, trainer_command
from app.workers.training_messages import KnownRun, TrainingChoice
from spade.formats.errors import InputError
from spade.formats.run_folder import Ask

LOOK_MS = 300
"""Between two looks into the folder that is watched."""


class TrainingWorker(QObject):
    """Watches one training folder, and steers whoever trains there.

    Lives on the GUI thread: all methods are called there and return at once, all signals are
    emitted there; files are read and processes started on a thread of its own. A trainer is
    a process that outlives the window. Nothing is emitted of a folder that is watched no more,
    nor after ``shut_down``.
    """

    started = Signal(str)
    """A trainer runs in this folder, which is watched from now on."""
    news = Signal(object)
    """RunNews: the whole story after ``watch`` (``restarted`` is true), then what is new.
    Without anything new, none."""
    sample = Signal(str, object)
    """(name, uint8 (H, W, 3), read-only): the answer to ``load_sample``."""
    early_model = Signal(str)
    """The folder of a model to try: the answer to ``try_now``."""
    runs = Signal(object)
    """A tuple of KnownRun, newest first: the answer to ``list_runs``."""
    failed = Signal(str)
    """One line for a person: what was asked can't be done. How a training itself ended is
    said by news, in ``status.message``."""

    def __init__(
        self,
        known: KnownRuns | None = None,
        parent: QObject | None = None,
        *,
        command: Command = trainer_command,
        interval: int = LOOK_MS,
    ) -> None:
        super().__init__(parent)
        self._desk = Desk(known or KnownRuns(), command)
        self._files = FileWorker(self)  # its thread is the only one that touches the desk
        self._folder = ""
        self._serial = 0  # of the folder watched: answers about others are dropped
        self._looking = False
        self._sample = ""
        self._trouble = ""  # the last one told, so that it is told once
        self._stopped = False
        self._timer = QTimer(self, interval=interval)
        self._timer.timeout.connect(self._look)

    @property
    def folder(self) -> str:
        """The folder that is watched; "" if none is."""
        return self._folder

    def start(self, choice: TrainingChoice) -> None:
        """Start a training in ``choice.out`` and watch it. Answered by started or failed."""
        self._files.submit(lambda: self._desk.start(choice), self._launched, self._fail)

    def resume(self, folder: str) -> None:
        """Go on with a training that ended or was interrupted, by a new process, and watch
        it. Answered by started or failed."""
        path = Path(folder).absolute()
        self._files.submit(lambda: self._desk.resume(path), self._launched, self._fail)

    def watch(self, folder: str) -> None:
        """Watch this folder instead of any before; "" for none."""
        path = Path(folder).absolute() if folder else None
        self._folder = str(path) if path else ""
        self._serial += 1
        self._looking, self._sample, self._trouble = False, "", ""
        self._files.submit(lambda: self._desk.watch(path), None, self._fail)
        self._timer.start()
        self._look()

    def pause(self) -> None:
        """Ask the trainer watched to wait before its next step."""
        self._ask("pause")

    def go_on(self) -> None:
        """Ask the trainer watched to go on after a pause."""
        self._ask("go on")

    def end(self) -> None:
        """Ask the trainer watched to save and end."""
        self._ask("stop")

    def try_now(self) -> None:
        """Ask the trainer watched for a model of the present step. Answered by early_model."""
        self._ask("try")

    def load_sample(self, name: str) -> None:
        """Read a file of the folder's samples/, the newest request alone. Answered by sample."""
        waiting, self._sample = self._sample, name
        if not waiting:
            self._read_sample()

    def list_runs(self) -> None:
        """Look into all folders known. Answered by runs."""
        self._files.submit(self._desk.runs, self._list, self._fail)

    def forget(self, folder: str) -> None:
        """Take a folder off the list of those known; its files stay. Answered by runs."""
        path = Path(folder).absolute()
        self._files.submit(lambda: self._desk.forget(path), self._list, self._fail)

    def shut_down(self, stop: bool = False) -> None:
        """The window closes. Trainers go on, or, with ``stop``, are asked to save and end;
        nobody waits for that. Nothing is emitted afterwards."""
        if self._stopped:
            return
        self._stopped = True
        self._timer.stop()
        self._files.submit(lambda: self._desk.leave(stop))
        self._files.stop()

    def _ask(self, what: Ask) -> None:
        self._files.submit(lambda: self._desk.ask(what), None, self._fail)

    def _look(self) -> None:
        if self._looking:
            return  # the disk is slow: no second look before the first has come back
        self._looking = True
        serial = self._serial

        def seen(look: Look) -> None:
            if self._over(serial):
                return
            self._looking = False
            if look.news is not None:
                self._trouble = ""
                self.news.emit(look.news)
            if look.early:
                self.early_model.emit(look.early)
            if look.trouble:
                self.failed.emit(look.trouble)
            if not self._folder and not look.busy:
                self._timer.stop()

        def blind(error: InputError) -> None:
            if self._over(serial):
                return
            self._looking = False
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.failed.emit(self._trouble)

        self._files.submit(self._desk.look, seen, blind)

    def _read_sample(self) -> None:
        name, serial = self._sample, self._serial

        def read(picture: NDArray[np.uint8]) -> None:
            if self._next_sample(name, serial):
                self.sample.emit(name, picture)

        def missing(error: InputError) -> None:
            if self._next_sample(name, serial):
                self._fail(error)

        self._files.submit(lambda: self._desk.read_sample(name), read, missing)

    def _next_sample(self, name: str, serial: int) -> bool:
        """Whether what was read is what is wanted now; if not, that is read next."""
        if self._over(serial):
            return False
        if self._sample != name:
            self._read_sample()
            return False
        self._sample = ""
        return True

    def _over(self, serial: int) -> bool:
        return self._stopped or serial != self._serial

    def _launched(self, folder: str) -> None:
        if not self._stopped:
            self.watch(folder)
            self.started.emit(folder)

    def _list(self, runs: tuple[KnownRun, ...]) -> None:
        if not self._stopped:
            self.runs.emit(runs)

    def _fail(self, error: InputError) -> None:
        if not self._stopped:
            self.failed.emit(str(error))
