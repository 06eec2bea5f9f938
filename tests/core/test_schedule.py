"""The live schedule on a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.schedule import CAP, FAST, INSTANT, LONGEST_PAUSE, PICTURES, REST, LiveSchedule, Plan


def after_renders(*, live: float | None = None, settled: float | None = None) -> LiveSchedule:
    """A schedule that has seen renders of these seconds, live ones last, and is idle at 0.0."""
    schedule = LiveSchedule(clock=lambda: 0.0)
    if settled is not None:
        schedule.note_done(0.0, settled, exact=True)
    if live is not None:
        schedule.note_done(0.0, live, exact=False)
    return schedule


def test_nothing_to_do() -> None:
    schedule = LiveSchedule(clock=lambda: 5.0)
    assert schedule.plan(painting=False) is None
    assert schedule.plan(painting=True) is None
    schedule.note_edit()
    assert schedule.pending
    assert schedule.plan(painting=False) == Plan(0.0, live=False)  # its speed is unknown: try
    assert schedule.plan(painting=True) == Plan(0.0, live=False)  # from what should it start?
    schedule.note_sent(live=False)
    assert (schedule.pending, schedule.plan(painting=False)) == (False, None)
    schedule.note_done(seconds=0.1)
    assert schedule.plan(painting=False) is None


def test_a_live_render_is_waited_for_and_the_newest_edit_follows() -> None:
    schedule = after_renders(live=0.05, settled=1.0)
    schedule.note_edit(1.0)
    assert schedule.plan(True, 1.0) == Plan(0.0, live=True)
    schedule.note_sent(True, 1.0)
    schedule.note_edit(1.01)
    assert schedule.plan(True, 1.02) is None
    assert schedule.plan(False, 1.02) is None  # the pen has lifted: that waits too
    schedule.note_done(1.05, 0.05, exact=False)
    assert schedule.plan(True, 1.05) == Plan(0.0, live=True)
    assert schedule.plan(False, 1.05) == Plan(0.0, live=False)


# ---- two kinds, two estimates


def test_neither_kind_sets_the_pace_of_the_other() -> None:
    schedule = after_renders(live=0.05, settled=4.0)
    assert schedule.estimate(live=True) == pytest.approx(0.05)
    assert schedule.estimate(live=False) == pytest.approx(4.0)
    schedule.note_edit(10.0)
    assert schedule.plan(True, 10.0) == Plan(0.0, live=True)
    for _ in range(6):
        schedule.note_done(10.0, 0.08, exact=False)
    assert schedule.estimate(live=False) == pytest.approx(4.0)


def test_a_live_request_that_was_answered_exactly_counts_as_both() -> None:
    """A canvas of which nothing can be kept, say: the next will be no quicker."""
    schedule = LiveSchedule(clock=lambda: 0.0)
    schedule.note_done(0.0, 1.0)
    schedule.note_edit(1.0)
    assert schedule.plan(True, 1.0) == Plan(0.0, live=True)
    schedule.note_sent(True, 1.0)
    schedule.note_done(1.9, 0.9, exact=True)
    assert schedule.estimate(live=False) == pytest.approx(0.95)
    assert schedule.estimate(live=True) == pytest.approx(0.9)
    assert schedule.plan(True, 99.0) is None  # nothing is left to settle
    schedule.note_edit(99.0)
    plan = schedule.plan(True, 99.0)
    assert plan is not None
    assert not plan.live


def test_the_estimate_follows_the_last_renders() -> None:
    schedule = after_renders(settled=0.8)
    assert schedule.estimate(live=False) == 0.8
    for _ in range(6):
        schedule.note_done(seconds=0.05)
    estimate = schedule.estimate(live=False)
    assert estimate is not None
    assert estimate < FAST


def test_another_model_starts_afresh() -> None:
    schedule = after_renders(live=0.5, settled=5.0)
    schedule.note_edit(1.0)
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.1)
    schedule.forget()
    assert schedule.estimate(live=False) is None
    assert schedule.estimate(live=True) is None
    assert schedule.plan(False, 1.2) == Plan(0.0, live=False)


# ---- painting


def test_painting_does_not_wait_for_a_settled_render() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    schedule.note_edit(1.0)
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.2)
    assert schedule.plan(True, 1.2) == Plan(0.0, live=True)
    schedule.note_sent(True, 1.2)
    assert schedule.plan(True, 1.3) is None  # that one runs to its end


@pytest.mark.parametrize("what", ["model", "style"])
def test_unless_live_renders_have_to_start_from_it(what: str) -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    if what == "model":
        schedule.forget()
    schedule.note_edit(1.0, restyled=what == "style")
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.2)
    assert schedule.plan(True, 1.2) is None
    schedule.note_done(1.8, 0.8)
    assert schedule.plan(True, 1.8) == Plan(0.0, live=True)


def test_a_style_changed_meanwhile_needs_another_start() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    schedule.note_edit(1.0, restyled=True)
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.1, restyled=True)
    schedule.note_done(1.8, 0.8)
    schedule.note_edit(1.8)
    plan = schedule.plan(True, 1.8)
    assert plan is not None
    assert not plan.live


def test_unless_it_is_nearly_done() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    schedule.note_edit(1.0)
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.75)
    assert schedule.plan(True, 1.75) is None  # 0.05 s are left
    assert schedule.plan(True, 1.80) is None
    plan = schedule.plan(True, 1.95)  # it should have ended: nobody knows how long it will take
    assert plan is not None
    assert plan.live


def test_what_was_cut_short_is_known_to_take_longer() -> None:
    schedule = after_renders(live=0.04, settled=0.1)
    schedule.note_edit(1.0)
    schedule.note_sent(False, 1.0)
    schedule.note_edit(1.5)
    assert schedule.plan(True, 1.5) == Plan(0.0, live=True)
    schedule.note_sent(True, 1.5)
    assert schedule.estimate(live=False) == pytest.approx(0.5)


def test_slow_live_renders_wait_for_a_pause() -> None:
    schedule = after_renders(live=0.8, settled=10.0)
    estimate = schedule.estimate(live=True)
    assert estimate is not None
    pause = 0.25 * estimate
    schedule.note_edit(10.0)
    assert schedule.plan(True, 10.0) == Plan(pytest.approx(pause), live=True)
    schedule.note_edit(10.15)
    assert schedule.plan(True, 10.15) == Plan(pytest.approx(pause), live=True)
    assert schedule.plan(True, 10.15 + pause) == Plan(pytest.approx(0.0), live=True)


def test_a_little_over_fast_waits_but_a_little() -> None:
    schedule = LiveSchedule(clock=lambda: 0.0)
    schedule.note_done(0.0, 10.0, exact=True)
    schedule.note_done(0.0, FAST + 0.01, exact=False)
    schedule.note_edit(1.0)
    plan = schedule.plan(True, 1.0)
    assert plan is not None
    assert 0.0 < plan.delay < 0.03


def test_no_more_live_requests_than_one_can_see() -> None:
    schedule = after_renders(live=0.002, settled=1.0)
    now, sent = 10.0, []
    while now < 11.0:
        schedule.note_edit(now)
        plan = schedule.plan(True, now)
        if plan is not None and plan.delay == 0.0:
            sent.append(now)
            schedule.note_sent(True, now)
            schedule.note_done(now, 0.002, exact=False)
        now += 0.001
    assert sent[0] == 10.0
    assert PICTURES - 2 <= len(sent) <= PICTURES + 1


def test_the_pause_is_short_however_slow_the_rendering() -> None:
    schedule = after_renders(live=60.0, settled=600.0)
    schedule.note_edit(10.0)
    assert schedule.plan(True, 10.0) == Plan(pytest.approx(LONGEST_PAUSE), live=True)


@pytest.mark.parametrize("live", [True, False], ids=["slow live renders", "none that pay"])
def test_a_hand_that_never_rests_gets_a_picture_by_the_cap(live: bool) -> None:
    schedule = after_renders(live=2.0 if live else None, settled=20.0 if live else 2.0)
    if not live:
        schedule.note_done(0.0, 2.0, exact=False)
    now, sent = 100.0, []
    while now < 110.0:
        schedule.note_edit(now)
        plan = schedule.plan(True, now)
        if plan is not None and plan.delay == 0.0:
            assert plan.live == live
            sent.append(now)
            schedule.note_sent(plan.live, now)
            schedule.note_done(now, 2.0, exact=not live)
            if not live:
                schedule.note_done(now, 2.0, exact=False)
        now += 0.01
    gaps = [b - a for a, b in zip([100.0, *sent], sent, strict=False)]
    assert max(gaps) <= CAP + 0.02
    assert min(gaps) > LONGEST_PAUSE


# ---- settling


def test_a_pen_that_rests_settles() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    schedule.note_edit(1.0)
    schedule.note_sent(True, 1.0)
    assert schedule.plan(True, 1.01) is None
    schedule.note_done(1.05, 0.05, exact=False)
    assert schedule.plan(True, 1.05) == Plan(pytest.approx(REST - 0.05), live=False)
    assert schedule.plan(True, 1.0 + REST) == Plan(0.0, live=False)
    schedule.note_sent(False, 1.0 + REST)
    assert schedule.plan(True, 1.4) is None
    schedule.note_done(2.2, 0.8)
    assert schedule.plan(True, 9.0) is None


def test_a_pen_that_moves_on_does_not() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    now = 1.0
    for _ in range(40):
        schedule.note_edit(now)
        assert schedule.plan(True, now) == Plan(0.0, live=True)
        schedule.note_sent(True, now)
        schedule.note_done(now + 0.05, 0.05, exact=False)
        plan = schedule.plan(True, now + 0.06)
        assert plan is not None
        assert plan.delay > 0.2
        now += 0.1


def test_a_pen_that_lifts_settles_at_once_however_slow_that_is() -> None:
    schedule = after_renders(live=0.05, settled=8.0)
    schedule.note_edit(1.0)
    schedule.note_sent(True, 1.0)
    schedule.note_done(1.05, 0.05, exact=False)
    assert schedule.plan(False, 1.06) == Plan(0.0, live=False)


def test_the_last_bit_of_a_stroke_is_live_before_it_is_settled() -> None:
    schedule = after_renders(live=0.3, settled=8.0)
    schedule.note_edit(1.0, painted=True)
    schedule.note_sent(True, 1.0)
    schedule.note_edit(1.2, painted=True)
    assert schedule.plan(False, 1.25) is None
    schedule.note_done(1.3, 0.3, exact=False)
    assert schedule.plan(False, 1.3) == Plan(0.0, live=True)  # without a wait
    schedule.note_sent(True, 1.3)
    schedule.note_done(1.6, 0.3, exact=False)
    assert schedule.plan(False, 1.6) == Plan(0.0, live=False)


def test_unless_something_else_has_changed_as_well() -> None:
    schedule = after_renders(live=0.3, settled=8.0)
    schedule.note_edit(1.0, painted=True)
    schedule.note_edit(1.1)  # undone, say
    assert schedule.plan(False, 1.1) == Plan(0.0, live=False)


def test_a_pen_that_moves_again_cuts_the_settling_short() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    schedule.note_edit(1.0)
    schedule.note_sent(True, 1.0)
    schedule.note_done(1.05, 0.05, exact=False)
    schedule.note_sent(False, 1.3)
    schedule.note_edit(1.5)
    assert schedule.plan(True, 1.5) == Plan(0.0, live=True)


def test_a_failure_frees_the_slot_and_says_nothing_of_speed() -> None:
    schedule = after_renders(live=0.05, settled=0.8)
    before = schedule.estimate(live=True)
    schedule.note_edit(1.0)
    schedule.note_sent(True, 1.0)
    schedule.note_failed(1.5)
    assert schedule.estimate(live=True) == before
    assert schedule.plan(True, 9.0) is None  # settling would fail as well
    schedule.note_edit(9.0)
    assert schedule.plan(True, 9.0) == Plan(0.0, live=True)


# ---- when live renders don't pay


def test_where_live_renders_save_little_settled_ones_take_their_place() -> None:
    """And painting on does not cut them short."""
    schedule = after_renders(live=0.9, settled=1.0)
    schedule.note_edit(10.0)
    plan = schedule.plan(True, 10.0)
    assert plan is not None
    assert not plan.live
    schedule.note_sent(False, 10.2)
    for now in (10.3, 10.6, 11.1):
        schedule.note_edit(now)
        assert schedule.plan(True, now) is None
        assert schedule.plan(True, now + 0.2) is None


def test_live_renders_start_afresh_from_a_settled_one() -> None:
    """They get slower as a stroke gets longer; the next after a settled one is quick again."""
    schedule = after_renders(settled=1.0)
    now, kinds, painted = 10.0, [], 0
    for _ in range(100):
        schedule.note_edit(now)
        painted += 1
        plan = schedule.plan(True, now)
        assert plan is not None
        now += plan.delay
        kinds.append(plan.live)
        schedule.note_sent(plan.live, now)
        seconds = 0.05 * painted if plan.live else 1.0
        if not plan.live:
            painted = 0
        now += seconds
        schedule.note_done(now, seconds, exact=not plan.live)
    assert 5 <= kinds.count(False) <= 12
    assert kinds[0]


def test_where_live_renders_save_nothing_they_alternate() -> None:
    schedule = after_renders(live=0.9, settled=1.0)
    now, kinds = 10.0, []
    for _ in range(20):
        schedule.note_edit(now)
        plan = schedule.plan(True, now)
        assert plan is not None
        now += plan.delay
        kinds.append(plan.live)
        schedule.note_sent(plan.live, now)
        seconds = 0.9 if plan.live else 1.0
        now += seconds
        schedule.note_done(now, seconds, exact=not plan.live)
    assert kinds == [False, True] * 10


def test_where_settled_renders_are_instant_there_are_no_others() -> None:
    schedule = after_renders(settled=INSTANT / 2)
    schedule.note_edit(10.0)
    assert schedule.plan(True, 10.0) == Plan(0.0, live=False)
    schedule.note_sent(False, 10.0)
    schedule.note_edit(10.005)
    assert schedule.plan(True, 10.005) is None
    plan = schedule.plan(True, 10.005 + 2 * INSTANT)  # something is in the way
    assert plan is not None
    assert plan.live


# ---- outside of strokes


def test_a_single_change_is_rendered_at_once_however_slow() -> None:
    schedule = after_renders(settled=20.0)
    schedule.note_edit(10.0)
    assert schedule.plan(False, 10.0) == Plan(0.0, live=False)


def test_a_hand_that_pauses_gets_the_last_state_first() -> None:
    schedule = after_renders(settled=2.0)
    schedule.note_edit(10.0)
    schedule.note_sent(False, 10.0)
    schedule.note_edit(10.5)
    assert schedule.plan(False, 10.5) == Plan(pytest.approx(LONGEST_PAUSE), live=False)
    schedule.note_edit(10.7)
    assert schedule.plan(False, 10.7) == Plan(pytest.approx(LONGEST_PAUSE), live=False)
    assert schedule.plan(False, 10.7 + LONGEST_PAUSE) == Plan(pytest.approx(0.0), live=False)


def test_what_is_nearly_done_is_not_replaced() -> None:
    schedule = after_renders(settled=2.0)
    schedule.note_edit(10.0)
    schedule.note_sent(False, 10.0)
    schedule.note_edit(11.6)  # after the pause, FAST and less is left
    assert schedule.plan(False, 11.6) is None
    assert schedule.plan(False, 13.0) is None  # late; but it has run for long


def test_a_slider_that_is_dragged_shows_a_picture_every_render() -> None:
    schedule = after_renders(settled=1.0)
    now, busy_until, shown = 10.0, None, []
    while now < 20.0:
        schedule.note_edit(now)
        if busy_until is not None and now >= busy_until:
            shown.append(now)
            schedule.note_done(now, 1.0)
            busy_until = None
        plan = schedule.plan(False, now)
        if plan is not None and plan.delay == 0.0:
            assert busy_until is None, "cut short while the hand was moving"
            schedule.note_sent(False, now)
            busy_until = now + 1.0
        now += 0.016
    assert len(shown) >= 9


def test_a_result_that_came_in_spite_of_a_newer_request_keeps_that_in_flight() -> None:
    schedule = after_renders(settled=2.0)
    schedule.note_edit(10.0)
    schedule.note_sent(False, 10.0)
    schedule.note_edit(10.5)
    schedule.note_sent(False, 10.8)
    schedule.note_done(12.0, 2.0, newest=False)  # JobBoard let it run to its end
    schedule.note_edit(12.1)
    plan = schedule.plan(False, 12.1)
    assert plan is not None
    assert plan.delay > 0.0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.001, 0.5), st.booleans()), min_size=1, max_size=60),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=20),
    st.floats(0.02, 1.5),
)
def test_every_edit_is_sent_in_time_and_settled_in_the_end(
    pauses: list[tuple[float, bool]], renders: list[float], live_share: float
) -> None:
    """A window that polls, a renderer that can be cut short: no edit waits longer than the cap
    for an idle one, something new is shown within the time of a few renders, and in the end
    the picture is exact."""
    schedule = LiveSchedule(clock=lambda: 0.0)
    now, turn, painting = 0.0, 0, False
    flight: tuple[bool, float, float] | None = None  # live, when it ends, seconds
    idle_since: float | None = None  # with an edit waiting
    exact = True  # what is shown is the last state, settled
    cuts = 0
    for pause, edit in [*pauses, *[(0.01, False)] * 1200]:
        if edit:
            painting = len(pauses) % 2 == 0 or pause > 0.1
            schedule.note_edit(now, painted=painting)
            exact = False
            if flight is None and idle_since is None:
                idle_since = now
        elif painting and pause > 0.2:
            painting = False
            if not schedule.pending:
                schedule.note_edit(now)  # as PreviewController does when the pen lifts
            exact = False
            if flight is None and idle_since is None:
                idle_since = now
        until = now + pause
        while now < until:
            if flight is not None and now >= flight[1]:
                live, _, seconds = flight
                exact = not live and not schedule.pending
                schedule.note_done(now, seconds, exact=not live)
                flight, cuts = None, 0
                idle_since = now if schedule.pending else None
            plan = schedule.plan(painting, now)
            if plan is not None:
                assert 0.0 <= plan.delay <= max(CAP, REST)
                if plan.delay == 0.0:
                    if flight is not None:
                        assert not flight[0], "a live render was cut short"
                        cuts = 0 if plan.live else cuts + 1
                    elif idle_since is not None:
                        assert now - idle_since <= CAP + 0.011
                    if cuts <= 1:
                        seconds = renders[turn % len(renders)] * (live_share if plan.live else 1.0)
                        flight, turn = (plan.live, now + seconds, seconds), turn + 1
                        schedule.note_sent(plan.live, now)
                        idle_since = None
            now += 0.01
    assert exact
