"""Pictures off the GUI thread: requests go in, results and failures come out as signals."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot

from app.workers.backend import Backend, BackendError, Cancelled, JobCancelled, Report
from app.workers.child_backend import ChildBackend
from app.workers.job_board import Job, JobBoard, Revive
from app.workers.messages import (
    Failure,
    ModelInfo,
    ModelSource,
    Notice,
    Progress,
    Purpose,
    RenderRequest,
    RenderResult,
    Request,
    SegmentRequest,
    SegmentResult,
)
from spade.formats.errors import InputError

log = logging.getLogger(__name__)

STOP_GRACE = 0.7
"""Seconds a job under way gets to notice that the program closes, before it is abandoned."""

Outcome = ModelInfo | RenderResult | SegmentResult | Failure
Event = tuple[Job | None, Outcome | Notice | Progress | None]


class Emitter(Protocol):
    """What a bound Qt signal does here."""

    def emit(self, *values: object) -> None: ...


class PreviewWorker(QObject):
    """One worker thread with one job in flight; the order of jobs is JobBoard's.

    Lives on the GUI thread: all methods are called there, return at once (``stop`` within
    about two seconds) and all signals are emitted there. Results may be stale: the receiver
    compares ``result.request.revision``; but a preview is never delivered after one that
    was submitted later. Nothing is emitted for jobs that were cancelled or superseded, nor
    after ``stop``. Renders start the backend and load their model if need be.

    When the renderer dies under a job, it is started again and the job tried once more; if
    that kills it too, the job fails, and the next job starts it afresh. When it dies while
    idle, it is started again at once, unless it had not done anything since its last start.
    """

    model_loaded = Signal(object)
    """ModelInfo, once per model asked for."""
    finished = Signal(object)
    """RenderResult, whatever its purpose."""
    segmented = Signal(object)
    """SegmentResult of the newest photo."""
    failed = Signal(object)
    """Failure: one line for a person."""
    notice = Signal(object)
    """Notice for the status bar."""
    progress = Signal(object)
    """Progress of a model loading, a preview, an export or a photo; not of tiles."""
    busy_changed = Signal(bool)
    """True while a model, a preview, an export or a photo waits or is under way."""

    _woken = Signal()

    def __init__(
        self,
        backend_factory: Callable[[], Backend] = ChildBackend,
        device: str = "auto",
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._backend = backend_factory()
        self._device = device
        self._board = JobBoard()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._wake_posted = False
        self._delivered = 0  # serial of the newest preview outcome that was emitted
        self._busy = False
        self._stopped = False
        # Of the worker thread alone, for deaths: what to load again, and whether to.
        self._source: ModelSource | None = None
        self._proven = False
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Start the thread and the renderer, which gets ready (imports torch) by itself."""
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._run, name="preview-worker", daemon=True)
            self._thread.start()

    def load_model(self, source: ModelSource) -> None:
        """Make ``source`` the current model; answered by model_loaded or failed."""
        self._board.post_load(source)
        self._after_post()

    def submit(self, request: RenderRequest) -> None:
        """Have a picture rendered; answered by finished or failed. Ignored after ``stop``."""
        self._board.post(request)
        self._after_post()

    def segment(self, request: SegmentRequest) -> None:
        """Make a label map of a photo, instead of any photo before; answered by segmented or
        failed. Ignored after ``stop``."""
        self._board.post(request)
        self._after_post()

    def cancel_segment(self) -> None:
        """Forget the photo that waits or is being segmented."""
        self._board.cancel_photo()
        self._after_post()

    def cancel_tiles(self) -> None:
        """Forget all tiles, e.g. because the scene has changed."""
        self._board.cancel_tiles()
        self._backend.nudge()

    def cancel_export(self, key: str) -> bool:
        """Forget the export with this key; False if it is over already (or unknown)."""
        found = self._board.cancel_export(key)
        self._after_post()
        return found

    @property
    def busy(self) -> bool:
        """The value last given by ``busy_changed``."""
        return self._busy

    @property
    def exports_pending(self) -> int:
        """Exports that wait or are under way: worth asking about before closing."""
        return self._board.exports

    def stop(self) -> None:
        """Drop everything, end the renderer, join the thread. Nothing is emitted after."""
        if self._stopped:
            return
        self._stopped = True
        self._board.close()
        self._backend.nudge()
        if self._thread is not None:
            self._thread.join(STOP_GRACE)
            if self._thread.is_alive():
                self._backend.abandon()
                self._thread.join()
        with self._lock:
            self._events.clear()

    def _after_post(self) -> None:
        self._backend.nudge()
        self._update_busy()

    def _update_busy(self) -> None:
        busy = self._board.busy
        if busy != self._busy and not self._stopped:
            self._busy = busy
            self.busy_changed.emit(busy)

    @Slot()
    def _deliver(self) -> None:
        """On the GUI thread: emit what the worker thread has queued."""
        while not self._stopped:
            with self._lock:
                if not self._events:
                    self._wake_posted = False
                    break
                job, value = self._events.popleft()
            if job is not None and (job.dropped or not self._in_order(job, value)):
                continue
            signal = self._signal_for(value)
            if signal is not None:
                signal.emit(value)
        self._update_busy()

    def _in_order(self, job: Job, value: object) -> bool:
        if job.purpose is not Purpose.PREVIEW or not isinstance(value, RenderResult | Failure):
            return True
        if job.serial < self._delivered:
            return False
        self._delivered = job.serial
        return True

    def _signal_for(self, value: object) -> Emitter | None:
        kinds: tuple[tuple[type, Emitter], ...] = (
            (RenderResult, self.finished),
            (SegmentResult, self.segmented),
            (Failure, self.failed),
            (Notice, self.notice),
            (Progress, self.progress),
            (ModelInfo, self.model_loaded),
        )
        return next((signal for kind, signal in kinds if isinstance(value, kind)), None)

    # ---- worker thread ----

    def _post(self, job: Job | None, value: Outcome | Notice | Progress | None) -> None:
        with self._lock:
            self._events.append((job, value))
            wake = not self._wake_posted
            self._wake_posted = True
        if wake and not self._board.closed:
            self._woken.emit()

    def _run(self) -> None:
        try:
            self._backend.start(self._device, self._board.note_death)
        except Exception as error:
            self._post(None, self._failure(error, None))
        while (job := self._board.take()) is not None:
            if isinstance(job, Revive):
                self._revive()
                continue
            outcome = self._try(job)
            self._board.done(job, finished=outcome is not None)
            self._post(job, outcome)
        self._backend.close()

    def _try(self, job: Job) -> Outcome | None:
        """The outcome of a job; None if it was cancelled. A death is forgiven once."""
        try:
            try:
                return self._do(job)
            except BackendError as error:
                if job.cancel.is_set():
                    return None
                self._post(job, Notice(f"{error}: started again"))
                return self._do(job)
        except JobCancelled:
            return None
        except BackendError as error:
            self._proven = False
            return self._failure(error, job)
        except Exception as error:
            return self._failure(error, job)

    def _do(self, job: Job) -> Outcome:
        def report(value: Notice | Progress) -> None:
            if isinstance(value, Notice):
                self._post(job, value)
            elif job.purpose is not Purpose.TILE:
                key = "" if job.request is None else job.request.key
                self._post(job, dataclasses.replace(value, key=key))

        self._backend.start(self._device, self._board.note_death)
        if job.request is not None:
            result = self._answer(job.request, report, job.cancel.is_set)
            self._proven = True
            return result
        if not self._proven:
            report(Progress("Starting PyTorch"))
        info = self._backend.load(job.model, report, job.cancel.is_set)
        self._source = job.model
        self._proven = True
        return info

    def _answer(self, request: Request, report: Report, cancelled: Cancelled) -> Outcome:
        if isinstance(request, SegmentRequest):
            return self._backend.segment(request, report, cancelled)
        return self._backend.render(request, report, cancelled)

    def _revive(self) -> None:
        """The renderer died while idle: a new one, with the same model, before it is needed."""
        if not self._proven:
            self._post(None, Failure("The renderer stopped before it had done anything"))
            return
        self._proven = False
        self._post(None, Notice("The renderer stopped by itself: started again"))
        try:
            self._backend.start(self._device, self._board.note_death)
            if self._source is not None:
                self._backend.load(self._source, lambda _: None, lambda: self._board.closed)
        except JobCancelled:
            pass
        except Exception as error:
            self._post(None, self._failure(error, None))

    def _failure(self, error: Exception, job: Job | None) -> Failure:
        request = None if job is None else job.request
        if not isinstance(error, InputError | BackendError):
            what = "segmenting" if isinstance(request, SegmentRequest) else "rendering"
            log.error("%s failed", what, exc_info=error)
            error = InputError(f"{what} failed: {type(error).__name__}: {error}")
        model = None if job is None or job.request is not None else job.model
        return Failure(" ".join(str(error).split()), request, model)
