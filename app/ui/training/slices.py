"""Work of the GUI thread in slices, so that the window goes on answering in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

LONGEST: Final = 0.002
"""Seconds after which a slice ends, once the step that it is at is done. What was made is laid
out and painted after the slice, which takes as long again and more."""


class Slices(QObject):
    """Takes the steps of an iterator, as many at a time as fit into a slice.

    ``done``: all steps of the last ``begin`` are done.
    """

    done = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: Iterator[object] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    @property
    def pending(self) -> bool:
        """There are steps left."""
        return self._steps is not None

    def begin(self, steps: Iterator[object]) -> None:
        """Take these steps, the first slice of them at once; drop those of before."""
        self._steps = steps
        self._timer.start()
        self._go_on()

    def _go_on(self) -> None:
        steps, until = self._steps, time.perf_counter() + LONGEST
        while steps is not None and steps is self._steps:
            try:
                next(steps)
            except StopIteration:
                self._steps = None
                self._timer.stop()
                self.done.emit()
                return
            if time.perf_counter() >= until:
                return
