"""What the child processes have in common: orders come in, answers go out.

Never imports Qt. A child ends when its input is closed, so it does not outlive the window,
however that ends.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import Any

from app.workers import wire

NICENESS = 5
"""How far a child steps back behind the window (Unix; Windows: "below normal")."""


class Orders:
    """Jobs in the order they came, and which of them are cancelled.

    When no more can come, all are, ``clean_up`` is called and the process ends.
    """

    def __init__(self, stream: io.FileIO, clean_up: Callable[[], None] | None) -> None:
        self._stream = stream
        self._clean_up = clean_up
        self.jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._cancelled: float = 0  # jobs are numbered upwards: this one and all before it
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def cancelled(self, job: int) -> bool:
        """Whether this job, or one after it, was cancelled."""
        return job <= self._cancelled

    def _read(self) -> None:
        try:
            while True:
                message = wire.receive(self._stream)
                if isinstance(message, wire.Cancel):
                    self._cancelled = max(self._cancelled, message.job)
                else:
                    self.jobs.put(message)
        except (EOFError, OSError):
            self._cancelled = math.inf
            if self._clean_up is not None:
                self._clean_up()
            os._exit(0)  # the window is gone; whatever is being computed, nobody waits for it


class Answers:
    """The way back. Any thread may speak."""

    def __init__(self, stream: io.FileIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, answer: object) -> None:
        """Send one answer. If nobody listens, the orders' end, which comes too, says so."""
        with self._lock, contextlib.suppress(OSError):
            wire.send(self._stream, answer)


def attach(clean_up: Callable[[], None] | None = None) -> tuple[Orders, Answers]:
    """Take standard input and output for orders and answers, and step back behind the window.

    clean_up: called at the end, in the thread that takes orders; may wait for jobs to end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is the window's
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    answers = Answers(io.FileIO(os.dup(1), "w"))
    os.dup2(2, 1)  # whatever a library prints must not end up between the answers
    return Orders(io.FileIO(os.dup(0), "r"), clean_up), answers
