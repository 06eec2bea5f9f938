"""Reading and writing files off the GUI thread, one job after another."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from spade.formats.errors import InputError

_log = logging.getLogger(__name__)

Job = tuple[Callable[[], Any], Callable[[Any], None] | None, Callable[[InputError], None] | None]


class FileWorker(QObject):
    """Runs functions on one thread of its own, in the order they were submitted.

    Lives on the GUI thread: ``submit`` and ``stop`` are called there, and the callbacks
    run there. The thread starts with the first job.
    """

    busy_changed = Signal(bool)
    _finished = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: deque[Callable[[], None]] = deque()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """True from the first job submitted until the last callback was called."""
        return self._waiting > 0

    def submit(
        self,
        fn: Callable[[], Any],
        on_done: Callable[[Any], None] | None = None,
        on_error: Callable[[InputError], None] | None = None,
    ) -> None:
        """Run ``fn()`` on the thread, then ``on_done(its result)`` on the GUI thread.

        If it raises, ``on_error`` gets an InputError whose text is one line for a person:
        the very one raised (so subclasses that carry more arrive as they are), or one made
        of an OSError or anything else; the latter is also logged, being a fault of ours.
        Once ``stop`` was called, nothing more is taken on: who is answered while the worker
        stops may ask for more (the scene is read: now its model's palette), for nobody.
        """
        if self._stopped:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="file-worker", daemon=True)
            self._thread.start()
        self._waiting += 1
        self._jobs.put((fn, on_done, on_error))
        if self._waiting == 1:
            self.busy_changed.emit(True)

    def stop(self) -> None:
        """Finish every job submitted, join the thread and deliver what is left to deliver."""
        self._stopped = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        self._deliver()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            fn, on_done, on_error = job
            try:
                result = fn()
            except Exception as error:
                self._results.append(_bound(on_error, _explained(error)))
            else:
                self._results.append(_bound(on_done, result))
                del result
            del job, fn, on_done, on_error
            self._finished.emit()

    def _deliver(self) -> None:
        while self._results:
            callback = self._results.popleft()
            try:
                callback()
            finally:
                self._waiting -= 1
                if self._waiting == 0:
                    self.busy_changed.emit(False)


def _bound(callback: Callable[[Any], None] | None, value: Any) -> Callable[[], None]:
    return lambda: callback(value) if callback is not None else None


def _explained(error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return InputError(f"{where}{error.strerror or _one_line(error)}; check the path and disk")
    if isinstance(error, MemoryError):
        return InputError("not enough memory for this file; close other programs and try again")
    _log.error("a file job failed", exc_info=error)
    return InputError(f"unexpected fault ({type(error).__name__}: {_one_line(error)})")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
