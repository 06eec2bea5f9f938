"""Trainings that can be gone on with, as a list of rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import icon
from app.ui.widgets.text import ElidedLabel, heading
from app.workers.training_messages import KnownRun, RunState

STATE_WORDS: Final[dict[RunState, str]] = {
    "running": "training now",
    "paused": "paused",
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "interrupted": "interrupted",
}
ROW: Final = 44
MOST_ROWS: Final = 4


class KnownRunsList(QWidget):
    """``opened``: the folder of the run to look at; ``forgotten``: to be taken off the list."""

    opened = Signal(str)
    forgotten = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs: tuple[KnownRun, ...] = ()
        self.buttons: dict[str, QPushButton] = {}
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(self.focusPolicy())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(heading("Go on with"))
        layout.addWidget(self._area)
        self.show_runs(())

    def show_runs(self, runs: Sequence[KnownRun]) -> None:
        """Show these; hidden if there are none."""
        self.runs = tuple(runs)
        self.buttons = {}
        content = QWidget()
        content.setProperty("role", "content")
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        for run in self.runs:
            rows.addWidget(self._row(run))
        rows.addStretch(1)
        self._area.setWidget(content)
        count = min(len(self.runs), MOST_ROWS)
        self._area.setFixedHeight(count * (ROW + 4))
        self.setVisible(bool(self.runs))

    def _row(self, run: KnownRun) -> QWidget:
        row = QFrame()
        row.setProperty("role", "card")
        row.setFixedHeight(ROW)
        row.setToolTip(run.folder)
        name = ElidedLabel(run.name)
        name.setStyleSheet("font-weight: 600;")
        state = QLabel(state_text(run))
        bad = run.state in ("failed", "interrupted")
        state.setProperty("role", "warning" if bad else "caption")
        button = QPushButton("Watch" if run.state in ("running", "paused") else "Open")
        button.setAccessibleName(f"{button.text()} {run.name}")
        button.clicked.connect(partial(self.opened.emit, run.folder))
        self.buttons[run.folder] = button
        forget = QToolButton()
        forget.setIcon(icon("close", "text_muted"))
        forget.setToolTip("Take it off this list; its files stay")
        forget.setAccessibleName(f"Take {run.name} off the list")
        forget.clicked.connect(partial(self.forgotten.emit, run.folder))
        forget.setVisible(run.state not in ("running", "paused"))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(12, 0, 8, 0)
        layout.setSpacing(10)
        layout.addWidget(name, 1)
        layout.addWidget(state)
        layout.addWidget(button)
        layout.addWidget(forget)
        return row


def state_text(run: KnownRun) -> str:
    """ "interrupted at step 1,240 of 20,000"."""
    words = STATE_WORDS[run.state]
    if run.state == "done":
        return f"{words}, {run.steps:,} steps"
    if not run.steps:
        return words
    return f"{words}, step {run.step:,} of {run.steps:,}"


def run_name(folder: str) -> str:
    """What a training is called where nothing else is known of it."""
    return Path(folder).name or folder
