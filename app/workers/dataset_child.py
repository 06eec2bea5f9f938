"""The process that examines data sets and makes clean copies of them.

Two threads work: one reads data sets, one answers what needs no more than a moment (the
import of torch beside), so that neither waits for the other. torch is imported for the
device's memory and for labelling photos alone. Never imports Qt.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.workers import wire
from app.workers.child_orders import Answers, Orders, attach
from app.workers.dataset_messages import (
    Answer,
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
from app.workers.training_messages import DataReport, Finding, FoundClass
from app.workers.validation_scene import sample_scene
from spade import doctor
from spade.formats.errors import InputError
from spade.formats.resources import bundled
from spade.formats.segmenter_files import has_segmenter, segmenter_palette

log = logging.getLogger(__name__)

SEGMENTER = "landscape"
"""The bundled model whose segmenter labels photos alone."""

THUMBNAILS = 4
"""Of the examples of a problem, how many are shown."""

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of progress."""

CLEAN_UP = 10.0
"""Seconds a job gets to remove what it has half written when the window goes."""


class DataJobs:
    """Examinations and imports, one at a time."""

    def __init__(self, orders: Orders, answers: Answers) -> None:
        self._orders, self._answers = orders, answers
        self._checkup: doctor.Checkup | None = None
        self._asked: Examine | None = None  # what ``_checkup`` is the answer to

    def work(self, order: Examine | Import) -> Answer:
        """Raises InputError, doctor.Cancelled."""
        if isinstance(order, Examine):
            checkup = self._examine(order)
            return Examined(order.job, report_of(checkup))
        request = order.request
        if self._asked is None or self._asked.folder != request.folder or self._checkup is None:
            self._examine(Examine(order.job, request.folder, None))
        assert self._checkup is not None
        alone = self._checkup.photos_alone
        copy = doctor.repair(
            self._checkup,
            Path(request.out),
            choices=[
                doctor.ClassChoice(c.id, c.name, c.color, c.merge_into) for c in request.choices
            ],
            label_photos=label_photo if alone else None,
            label_classes=segmenter_palette(segmenter_folder()) if alone else None,
            on_progress=self._progress(order.job),
            cancelled=lambda: self._orders.cancelled(order.job),
        )
        return Imported(order.job, request.out, report_of(copy))

    def _examine(self, order: Examine) -> doctor.Checkup:
        self._checkup = self._asked = None
        self._checkup = doctor.examine(
            Path(order.folder),
            size=order.size,
            on_progress=self._progress(order.job),
            cancelled=lambda: self._orders.cancelled(order.job),
        )
        self._asked = order
        return self._checkup

    def _progress(self, job: int) -> doctor.Progress:
        told = -PROGRESS_INTERVAL

        def progress(done: int, total: int, what: str) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told >= PROGRESS_INTERVAL:
                told = now
                fraction = done / total if total > 0 else None
                self._answers.say(wire.Told(job, Progress(what, fraction)))

        return progress


def segmenter_folder() -> Path:
    """The bundled segmenter's. Raises InputError if there is none."""
    folder = bundled(f"assets/models/{SEGMENTER}")
    if not has_segmenter(folder):
        raise InputError(f"{folder}: no segmenter to label the photos with; install again")
    return folder


def label_photo(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 ``(H, W, 3)`` to uint8 ``(H, W)`` in the segmenter's classes."""
    return _segment()(photo)


@functools.cache
def _segment() -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    from spade.segmenter import load_segmenter

    segmenter = load_segmenter(segmenter_folder())
    return lambda photo: segmenter.trusted(segmenter.segment(photo))


def report_of(checkup: doctor.Checkup) -> DataReport:
    """What the window is told of an examination, with thumbnails."""
    findings = tuple(
        Finding(
            problem.kind,
            problem.title,
            problem.text,
            problem.remedy,
            problem.count,
            problem.severity,
            problem.examples,
            _thumbnails(checkup, problem.examples[:THUMBNAILS]),
        )
        for problem in checkup.problems
    )
    classes = tuple(
        FoundClass(c.id, c.name, c.color, c.group, c.share, c.pictures) for c in checkup.classes
    )
    return DataReport(
        str(checkup.folder),
        checkup.layout,
        checkup.pictures,
        checkup.validation,
        checkup.size,
        checkup.photos_alone,
        checkup.needs_import,
        findings,
        classes,
    )


def _thumbnails(
    checkup: doctor.Checkup, examples: tuple[str, ...]
) -> tuple[NDArray[np.uint8], ...]:
    found = (doctor.thumbnail(checkup, example) for example in examples)
    return tuple(np.ascontiguousarray(each) for each in found if each is not None)


def answer_aside(order: Ask | FindScene) -> Answer:
    """What needs no data set to be read through. Raises InputError."""
    if isinstance(order, FindScene):
        labels, palette = sample_scene(Path(order.folder))
        return FoundScene(order.job, labels, palette)
    from app.workers.dataset_options import training_options

    return Offered(order.job, training_options(order.device, order.classes, order.pictures))


def main() -> None:
    """Serve until the input is closed."""
    idle = threading.Event()
    idle.set()

    def clean_up() -> None:
        idle.wait(CLEAN_UP)

    orders, answers = attach(clean_up)
    asides: queue.SimpleQueue[Ask | FindScene] = queue.SimpleQueue()
    readings: queue.SimpleQueue[Examine | Import] = queue.SimpleQueue()
    jobs = DataJobs(orders, answers)

    def read_data() -> None:
        while True:
            order = readings.get()
            idle.clear()
            answers.say(_done(order, jobs.work))
            idle.set()

    def be_aside() -> None:
        while True:
            order = asides.get()
            answers.say(_done(order, answer_aside))

    for target in (read_data, be_aside):
        threading.Thread(target=target, name=target.__name__, daemon=True).start()
    while True:
        order = orders.jobs.get()
        if isinstance(order, Examine | Import):
            readings.put(order)
        else:
            asides.put(order)


def _done(order: Order, work: Callable[..., Answer]) -> Answer | wire.Refused | wire.Dropped:
    """The answer to an order, whatever happens."""
    try:
        return work(order)
    except doctor.Cancelled:
        return wire.Dropped(order.job)
    except InputError as error:
        return wire.Refused(order.job, str(error))
    except MemoryError:
        return wire.Refused(order.job, "not enough memory: close other programs and try again")
    except Exception as error:
        log.exception("job %s failed", order.job)
        what = " ".join(str(error).split())
        return wire.Refused(order.job, f"unexpected fault ({type(error).__name__}: {what})")
