"""Data sets off the GUI thread: what is wrong with one, its clean copy, what can be trained."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.workers.training_messages import ImportRequest


class DatasetWorker(QObject):
    """Examines and imports data sets in a child process.

    Lives on the GUI thread: all methods are called there and return at once (``stop`` within
    a second), and all signals are emitted there. The child is started by the first request
    and ends when idle for long; if it dies under a request, that one fails and the next
    request starts another. Nothing is emitted for what was cancelled or superseded, nor after
    ``stop``.
    """

    progress = Signal(str, object)
    """(text, fraction in [0, 1] or None) of a check or an import."""
    report = Signal(object)
    """DataReport: the answer to ``check``."""
    imported = Signal(str, object)
    """(folder of the clean copy, its DataReport): the answer to ``import_data``."""
    options = Signal(object)
    """TrainingOptions: the answer to ``ask_options``."""
    scene = Signal(object, object)
    """(uint8 (H, W) labels, read-only; Palette): the answer to ``open_scene``."""
    failed = Signal(str)
    """One line for a person, in answer to any of them."""
    busy_changed = Signal(bool)
    """True while a check or an import waits or is under way."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def check(self, folder: str, size: int | None = None) -> None:
        """Examine a data set, instead of any before; ``size``: the training size in pixels,
        None: what suits the pictures. Answered by report or failed."""

    def import_data(self, request: ImportRequest) -> None:
        """Make a clean copy, instead of any check or import before. Answered by imported or
        failed; what a failed or cancelled import has written is removed."""

    def ask_options(self, device: str = "auto") -> None:
        """What can be trained on a device. Answered by options or failed, even while a data
        set is checked."""

    def open_scene(self, folder: str) -> None:
        """A label map of a DATA folder's validation set, to be painted on. Answered by scene
        or failed."""

    def cancel(self) -> None:
        """Give up the check or import that waits or is under way; nothing more comes of it."""

    @property
    def busy(self) -> bool:
        """The value last given by ``busy_changed``."""
        return False

    def stop(self) -> None:
        """End the child and the threads; nothing is emitted afterwards."""
