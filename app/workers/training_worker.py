"""Trainers, from the window: started, watched and steered through their folders' files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from app.state.known_runs import KnownRuns
from app.workers.training_messages import TrainingChoice

LOOK_MS = 300
"""Between two looks into the folder that is watched."""

Command = Callable[[Sequence[str]], list[str]]
"""From the arguments of ``spadework`` to a whole command line."""


class TrainingWorker(QObject):
    """Watches one training folder, and steers whoever trains there.

    Lives on the GUI thread: all methods are called there and return at once, all signals are
    emitted there; files are read and processes started on a thread of its own. A trainer is
    a process that outlives the window. Nothing is emitted of a folder that is watched no more,
    nor after ``shut_down``.
    """

    started = Signal(str)
    """A trainer runs in this folder, which is watched from now on."""
    news = Signal(object)
    """RunNews: the whole story after ``watch``, then what is new. Without anything new, none."""
    sample = Signal(str, object)
    """(name, uint8 (H, W, 3), read-only): the answer to ``load_sample``."""
    early_model = Signal(str)
    """The folder of a model to try: the answer to ``try_now``."""
    runs = Signal(object)
    """A tuple of KnownRun, newest first: the answer to ``list_runs``."""
    failed = Signal(str)
    """One line for a person: what was asked can't be done. How a training itself ended is
    said by news, in ``status.message``."""

    def __init__(
        self,
        known: KnownRuns | None = None,
        parent: QObject | None = None,
        *,
        command: Command | None = None,
        interval: int = LOOK_MS,
    ) -> None:
        super().__init__(parent)

    @property
    def folder(self) -> str:
        """The folder that is watched; "" if none is."""
        return ""

    def start(self, choice: TrainingChoice) -> None:
        """Start a training in ``choice.out`` and watch it. Answered by started or failed."""

    def resume(self, folder: str) -> None:
        """Go on with a training that ended or was interrupted, by a new process, and watch
        it. Answered by started or failed."""

    def watch(self, folder: str) -> None:
        """Watch this folder instead of any before; "" for none."""

    def pause(self) -> None:
        """Ask the trainer watched to wait before its next step."""

    def go_on(self) -> None:
        """Ask the trainer watched to go on after a pause."""

    def end(self) -> None:
        """Ask the trainer watched to save and end."""

    def try_now(self) -> None:
        """Ask the trainer watched for a model of the present step. Answered by early_model."""

    def load_sample(self, name: str) -> None:
        """Read a file of the folder's samples/, the newest request alone. Answered by sample."""

    def list_runs(self) -> None:
        """Look into all folders known. Answered by runs."""

    def forget(self, folder: str) -> None:
        """Take a folder off the list of those known; its files stay. Answered by runs."""

    def shut_down(self, stop: bool = False) -> None:
        """The window closes. Trainers go on, or, with ``stop``, are asked to save and end;
        nobody waits for that. Nothing is emitted afterwards."""
