"""When the live preview is rendered: arithmetic on a clock, nothing else.

While rendering is fast, an edit is rendered at once. When it is slow, a render begun in the
middle of a movement would be out of date before it ends, so the schedule waits for a short
pause; but never longer than a cap, so that something moves even if the hand never rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FAST = 0.2
"""Renders that take up to this many seconds begin at once."""
LONGEST_PAUSE = 0.25
CAP = 0.6
"""No edit waits longer than this for an idle renderer, in seconds."""

_PAUSE_SHARE = 0.25  # of the render time
_MEMORY = 0.5  # weight of the newest render in the estimate


class LiveSchedule:
    """Says how long to wait before the next request is sent. All times are in seconds.

    Each method takes the time as ``now``; None reads the clock. Only one render is in flight
    at a time: until ``note_done``, ``delay`` is None.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first_edit: float | None = None
        self._last_edit = 0.0
        self._in_flight = False
        self._estimate: float | None = None

    @property
    def estimate(self) -> float | None:
        """Expected seconds of a render; None before the first is done."""
        return self._estimate

    @property
    def pending(self) -> bool:
        """True if there is an edit that no sent request has seen."""
        return self._first_edit is not None

    def note_edit(self, now: float | None = None) -> None:
        """Labels or style have changed."""
        now = self._time(now)
        if self._first_edit is None:
            self._first_edit = now
        self._last_edit = now

    def note_sent(self, now: float | None = None) -> None:
        """A request with everything up to now has gone to the worker."""
        self._first_edit = None
        self._in_flight = True

    def note_done(self, now: float | None = None, seconds: float | None = None) -> None:
        """The request has ended. ``seconds``: how long it rendered; None if it failed.

        An edit made meanwhile has waited through the render already: its cap counts from now,
        so that a slow render is not followed by the next one in mid-movement.
        """
        self._in_flight = False
        if self._first_edit is not None:
            self._first_edit = max(self._first_edit, self._time(now))
        if seconds is None:
            return
        if self._estimate is None:
            self._estimate = seconds
        else:
            self._estimate += _MEMORY * (seconds - self._estimate)

    def forget(self) -> None:
        """Another model or device: nothing is in flight, and its speed is unknown."""
        self._in_flight = False
        self._estimate = None

    def delay(self, now: float | None = None) -> float | None:
        """Seconds until the next request should be sent, 0 for at once.

        None if nothing has changed, or a render is in flight.
        """
        if self._first_edit is None or self._in_flight:
            return None
        if self._estimate is None or self._estimate <= FAST:
            return 0.0
        pause = min(LONGEST_PAUSE, _PAUSE_SHARE * self._estimate)
        due = min(self._last_edit + pause, self._first_edit + CAP)
        return max(0.0, due - self._time(now))

    def _time(self, now: float | None) -> float:
        return self._clock() if now is None else now
