"""The renderer as a child process, so that painting never waits for torch."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from app.workers import wire
from app.workers.backend import BackendError, Cancelled, JobCancelled, Report
from app.workers.child_process import ChildProcess
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    RenderRequest,
    RenderResult,
    SegmentRequest,
    SegmentResult,
)
from spade.formats.errors import InputError


class _Child(ChildProcess):
    """The renderer, its answers, and whose business its death is."""

    def __init__(self, device: str, on_death: Callable[[], None]) -> None:
        self.inbox: queue.SimpleQueue[wire.Answer | None] = queue.SimpleQueue()
        """Answers; None is a nudge: look at ``gone`` and at ``cancelled()`` again."""
        self.gone = threading.Event()
        self.working = False
        self._on_death = on_death
        self._lock = threading.Lock()
        super().__init__(
            "The renderer", "app.workers.child_main", [device], self.inbox.put, self._ended
        )
        self.listen()

    def _ended(self) -> None:
        with self._lock:
            self.gone.set()
            unexpected = not self.working and not self.closing
        self.inbox.put(None)
        if unexpected:
            self._on_death()

    def begin(self) -> None:
        """A job starts: from now on a death is the job's business. Raises BackendError."""
        with self._lock:
            if self.gone.is_set():
                raise BackendError(self.epitaph())
            self.working = True

    def end(self) -> None:
        """The job is over. Deaths are reported to ``on_death`` again."""
        with self._lock:
            self.working = False


class ChildBackend:
    """Works in a child process that runs RenderService and SegmentService. See Backend."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._abandoned = False
        self._job = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, if there is one."""
        child = self._child
        return None if child is None else child.process.pid

    def start(self, device: str, on_death: Callable[[], None]) -> None:
        """Start the child if there is none that lives; it imports torch by itself."""
        if self._child is not None and self._child.gone.is_set():
            self._child.close()
            self._child = None
        if self._abandoned:
            raise BackendError("The renderer is being closed")
        if self._child is None:
            self._child = _Child(device, on_death)

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Load(self._job, source), report, cancelled)
        assert isinstance(answer, wire.Loaded)
        return answer.info

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Render(self._job, request), report, cancelled)
        assert isinstance(answer, wire.Rendered)
        return RenderResult(request, answer.picture, answer.seconds, answer.device, answer.work)

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        """See Backend."""
        self._job += 1
        answer = self._ask(wire.Segment(self._job, request), report, cancelled)
        assert isinstance(answer, wire.Segmented)
        return SegmentResult(request, answer.labels, answer.classes, answer.seconds)

    def nudge(self) -> None:
        """See Backend."""
        child = self._child
        if child is not None:
            child.inbox.put(None)

    def abandon(self) -> None:
        """Kill the child; whoever waits for it gets BackendError."""
        self._abandoned = True
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """End the child and wait for it."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _ask(
        self, message: wire.Order, report: Report, cancelled: Cancelled
    ) -> wire.Loaded | wire.Rendered | wire.Segmented:
        child = self._child
        assert child is not None, "start() comes first"
        child.begin()
        try:
            child.send(message)
            return self._await(child, message.job, report, cancelled)
        except OSError:
            raise BackendError(child.epitaph()) from None
        finally:
            child.end()

    @staticmethod
    def _await(
        child: _Child, job: int, report: Report, cancelled: Cancelled
    ) -> wire.Loaded | wire.Rendered | wire.Segmented:
        asked_to_cancel = False
        while True:
            if cancelled() and not asked_to_cancel:
                child.send(wire.Cancel(job))
                asked_to_cancel = True
            answer = child.inbox.get()
            if answer is None:
                if child.gone.is_set() and child.inbox.empty():
                    raise BackendError(child.epitaph())
            elif answer.job != job:
                continue
            elif isinstance(answer, wire.Told):
                report(answer.report)
            elif isinstance(answer, wire.Refused):
                raise InputError(answer.message)
            elif isinstance(answer, wire.Dropped):
                raise JobCancelled
            else:
                return answer
