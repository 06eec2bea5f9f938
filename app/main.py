"""Composition root: makes the parts, wires workers to the window, runs the event loop.

Imports no torch: the renderer is a child process that is started once the window shows.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.state.document import Document
from app.state.preferences import Preferences
from app.ui.dialogs.about_dialog import version
from app.ui.dialogs.choosers import Choosers
from app.ui.look import theme
from app.ui.look.icons import app_icon
from app.ui.main_window import MainWindow, Services
from app.ui.model_sources import default_source, text_of
from app.workers.file_worker import FileWorker
from app.workers.preview_worker import PreviewWorker
from spade.formats.palette import load_palette

if TYPE_CHECKING:
    from app.workers.dataset_worker import DatasetWorker
    from app.workers.training_worker import TrainingWorker

PALETTE = "landscape"
BACKGROUND = "sky"
SIZE = (512, 512)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application until its window closes; returns the exit status.

    ``argv``: without the program's name; at most a file to open.
    """
    arguments = parse(sys.argv[1:] if argv is None else argv)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("spadework")
    app.setApplicationDisplayName("Spadework")
    app.setDesktopFileName("spadework")
    app.setWindowIcon(app_icon())
    window = make_window(app)
    sys.excepthook = fault_hook(window)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in the terminal ends the program
    window.open_first(Path(arguments.file).absolute() if arguments.file else None)
    window.show()
    # Not before the window is on the screen: starting the renderer costs time.
    QTimer.singleShot(0, window.start)
    status = app.exec()
    sys.excepthook = sys.__excepthook__
    window.shut_down()
    return status


def fault_hook(window: MainWindow) -> Callable[..., None]:
    """What happens to an exception nobody caught: it is logged and said, and the scene saved.

    Qt goes on after an exception in a slot, and so does the program.
    """

    def hook(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, fault, trace)
        if issubclass(kind, KeyboardInterrupt):
            return
        what = " ".join(str(fault).split())
        window.banner.show_error(
            f"Something went wrong inside Spadework ({kind.__name__}: {what}). Your scene is still "
            "here: save it, and start the program again if it behaves oddly."
        )
        window.autosave.save_now()

    return hook


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line: ``file`` or None."""
    parser = argparse.ArgumentParser(
        prog="spadework", description="Paint what is where; a SPADE generator shows the photo."
    )
    parser.add_argument(
        "file", nargs="?", help="a project (.ora), a label map or an exported picture to open"
    )
    parser.add_argument("--version", action="version", version=f"spadework {version()}")
    return parser.parse_args(list(argv))


def make_window(app: QApplication) -> MainWindow:
    """A window with an empty scene, its workers not started yet."""
    files = FileWorker()
    preferences = Preferences(submit=files.submit)
    theme.apply_theme(app, preferences.theme)
    services = Services(
        preferences=preferences,
        files=files,
        worker=PreviewWorker(device=preferences.device),
        choosers=Choosers(preferences),
        training=make_training,
    )
    palette = load_palette(PALETTE)
    background = palette.find(BACKGROUND) or palette.classes[0]
    document = Document()
    document.new(*SIZE, background.id, palette, text_of(default_source()))
    window = MainWindow(document, services)
    files.setParent(window)
    preferences.setParent(window)
    services.worker.setParent(window)
    document.setParent(window)
    return window


def make_training() -> tuple[DatasetWorker, TrainingWorker]:
    """The workers of training. Importing them costs time that the start doesn't have."""
    from app.workers.dataset_worker import DatasetWorker
    from app.workers.training_worker import TrainingWorker

    return DatasetWorker(), TrainingWorker()
