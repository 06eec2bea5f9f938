"""The renderer's process: reads jobs from standard input, answers on standard output.

Never imports Qt. Ends when its input is closed, so it does not outlive the window, however
that ends.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from app.workers import wire
from app.workers.backend import JobCancelled
from app.workers.child_orders import Answers, Orders, attach
from app.workers.messages import Notice, Progress
from spade.formats.errors import InputError

if TYPE_CHECKING:
    from app.workers.render_service import RenderService
    from app.workers.segment_service import SegmentService

log = logging.getLogger(__name__)


def main(device: str) -> None:
    """Serve until the input is closed."""
    orders, answers = attach()
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
            answers.say(wire.Refused(message.job, trouble))
        else:
            answers.say(_work(*services, message, orders, answers))


def _work(
    rendering: RenderService,
    segmenting: SegmentService,
    message: wire.Order,
    orders: Orders,
    answers: Answers,
) -> wire.Answer:
    job = message.job

    def report(value: Notice | Progress) -> None:
        answers.say(wire.Told(job, value))

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
