"""A backend that does what a test tells it: waits, fails, dies, ignores cancellation."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from app.core.style import Style
from app.workers.backend import BackendError, Cancelled, JobCancelled, Report
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    Progress,
    Purpose,
    RenderRequest,
    RenderResult,
    SegmentRequest,
    SegmentResult,
    WorkDone,
)

MODEL = ModelSource("fake")
OTHER = ModelSource("other")
PATIENCE = 20.0  # seconds after which a test is stuck


def request(
    revision: int = 0,
    purpose: Purpose = Purpose.PREVIEW,
    key: str = "",
    model: ModelSource = MODEL,
    *,
    live: bool = False,
) -> RenderRequest:
    """A request for a 4x4 canvas whose labels are the revision."""
    labels = np.full((4, 4), revision % 256, np.uint8)
    return RenderRequest(revision, labels, Style(), model, purpose=purpose, key=key, live=live)


SEGMENTS = (
    (0, "tree", "#2e5d34", ""),
    (1, "fog", "#dddddd", ""),
    (2, "Water", "#3f8fd0", ""),
    (3, "sky", "#87ceeb", ""),
)
"""What the fake segmenter knows; a pixel's class is its red, 0..63 for the first."""


def photo_request(key: str = "1", red: int = 0, model: ModelSource = MODEL) -> SegmentRequest:
    """A photo of 6 x 4 pixels, red on the left, black on the right."""
    photo = np.zeros((4, 6, 3), np.uint8)
    photo[:, :2, 0] = red
    photo.setflags(write=False)
    return SegmentRequest(photo, model, key)


def info(source: ModelSource) -> ModelInfo:
    """What a model of the fake backend says of itself."""
    return ModelInfo(source, source.path, 3, True, True, True, 256, "cpu")


class FakeBackend:
    """See Backend. Every job waits at a gate until ``let(n)`` lets n jobs through.

    A job that is cancelled ends there, unless the backend is not ``obedient`` or
    ``deaf_jobs`` says that so many jobs more won't notice. ``outcomes`` says how the next
    jobs end: None (well) or an exception to raise.
    ``log`` is what was called; ``wait_started(n)`` waits until n jobs have begun.
    """

    def __init__(self, *, open_gate: bool = False, obedient: bool = True) -> None:
        self.outcomes: deque[Exception | None] = deque()
        self.log: list[str] = []
        self.starts = 0
        self.alive = False
        self.closed = False
        self.threads: set[str] = set()
        self.on_death: Callable[[], None] | None = None
        self.reports: list[Progress] = []
        self._permits = 1 << 30 if open_gate else 0
        self._begun = 0
        self._obedient = obedient
        self.deaf_jobs = 0
        self._abandoned = False
        self._changed = threading.Condition()

    # ---- the test's side ----

    def let(self, jobs: int = 1) -> None:
        """Let that many jobs come to their end."""
        with self._changed:
            self._permits += jobs
            self._changed.notify_all()

    def wait_started(self, jobs: int) -> None:
        """Until that many jobs have begun since the backend was made."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._begun >= jobs, PATIENCE), self.log

    def die_idle(self) -> None:
        """As if someone had killed the renderer between jobs."""
        self.alive = False
        assert self.on_death is not None
        self.on_death()

    # ---- the worker's side ----

    def start(self, device: str, on_death: Callable[[], None]) -> None:
        self.on_death = on_death
        if not self.alive:
            self.alive = True
            self.starts += 1
            self.log.append(f"start {device}")

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        self._pass_gate(f"load {source.path}", cancelled)
        return info(source)

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        name = request.key or str(request.revision)
        for value in self.reports:
            report(value)
        self._pass_gate(f"{request.purpose.value} {name}", cancelled)
        picture = np.full((4, 4, 3), request.revision % 256, np.uint8)
        work = WorkDone("live" if request.live else "full")
        return RenderResult(request, picture, 0.01, "cpu", work)

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        report(Progress("Segmenting the photo"))
        self._pass_gate(f"segment {request.key}", cancelled)
        labels = request.photo[..., 0] // 64
        labels.setflags(write=False)
        return SegmentResult(request, labels, SEGMENTS, 0.01)

    def nudge(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def abandon(self) -> None:
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def close(self) -> None:
        self.closed = True

    def _pass_gate(self, name: str, cancelled: Cancelled) -> None:
        self.threads.add(threading.current_thread().name)
        with self._changed:
            self.log.append(name)
            self._begun += 1
            self._changed.notify_all()
            obedient = self._obedient and self.deaf_jobs == 0
            self.deaf_jobs = max(0, self.deaf_jobs - 1)

            def free() -> bool:
                asked = obedient and cancelled()
                return asked or self._abandoned or self._permits > 0

            assert self._changed.wait_for(free, PATIENCE)
            if self._abandoned:
                raise BackendError("abandoned")
            if obedient and cancelled():
                self.log.append(f"{name} cancelled")
                raise JobCancelled
            self._permits -= 1
        outcome = self.outcomes.popleft() if self.outcomes else None
        if isinstance(outcome, BackendError):
            self.alive = False
        if outcome is not None:
            raise outcome
