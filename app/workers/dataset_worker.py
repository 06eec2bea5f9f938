"""Data sets off the GUI thread: what is wrong with one, its clean copy, what can be trained."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Any, NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.workers import wire
from app.workers.backend import BackendError
from app.workers.child_process import ChildProcess
from app.workers.dataset_messages import (
    Ask,
    Examine,
    Examined,
    FindScene,
    FoundScene,
    Import,
    Imported,
    Offered,
    Order,
)
from app.workers.messages import Progress
from app.workers.training_messages import ImportRequest

IDLE_MS = 120_000
"""After so long without a request the child ends; torch holds some hundred megabytes."""

CLEAN_UP = 2.0
"""Seconds that an import under way gets to remove what it has half written."""


class _Died(NamedTuple):
    """The child is gone, and with it these jobs."""

    jobs: frozenset[int]
    message: str


class DatasetWorker(QObject):
    """Examines and imports data sets in a child process.

    Lives on the GUI thread: all methods are called there and return at once (``stop`` within
    about two seconds), and all signals are emitted there. The child is started by the first
    request and ends when idle for long; if it dies under a request, that one fails and the
    next request starts another. Nothing is emitted for what was cancelled or superseded, nor
    after ``stop``.
    """

    progress = Signal(str, object)
    """(text, fraction in [0, 1] or None) of a check or an import."""
    report = Signal(object)
    """DataReport: the answer to ``check``."""
    imported = Signal(str, object)
    """(folder of the clean copy, its DataReport): the answer to ``import_data``."""
    options = Signal(object)
    """TrainingOptions: the answer to ``ask_options``."""
    scene = Signal(object, object)
    """(uint8 (H, W) labels, read-only; Palette): the answer to ``open_scene``."""
    failed = Signal(str)
    """One line for a person, in answer to any of them."""
    busy_changed = Signal(bool)
    """True while a check or an import waits or is under way."""

    _posted = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        module: str = "app.workers.dataset_child",
        idle: int = IDLE_MS,
    ) -> None:
        super().__init__(parent)
        self._clerk = _Clerk(module, self._post)
        self._events: deque[Any] = deque()
        self._job = 0
        # The jobs whose answers are waited for; 0: none.
        self._data = self._options = self._scene = 0
        self._busy = False
        self._stopped = False
        self._idle = QTimer(self, singleShot=True, interval=idle)
        self._idle.timeout.connect(self._clerk.dismiss)
        self._posted.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def check(self, folder: str, size: int | None = None) -> None:
        """Examine a data set, instead of any before; ``size``: the training size in pixels,
        None: what suits the pictures. Answered by report or failed."""
        self.cancel()
        self._data = self._next()
        self._send(Examine(self._data, folder, size))

    def import_data(self, request: ImportRequest) -> None:
        """Make a clean copy, instead of any check or import before. Answered by imported or
        failed; what a failed or cancelled import has written is removed."""
        self.cancel()
        self._data = self._next()
        self._send(Import(self._data, request))

    def ask_options(self, device: str = "auto", classes: int = 0, pictures: int = 0) -> None:
        """What can be trained on a device, with that many classes and pictures (0: not known
        yet). Answered by options or failed, even while a data set is checked."""
        self._options = self._next()
        self._send(Ask(self._options, device, classes, pictures))

    def open_scene(self, folder: str) -> None:
        """A label map of a validation set, to be painted on; ``folder``: DATA, or a training
        folder, which names its DATA. Answered by scene or failed."""
        self._scene = self._next()
        self._send(FindScene(self._scene, folder))

    def cancel(self) -> None:
        """Give up the check or import that waits or is under way; nothing more comes of it."""
        if self._data and not self._stopped:
            self._clerk.send(wire.Cancel(self._data))
            self._data = 0
            self._update()

    @property
    def busy(self) -> bool:
        """The value last given by ``busy_changed``."""
        return self._busy

    def stop(self) -> None:
        """End the child and the threads; nothing is emitted afterwards."""
        if not self._stopped:
            self._stopped = True
            self._idle.stop()
            self._clerk.stop()
            self._events.clear()

    def _next(self) -> int:
        self._job += 1
        return self._job

    def _send(self, order: Order) -> None:
        if not self._stopped:
            self._clerk.send(order)
            self._update()

    def _post(self, event: Any) -> None:
        """From any thread."""
        self._events.append(event)
        self._posted.emit()

    def _deliver(self) -> None:
        while self._events and not self._stopped:
            event = self._events.popleft()
            if isinstance(event, _Died):
                if any(self._answered(job) for job in event.jobs):
                    self._update()
                    self.failed.emit(event.message)
            elif isinstance(event, wire.Told):
                if event.job == self._data and isinstance(event.report, Progress):
                    self.progress.emit(event.report.text, event.report.fraction)
            elif self._answered(event.job):
                self._update()
                self._emit(event)

    def _emit(self, answer: Any) -> None:
        if isinstance(answer, Examined):
            self.report.emit(answer.report)
        elif isinstance(answer, Imported):
            self.imported.emit(answer.folder, answer.report)
        elif isinstance(answer, Offered):
            self.options.emit(answer.options)
        elif isinstance(answer, FoundScene):
            self.scene.emit(answer.labels, answer.palette)
        elif isinstance(answer, wire.Refused):
            self.failed.emit(answer.message)

    def _answered(self, job: int) -> bool:
        """Whether this job was waited for; now it is not."""
        for name in ("_data", "_options", "_scene"):
            if getattr(self, name) == job:
                setattr(self, name, 0)
                return True
        return False

    def _update(self) -> None:
        if self._data or self._options or self._scene:
            self._idle.stop()
        else:
            self._idle.start()
        busy = self._data != 0
        if busy != self._busy:
            self._busy = busy
            self.busy_changed.emit(busy)


class _Child(ChildProcess):
    """The process, and which jobs it was given."""

    def __init__(self, module: str, post: Any) -> None:
        self.jobs: set[int] = set()
        self.gone = False
        self._post = post
        super().__init__("The data set's examiner", module, [], post, self._ended)
        self.listen()

    def _ended(self) -> None:
        self.gone = True
        if not self.closing:
            self._post(_Died(frozenset(self.jobs), f"{self.epitaph()}; try again"))


class _Clerk:
    """A thread that starts the child, which takes a moment, and passes orders on."""

    def __init__(self, module: str, post: Any) -> None:
        self._module, self._post = module, post
        self._orders: queue.SimpleQueue[Order | wire.Cancel | str] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def send(self, order: Order | wire.Cancel) -> None:
        """To the child, which is started if there is none."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="dataset-clerk", daemon=True)
            self._thread.start()
        self._orders.put(order)

    def dismiss(self) -> None:
        """End the child; the next order starts another."""
        self._orders.put("dismiss")

    def stop(self) -> None:
        """End the child and the thread."""
        if self._thread is not None:
            self._orders.put("stop")
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        child: _Child | None = None
        while (order := self._orders.get()) != "stop":
            if child is not None and (child.gone or order == "dismiss"):
                child.close()
                child = None
            if isinstance(order, str) or (child is None and isinstance(order, wire.Cancel)):
                continue
            child = self._pass_on(order, child)
        if child is not None:
            child.close(CLEAN_UP)

    def _pass_on(self, order: Order | wire.Cancel, child: _Child | None) -> _Child | None:
        for _ in range(2):
            try:
                if child is None:
                    child = _Child(self._module, self._post)
                child.jobs.add(order.job)
                child.send(order)
                return child
            except BackendError as error:
                self._post(wire.Refused(order.job, str(error)))
                return None
            except OSError:  # it died a moment ago
                assert child is not None
                child.jobs.discard(order.job)
                child.close()
                child = None
        self._post(wire.Refused(order.job, "The data set's examiner ends at once; install again"))
        return None
