"""Photos among the worker's jobs: order, newest wins, cancelling, failures, deaths."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fake_backend import MODEL, OTHER, SEGMENTS, FakeBackend, photo_request, request

from app.workers import wire
from app.workers.backend import BackendError
from app.workers.messages import Progress, Purpose
from spade.formats.errors import InputError


def names(record) -> list[str]:
    return [result.request.key for result in record.of("segmented")]


def test_a_photo_comes_back_as_a_label_map_on_the_gui_thread(make_worker, qtbot):
    worker, record = make_worker(FakeBackend(open_gate=True))
    sent = photo_request("lake", 200)
    worker.segment(sent)
    assert worker.busy
    qtbot.waitUntil(lambda: not worker.busy)
    (result,) = record.of("segmented")
    assert result.request is sent
    assert result.labels.tolist() == [[3, 3, 0, 0, 0, 0]] * 4
    assert result.classes == SEGMENTS
    assert record.of("progress") == [Progress("Segmenting the photo", key="lake")]
    assert record.foreign_threads == 0
    assert record.of("finished") == record.of("failed") == []


def test_the_newest_photo_wins_over_waiting_ones_and_the_one_under_way(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.segment(photo_request("1"))
    backend.wait_started(1)
    for key in "2345":
        worker.segment(photo_request(key))
    backend.wait_started(2)
    backend.let(1)
    qtbot.waitUntil(lambda: bool(record.of("segmented")))
    assert names(record) == ["5"]
    assert backend.log[1:] == ["segment 1", "segment 1 cancelled", "segment 5"]


def test_a_result_that_came_before_the_newer_photo_is_not_delivered(make_worker, qtbot):
    backend = FakeBackend(obedient=False)
    worker, record = make_worker(backend)
    worker.segment(photo_request("1"))
    backend.wait_started(1)
    worker.segment(photo_request("2"))  # the first can't be stopped any more
    backend.let(2)
    qtbot.waitUntil(lambda: not worker.busy)
    assert names(record) == ["2"]


@pytest.mark.parametrize("obedient", [True, False])
def test_cancelled_nothing_comes(make_worker, qtbot, obedient):
    backend = FakeBackend(obedient=obedient)
    worker, record = make_worker(backend)
    worker.segment(photo_request())
    backend.wait_started(1)
    worker.cancel_segment()
    worker.submit(request(1))
    backend.let(2)
    qtbot.waitUntil(lambda: bool(record.of("finished")))
    assert record.of("segmented") == record.of("failed") == []


def test_cancelled_before_its_turn(make_worker, qtbot):
    backend = FakeBackend()
    worker, _ = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.segment(photo_request())
    worker.cancel_segment()
    worker.cancel_segment()  # there is nothing left to cancel
    backend.let(1)
    qtbot.waitUntil(lambda: not worker.busy)
    assert not [line for line in backend.log if "segment" in line]


def test_a_photo_comes_after_a_model_and_before_pictures(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1, live=True))
    backend.wait_started(1)
    worker.submit(request(2, Purpose.TILE, "tile"))
    worker.submit(request(3, Purpose.EXPORT, "export"))
    worker.submit(request(4))
    worker.segment(photo_request("photo"))
    worker.load_model(MODEL)
    backend.let(6)
    qtbot.waitUntil(lambda: len(record.of("finished")) == 4)
    assert backend.log[2:] == [
        "load fake",
        "segment photo",
        "preview 4",
        "export export",
        "tile tile",
    ]


def test_a_photo_interrupts_a_tile_which_is_done_later(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1, Purpose.TILE, "tile"))
    backend.wait_started(1)
    worker.segment(photo_request("photo"))
    backend.let(2)
    qtbot.waitUntil(lambda: bool(record.of("finished")))
    assert names(record) == ["photo"]
    assert record.rendered == ["tile"]


def test_another_model_leaves_a_photo_alone(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.segment(photo_request("photo"))
    backend.wait_started(1)
    worker.load_model(OTHER)
    backend.let(2)
    qtbot.waitUntil(lambda: bool(record.of("model_loaded")))
    assert names(record) == ["photo"]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (InputError("this model has no segmenter; choose one that has"), "no segmenter"),
        (ValueError("shape"), "segmenting failed: ValueError: shape"),
    ],
)
def test_a_failure_says_which_photo_and_why(make_worker, qtbot, fault, told, caplog):
    backend = FakeBackend(open_gate=True)
    worker, record = make_worker(backend)
    backend.outcomes.append(fault)
    sent = photo_request("photo")
    worker.segment(sent)
    qtbot.waitUntil(lambda: bool(record.of("failed")))
    (failure,) = record.of("failed")
    assert told in failure.message
    assert failure.request is sent
    assert failure.model is None
    worker.segment(photo_request("next"))
    qtbot.waitUntil(lambda: bool(record.of("segmented")))


def test_a_death_is_forgiven_once(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    worker, record = make_worker(backend)
    backend.outcomes.append(BackendError("killed"))
    worker.segment(photo_request("1"))
    qtbot.waitUntil(lambda: bool(record.of("segmented")))
    assert backend.starts == 2
    backend.outcomes.extend([BackendError("killed"), BackendError("killed again")])
    worker.segment(photo_request("2"))
    qtbot.waitUntil(lambda: bool(record.of("failed")))
    assert "killed again" in record.of("failed")[0].message


def test_stopping_drops_a_photo(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.segment(photo_request())
    backend.wait_started(1)
    worker.stop()
    worker.segment(photo_request("late"))
    assert record.of("segmented") == record.of("failed") == []
    assert backend.closed


def test_photo_and_answer_pass_the_pipe_whole():
    pipe = io.BytesIO()
    sent = photo_request("7", 130)
    labels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    wire.send(pipe, wire.Segment(3, sent))
    wire.send(pipe, wire.Segmented(3, labels, SEGMENTS, 0.5))
    pipe.seek(0)
    message, answer = wire.receive(pipe), wire.receive(pipe)
    assert isinstance(message, wire.Order)
    assert message.request == sent
    assert message.request.purpose is Purpose.SEGMENT
    assert np.array_equal(message.request.photo, sent.photo)
    assert isinstance(answer, wire.Answer)
    assert np.array_equal(answer.labels, labels)
    assert not answer.labels.flags.writeable
