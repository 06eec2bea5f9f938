"""Training within a given time: how fast it is, and when it has to come to an end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EXIT_SECONDS = 2.0  # for the process to end
_MARGIN = 1.3  # a disk or a neighbour may be slower the next time


class TimeSlice:
    """``minutes`` from ``began`` on, the last checkpoint and sample grid included.

    What these take is known once they were made; before, it is reckoned from the steps.
    ``minutes`` None: no end.
    """

    def __init__(
        self, began: float, minutes: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._end = None if minutes is None else began + minutes * 60
        self._took: dict[str, float] = {}

    def over(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and self._clock() >= self._end

    def must_finish(self, step_seconds: float, batches: int, before: str = "") -> bool:
        """Whether one more step would leave too little time for the end.

        step_seconds: of a step, 0 if not known yet; batches: how many a checkpoint's
        batch-norm statistics are computed from; before: what is to be done before the step
        and was measured, "judging" say.
        """
        if self._end is None:
            return False
        # A forward pass of the averages costs about a third of a step, a sample grid eight.
        checkpoint = self._took.get("checkpoint", (batches + 8) * step_seconds / 3)
        sample = self._took.get("sample", 16 * step_seconds / 3)
        needed = (
            step_seconds
            + self._took.get(before, 0.0)
            + _MARGIN * (checkpoint + sample)
            + _EXIT_SECONDS
        )
        return self._clock() + needed >= self._end

    @contextmanager
    def finishing(self, what: str) -> Iterator[None]:
        """Measures the block: "checkpoint", "sample" or "judging"."""
        start = self._clock()
        yield
        self._took[what] = max(self._took.get(what, 0.0), self._clock() - start)


class Rate:
    """Seconds a step and images a second over the last steps."""

    def __init__(self, window: int = 20) -> None:
        self._times: deque[float] = deque(maxlen=window + 1)
        self.seconds = 0.0
        self.images = 0.0
        self.restart()

    def restart(self) -> None:
        """Leave out what was between the last step and now."""
        self._times.clear()
        self._times.append(time.monotonic())

    def tick(self, images: int) -> None:
        """One step of ``images`` pictures is done."""
        self._times.append(time.monotonic())
        self.seconds = max((self._times[-1] - self._times[0]) / (len(self._times) - 1), 1e-9)
        self.images = images / self.seconds
