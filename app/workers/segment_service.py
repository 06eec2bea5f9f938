"""From a photo to a label map: the other half of what the renderer's process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.workers.backend import Cancelled, JobCancelled, Report
from app.workers.devices import is_out_of_memory, usable_device
from app.workers.messages import (
    ModelSource,
    Notice,
    Progress,
    SegmenterInfo,
    SegmentRequest,
    SegmentResult,
)
from spade.formats.errors import InputError
from spade.formats.resources import bundled
from spade.formats.segmenter_files import has_segmenter, segmenter_palette
from spade.model import find_model

if TYPE_CHECKING:
    from spade.segmenter import Segmenter

BUNDLED = "landscape"
"""The model whose segmenter serves those that have none."""

Loader = Callable[[str, str], "Segmenter"]


def find_segmenter(source: ModelSource) -> SegmenterInfo | None:
    """The segmenter of a model: its own, else the bundled one, else None. Loads no weights.

    Raises InputError: there is no such model, or the segmenter's description is damaged.
    """
    path = find_model(source.path)
    own = path if path.is_dir() else path.parent
    places = (
        (source, own, True),
        (ModelSource(BUNDLED), bundled(f"assets/models/{BUNDLED}"), False),
    )
    for whose, folder, is_own in places:
        if has_segmenter(folder):
            names = tuple(entry.name for entry in segmenter_palette(folder).classes)
            return SegmenterInfo(whose, names, is_own)
    return None


class SegmentService:
    """Holds one segmenter, the last one asked for. One thread at a time.

    device: as for RenderService. ``load(folder or bundled name, device)`` makes a segmenter;
    tests give their own.
    """

    def __init__(self, device: str = "auto", load: Loader | None = None) -> None:
        self._device = device
        self._load = load or _load_segmenter
        self._source: ModelSource | None = None
        self._segmenter: Segmenter | None = None

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        """The label map of a photo, loading the segmenter first if it is another one.

        Raises InputError (no such segmenter, too large for memory) and JobCancelled.
        """
        begin = time.perf_counter()
        _ask(cancelled)
        report(Progress("Segmenting the photo"))
        device = usable_device(self._device, report)
        try:
            segmenter = self._ready(request.model, device)
            _ask(cancelled)
            labels = segmenter.segment(request.photo).labels
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            self._source = self._segmenter = None
            if device == "cpu":
                raise InputError(
                    "not enough memory to segment the photo: close other programs, or make the "
                    "photo smaller"
                ) from None
            report(Notice("Out of memory while segmenting: doing it on the CPU"))
            segmenter = self._ready(request.model, "cpu")
            labels = segmenter.segment(request.photo).labels
        _ask(cancelled)
        labels.setflags(write=False)
        classes = tuple((c.id, c.name, c.color, c.group) for c in segmenter.classes)
        return SegmentResult(request, labels, classes, time.perf_counter() - begin)

    def _ready(self, source: ModelSource, device: str) -> Segmenter:
        if self._segmenter is None or source != self._source:
            path = Path(source.path)
            folder = str(path.parent) if path.is_file() else source.path
            self._segmenter, self._source = self._load(folder, device), source
        return self._segmenter


def _load_segmenter(source: str, device: str) -> Segmenter:
    from spade.segmenter import load_segmenter

    return load_segmenter(source, device)


def _ask(cancelled: Cancelled) -> None:
    if cancelled():
        raise JobCancelled
