"""What training is asked while it runs: through control.json, Ctrl+C or SIGTERM."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from filelock import FileLock, Timeout

from spade.formats.errors import InputError
from spade.formats.run_folder import Ask, RunFolder

POLL_SECONDS = 0.1
"""How often a training that pauses looks whether it is to go on."""

_LOCK_SECONDS = 1.0  # whoever only looks whether the lock is held has it for a moment


@contextlib.contextmanager
def holding(folder: RunFolder) -> Iterator[None]:
    """Hold the lock of a training folder, which is there: one process trains in it.

    Raises InputError naming the process that has it. A killed process has it no longer.
    """
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise InputError(
            f"{folder.path}: {_holder(folder)} is training there; end it first (or pause and "
            "stop it in the application), or choose another --out"
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder.lock}: cannot be locked ({error.strerror}); choose another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _holder(folder: RunFolder) -> str:
    with contextlib.suppress(InputError):
        status = folder.read_status()
        if status is not None and not status.ended:
            return f"process {status.pid}"
    return "another process"


@dataclass
class Control:
    """The requests to one training, as far as they are not answered.

    should_stop: Ctrl+C and the like. answered: requests up to this number are old. deaf: in
    all processes but the first, which decides for all, the folder is not looked at.
    """

    folder: RunFolder
    should_stop: Callable[[], bool]
    answered: int = 0
    deaf: bool = False
    paused: bool = False
    stopped: bool = False
    wants_model: int | None = None
    """The number of a request for a model that waits to be fulfilled."""

    def look(self) -> None:
        """Take note of a new request, and of a stop from elsewhere."""
        self.stopped = self.stopped or self.should_stop()
        if self.deaf:
            return
        try:
            request = self.folder.read_request()
        except InputError:
            return  # of another version of the program
        if request is None or request.number <= self.answered:
            return
        if request.ask == "try":
            # Answered when the model is there. It also ends a pause.
            self.wants_model, self.paused = request.number, False
            return
        self._obey(request.ask)
        self.answered = request.number

    def _obey(self, ask: Ask) -> None:
        self.paused = ask == "pause"
        self.stopped = self.stopped or ask == "stop"
        self.wants_model = None

    def model_written(self) -> None:
        """The model that was asked for is there, or can't be had."""
        if self.wants_model is not None:
            self.answered, self.wants_model = self.wants_model, None

    def wait(self, tick: Callable[[], None]) -> None:
        """While paused: look again and again, calling ``tick`` in between."""
        while True:
            self.look()
            tick()
            if not self.paused or self.stopped:
                return
            time.sleep(POLL_SECONDS)
