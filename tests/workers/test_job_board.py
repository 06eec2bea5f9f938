"""The rules of priority, one by one and at random, without a thread."""

from __future__ import annotations

import pytest
from fake_backend import OTHER, request
from hypothesis import given, settings
from hypothesis import strategies as st

from app.workers.job_board import CUTS_IN_A_ROW, Job, JobBoard
from app.workers.messages import Purpose


def take(board: JobBoard) -> Job:
    job = board.take()
    assert isinstance(job, Job)
    return job


def end(board: JobBoard, job: Job) -> bool:
    """Let the job notice, as between two steps; True if it was not cut short."""
    finished = not job.cancel.is_set()
    board.done(job, finished=finished)
    return finished


@pytest.fixture
def board() -> JobBoard:
    return JobBoard()


@pytest.mark.parametrize(
    ("under_way", "newer", "cut"),
    [(False, False, True), (False, True, True), (True, False, False), (True, True, False)],
    ids=["settled by settled", "settled by live", "live by settled", "live by live"],
)
def test_what_is_cut_short_by_what(board, under_way, newer, cut):
    board.post(request(1, live=under_way))
    job = take(board)
    board.post(request(2, live=newer))
    assert job.cancel.is_set() == cut
    assert not job.dropped  # its picture would still be welcome


@pytest.mark.parametrize("purpose", [Purpose.EXPORT, Purpose.TILE])
def test_only_previews_cut_previews_short(board, purpose):
    board.post(request(1))
    job = take(board)
    board.post(request(2, purpose, "key"))
    assert not job.cancel.is_set()


def test_previews_leave_exports_alone(board):
    board.post(request(1, Purpose.EXPORT, "x"))
    export = take(board)
    board.post(request(2))
    board.post(request(3, live=True))
    assert not export.cancel.is_set()


def test_a_picture_resets_the_count(board):
    for round_ in range(3):
        for _ in range(CUTS_IN_A_ROW):
            board.post(request(1))
            job = take(board)
            board.post(request(2))
            assert not end(board, job), round_
        job = take(board)
        board.post(request(3))
        assert end(board, job), round_
        assert end(board, take(board))


def test_painting_goes_before_the_one_after_too(board):
    for _ in range(CUTS_IN_A_ROW):
        board.post(request(1))
        job = take(board)
        board.post(request(2))
        end(board, job)
    job = take(board)
    board.post(request(3, live=True))
    assert not end(board, job)
    live = take(board)
    board.post(request(4))
    assert end(board, live)


def test_another_model_drops_a_preview_for_good(board):
    board.post(request(1))
    job = take(board)
    board.post_load(OTHER)
    assert job.dropped
    board.post(request(2, model=OTHER))
    end(board, job)
    assert take(board).request is None


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["live", "settled", "export", "step"]), max_size=120))
def test_something_is_shown_now_and_then_and_the_newest_in_the_end(actions):
    """Whatever comes, at most CUTS_IN_A_ROW + 1 previews in a row end without a picture, an
    export waits for one picture at most, and no picture is older than the one before."""
    board, current = JobBoard(), None
    revision, exports, cuts, overtaken = 0, 0, 0, 0
    shown: list[int] = []

    def step() -> None:
        nonlocal current, cuts, overtaken
        if current is not None:
            finished = end(board, current)
            if current.purpose is Purpose.EXPORT:
                assert finished
            elif finished:
                shown.append(current.request.revision)
                cuts = 0
                overtaken += board.exports > 0
            else:
                cuts += 1
            assert cuts <= CUTS_IN_A_ROW + 1
            assert overtaken <= 1
            current = None
        if board.busy:
            current = take(board)
            if current.purpose is Purpose.EXPORT:
                overtaken = 0

    for action in actions:
        if action == "step":
            step()
        elif action == "export":
            board.post(request(revision, Purpose.EXPORT, f"x{exports}"))
            exports += 1
        else:
            revision += 1
            board.post(request(revision, live=action == "live"))
    while current is not None or board.busy:
        step()
    assert shown == sorted(shown)
    assert shown[-1:] == ([revision] if revision else [])
