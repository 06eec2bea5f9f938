"""When the preview is rendered, and how: arithmetic on a clock, nothing else.

There are two kinds of render. A *settled* one is exact. A *live* one, in the middle of a
stroke, starts from the settled picture before and computes only what lies near the change, so
it is many times quicker, though less so the more was painted since. Their times are estimated
apart: neither sets the pace of the other.

1. One render is in flight. A live one is never cut short.
2. Painting goes first. A settled render in flight is cut short by a live one, unless the
   little that is left of it takes hardly longer than a live render; or it is the one that live
   ones have to start from: the first of a model, a canvas or a style.
3. While live renders are quick, an edit is rendered at once (but no more than ``PICTURES``
   times a second). When they are slow, a render begun in the middle of a movement would be out
   of date before it ends, so the schedule waits for a short pause; but never longer than a
   cap, so that something moves even if the hand never rests.
4. When the pen rests for ``REST`` and the picture shown is a live one, it is settled. When the
   pen lifts, at once; the last bit of the stroke is rendered live first, so that it is seen
   soon, and so that the next stroke's live render has not to reach from there to here.
5. When a live render takes three quarters of what a settled one does, a settled one takes its
   turn, in the middle of a stroke too, and painting does not cut that short. Live ones start
   afresh from it. Where settled ones are instant, there are no others.
6. Outside of strokes (a style's slider, undo, a fill) settled renders begin at once. The one in
   flight is replaced when the hand has paused, as long as more than ``FAST`` of it is left:
   then the last state is seen sooner. As long as the hand moves on, it runs to its end, so a
   slider that is dragged shows a picture every render's time. For a hand that moves and
   pauses for ever, see JobBoard: it lets every second one run to its end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FAST = 0.4
"""Renders that take up to this many seconds begin at once."""
LONGEST_PAUSE = 0.25
CAP = 0.6
"""No edit waits longer than this for an idle renderer, in seconds."""
REST = 0.3
"""The pen rests if nothing was painted for so many seconds."""
INSTANT = 0.03
"""Where settled renders take no longer than this, live ones would gain nothing that shows."""
PICTURES = 30
"""Live renders a second, at most: more can't be seen, and each costs the window some time."""

_PAUSE_SHARE = 0.25  # of the render time
_MEMORY = 0.5  # weight of the newest render in the estimate
_WORTH = 0.75  # of a settled render's time: what a live one may take


@dataclass(frozen=True)
class Plan:
    """Send a request, ``live`` or settled, in ``delay`` seconds; 0: at once."""

    delay: float
    live: bool


@dataclass(frozen=True)
class _Flight:
    live: bool
    sent: float


@dataclass
class _Speed:
    """Expected seconds of a render of each kind; None: unknown."""

    settled: float | None = None
    live: float | None = None
    fresh: bool = True  # there was no live render since the last settled one

    def note_settled(self, seconds: float) -> None:
        self.settled, self.fresh = _blend(self.settled, seconds), True

    def note_live(self, seconds: float) -> None:
        self.live = _blend(None if self.fresh else self.live, seconds)
        self.fresh = False

    def note_cut(self, seconds: float) -> None:
        """A settled render was cut short: it takes longer than it had, that is all one knows."""
        if self.settled is not None:
            self.settled = max(self.settled, seconds)


class LiveSchedule:
    """Says what to send next, and how long to wait before. All times are in seconds.

    Each method takes the time as ``now``; None reads the clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first_edit: float | None = None
        self._last_edit = 0.0
        self._flight: _Flight | None = None
        self._live_sent = -math.inf
        self._owed = False  # a settled picture of what the last live request showed
        self._ground = False  # there is a settled picture that live renders can start from
        self._restyled = False  # since the last request
        self._painted = False  # and nothing else, since the last request
        self._speed = _Speed()

    def estimate(self, *, live: bool) -> float | None:
        """Expected seconds of a render of one kind; None before the first is done."""
        return self._speed.live if live else self._speed.settled

    @property
    def pending(self) -> bool:
        """True if there is an edit that no sent request has seen."""
        return self._first_edit is not None

    def note_edit(
        self, now: float | None = None, *, painted: bool = False, restyled: bool = False
    ) -> None:
        """Labels (``painted``: by a stroke in progress) or style (``restyled``) have changed."""
        now = self._time(now)
        if restyled:
            self._restyled, self._ground = True, False
        if self._first_edit is None:
            self._first_edit, self._painted = now, painted
        self._painted = self._painted and painted
        self._last_edit = now

    def note_sent(self, live: bool, now: float | None = None) -> None:
        """A request with everything up to now has gone to the worker.

        It is the one in flight from now on: one before it was cut short, or ends before it.
        """
        now = self._time(now)
        if self._flight is not None and not self._flight.live:
            self._speed.note_cut(now - self._flight.sent)
        self._first_edit = None
        self._restyled = False
        self._flight = _Flight(live, now)
        self._owed = live
        if live:
            self._live_sent = now

    def note_done(
        self,
        now: float | None = None,
        seconds: float | None = None,
        *,
        exact: bool = True,
        newest: bool = True,
    ) -> None:
        """A request has ended. ``seconds``: how long it rendered; None if that says nothing (it
        failed, or the picture was there already). ``exact``: what came of it, whatever was
        asked for. ``newest``: it is the last one sent, so nothing is in flight now.

        An edit made meanwhile has waited through the render already: its cap counts from now,
        so that a slow render is not followed by the next one in mid-movement.
        """
        asked_live = newest and self._flight is not None and self._flight.live
        had_ground = self._ground
        if newest:
            self._flight = None
            self._owed = self._owed and not exact
            self._ground = self._ground or (exact and not self._restyled)
            if self._first_edit is not None:
                self._first_edit = max(self._first_edit, self._time(now))
        if seconds is None:
            return
        if exact:
            self._speed.note_settled(seconds)
        if not exact or (asked_live and had_ground):
            self._speed.note_live(seconds)

    def note_failed(self, now: float | None = None) -> None:
        """The last request sent has failed; so would another of the same scene."""
        self._owed = False
        self.note_done(now, exact=False)

    def forget(self) -> None:
        """Another model or canvas: what is in flight is of no use, and the speed is unknown."""
        self._flight = None
        self._owed = self._ground = False
        self._speed = _Speed()

    def plan(self, painting: bool, now: float | None = None) -> Plan | None:
        """What to send next, and when; ``painting``: the pen is down.

        None: nothing until something happens.
        """
        now = self._time(now)
        if self._first_edit is None:
            if not self._owed or self._flight is not None:
                return None
            return Plan(max(0.0, self._last_edit + REST - now) if painting else 0.0, live=False)
        if self._flight is not None and self._flight.live:
            return None
        if (painting or self._painted) and self._is_worth(self._left(now)):
            if not painting:
                return Plan(0.0, live=True)
            turn = self._live_sent + 1 / PICTURES - now
            return Plan(max(self._wait(self._speed.live, now), turn, 0.0), live=True)
        if self._flight is not None:
            return None if painting else self._replacement(now)
        return Plan(self._wait(self._speed.settled, now) if painting else 0.0, live=False)

    def _is_worth(self, left: float | None) -> bool:
        """A live render pays, with a settled one ``left`` seconds away."""
        if not self._ground:
            return False
        if left is None or self._speed.settled is None:
            return True
        if self._speed.settled <= INSTANT:
            return left > INSTANT  # it is late
        if self._flight is None and self._speed.fresh:
            return True
        return self._speed.live is None or self._speed.live <= _WORTH * left

    def _left(self, now: float) -> float | None:
        """Seconds until the settled render that is in flight ends, or would if it began now.

        One that takes longer than expected may take longer still: as long again as it is late.
        """
        if self._speed.settled is None or self._flight is None:
            return self._speed.settled
        return abs(self._flight.sent + self._speed.settled - now)

    def _replacement(self, now: float) -> Plan | None:
        """A settled request instead of the settled one in flight: rule 6."""
        assert self._flight is not None
        if self._speed.settled is None:
            return None
        due = max(self._last_edit + self._pause(self._speed.settled), now)
        end = self._flight.sent + self._speed.settled
        return Plan(due - now, live=False) if end - due > FAST else None

    def _wait(self, estimate: float | None, now: float) -> float:
        """Seconds until a pause in the movement, or the cap; nothing if renders are fast."""
        assert self._first_edit is not None
        if estimate is None or estimate <= FAST:
            return 0.0
        # Grows from nothing, so that a render a little over FAST waits but a little.
        cap = min(CAP, 2 * (estimate - FAST))
        due = min(self._last_edit + self._pause(estimate), self._first_edit + cap)
        return max(0.0, due - now)

    @staticmethod
    def _pause(estimate: float) -> float:
        return min(LONGEST_PAUSE, _PAUSE_SHARE * estimate)

    def _time(self, now: float | None) -> float:
        return self._clock() if now is None else now


def _blend(estimate: float | None, seconds: float) -> float:
    return seconds if estimate is None else estimate + _MEMORY * (seconds - estimate)
