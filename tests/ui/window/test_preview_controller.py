"""When a picture is asked for and what is shown, on a fake clock and a fake worker."""

from __future__ import annotations

import numpy as np
import pytest
from painter import LANDSCAPE, picture_of
from PySide6.QtCore import QObject, Signal

from app.core.brush import Brush
from app.core.schedule import CAP, FAST
from app.core.style import SampledStyle, Style
from app.core.tools import BrushShape
from app.state.document import Document
from app.state.view_state import ViewState
from app.ui.canvas.preview_controller import PreviewController
from app.workers.messages import (
    Failure,
    ModelSource,
    Purpose,
    RenderRequest,
    RenderResult,
)

MODEL, OTHER = ModelSource("landscape"), ModelSource("other")
WATER = LANDSCAPE.find("water").id


class Worker(QObject):
    """Keeps requests; the test answers them."""

    finished = Signal(object)
    failed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[RenderRequest] = []

    def submit(self, request: RenderRequest) -> None:
        self.requests.append(request)

    def answer(self, request: RenderRequest, seconds: float = 0.01) -> None:
        self.finished.emit(RenderResult(request, picture_of(request), seconds, "cpu"))


class Stage:
    """Remembers what it was told to show."""

    def __init__(self) -> None:
        self.picture: np.ndarray | None = None
        self.stale = self.updating = False

    def set_picture(self, rgb, revision, stale) -> None:
        self.picture, self.stale = rgb, stale

    def set_updating(self, updating) -> None:
        self.updating = updating

    def set_message(self, text) -> None:
        pass


class Rig:
    """Document, controller and their fakes. Time passes only by ``tick``."""

    def __init__(self) -> None:
        self.now = 100.0
        self.document = Document()
        self.document.new(40, 30, LANDSCAPE.find("sky").id, LANDSCAPE, "landscape")
        self.view = ViewState()
        self.worker, self.stage = Worker(), Stage()
        self.preview = PreviewController(
            self.document, self.view, self.worker, self.stage, clock=lambda: self.now
        )

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass; fires the timer if it is due."""
        timer = self.preview._timer
        due = timer.isActive() and timer.interval() <= round(1000 * seconds)
        self.now += seconds
        if due:
            timer.stop()
            timer.timeout.emit()

    def paint(self, x: int = 5) -> None:
        self.document.flood_fill(x, 5, (self.document.class_at(5, 5) + 1) % 10)

    @property
    def last(self) -> RenderRequest:
        return self.worker.requests[-1]


@pytest.fixture
def rig(qapp) -> Rig:
    return Rig()


@pytest.fixture
def rendered(rig) -> Rig:
    rig.preview.set_source(MODEL)
    rig.tick()
    rig.worker.answer(rig.last)
    return rig


def test_nothing_is_asked_for_without_a_model(rig):
    rig.paint()
    rig.tick(10)
    rig.preview.render_now()
    assert rig.worker.requests == []
    assert not rig.stage.updating
    with pytest.raises(RuntimeError):
        rig.preview.request(Purpose.EXPORT, None, "x")


def test_a_model_renders_the_scene_at_once(rig):
    rig.preview.set_source(MODEL)
    assert rig.stage.updating
    rig.tick()
    assert rig.last.model == MODEL
    assert not rig.last.live
    rig.worker.answer(rig.last)
    assert not rig.stage.updating
    assert not rig.stage.stale
    assert rig.preview.is_current


def test_an_edit_is_stale_and_updating_until_its_picture_comes(rendered):
    rendered.paint()
    assert rendered.stage.stale
    assert rendered.stage.updating
    assert rendered.preview.current_picture is None
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert not rendered.stage.stale
    assert np.array_equal(rendered.stage.picture, LANDSCAPE.lut()[rendered.document.labels])


def test_requests_are_frozen_snapshots(rendered):
    rendered.paint()
    rendered.tick()
    labels = rendered.last.labels
    before = labels.copy()
    rendered.paint()
    assert np.array_equal(labels, before)
    assert not labels.flags.writeable


def test_one_in_flight_and_the_newest_next(rendered):
    count = len(rendered.worker.requests)
    rendered.paint()
    rendered.tick()
    for _ in range(5):
        rendered.paint()
        rendered.tick(1.0)
    assert len(rendered.worker.requests) == count + 1
    first = rendered.last
    rendered.worker.answer(first)
    assert rendered.stage.stale  # shown, but said to be updating
    rendered.tick()
    assert len(rendered.worker.requests) == count + 2
    assert rendered.last.revision == rendered.document.revision


def test_a_late_result_never_replaces_a_newer_one(rendered):
    old = rendered.worker.requests[0]
    rendered.paint()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    newest = rendered.stage.picture
    rendered.worker.answer(old)
    assert rendered.stage.picture is newest
    assert not rendered.stage.stale


def test_results_of_another_canvas_are_dropped(rendered):
    rendered.paint()
    rendered.tick()
    old = rendered.last
    rendered.document.resize_canvas(50, 50, "center")
    assert rendered.stage.picture is None
    rendered.worker.answer(old)
    assert rendered.stage.picture is None
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert rendered.stage.picture.shape == (50, 50, 3)


def test_results_of_another_model_are_dropped(rendered):
    rendered.paint()
    rendered.tick()
    old = rendered.last
    shown = rendered.stage.picture
    rendered.preview.set_source(OTHER)
    rendered.worker.answer(old)
    assert rendered.stage.picture is shown
    assert rendered.stage.stale
    rendered.tick()
    assert rendered.last.model == OTHER


def test_tiles_and_exports_are_not_shown(rendered):
    shown = rendered.stage.picture
    for purpose in (Purpose.TILE, Purpose.EXPORT):
        request = rendered.preview.request(purpose, (8, 6), "key")
        rendered.worker.answer(request)
        rendered.worker.failed.emit(Failure("no", request))
    assert rendered.stage.picture is shown


def test_slow_renders_wait_for_a_pause_but_never_past_the_cap(rendered):
    rendered.paint()
    rendered.tick()
    rendered.worker.answer(rendered.last, seconds=20 * FAST)
    count = len(rendered.worker.requests)
    rendered.paint()
    assert rendered.preview._timer.interval() > 0
    waited = 0.0
    while len(rendered.worker.requests) == count:
        rendered.paint()
        rendered.tick(0.05)
        waited += 0.05
    assert waited <= CAP + 0.1


def test_a_stroke_is_rendered_in_haste_then_properly(rendered):
    document = rendered.document
    document.begin_stroke(WATER, Brush(5, BrushShape.ROUND), x=5, y=5)
    rendered.tick()
    assert rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.stage.stale  # right revision, but made in haste
    document.commit_stroke()
    rendered.tick()
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_a_committed_stroke_that_was_sent_properly_is_not_sent_again(rendered):
    document = rendered.document
    document.begin_stroke(WATER, Brush(5, BrushShape.ROUND), x=5, y=5)
    document.commit_stroke()
    rendered.tick()
    count = len(rendered.worker.requests)
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    rendered.tick(5)
    assert len(rendered.worker.requests) == count


def test_live_off_asks_for_nothing_until_told(rendered):
    count = len(rendered.worker.requests)
    rendered.preview.live = False
    rendered.paint()
    rendered.tick(10)
    assert len(rendered.worker.requests) == count
    assert rendered.stage.stale
    assert not rendered.stage.updating
    rendered.preview.render_now()
    assert len(rendered.worker.requests) == count + 1
    assert rendered.stage.updating
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current
    rendered.paint()
    rendered.preview.live = True
    rendered.tick()
    assert len(rendered.worker.requests) == count + 2


def test_a_failure_is_told_and_the_next_edit_renders_again(rendered, qtbot):
    rendered.paint()
    rendered.tick()
    with qtbot.waitSignal(rendered.preview.failed) as told:
        rendered.worker.failed.emit(Failure("too large: choose a smaller canvas", rendered.last))
    assert told.args == ["too large: choose a smaller canvas"]
    assert not rendered.stage.updating
    assert rendered.stage.stale
    rendered.paint()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_an_outdated_failure_is_not_told(rendered, qtbot):
    rendered.paint()
    rendered.tick()
    old = rendered.last
    rendered.paint()
    with qtbot.assertNotEmitted(rendered.preview.failed):
        rendered.worker.failed.emit(Failure("too late", old))


def test_before_is_the_picture_before_the_last_change(rendered):
    first = rendered.stage.picture
    rendered.paint()
    rendered.view.show_before = True
    assert rendered.stage.picture is first
    assert not rendered.stage.updating
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert rendered.stage.picture is first  # still held
    rendered.view.show_before = False
    second = rendered.stage.picture
    assert second is not first
    rendered.document.set_style(Style(SampledStyle(3)))
    rendered.tick()
    rendered.worker.answer(rendered.last)
    rendered.view.show_before = True
    assert rendered.stage.picture is second


def test_rendering_again_does_not_lose_the_picture_before(rendered):
    first = rendered.stage.picture
    rendered.paint()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    rendered.preview.render_now()
    rendered.worker.answer(rendered.last)
    rendered.view.show_before = True
    assert rendered.stage.picture is first


def test_a_cached_picture_is_shown_until_the_model_is_there(rig):
    cached = np.full((30, 40, 3), 7, np.uint8)
    rig.preview.show_cached(cached)
    assert rig.stage.picture is cached
    assert rig.stage.stale
    assert rig.preview.current_picture is None
    rig.preview.show_cached(np.zeros((9, 9, 3), np.uint8))  # of another canvas
    assert rig.stage.picture is cached
    rig.preview.set_source(MODEL)
    rig.tick()
    rig.worker.answer(rig.last)
    assert rig.stage.picture is not cached


def test_a_model_that_failed_to_load_leaves_the_one_before_at_work(rendered):
    rendered.paint()
    rendered.tick()  # in flight; the worker drops it when another model is to be loaded
    rendered.preview.set_source(MODEL)
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_a_style_is_shown_at_once_with_live_off(rendered):
    count = len(rendered.worker.requests)
    rendered.preview.live = False
    rendered.document.set_style(Style(SampledStyle(7)))
    assert len(rendered.worker.requests) == count + 1
    assert rendered.last.style == Style(SampledStyle(7))
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current
