"""What the preview worker asks of whoever renders: in this thread or in a child process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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
