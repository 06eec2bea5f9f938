"""A real main window on a fake backend, with real file work in a temporary folder."""

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

from painter import LANDSCAPE, Answers, PaintBackend, settle

SKY = LANDSCAPE.find("sky").id


@pytest.fixture
def make_window(qtbot) -> Iterator[Callable[..., MainWindow]]:
    """Makes windows of 1280 x 800 on a 96 x 64 canvas; closed after the test."""
    windows: list[MainWindow] = []

    def make(backend: PaintBackend | None = None, *, start: bool = True) -> MainWindow:
        theme.apply_theme(QApplication.instance(), "dark")
        backend = backend or PaintBackend(open_gate=True)
        files = FileWorker()
        preferences = Preferences(submit=files.submit)
        preferences.hint_seen = True
        preferences.licence_seen = True
        worker = PreviewWorker(lambda: backend, "cpu")
        document = Document()
        document.new(96, 64, SKY, LANDSCAPE, "landscape")
        window = MainWindow(document, Services(preferences, files, worker, Answers(), ()))
        window.backend = backend
        windows.append(window)
        window.setWindowState(Qt.WindowState.WindowNoState)  # however small the screen
        window.resize(1280, 800)
        window.show()
        if start:
            window.start()
        return window

    yield make
    for window in windows:
        window.close_now()
        window.deleteLater()


@pytest.fixture
def window(make_window, qtbot) -> MainWindow:
    """A window whose model is loaded and whose picture is there."""
    window = make_window()
    settle(qtbot, window)
    return window
