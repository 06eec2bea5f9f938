"""The renderer's process: reads jobs from standard input, answers on standard output.

Never imports Qt. Ends when its input is closed, so it does not outlive the window, however
that ends.
"""

from __future__ import annotations

import io
import logging
import os
import queue
import signal
import threading
from typing import TYPE_CHECKING

from app.workers import wire
from app.workers.backend import JobCancelled
from app.workers.messages import Notice, Progress
from spade.formats.errors import InputError

if TYPE_CHECKING:
    from app.workers.render_service import RenderService
    from app.workers.segment_service import SegmentService

NICENESS = 5
"""How far the renderer steps back behind the window (Unix; Windows: "below normal")."""

log = logging.getLogger(__name__)


class _Orders:
    """Jobs in the order they came, and which of them are cancelled."""

    def __init__(self, stream: io.FileIO) -> None:
        self._stream = stream
        self.jobs: queue.SimpleQueue[wire.Order] = queue.SimpleQueue()
        self._cancelled = 0  # jobs are numbered upwards: this one and all before it
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def cancelled(self, job: int) -> bool:
        return job <= self._cancelled

    def _read(self) -> None:
        try:
            while True:
                message = wire.receive(self._stream)
                if isinstance(message, wire.Cancel):
                    self._cancelled = max(self._cancelled, message.job)
                elif isinstance(message, wire.Order):
                    self.jobs.put(message)
        except (EOFError, OSError):
            os._exit(0)  # the window is gone; whatever is being computed, nobody waits for it


def main(device: str) -> None:
    """Serve until the input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the window's
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = io.FileIO(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up between the answers
    orders = _Orders(io.FileIO(os.dup(0), "r"))
    services: tuple[RenderService, SegmentService] | None = None
    trouble = ""
    try:
        from app.workers.render_service import RenderService
        from app.workers.segment_service import SegmentService

        services = RenderService(device), SegmentService(device)
    except Exception as error:
        log.exception("torch can't be loaded")
        trouble = f"PyTorch can't be loaded ({error}): install it again"
    while True:
        message = orders.jobs.get()
        if services is None:
            _say(answers, wire.Refused(message.job, trouble))
        else:
            _say(answers, _work(*services, message, orders, answers))


def _say(answers: io.FileIO, answer: wire.Answer) -> None:
    try:
        wire.send(answers, answer)
    except OSError:
        os._exit(0)  # nobody listens


def _work(
    rendering: RenderService,
    segmenting: SegmentService,
    message: wire.Order,
    orders: _Orders,
    answers: io.FileIO,
) -> wire.Answer:
    job = message.job

    def report(value: Notice | Progress) -> None:
        _say(answers, wire.Told(job, value))

    def cancelled() -> bool:
        return orders.cancelled(job)

    try:
        if isinstance(message, wire.Load):
            return wire.Loaded(job, rendering.load(message.source, report, cancelled))
        if isinstance(message, wire.Segment):
            found = segmenting.segment(message.request, report, cancelled)
            return wire.Segmented(job, found.labels, found.classes, found.seconds)
        result = rendering.render(message.request, report, cancelled)
        return wire.Rendered(job, result.picture, result.seconds, result.device, result.work)
    except JobCancelled:
        return wire.Dropped(job)
    except InputError as error:
        return wire.Refused(job, str(error))
    except Exception as error:
        log.exception("job %s failed", job)
        what = "Segmenting" if isinstance(message, wire.Segment) else "Rendering"
        return wire.Refused(job, f"{what} failed ({type(error).__name__}: {error})")
