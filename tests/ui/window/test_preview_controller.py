"""When a picture is asked for and what is shown, on a fake clock and a fake worker."""

from __future__ import annotations

import numpy as np
import pytest
from painter import LANDSCAPE, picture_of
from PySide6.QtCore import QObject, Signal

from app.core.brush import Brush
from app.core.schedule import LONGEST_PAUSE, REST
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
    WorkDone,
    WorkKind,
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

    def answer(
        self, request: RenderRequest, seconds: float | None = None, kind: WorkKind | None = None
    ) -> None:
        """Live ones take 0.01 s and settled ones 1 s, if nothing is said."""
        seconds = (0.01 if request.live else 1.0) if seconds is None else seconds
        work = WorkDone(kind or ("live" if request.live else "edit"))
        self.finished.emit(RenderResult(request, picture_of(request), seconds, "cpu", work))


class Stage:
    """Remembers what it was told to show."""

    def __init__(self) -> None:
        self.picture: np.ndarray | None = None
        self.stale = self.updating = False
        self.said: list[bool] = []  # "updating", each time that it changed

    def set_picture(self, rgb, revision, stale) -> None:
        self.picture, self.stale = rgb, stale

    def set_updating(self, updating) -> None:
        if updating != self.updating:
            self.said.append(updating)
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

    def fill(self, x: int = 5) -> None:
        self.document.flood_fill(x, 5, (self.document.class_at(5, 5) + 1) % 10)

    def press(self, x: int = 5) -> None:
        self.document.begin_stroke(WATER, Brush(5, BrushShape.ROUND), x=x, y=5)

    def drag(self, x: int) -> None:
        self.document.extend_stroke(x, 5)

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
    rig.fill()
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
    rendered.fill()
    assert rendered.stage.stale
    assert rendered.stage.updating
    assert rendered.preview.current_picture is None
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert not rendered.stage.stale
    assert np.array_equal(rendered.stage.picture, LANDSCAPE.lut()[rendered.document.labels])


def test_requests_are_frozen_snapshots(rendered):
    rendered.fill()
    rendered.tick()
    labels = rendered.last.labels
    before = labels.copy()
    rendered.fill()
    assert np.array_equal(labels, before)
    assert not labels.flags.writeable


def test_one_live_request_in_flight_and_the_newest_next(rendered):
    count = len(rendered.worker.requests)
    rendered.press()
    for x in range(10, 15):
        rendered.drag(x)
        rendered.tick(0.2)
    assert len(rendered.worker.requests) == count + 1
    first = rendered.last
    rendered.worker.answer(first)
    assert rendered.stage.stale  # shown, but said to be updating
    rendered.tick()
    assert len(rendered.worker.requests) == count + 2
    assert rendered.last.revision == rendered.document.revision


def test_a_late_result_never_replaces_a_newer_one(rendered):
    old = rendered.worker.requests[0]
    rendered.fill()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    newest = rendered.stage.picture
    rendered.worker.answer(old)
    assert rendered.stage.picture is newest
    assert not rendered.stage.stale


def test_results_of_another_canvas_are_dropped(rendered):
    rendered.fill()
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
    rendered.fill()
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


def test_a_slider_that_moves_lets_renders_end_and_replaces_them_when_it_pauses(rendered):
    count = len(rendered.worker.requests)
    for seed in range(10):
        rendered.document.set_style(Style(SampledStyle(seed)), merge_key="drag")
        rendered.tick(0.02)
    assert len(rendered.worker.requests) == count + 1
    rendered.tick(LONGEST_PAUSE)
    assert len(rendered.worker.requests) == count + 2
    assert rendered.last.style == Style(SampledStyle(9))
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_a_stroke_is_rendered_in_haste_then_properly(rendered):
    rendered.press()
    rendered.tick()
    assert rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.stage.stale  # right revision, but made in haste
    rendered.document.commit_stroke()
    rendered.tick()
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_a_new_stroke_does_not_wait_for_the_settled_render(rendered):
    rendered.fill()
    rendered.tick()
    settled = rendered.last
    rendered.tick(0.2)
    rendered.press()
    rendered.tick()
    assert rendered.last is not settled
    assert rendered.last.live
    assert rendered.last.revision == rendered.document.revision


def test_a_pen_that_rests_is_settled_and_goes_on(rendered):
    rendered.press()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    count = len(rendered.worker.requests)
    rendered.tick(REST / 2)
    assert len(rendered.worker.requests) == count
    rendered.tick(REST)
    assert len(rendered.worker.requests) == count + 1
    assert not rendered.last.live
    rendered.tick(0.1)
    rendered.drag(20)
    rendered.tick()
    assert rendered.last.live
    rendered.worker.answer(rendered.last)
    rendered.tick(2 * REST)
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current
    count = len(rendered.worker.requests)
    rendered.document.commit_stroke()
    rendered.tick(5)
    assert len(rendered.worker.requests) == count  # it is there already


def test_updating_is_said_without_a_break_until_the_exact_picture(rendered):
    rendered.stage.said.clear()
    rendered.press()
    for x in range(10, 30, 4):
        rendered.tick(0.05)
        rendered.worker.answer(rendered.last)
        assert rendered.stage.stale
        rendered.drag(x)
    rendered.tick(0.05)
    rendered.worker.answer(rendered.last)
    rendered.document.commit_stroke()
    rendered.tick()
    assert rendered.stage.said == [True]
    rendered.worker.answer(rendered.last)
    assert rendered.stage.said == [True, False]


def test_a_live_picture_does_not_take_the_place_of_the_exact_one(rendered):
    rendered.press()
    rendered.tick()
    live = rendered.last
    rendered.preview.render_now()
    rendered.worker.answer(rendered.last)
    exact = rendered.stage.picture
    assert rendered.preview.is_current
    rendered.worker.answer(live)
    assert rendered.stage.picture is exact


def test_a_live_request_answered_exactly_is_settled_already(rendered):
    rendered.press()
    rendered.tick()
    rendered.worker.answer(rendered.last, kind="full")
    assert rendered.preview.is_current
    count = len(rendered.worker.requests)
    rendered.tick(5)
    rendered.document.commit_stroke()
    rendered.tick(5)
    assert len(rendered.worker.requests) == count


def test_a_picture_that_was_kept_says_nothing_of_speed(rendered):
    before = rendered.preview._schedule.estimate(live=False)
    rendered.fill()
    rendered.tick()
    rendered.worker.answer(rendered.last, seconds=0.0, kind="same")
    assert rendered.preview.is_current
    assert rendered.preview._schedule.estimate(live=False) == before


def test_another_canvas_does_not_wait_for_the_last_ones_picture(rendered):
    rendered.fill()
    rendered.tick()
    rendered.document.resize_canvas(50, 50, "center")
    rendered.tick()
    assert rendered.last.labels.shape == (50, 50)
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_the_last_bit_of_a_stroke_is_seen_soon_and_settled_once(rendered):
    count = len(rendered.worker.requests)
    rendered.press()
    rendered.document.commit_stroke()  # before the first picture was asked for
    rendered.tick()
    assert rendered.last.live
    assert rendered.last.revision == rendered.document.revision
    rendered.worker.answer(rendered.last)
    rendered.tick()
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current
    rendered.tick(5)
    assert len(rendered.worker.requests) == count + 2


def test_a_stroke_that_is_taken_back_is_settled_at_once(rendered):
    rendered.press()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    rendered.document.abort_stroke()
    rendered.tick()
    assert not rendered.last.live
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_live_off_asks_for_nothing_until_told(rendered):
    count = len(rendered.worker.requests)
    rendered.preview.live = False
    rendered.fill()
    rendered.tick(10)
    assert len(rendered.worker.requests) == count
    assert rendered.stage.stale
    assert not rendered.stage.updating
    rendered.preview.render_now()
    assert len(rendered.worker.requests) == count + 1
    assert rendered.stage.updating
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current
    rendered.fill()
    rendered.preview.live = True
    rendered.tick()
    assert len(rendered.worker.requests) == count + 2


def test_a_failure_is_told_and_the_next_edit_renders_again(rendered, qtbot):
    rendered.fill()
    rendered.tick()
    with qtbot.waitSignal(rendered.preview.failed) as told:
        rendered.worker.failed.emit(Failure("too large: choose a smaller canvas", rendered.last))
    assert told.args == ["too large: choose a smaller canvas"]
    assert not rendered.stage.updating
    assert rendered.stage.stale
    rendered.fill()
    rendered.tick()
    rendered.worker.answer(rendered.last)
    assert rendered.preview.is_current


def test_an_outdated_failure_is_not_told(rendered, qtbot):
    rendered.fill()
    rendered.tick()
    old = rendered.last
    rendered.fill()
    with qtbot.assertNotEmitted(rendered.preview.failed):
        rendered.worker.failed.emit(Failure("too late", old))


def test_before_is_the_picture_before_the_last_change(rendered):
    first = rendered.stage.picture
    rendered.fill()
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


def test_before_a_stroke_that_was_settled_on_its_way(rendered):
    first = rendered.stage.picture
    rendered.press()
    for x in (10, 20):
        rendered.tick()
        rendered.worker.answer(rendered.last)
        rendered.tick(2 * REST)
        rendered.worker.answer(rendered.last)
        assert rendered.preview.is_current
        rendered.view.show_before = True
        assert rendered.stage.picture is first
        rendered.view.show_before = False
        rendered.drag(x)
    rendered.document.commit_stroke()
    for _live_then_settled in range(2):
        rendered.tick()
        rendered.worker.answer(rendered.last)
    second = rendered.stage.picture
    rendered.view.show_before = True
    assert rendered.stage.picture is first
    rendered.view.show_before = False
    rendered.fill()
    rendered.view.show_before = True
    assert rendered.stage.picture is second


def test_rendering_again_does_not_lose_the_picture_before(rendered):
    first = rendered.stage.picture
    rendered.fill()
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
    rendered.fill()
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
