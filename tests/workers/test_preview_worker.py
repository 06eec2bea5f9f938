"""The worker's order of jobs, what it delivers, and how it stops, with a scripted backend."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest
from fake_backend import MODEL, OTHER, FakeBackend, request

from app.workers.backend import BackendError
from app.workers.job_board import Job
from app.workers.messages import Progress, Purpose, RenderResult
from spade.formats.errors import InputError


def test_renders_and_delivers_on_the_gui_thread(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    worker, record = make_worker(backend)
    worker.load_model(MODEL)
    qtbot.waitUntil(lambda: bool(record.of("model_loaded")))
    worker.submit(request(7))
    qtbot.waitUntil(lambda: bool(record.of("finished")))
    (result,) = record.of("finished")
    assert result.request.revision == 7
    assert result.picture[0, 0, 0] == 7
    assert record.of("model_loaded")[0].source == MODEL
    assert backend.threads == {"preview-worker"}
    assert record.foreign_threads == 0
    assert backend.log[0] == "start cpu"


def test_newest_preview_wins_and_a_live_one_under_way_is_finished(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1, live=True))
    backend.wait_started(1)
    for revision in range(2, 40):
        worker.submit(request(revision, live=revision % 3 > 0))
    backend.let(2)
    qtbot.waitUntil(lambda: len(record.of("finished")) == 2)
    assert record.rendered == ["1", "39"]


def test_pending_previews_queue_behind_exactly_one_job(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1, live=True))
    backend.wait_started(1)
    assert [line for line in backend.log if line.startswith("preview")] == ["preview 1"]
    worker.submit(request(2, live=True))
    backend.let(1)
    backend.wait_started(2)
    worker.submit(request(3))
    backend.let(2)
    qtbot.waitUntil(lambda: record.rendered == ["1", "2", "3"])


def test_painting_cuts_a_settled_preview_short(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.submit(request(2, live=True))
    backend.wait_started(2)
    assert backend.log[1:] == ["preview 1", "preview 1 cancelled", "preview 2"]
    backend.let(1)
    qtbot.waitUntil(lambda: record.rendered == ["2"])
    assert record.of("failed") == []


def test_however_settled_previews_come_every_second_one_is_finished(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.submit(request(2))
    backend.wait_started(2)
    for revision in range(3, 20):
        worker.submit(request(revision))
    backend.let(1)
    qtbot.waitUntil(lambda: record.rendered == ["2"])
    backend.wait_started(3)
    assert backend.log[-1] == "preview 19"
    worker.submit(request(20))
    backend.wait_started(4)
    assert backend.log[-2:] == ["preview 19 cancelled", "preview 20"]
    backend.let(1)
    qtbot.waitUntil(lambda: record.rendered == ["2", "20"])


def test_a_picture_that_is_done_before_it_hears_is_delivered(make_worker, qtbot):
    backend = FakeBackend()
    backend.deaf_jobs = 1
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.submit(request(2, live=True))
    backend.let(2)
    qtbot.waitUntil(lambda: record.rendered == ["1", "2"])


def test_painting_does_not_wait_for_an_export_that_waits(make_worker, qtbot):
    """The preview that was cut short has not had its turn."""
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.submit(request(1, Purpose.EXPORT, "a"))
    worker.submit(request(2, live=True))
    backend.let(2)
    qtbot.waitUntil(lambda: record.rendered == ["2", "a"])
    assert backend.log[-2:] == ["preview 2", "export a"]


def test_a_preview_is_never_delivered_after_a_later_one(make_worker, qtbot):
    """Even if outcomes reach the GUI thread in another order."""
    worker, record = make_worker(FakeBackend())
    jobs = [Job(serial, MODEL, request(serial)) for serial in (1, 2, 3)]
    pixels = np.zeros((4, 4, 3), np.uint8)
    for job in (jobs[1], jobs[0], jobs[2]):
        worker._post(job, RenderResult(job.request, pixels, 0.1, "cpu"))
    qtbot.waitUntil(lambda: "3" in record.rendered)
    assert record.rendered == ["2", "3"]


def test_exports_are_never_dropped_and_alternate_with_previews(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1, live=True))
    backend.wait_started(1)
    for key in ("a", "b", "c"):
        worker.submit(request(1, Purpose.EXPORT, key))
    assert worker.exports_pending == 3
    for revision in range(2, 6):
        worker.submit(request(revision, live=True))
        backend.let(1)
        backend.wait_started(revision)
    backend.let(10)
    qtbot.waitUntil(lambda: not worker.busy)
    exports = [name for name in record.rendered if name.isalpha()]
    assert exports == ["a", "b", "c"]
    # The first export waited for one preview only, although others kept coming.
    assert backend.log.index("export a") <= 3
    assert worker.exports_pending == 0


def test_exports_can_be_cancelled_waiting_and_under_way(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    for key in ("a", "b", "c"):
        worker.submit(request(1, Purpose.EXPORT, key))
    backend.wait_started(1)
    assert worker.cancel_export("a")
    assert worker.cancel_export("b")
    assert not worker.cancel_export("nothing of this name")
    backend.wait_started(2)
    backend.let(5)
    qtbot.waitUntil(lambda: not worker.busy)
    assert record.rendered == ["c"]
    assert "export a cancelled" in backend.log
    assert "export b" not in backend.log
    assert record.of("failed") == []


def test_tiles_wait_for_everything_and_give_way(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    for key in ("t1", "t2"):
        worker.submit(request(1, Purpose.TILE, key))
    backend.wait_started(1)
    worker.submit(request(2))  # interrupts t1, which waits again, first
    backend.wait_started(2)
    assert backend.log[-3:] == ["tile t1", "tile t1 cancelled", "preview 2"]
    worker.submit(request(3, live=True))
    worker.submit(request(1, Purpose.EXPORT, "x"))
    backend.let(10)
    qtbot.waitUntil(lambda: len(record.rendered) == 4)
    assert record.rendered == ["3", "x", "t1", "t2"]


def test_tiles_do_not_count_as_busy_nor_report_progress(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    backend.reports = [Progress("half way", 0.5)]
    worker, record = make_worker(backend)
    worker.submit(request(1, Purpose.TILE, "t"))
    qtbot.waitUntil(lambda: record.rendered == ["t"])
    assert record.of("busy_changed") == []
    assert record.of("progress") == []
    worker.submit(request(2))
    qtbot.waitUntil(lambda: record.rendered == ["t", "2"] and not worker.busy)
    assert record.of("busy_changed") == [True, False]
    assert record.of("progress") == [Progress("half way", 0.5)]
    worker.submit(request(2, Purpose.EXPORT, "x"))
    qtbot.waitUntil(lambda: record.rendered[-1] == "x" and not worker.busy)
    assert record.of("progress")[1:] == [Progress("half way", 0.5, "x")]


def test_cancelled_tiles_do_not_arrive(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    for key in ("t1", "t2"):
        worker.submit(request(1, Purpose.TILE, key))
    backend.wait_started(1)
    worker.cancel_tiles()
    worker.submit(request(2, Purpose.TILE, "t3"))
    backend.wait_started(2)
    backend.let(10)
    qtbot.waitUntil(lambda: record.rendered == ["t3"])
    assert "tile t2" not in backend.log


def test_a_tile_submitted_again_replaces_the_older(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    for revision in (1, 2):
        worker.submit(request(revision, Purpose.TILE, "same"))
    backend.let(10)
    qtbot.waitUntil(lambda: bool(record.of("finished")))
    worker.submit(request(9))
    qtbot.waitUntil(lambda: "9" in record.rendered)
    assert [r.request.revision for r in record.of("finished")] == [2, 9]


def test_models_come_first_and_drop_what_is_meant_for_others(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    worker.submit(request(2))
    worker.submit(request(2, Purpose.EXPORT, "kept"))
    worker.submit(request(2, Purpose.TILE, "gone"))
    worker.load_model(OTHER)
    worker.submit(request(3, model=OTHER))
    backend.let(10)
    qtbot.waitUntil(lambda: not worker.busy)
    assert backend.log[1:] == [
        "preview 1",
        "preview 1 cancelled",
        "load other",
        "preview 3",
        "export kept",
    ]
    assert record.rendered == ["3", "kept"]


def test_only_the_newest_model_is_loaded(make_worker, qtbot):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.load_model(MODEL)
    backend.wait_started(1)
    worker.load_model(OTHER)
    backend.let(5)
    qtbot.waitUntil(lambda: not worker.busy)
    assert [info.source for info in record.of("model_loaded")] == [OTHER]


def test_failures_are_one_line_and_the_next_job_works(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    backend.outcomes.extend(
        [InputError("class 9 is\nnot known"), ValueError("a bug"), InputError("no such model")]
    )
    worker, record = make_worker(backend)
    worker.submit(request(1))
    qtbot.waitUntil(lambda: len(record.of("failed")) == 1)
    worker.submit(request(2))
    qtbot.waitUntil(lambda: len(record.of("failed")) == 2)
    worker.load_model(OTHER)
    qtbot.waitUntil(lambda: len(record.of("failed")) == 3)
    worker.submit(request(3))
    qtbot.waitUntil(lambda: record.rendered == ["3"])
    bad, bug, model = record.of("failed")
    assert bad.message == "class 9 is not known"
    assert bad.request.revision == 1
    assert "a bug" in bug.message
    assert model.model == OTHER
    assert model.request is None


def test_a_death_under_a_job_is_noticed_and_the_job_tried_again(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    backend.outcomes.append(BackendError("The renderer was killed (SIGKILL)"))
    worker, record = make_worker(backend)
    worker.submit(request(1))
    qtbot.waitUntil(lambda: record.rendered == ["1"])
    assert backend.starts == 2
    assert "killed" in record.of("notice")[0].text
    assert record.of("failed") == []


def test_a_job_that_kills_twice_fails_and_the_next_starts_afresh(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    backend.outcomes.extend([BackendError("killed"), BackendError("killed")])
    worker, record = make_worker(backend)
    worker.submit(request(1))
    qtbot.waitUntil(lambda: len(record.of("failed")) == 1)
    assert record.of("failed")[0].request.revision == 1
    assert backend.starts == 2
    worker.submit(request(2))
    qtbot.waitUntil(lambda: record.rendered == ["2"])
    assert backend.starts == 3


def test_a_death_while_idle_brings_the_model_back_once(make_worker, qtbot):
    backend = FakeBackend(open_gate=True)
    worker, record = make_worker(backend)
    worker.load_model(MODEL)
    qtbot.waitUntil(lambda: bool(record.of("model_loaded")))
    backend.die_idle()
    qtbot.waitUntil(lambda: backend.log.count("load fake") == 2)
    assert len(record.of("model_loaded")) == 1
    qtbot.waitUntil(lambda: bool(record.of("notice")))
    backend.die_idle()  # again, without having done anything: stays down
    qtbot.waitUntil(lambda: bool(record.of("failed")))
    assert backend.starts == 2
    worker.submit(request(1))
    qtbot.waitUntil(lambda: record.rendered == ["1"])
    assert backend.starts == 3


@pytest.mark.parametrize("obedient", [True, False], ids=["cooperative", "deaf"])
def test_stop_while_busy(make_worker, obedient):
    backend = FakeBackend(obedient=obedient)
    worker, record = make_worker(backend)
    worker.submit(request(1))
    worker.submit(request(1, Purpose.EXPORT, "x"))
    worker.submit(request(1, Purpose.TILE, "t"))
    backend.wait_started(1)
    before = len(record.events)
    begin = time.monotonic()
    worker.stop()
    assert time.monotonic() - begin < 2.0
    assert backend.closed
    assert "preview-worker" not in {thread.name for thread in threading.enumerate()}
    assert len(record.events) == before


def test_nothing_is_emitted_after_stop(make_worker, qtbot, qapp):
    backend = FakeBackend()
    worker, record = make_worker(backend)
    worker.submit(request(1))
    backend.wait_started(1)
    backend.let(1)
    worker.stop()
    before = list(record.events)
    worker.submit(request(2))
    worker.load_model(OTHER)
    worker.stop()
    qapp.processEvents()
    assert record.events == before


def test_stop_without_start_and_start_after_stop(make_worker, qtbot):
    from app.workers.preview_worker import PreviewWorker

    worker = PreviewWorker(FakeBackend)
    worker.stop()
    worker.start()
    assert worker._thread is None


@pytest.mark.parametrize("seed", range(6))
def test_random_traffic_keeps_the_promises(make_worker, qtbot, seed):
    """Newest preview arrives, previews in order, every export once, tiles at most once each."""
    random_ = random.Random(seed)
    backend = FakeBackend()
    worker, record = make_worker(backend)
    exports, tiles, revision = [], [], 0
    for _ in range(120):
        action = random_.random()
        if action < 0.5:
            revision += 1
            worker.submit(request(revision, live=random_.random() < 0.5))
        elif action < 0.6:
            exports.append(f"x{len(exports)}")
            worker.submit(request(revision, Purpose.EXPORT, exports[-1]))
        elif action < 0.75:
            tiles.append(f"t{len(tiles)}")
            worker.submit(request(revision, Purpose.TILE, tiles[-1]))
        else:
            backend.let(random_.randint(1, 2))
    backend.let(1000)
    qtbot.waitUntil(lambda: len([n for n in record.rendered if n[0] == "t"]) == len(tiles))
    qtbot.waitUntil(lambda: not worker.busy)
    previews = [int(name) for name in record.rendered if name.isdigit()]
    assert previews == sorted(set(previews))
    assert previews[-1] == revision
    assert [name for name in record.rendered if name[0] == "x"] == exports
    assert sorted(name for name in record.rendered if name[0] == "t") == sorted(tiles)
