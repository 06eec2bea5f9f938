"""The window "Train on your own pictures": it stands beside the painter, not in front of it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.ui.look.icons import app_icon
from app.ui.training.data_page import DataPage
from app.ui.training.model_page import ModelPage
from app.ui.training.rail import Rail
from app.ui.training.run_page import RunPage
from app.ui.training.sample_scrubber import Submit, at_once

DATA, MODEL, RUN = range(3)
TITLE: Final = "Train on your own pictures"
SIZE: Final = QSize(1100, 740)
SMALLEST: Final = QSize(900, 600)
GOES_ON: Final = "Training goes on while this window is closed, and while you paint."


class TrainingWindow(QWidget):
    """Three pages; the controller fills them. Closing it ends nothing: ``closed``.

    ``submit`` runs what takes long away from the GUI thread.
    """

    closed = Signal()

    def __init__(self, submit: Submit = at_once) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setObjectName("training_window")
        self.setWindowTitle(f"{TITLE} – Spadework")
        self.setWindowIcon(app_icon())
        self.setAccessibleName(TITLE)
        self.setMinimumSize(SMALLEST)
        self.resize(SIZE.boundedTo(self.screen().availableGeometry().size()))
        self.rail = Rail()
        self.data_page, self.model_page, self.run_page = DataPage(), ModelPage(), RunPage(submit)
        self.pages = QStackedWidget()
        for page in (self.data_page, self.model_page, self.run_page):
            self.pages.addWidget(page)
        body = QVBoxLayout()
        body.setContentsMargins(20, 16, 20, 16)
        body.addWidget(self.pages)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.rail)
        layout.addLayout(body, 1)
        self.rail.chosen.connect(self.show_page)
        self.set_reach(model=False, run=False)
        self.show_page(DATA)

    @property
    def page(self) -> int:
        """DATA, MODEL or RUN."""
        return self.pages.currentIndex()

    def show_page(self, number: int) -> None:
        """Turn to a page."""
        by_rail = self.rail.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self.pages.setCurrentIndex(number)
        self.rail.show_step(number)
        if not (by_rail and self.isVisible()):
            self.take_focus()

    def take_focus(self) -> None:
        """Give the keyboard to what one most likely does next on the page."""
        page = self.pages.currentWidget()
        assert isinstance(page, (DataPage, ModelPage, RunPage))
        page.take_focus()

    def set_reach(self, *, model: bool, run: bool) -> None:
        """Which pages there is something on."""
        self.rail.steps[MODEL].setEnabled(model)
        self.rail.steps[RUN].setEnabled(run)

    def set_running(self, running: bool) -> None:
        """Say that training goes on by itself."""
        self.rail.hint.setText(GOES_ON if running else "")

    def present(self) -> None:
        """Show the window, in front."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()
