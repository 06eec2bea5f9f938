"""The window's file worker: it may be stopped while answers are still coming in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.workers.file_worker import FileWorker
from spade.formats.errors import InputError


class WindowFiles(FileWorker):
    """A FileWorker that finishes what was asked of it before ``stop``, and nothing after.

    While it stops it delivers what is done, and who is answered may ask for more (the scene
    is read: now its model's palette). A window that is closing wants none of that.
    """

    _closing = False

    def submit(
        self,
        fn: Callable[[], Any],
        on_done: Callable[[Any], None] | None = None,
        on_error: Callable[[InputError], None] | None = None,
    ) -> None:
        """As FileWorker.submit, but ignored once ``stop`` was called."""
        if not self._closing:
            super().submit(fn, on_done, on_error)

    def stop(self) -> None:
        """Finish the jobs submitted so far and join the thread."""
        self._closing = True
        super().stop()
