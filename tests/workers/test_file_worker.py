"""File worker: in order, off the GUI thread, callbacks on it, nothing lost at the end."""

from __future__ import annotations

import threading

import pytest

from app.workers.file_worker import FileWorker
from spade.formats.errors import InputError


class SpecialError(InputError):
    """An error that carries more than its text."""

    pixels = 7


@pytest.fixture
def worker(qapp):
    worker = FileWorker()
    yield worker
    worker.stop()


def test_results_come_in_order_on_the_gui_thread(qtbot, worker: FileWorker) -> None:
    here = threading.get_ident()
    ran: list[tuple] = []
    done: list[tuple] = []
    for number in range(20):

        def job(number: int = number) -> int:
            ran.append((number, threading.get_ident()))
            return number

        worker.submit(job, lambda result: done.append((result, threading.get_ident())))
    qtbot.waitUntil(lambda: len(done) == 20)
    assert done == [(number, here) for number in range(20)]
    assert [number for number, _ in ran] == list(range(20))
    assert len({thread for _, thread in ran}) == 1
    assert here not in {thread for _, thread in ran}


def test_a_slow_job_does_not_hold_the_gui_thread(qtbot, worker: FileWorker) -> None:
    go = threading.Event()
    done: list[bool] = []
    worker.submit(lambda: go.wait(30), done.append)
    assert worker.busy
    assert done == []
    go.set()
    qtbot.waitUntil(lambda: done == [True])
    assert not worker.busy


def test_busy_spans_all_jobs(qtbot, worker: FileWorker) -> None:
    states: list[bool] = []
    worker.busy_changed.connect(states.append)
    done: list[int] = []
    for number in range(3):
        worker.submit(lambda number=number: number, done.append)
    qtbot.waitUntil(lambda: len(done) == 3)
    assert states == [True, False]


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (InputError("a.png: not an image; choose another"), ["a.png: not an image"]),
        (FileNotFoundError(2, "No such file or directory", "b.png"), ["b.png", "No such file"]),
        (OSError("two\nlines"), ["two lines"]),
        (MemoryError(), ["memory"]),
        (KeyError("x"), ["unexpected", "KeyError"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_arrives_as_one_line(qtbot, worker: FileWorker, caplog, error, parts) -> None:
    def fails() -> None:
        raise error

    errors: list[InputError] = []
    worker.submit(fails, lambda _: errors.append(InputError("done?")), errors.append)
    qtbot.waitUntil(lambda: len(errors) == 1)
    text = str(errors[0])
    assert isinstance(errors[0], InputError)
    assert "\n" not in text
    assert all(part in text for part in parts)
    assert bool(caplog.records) == isinstance(error, KeyError)


def test_what_an_error_carries_is_kept(qtbot, worker: FileWorker) -> None:
    def fails() -> None:
        raise SpecialError("7 pixels would change")

    errors: list[SpecialError] = []
    worker.submit(fails, None, errors.append)
    qtbot.waitUntil(lambda: len(errors) == 1)
    assert errors[0].pixels == 7


def test_the_next_job_runs_after_a_failed_one(qtbot, worker: FileWorker) -> None:
    done: list[int] = []
    worker.submit(lambda: 1 // 0)
    worker.submit(lambda: 5, done.append)
    qtbot.waitUntil(lambda: done == [5])


def test_stopping_finishes_every_job_and_delivers_it(qapp) -> None:
    worker = FileWorker()
    go = threading.Event()
    done: list[int] = []
    worker.submit(lambda: go.wait(30))
    for number in range(3):
        worker.submit(lambda number=number: number, done.append)
    go.set()
    worker.stop()
    assert done == [0, 1, 2]
    assert not worker.busy
    qapp.processEvents()
    assert done == [0, 1, 2]


def test_stopping_twice_or_unused_is_harmless_and_nothing_runs_later(qapp) -> None:
    worker = FileWorker()
    worker.stop()
    worker.stop()
    ran: list[bool] = []
    worker.submit(lambda: ran.append(True))
    worker.stop()
    assert ran == []
    assert not worker.busy


def test_an_answer_that_comes_while_stopping_may_ask_for_more_in_vain(qapp) -> None:
    worker = FileWorker()
    done: list[str] = []

    def first(result: str) -> None:
        done.append(result)
        worker.submit(lambda: done.append("more"))

    worker.submit(lambda: "first", first)
    worker.submit(lambda: "second", done.append)
    worker.stop()
    assert done == ["first", "second"]
    assert not worker.busy


def test_a_callback_may_submit_the_next_job(qtbot, worker: FileWorker) -> None:
    done: list[str] = []
    worker.submit(lambda: "first", lambda _: worker.submit(lambda: "second", done.append))
    qtbot.waitUntil(lambda: done == ["second"])
    assert not worker.busy
