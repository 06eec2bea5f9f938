"""A preview worker with a fake backend, and a record of everything it emits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QThread

from app.workers.backend import Backend
from app.workers.preview_worker import PreviewWorker

sys.path.insert(0, str(Path(__file__).parent))  # fake_backend


class Record(QObject):
    """What a worker has emitted, in order, as (signal, value)."""

    def __init__(self, worker: PreviewWorker) -> None:
        super().__init__()
        self.events: list[tuple[str, object]] = []
        self.foreign_threads = 0
        for name in ("model_loaded", "finished", "failed", "notice", "progress", "busy_changed"):
            getattr(worker, name).connect(lambda value, name=name: self._add(name, value))

    def _add(self, name: str, value: object) -> None:
        self.foreign_threads += QThread.currentThread() is not self.thread()
        self.events.append((name, value))

    def of(self, name: str) -> list:
        """The values of one signal."""
        return [value for kind, value in self.events if kind == name]

    @property
    def rendered(self) -> list[str]:
        """Key or revision of each finished render."""
        return [r.request.key or str(r.request.revision) for r in self.of("finished")]


@pytest.fixture
def make_worker(qapp: object) -> Iterator[Callable[[Backend], tuple[PreviewWorker, Record]]]:
    """Start a worker on a backend; stopped after the test."""
    workers: list[PreviewWorker] = []

    def make(backend: Backend, device: str = "cpu") -> tuple[PreviewWorker, Record]:
        worker = PreviewWorker(lambda: backend, device)
        workers.append(worker)
        record = Record(worker)
        worker.start()
        return worker, record

    yield make
    for worker in workers:
        worker.stop()
