"""A preview worker with a record of everything it emits; a tiny model on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QThread

from app.workers.backend import Backend
from app.workers.messages import ModelSource
from app.workers.preview_worker import PreviewWorker

sys.path.insert(0, str(Path(__file__).parent))  # fake_backend, tiny_model


class Record(QObject):
    """What a worker has emitted, in order, as (signal, value)."""

    def __init__(self, worker: PreviewWorker) -> None:
        super().__init__()
        self.events: list[tuple[str, object]] = []
        self.foreign_threads = 0
        for name in (
            "model_loaded",
            "finished",
            "segmented",
            "failed",
            "notice",
            "progress",
            "busy_changed",
        ):
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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A model folder: three classes, "don't care", an encoder; random weights."""
    from tiny_model import make_model

    from spade.checkpoint import save_model

    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, make_model(), half=False)
    return ModelSource(str(folder))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A model folder without encoder and without "don't care"."""
    from tiny_model import make_model

    from spade.checkpoint import save_model

    folder = tmp_path_factory.mktemp("models") / "bare"
    save_model(folder, make_model(encoder=False, contain_dontcare=False), half=False)
    return ModelSource(str(folder))


@pytest.fixture(scope="session")
def one_look(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A model folder without a VAE: no style enters."""
    from tiny_model import make_model

    from spade.checkpoint import save_model

    folder = tmp_path_factory.mktemp("models") / "one-look"
    save_model(folder, make_model(encoder=False, use_vae=False), half=False)
    return ModelSource(str(folder))
