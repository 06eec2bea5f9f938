"""What the training worker does on its thread: processes are started, folders read, asked."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.state.known_runs import KnownRuns
from app.workers.training_launch import Command, Launched, launch, prepare, resume_arguments
from app.workers.training_messages import KnownRun, RunNews, TrainingChoice
from app.workers.training_reader import RunReader, describe, is_locked, read_picture
from spade.formats.errors import InputError
from spade.formats.run_folder import Ask, Request, RunFolder, Status

ENDING_SECONDS = 20.0
"""For which a trainer that has said its last word may still be there."""


@dataclass(frozen=True)
class Look:
    """What came of one look. early: the folder of a model that was asked for. trouble: a line
    for people. busy: there are trainers of ours that run."""

    news: RunNews | None = None
    early: str = ""
    trouble: str = ""
    busy: bool = False


@dataclass
class _Steering:
    """The requests to one trainer.

    The folder holds the last one alone. One that is done once, "try", must be obeyed before
    another may take its place; pausing and going on may be overwritten at any time, and
    stopping waits for nothing but a trainer's first word: what was asked before that counts
    as meant for the trainer before.
    """

    folder: RunFolder
    waiting: list[Ask] = field(default_factory=list)
    tried: Request | None = None
    """The "try" that is not answered yet."""
    _before: tuple[str, int] = ("", 0)  # the newest early model when it was asked for

    def ask(self, what: Ask, reader: RunReader) -> None:
        if what == "stop":
            self.waiting, self.tried = [], None
        elif what != "try":
            self.waiting = [each for each in self.waiting if each == "try"]
        elif self.tried is not None or "try" in self.waiting:
            return  # its answer will do for both
        self.waiting.append(what)
        if what == "try" and reader.state == "paused":
            self.waiting.append("pause")  # a model is written between steps, so a pause ends
        self.push(reader)

    def push(self, reader: RunReader) -> None:
        """Pass on what waits, as far as may be."""
        while reader.spoken and self.waiting and self.tried is None:
            request = self.folder.ask(self.waiting.pop(0))
            if request.ask == "try":
                self.tried, self._before = request, self._newest(reader.status)

    def answer(self, reader: RunReader) -> tuple[str, str]:
        """(folder of the early model that was asked for, why there is none); "" and "" while
        there is no answer."""
        status = reader.status
        if self.tried is None or status is None or status.answered < self.tried.number:
            return "", ""
        self.tried = None
        newest = self._newest(status)
        if newest == self._before:
            return "", f"No model could be written to try: {status.message or 'see log.txt'}"
        return str(self.folder.early / newest[0]), ""

    def _newest(self, status: Status | None) -> tuple[str, int]:
        """Name and time of the newest early model."""
        if status is None or not status.early:
            return "", 0
        try:
            written = (self.folder.early / status.early / "model.json").stat().st_mtime_ns
        except OSError:
            return "", 0
        return status.early, written


class Desk:
    """All folders and trainers that the worker has to do with. One thread at a time."""

    def __init__(self, known: KnownRuns, command: Command) -> None:
        self._known = known
        self._command = command
        self._launched: dict[Path, Launched] = {}
        self._reader: RunReader | None = None
        self._steering: _Steering | None = None

    def start(self, choice: TrainingChoice) -> str:
        """Start a new training; returns its folder. Raises InputError."""
        folder = Path(choice.out).absolute()
        self._check_free(folder)
        return self._launch(folder, prepare(choice))

    def resume(self, folder: Path) -> str:
        """Go on with one. Raises InputError, also if somebody trains there."""
        self._check_free(folder)
        return self._launch(folder, resume_arguments(folder))

    def watch(self, folder: Path | None) -> None:
        """Turn to another folder. Raises InputError if it can't be remembered."""
        self._reader = None if folder is None else RunReader(RunFolder(folder))
        self._steering = None if folder is None else _Steering(RunFolder(folder))
        if folder is not None and describe(folder, self._launched.get(folder)) is not None:
            self._known.add(folder)

    def look(self) -> Look:
        """What is new in the folder watched. Raises InputError if that can't be told."""
        busy = self._reap()
        reader, steering = self._reader, self._steering
        if reader is None or steering is None:
            return Look(busy=busy)
        news = reader.look(self._launched.get(reader.folder.path))
        model, trouble = steering.answer(reader)
        if reader.state in ("running", "paused"):
            steering.push(reader)
        else:
            if steering.tried is not None or "try" in steering.waiting:
                trouble = "The training ended before there was a model to try"
            steering.tried, steering.waiting = None, []
        return Look(news, model, trouble, busy)

    def ask(self, what: Ask) -> None:
        """Ask the trainer watched. Raises InputError if nobody trains there."""
        reader, steering = self._reader, self._steering
        if reader is None or steering is None:
            raise InputError("No training is being watched; open one first")
        if reader.state in ("done", "stopped", "failed", "interrupted"):
            raise InputError(f"{reader.folder.path}: nobody trains here now; resume it first")
        steering.ask(what, reader)

    def read_sample(self, name: str) -> NDArray[np.uint8]:
        """A picture of the folder watched. Raises InputError."""
        if self._reader is None or Path(name).name != name:
            raise InputError(f"{name}: no sample of a training that is watched")
        path = self._reader.folder.samples / name
        try:
            return read_picture(path)
        except FileNotFoundError:
            raise InputError(f"{path}: this sample is gone; choose another") from None

    def runs(self) -> tuple[KnownRun, ...]:
        """All trainings known, newest first."""
        found = (describe(path, self._launched.get(path)) for path in self._known.folders())
        return tuple(run for run in found if run is not None)

    def forget(self, folder: Path) -> tuple[KnownRun, ...]:
        """Take one off the list; returns the rest. Raises InputError."""
        self._known.forget(folder)
        return self.runs()

    def leave(self, stop: bool) -> None:
        """The window closes. ``stop``: ask the trainers we started, and the one watched, to
        save and end; nobody waits."""
        if stop:
            running = {path for path, one in self._launched.items() if one.process.poll() is None}
            for path in running:
                self._launched[path].stop()
            reader = self._reader
            strange = reader is not None and reader.folder.path not in running
            if strange and reader is not None and reader.state in ("running", "paused"):
                with contextlib.suppress(InputError):
                    reader.folder.ask("stop")
        for launched in self._launched.values():
            launched.leave()

    def _check_free(self, folder: Path) -> None:
        """A trainer that ended but is not gone yet is waited for."""
        launched = self._launched.get(folder)
        status = RunFolder(folder).read_status()
        if launched is not None and status is not None and status.ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                launched.process.wait(ENDING_SECONDS)
        ours = launched is not None and launched.process.poll() is None
        if ours or is_locked(RunFolder(folder)):
            raise InputError(f"{folder}: a training is running there; watch that one")

    def _launch(self, path: Path, arguments: list[str]) -> str:
        folder = RunFolder(path)
        if folder.read_request() is not None:
            folder.ask("go on")  # lest an old "stop" ends it at its first step
        self._launched[path] = launch(folder, arguments, self._command)
        with contextlib.suppress(InputError):  # it trains; that it is not on the list is no harm
            self._known.add(path)
        return str(path)

    def _reap(self) -> bool:
        """Take note of trainers that have ended, so that they leave the system's list; true
        if others of ours run. One whose folder another has taken over is forgotten."""
        ended = [path for path, one in self._launched.items() if one.process.poll() is not None]
        for path in ended:
            if is_locked(RunFolder(path)):
                del self._launched[path]
        return len(ended) < len(self._launched)
