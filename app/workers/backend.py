"""What the preview worker asks of whoever renders: in this thread or in a child process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from app.workers.messages import (
    ModelInfo,
    ModelSource,
    Notice,
    Progress,
    RenderRequest,
    RenderResult,
    SegmentRequest,
    SegmentResult,
)

if TYPE_CHECKING:
    from app.workers.render_service import RenderService
    from app.workers.segment_service import SegmentService

Report = Callable[[Notice | Progress], None]
"""Called any number of times while a job runs."""

Cancelled = Callable[[], bool]
"""Asked between steps of a job; once true it stays true."""


class JobCancelled(Exception):  # noqa: N818 - it was asked for
    """The job was given up because ``cancelled()`` became true."""


class BackendError(Exception):
    """The renderer is gone; the message says how it ended. It can be started again."""


class Backend(Protocol):
    """Loads models, renders and segments, one job at a time.

    ``start``, ``load``, ``render``, ``segment`` and ``close`` are called on the worker
    thread; ``nudge`` and ``abandon`` on any thread, at any time. Bad input raises InputError.
    """

    def start(self, device: str, on_death: Callable[[], None]) -> None:
        """Get ready to use ``device`` ("auto", "cpu", "cuda", "mps"); nothing to do if ready
        already. ``on_death`` is called, on any thread, when the renderer dies while no job
        runs; ``start`` then starts another. Raises BackendError if it can't be started."""

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        """Make ``source`` the current model.

        Raises JobCancelled, BackendError or InputError; the model before stays then.
        """

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        """One picture; loads ``request.model`` first if it is not the current one.

        Raises JobCancelled, BackendError or InputError.
        """

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        """The label map of a photo; the current model stays.

        Raises JobCancelled, BackendError or InputError.
        """

    def nudge(self) -> None:
        """``cancelled()`` may have become true: ask it again soon."""

    def abandon(self) -> None:
        """Make a running job raise soon, at any price; nothing can run afterwards."""

    def close(self) -> None:
        """Free everything. Not called while a job runs."""


class InThreadBackend:
    """Renders on the worker thread itself: for tests and for measuring.

    It loads torch into this process, which holds the interpreter's lock for half a second
    and between operations, so a window stutters; the application uses ChildBackend.
    """

    def __init__(self) -> None:
        self._service: RenderService | None = None
        self._segmenting: SegmentService | None = None

    def start(self, device: str, on_death: Callable[[], None]) -> None:
        """Import torch and make the services."""
        from app.workers.render_service import RenderService
        from app.workers.segment_service import SegmentService

        if self._service is None:
            self._service, self._segmenting = RenderService(device), SegmentService(device)

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        """See Backend."""
        assert self._service is not None, "start() comes first"
        return self._service.load(source, report, cancelled)

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        """See Backend."""
        assert self._service is not None, "start() comes first"
        return self._service.render(request, report, cancelled)

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        """See Backend."""
        assert self._segmenting is not None, "start() comes first"
        return self._segmenting.segment(request, report, cancelled)

    def nudge(self) -> None:
        """Nothing to do: the service asks ``cancelled`` between blocks."""

    def abandon(self) -> None:
        """Nothing to do: a thread can only be asked."""

    def close(self) -> None:
        """Let the models go."""
        self._service = self._segmenting = None
