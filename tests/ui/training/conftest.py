"""A main window whose training workers answer when a test says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.state.document import Document
from app.state.preferences import Preferences
from app.ui.look import theme
from app.ui.main_window import MainWindow, Services
from app.workers.file_worker import FileWorker
from app.workers.preview_worker import PreviewWorker

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "window"))

from fakes import PALETTE, FakeDatasets, FakeTrainings
from painter import LANDSCAPE, Answers, PaintBackend


class Models(PaintBackend):
    """Opens any model folder of a training: its classes are the garden's."""

    def load(self, source, report, cancelled):
        if source.path not in self.models:
            self.models[source.path] = PALETTE
        return super().load(source, report, cancelled)


@pytest.fixture(autouse=True)
def themed(qapp: QApplication) -> None:
    theme.apply_theme(qapp, "dark")


@pytest.fixture
def make_studio(qtbot) -> Iterator[Callable[[], MainWindow]]:
    """Makes main windows with ``datasets`` and ``trainings`` that are scripted."""
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        files = FileWorker()
        preferences = Preferences(submit=files.submit)
        preferences.hint_seen = True
        backend = Models(open_gate=True)
        document = Document()
        document.new(96, 64, LANDSCAPE.find("sky").id, LANDSCAPE, "landscape")
        datasets, trainings = FakeDatasets(), FakeTrainings()
        window = MainWindow(
            document,
            Services(
                preferences,
                files,
                PreviewWorker(lambda: backend, "cpu"),
                Answers(),
                (),
                lambda: (datasets, trainings),
            ),
        )
        window.backend, window.datasets, window.trainings = backend, datasets, trainings
        windows.append(window)
        window.setWindowState(Qt.WindowState.WindowNoState)
        window.resize(1280, 800)
        window.show()
        window.start()
        return window

    yield make
    for window in windows:
        window.close_now()
        window.deleteLater()


@pytest.fixture
def studio(make_studio, qtbot) -> MainWindow:
    """A main window whose model is loaded, with no trainings known."""
    window = make_studio()
    window.trainings.runs.emit(())
    qtbot.waitUntil(lambda: window.preview.is_current and not window.services.files.busy)
    return window
