"""How far a render has come: asks whether it is still wanted, tells how much is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class RenderCancelled(Exception):  # noqa: N818 - it was asked for
    """``cancelled()`` became true between two steps of a render."""


class Walk:
    """One render's steps."""

    def __init__(self, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> None:
        self._cancelled, self._progress = cancelled, progress
        self._costs: Sequence[float] = ()
        self._done = 0

    def expect(self, costs: Sequence[float]) -> None:
        """The steps to come, by how long they take in proportion."""
        self._costs, self._done = costs, 0

    def check(self) -> None:
        """Raise RenderCancelled if the render is not wanted any more."""
        if self._cancelled():
            raise RenderCancelled

    def advance(self) -> None:
        """One step is done."""
        self._done += 1
        # The last convolution is small, but not nothing.
        self._progress(0.99 * sum(self._costs[: self._done]) / max(sum(self._costs), 1e-9))

    def finish(self) -> None:
        """All is done."""
        self._progress(1.0)
