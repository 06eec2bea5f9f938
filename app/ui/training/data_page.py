"""Page 1: which data, what is wrong with them, and what their classes are called."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from app.ui.training.report_view import ReportView
from app.ui.training.start_view import StartView
from app.ui.training.working_view import WorkingView
from app.workers.training_messages import DataReport


class DataPage(QWidget):
    """One of three views at a time: ``start``, ``working``, ``report``."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.start = StartView()
        self.working = WorkingView()
        self.report = ReportView()
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        for view in (self.start, self.working, self.report):
            self._stack.addWidget(view)
        self.working.cancelled.connect(self.cancelled)

    @property
    def view(self) -> QWidget | None:
        """What is shown."""
        return self._stack.currentWidget()

    def show_start(self, error: str = "") -> None:
        """Ask for data; ``error``: why those before could not be taken."""
        self.start.error.say(error)
        self._stack.setCurrentWidget(self.start)
        self.take_focus()

    def show_working(self, heading: str) -> None:
        """A check or an import goes on."""
        self.working.begin(heading)
        self._stack.setCurrentWidget(self.working)
        self.take_focus()

    def show_report(self, report: DataReport, out: Path) -> None:
        """Show ``report``; a clean copy would go to ``out``."""
        self.report.show_report(report, out)
        self._stack.setCurrentWidget(self.report)
        self.take_focus()

    def back_to_report(self, error: str = "") -> None:
        """Show the report again, as it was left, after an import that came to nothing."""
        self.report.error.say(error)
        self._stack.setCurrentWidget(self.report)
        self.take_focus()

    def take_focus(self) -> None:
        """Give the keyboard to the view's main button."""
        buttons: dict[QWidget | None, QWidget] = {
            self.start: self.start.drop_zone.folder_button,
            self.working: self.working.cancel_button,
            self.report: self.report.next_button,
        }
        buttons[self.view].setFocus()
