"""From the document to its picture: when to ask for one, and what to show meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.core.schedule import LiveSchedule, Plan
from app.state.document import Document
from app.state.view_state import ViewState
from app.workers.messages import Failure, ModelSource, Purpose, RenderRequest, RenderResult

if TYPE_CHECKING:  # handed in by app.main
    from app.workers.preview_worker import PreviewWorker

Pixels = NDArray[np.uint8]

_EARLY = 0.002  # seconds: what a timer may ring before its time


class Stage(Protocol):
    """Where the picture is shown: the workspace."""

    def set_picture(self, rgb: Pixels | None, revision: int, stale: bool) -> None: ...

    def set_updating(self, updating: bool) -> None: ...

    def set_message(self, text: str | None) -> None: ...


@dataclass(frozen=True)
class Shown:
    """A picture uint8 ``(H, W, 3)`` of one revision; ``exact`` unless it was made in haste."""

    pixels: Pixels
    revision: int
    exact: bool

    def supersedes(self, other: Shown) -> bool:
        """It is of a later revision, or of the same and no less exact."""
        return (self.revision, self.exact) >= (other.revision, other.exact)


class PreviewController(QObject):
    """Follows the document; newest wins, and what is old is shown as "updating" or not at all."""

    picture_changed = Signal()
    source_changed = Signal()  # another model renders from now on, or none
    rendered = Signal(object)  # RenderResult of a preview that is shown
    settled = Signal()  # the picture shown is exact and of the present revision
    edited = Signal()  # the picture shown no longer is
    failed = Signal(str)

    def __init__(
        self,
        document: Document,
        view: ViewState,
        worker: PreviewWorker,
        stage: Stage,
        *,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document, self._view, self._worker, self._stage = document, view, worker, stage
        self._clock = clock
        self._schedule = LiveSchedule()
        self._source: ModelSource | None = None
        self._live = True
        self._loading = False
        self._oldest = document.revision  # results of earlier revisions show another canvas
        self._shown: Shown | None = None
        self._settled_now: Shown | None = None
        self._settled_before: Shown | None = None
        self._sent: RenderRequest | None = None  # the last request
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._due)
        document.labels_changed.connect(lambda _rect: self._edited())
        document.style_changed.connect(self._restyled)
        document.canvas_replaced.connect(self._canvas_replaced)
        document.history_changed.connect(self._stroke_may_have_ended)
        worker.finished.connect(self._finished)
        worker.failed.connect(self._failed)
        view.before_changed.connect(lambda _on: self._present())

    @property
    def live(self) -> bool:
        """Render by itself while the document changes."""
        return self._live

    @live.setter
    def live(self, value: bool) -> None:
        self._live = value
        if value and not self.is_current:
            self._schedule.note_edit(self._clock())
            self._arm()
        elif not value:
            self._timer.stop()
        self._present()

    @property
    def source(self) -> ModelSource | None:
        """The model that renders; None until one is loaded."""
        return self._source

    def set_loading(self, loading: bool) -> None:
        """A model is on its way: what is shown meanwhile is not the last word."""
        self._loading = loading
        self._present()

    @property
    def is_current(self) -> bool:
        """The picture shown is the document's, and exact."""
        shown = self._shown
        return shown is not None and shown.exact and shown.revision == self._document.revision

    @property
    def picture(self) -> Pixels | None:
        """The picture shown, current or not; None if there is none."""
        return None if self._shown is None else self._shown.pixels

    @property
    def current_picture(self) -> Pixels | None:
        """The document's picture if it is there already."""
        return self.picture if self.is_current else None

    def set_source(self, source: ModelSource | None) -> None:
        """Render with ``source`` from now on; None: nothing can be rendered at present."""
        self._source = source
        self._schedule.forget()
        self._sent = None
        if source is None:
            self._timer.stop()
            self.source_changed.emit()
            return
        if self._shown is not None:
            self._shown = Shown(self._shown.pixels, self._shown.revision, exact=False)
        self._schedule.note_edit(self._clock())
        self._arm()
        self._present()
        self.source_changed.emit()

    def show_cached(self, picture: Pixels) -> None:
        """Show a picture kept with the scene until the model has rendered its own."""
        if picture.shape[:2] != (self._document.height, self._document.width):
            return
        self._shown = Shown(picture, self._document.revision, exact=False)
        self._present()

    def render_now(self) -> None:
        """Render the scene as it is, exactly, also if live preview is off."""
        self._timer.stop()
        if self._source is not None:
            self._stage.set_updating(True)
            self._send(live=False)

    def request(self, purpose: Purpose, size: tuple[int, int] | None, key: str) -> RenderRequest:
        """A request for the scene as it is. Raises RuntimeError without a model."""
        if self._source is None:
            raise RuntimeError("no model to render with")
        return RenderRequest(
            revision=self._document.revision,
            labels=self._document.snapshot(),
            style=self._document.style,
            model=self._source,
            size=size,
            purpose=purpose,
            key=key,
        )

    def _edited(self, *, restyled: bool = False) -> None:
        self.edited.emit()
        painted = self._document.stroke_active and not restyled
        self._schedule.note_edit(self._clock(), painted=painted, restyled=restyled)
        self._arm()
        self._present()

    def _restyled(self) -> None:
        """Live preview is about painting: a style is chosen to be seen, with it off as well."""
        self._edited(restyled=True)
        if not self._live:
            self.render_now()

    def _canvas_replaced(self) -> None:
        self._oldest = self._document.revision
        self._shown = self._settled_now = self._settled_before = None
        self._schedule.forget()
        self._edited()

    def _stroke_may_have_ended(self) -> None:
        """The pictures during a stroke were made in haste: make the last one properly."""
        if self.is_current:
            self._keep_settled()
        if self._document.stroke_active or self.is_current:
            return
        sent = self._sent
        if sent is None or sent.live or sent.revision != self._document.revision:
            if not self._schedule.pending:
                self._schedule.note_edit(self._clock())
            self._arm()

    def _plan(self) -> Plan | None:
        if not self._live or self._source is None:
            return None
        return self._schedule.plan(self._document.stroke_active, self._clock())

    def _arm(self) -> None:
        plan = self._plan()
        if plan is None:
            self._timer.stop()
        else:
            self._timer.start(math.ceil(1000 * plan.delay))

    def _due(self) -> None:
        """The timer has rung; it may ring a moment early."""
        plan = self._plan()
        if plan is not None and plan.delay <= _EARLY:
            self._send(plan.live)
        else:
            self._arm()

    def _send(self, live: bool) -> None:
        assert self._source is not None
        self._sent = RenderRequest(
            revision=self._document.revision,
            labels=self._document.snapshot(),
            style=self._document.style,
            model=self._source,
            live=live,
        )
        self._worker.submit(self._sent)
        self._schedule.note_sent(live, self._clock())
        self._arm()

    def _finished(self, result: RenderResult) -> None:
        request = result.request
        if request.purpose is not Purpose.PREVIEW:
            return
        if request.revision < self._oldest or request.model != self._source:
            return
        self._schedule.note_done(
            self._clock(),
            None if result.work.kind == "same" else result.seconds,
            exact=result.exact,
            newest=request is self._sent,
        )
        self._arm()
        shown = Shown(result.picture, request.revision, exact=result.exact)
        if self._shown is not None and not shown.supersedes(self._shown):
            return
        self._shown = shown
        self._keep_settled()
        self._present()
        self.picture_changed.emit()
        self.rendered.emit(result)
        if self.is_current:
            self.settled.emit()

    def _keep_settled(self) -> None:
        """Remember the picture for comparison; one of a stroke in progress is no step."""
        if not self.is_current or self._document.stroke_active:
            return
        previous = self._settled_now
        if previous is not None and previous.revision != self._document.revision:
            self._settled_before = previous
        self._settled_now = self._shown

    def _failed(self, failure: Failure) -> None:
        request = failure.request
        if request is None or request.purpose is not Purpose.PREVIEW:
            return
        if request is self._sent:
            self._schedule.note_failed(self._clock())
            self._arm()
        if request.revision == self._document.revision:
            self._stage.set_updating(False)
            self.failed.emit(failure.message)

    def _present(self) -> None:
        """Show what there is, and say so if it is not the present scene's."""
        document = self._document
        before = self._before() if self._view.show_before else None
        if before is not None:
            self._stage.set_picture(before.pixels, before.revision, False)
            self._stage.set_updating(False)
            return
        if self._shown is None:
            self._stage.set_picture(None, document.revision, True)
        else:
            stale = not self.is_current
            self._stage.set_picture(self._shown.pixels, self._shown.revision, stale)
        at_work = self._loading or self._source is not None
        self._stage.set_updating(not self.is_current and self._live and at_work)

    def _before(self) -> Shown | None:
        """The last exact picture before the last change of the scene."""
        settled = self._settled_now
        if settled is not None and settled.revision != self._document.revision:
            return settled
        return self._settled_before
