"""The renderer in the worker thread itself: for benchmarks and tests of the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.workers.backend import Cancelled, Report
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    RenderRequest,
    RenderResult,
    SegmentRequest,
    SegmentResult,
)

if TYPE_CHECKING:
    from app.workers.render_service import RenderService
    from app.workers.segment_service import SegmentService


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
