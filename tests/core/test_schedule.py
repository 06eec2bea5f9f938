"""The live schedule on a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.schedule import CAP, FAST, LONGEST_PAUSE, LiveSchedule


def after_renders(seconds: float, count: int = 8) -> LiveSchedule:
    schedule = LiveSchedule(clock=lambda: 0.0)
    for _ in range(count):
        schedule.note_edit()
        schedule.note_sent()
        schedule.note_done(seconds=seconds)
    return schedule


def test_nothing_to_do() -> None:
    schedule = LiveSchedule(clock=lambda: 5.0)
    assert schedule.delay() is None
    schedule.note_edit()
    assert schedule.pending
    assert schedule.delay() == 0.0  # its speed is unknown: try
    schedule.note_sent()
    assert (schedule.pending, schedule.delay()) == (False, None)
    schedule.note_done(seconds=0.1)
    assert schedule.delay() is None


def test_fast_rendering_begins_at_once() -> None:
    schedule = after_renders(FAST)
    schedule.note_edit(10.0)
    assert schedule.delay(10.0) == 0.0


def test_one_in_flight_and_the_newest_edit_follows() -> None:
    schedule = after_renders(0.05)
    schedule.note_edit(1.0)
    schedule.note_sent(1.0)
    schedule.note_edit(1.01)
    assert schedule.delay(1.02) is None
    schedule.note_done(1.05, 0.05)
    assert schedule.delay(1.05) == 0.0


def test_slow_rendering_waits_for_a_pause() -> None:
    schedule = after_renders(0.8)
    schedule.note_edit(10.0)
    assert schedule.delay(10.0) == pytest.approx(0.2)
    schedule.note_edit(10.15)
    assert schedule.delay(10.15) == pytest.approx(0.2)
    assert schedule.delay(10.30) == pytest.approx(0.05)
    assert schedule.delay(10.40) == 0.0


def test_the_pause_is_short_however_slow_the_rendering() -> None:
    schedule = after_renders(60.0)
    schedule.note_edit(10.0)
    assert schedule.delay(10.0) == pytest.approx(LONGEST_PAUSE)


def test_a_hand_that_never_rests_gets_a_picture_by_the_cap() -> None:
    schedule = after_renders(2.0)
    now, sent = 100.0, []
    while now < 110.0:
        schedule.note_edit(now)
        if schedule.delay(now) == 0.0:
            sent.append(now)
            schedule.note_sent(now)
            schedule.note_done(now, 2.0)
        now += 0.01
    gaps = [b - a for a, b in zip([100.0, *sent], sent, strict=False)]
    assert max(gaps) <= CAP + 0.02
    assert min(gaps) > LONGEST_PAUSE


def test_the_estimate_follows_the_last_renders() -> None:
    schedule = after_renders(0.8, count=1)
    assert schedule.estimate == 0.8
    for _ in range(6):
        schedule.note_done(seconds=0.05)
    assert schedule.estimate is not None
    assert schedule.estimate < FAST


def test_a_failure_frees_the_slot_and_says_nothing_of_speed() -> None:
    schedule = after_renders(0.8)
    schedule.note_edit(1.0)
    schedule.note_sent(1.0)
    schedule.note_done(1.5)
    assert schedule.estimate == pytest.approx(0.8)
    schedule.note_edit(2.0)
    assert schedule.delay(2.0) is not None


def test_another_model_starts_afresh() -> None:
    schedule = after_renders(5.0)
    schedule.note_edit(1.0)
    schedule.note_sent(1.0)
    schedule.note_edit(1.1)
    schedule.forget()
    assert schedule.estimate is None
    assert schedule.delay(1.2) == 0.0


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0.001, 0.5), min_size=1, max_size=60),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=20),
)
def test_no_edit_waits_past_the_cap_for_an_idle_renderer(
    pauses: list[float], renders: list[float]
) -> None:
    """A window that polls: every edit reaches a request within cap (+ render under way)."""
    schedule = LiveSchedule(clock=lambda: 0.0)
    now, done_at, oldest, turn = 0.0, None, None, 0
    for pause in [*pauses, *[0.01] * 500]:
        if pause != 0.01:
            schedule.note_edit(now)
            oldest = now if oldest is None else oldest
        until = now + pause
        while now < until:
            if done_at is not None and now >= done_at:
                schedule.note_done(now, renders[turn % len(renders)])
                done_at, turn = None, turn + 1
                oldest = None if oldest is None else max(oldest, now)
            delay = schedule.delay(now)
            if delay is not None:
                assert 0.0 <= delay <= CAP
                if delay == 0.0:
                    assert oldest is not None
                    assert now - oldest <= CAP + 0.011
                    schedule.note_sent(now)
                    oldest, done_at = None, now + renders[turn % len(renders)]
            now += 0.01
    if schedule.pending:
        assert done_at is not None  # a render is under way
