"""Page 3: watching a training, and steering it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import icon
from app.ui.training.chart_panel import ChartPanel
from app.ui.training.figures import Figures
from app.ui.training.judged_panel import JudgedPanel
from app.ui.training.message_card import MessageCard
from app.ui.training.notice_list import NoticeList
from app.ui.training.run_state import Abilities, abilities, headline, progress_text, story
from app.ui.training.sample_scrubber import SampleScrubber, Submit, at_once
from app.ui.widgets.segmented import Segmented
from app.ui.widgets.text import ElidedLabel
from app.workers.training_messages import RunNews, RunState
from spade.formats.run_folder import Status

WRITING: Final = "Writing a model…"
STOPPING: Final = "Saving and stopping…"


class RunPage(QWidget):
    """Shows one training; ``take`` its news. The buttons ask, the controller does."""

    pause_wanted = Signal()
    go_on_wanted = Signal()
    stop_wanted = Signal()
    try_wanted = Signal()
    resume_wanted = Signal()
    paint_wanted = Signal()
    another_wanted = Signal()
    sample_wanted = Signal(str)

    def __init__(self, submit: Submit = at_once, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state: RunState | None = None
        self.status: Status | None = None
        self._asked = ""  # what was asked for and not done yet
        self.title = ElidedLabel("", "title")
        self.headline = ElidedLabel("", "caption")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of training")
        self.progress = QLabel()
        self.progress.setProperty("role", "caption")
        self.figures = Figures()
        self.error = MessageCard()
        self.ending = MessageCard()
        self.samples = SampleScrubber(submit)
        self.losses = ChartPanel(
            "Losses", tip="Falling curves are good; the first two are in a contest and waver."
        )
        self.judged = JudgedPanel()
        self.faces = Segmented((("losses", "Losses", ""), ("judged", "Evaluation", "")))
        self.notices = NoticeList()
        self.pause_button = QPushButton(icon("pause"), " &Pause")
        self.go_on_button = QPushButton(icon("play"), " &Go on")
        self.try_button = QPushButton(icon("brush"), " &Try it now")
        self.try_button.setToolTip("Open the model of this step in the painter; training goes on")
        self.stop_button = QPushButton(icon("stop"), " &Stop and keep")
        self.stop_button.setToolTip("Save a checkpoint and the model, and end; it can be resumed")
        self.resume_button = QPushButton(icon("play", "on_accent"), " &Resume")
        self.resume_button.setProperty("kind", "primary")
        self.paint_button = QPushButton(icon("brush"), " &Paint with it")
        self.another_button = QPushButton("Train a&nother…")
        self.asked = QLabel()
        self.asked.setProperty("role", "caption")
        self._arrange()
        self._bind()
        self.clear("")

    def clear(self, name: str) -> None:
        """Another training, of which nothing is known yet."""
        self.state = self.status = None
        self._asked = ""
        self.title.setText(name)
        self.title.setToolTip(name)
        self.losses.chart.clear()
        self.judged.clear()
        self.samples.clear()
        self.notices.clear()
        self.error.say("")
        self._show()

    def take(self, news: RunNews) -> None:
        """What is new."""
        before = self.state
        self.state, self.status = news.state, news.status
        if news.restarted:
            self.losses.chart.clear()
            self.judged.clear()
        self.losses.chart.add(news.losses)
        self.judged.add(news.judged)
        for notice in news.notices:
            self.notices.add(notice)
        if news.sample is not None and news.samples:
            self.samples.set_names(news.samples, arriving=news.samples[-1])
            self.samples.set_sample(news.samples[-1], news.sample)
        elif news.samples:
            self.samples.set_names(news.samples)
        if news.state != before:
            self.error.say("")
            if self._asked != WRITING:
                self._asked = ""
        if news.state not in ("running", "paused"):
            self._asked = ""
        self._show()

    def set_asked(self, text: str) -> None:
        """Something was asked for; "": it is there."""
        self._asked = text
        self._show()

    def fail(self, text: str) -> None:
        """Something that was asked for can't be done."""
        self._asked = ""
        self.error.say(text)
        self._show()

    def take_focus(self) -> None:
        """Give the keyboard to the first button that helps."""
        buttons = (self.resume_button, self.pause_button, self.go_on_button, self.paint_button)
        for button in buttons:
            if not button.isHidden():
                button.setFocus()
                return
        self.samples.view.setFocus()

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(12)
        names = QVBoxLayout()
        names.setSpacing(0)
        names.addWidget(self.title)
        names.addWidget(self.headline)
        top.addLayout(names, 1)
        top.addWidget(self.progress, 0, Qt.AlignmentFlag.AlignBottom)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(10, 0, 0, 0)
        column.setSpacing(6)
        self.faces.setSizePolicy(right.sizePolicy().Policy.Fixed, right.sizePolicy().Policy.Fixed)
        column.addWidget(self.faces, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.losses, 3)
        column.addWidget(self.judged, 3)
        column.addWidget(self.notices)
        left = QWidget()
        beside = QVBoxLayout(left)
        beside.setContentsMargins(0, 0, 10, 0)
        beside.addWidget(self.samples)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(3)
        self.splitter.addWidget(left)
        self.splitter.addWidget(right)
        self.splitter.setStretchFactor(0, 5)
        self.splitter.setStretchFactor(1, 4)
        self.splitter.setSizes([500, 400])
        foot = QHBoxLayout()
        foot.setSpacing(8)
        for button in (self.pause_button, self.go_on_button, self.try_button, self.another_button):
            foot.addWidget(button)
        foot.addWidget(self.asked, 1)
        foot.addStretch(0)
        for button in (self.stop_button, self.paint_button, self.resume_button):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        layout.addWidget(self.ending)
        layout.addWidget(self.error)
        layout.addWidget(self.figures)
        layout.addWidget(self.splitter, 1)
        layout.addLayout(foot)

    def _bind(self) -> None:
        for button, signal in (
            (self.pause_button, self.pause_wanted),
            (self.go_on_button, self.go_on_wanted),
            (self.try_button, self.try_wanted),
            (self.stop_button, self.stop_wanted),
            (self.resume_button, self.resume_wanted),
            (self.paint_button, self.paint_wanted),
            (self.another_button, self.another_wanted),
        ):
            button.clicked.connect(signal)
        self.samples.wanted.connect(self.sample_wanted)
        self.faces.chosen.connect(lambda _face: self._show_face())

    def _show(self) -> None:
        state, status = self.state, self.status
        self.headline.setText(headline(state, status))
        waits = status is None or (state == "running" and not status.step)
        reading = status.reading if status is not None else (0, 0)
        if waits and reading[1]:
            self.bar.setRange(0, reading[1])
            self.bar.setValue(reading[0])
        elif waits:
            self.bar.setRange(0, 0)
        elif status is not None:
            self.bar.setRange(0, max(status.steps, 1))
            self.bar.setValue(status.step)
        self.progress.setText(progress_text(status))
        alive = state in ("running", "paused")
        self.figures.setVisible(status is not None and alive)
        if status is not None:
            self.figures.show_status(status, moving=state == "running")
        self.ending.say(*story(state, status))
        self._show_buttons(abilities(state, status))
        self._show_face()

    def _show_buttons(self, can: Abilities) -> None:
        stopping = self._asked == STOPPING
        for button, possible in (
            (self.pause_button, can.pause),
            (self.go_on_button, can.go_on),
            (self.try_button, can.try_now),
            (self.stop_button, can.stop),
            (self.resume_button, can.resume),
            (self.paint_button, can.paint),
            (self.another_button, can.another),
        ):
            button.setVisible(possible)
            button.setEnabled(not stopping)
        self.try_button.setEnabled(not self._asked)
        self._show_primary(self.state == "done")
        self.asked.setText(self._asked)

    def _show_primary(self, primary: bool) -> None:
        """To paint is what comes next, once there is nothing to resume."""
        button, kind = self.paint_button, "primary" if primary else ""
        if button.property("kind") != kind:
            button.setProperty("kind", kind)
            button.setIcon(icon("brush", "on_accent" if primary else "text"))
            button.style().unpolish(button)
            button.style().polish(button)

    def _show_face(self) -> None:
        has_judged = not self.judged.is_empty
        self.faces.setVisible(has_judged)
        judged = has_judged and self.faces.value == "judged"
        self.losses.setVisible(not judged)
        self.judged.setVisible(judged)
        self.losses.title.setVisible(not has_judged)
