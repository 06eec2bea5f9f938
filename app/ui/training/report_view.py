"""What the dataset doctor found, the classes, and the way on: as it is, or as a clean copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.ui.look.icons import icon
from app.ui.look.theme import notifier
from app.ui.training.class_table import ClassTable
from app.ui.training.finding_card import FindingCard, by_severity
from app.ui.training.message_card import MessageCard
from app.ui.training.scroll_column import ScrollColumn
from app.ui.training.slices import Slices
from app.ui.training.texts import plural
from app.ui.widgets.text import ElidedLabel
from app.workers.training_messages import DataReport, Finding, ImportRequest

IMPORT: Final = "&Import a clean copy and continue"
CONTINUE: Final = "&Continue"
NOTHING_FOUND: Final = "Nothing is wrong with these data."


class ReportView(QWidget):
    """Shows one DataReport at a time.

    ``continued``: go on with the data as they are. ``import_wanted``: an ImportRequest.
    ``other_wanted``: other data. ``out_wanted``: choose where the copy goes. Findings come in
    slices, the worst first; ``complete``: all of the last report are there.
    """

    continued = Signal()
    import_wanted = Signal(object)
    other_wanted = Signal()
    again_wanted = Signal()
    out_wanted = Signal()
    complete = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: DataReport | None = None
        self.cards: list[FindingCard] = []
        self._slices = Slices(self)
        self._slices.done.connect(self.complete)
        self.title = ElidedLabel("", "heading")
        self.summary = QLabel()
        self.summary.setProperty("role", "caption")
        self.summary.setWordWrap(True)
        self.other_button = QPushButton("Choose &other data…")
        self.other_button.clicked.connect(self.other_wanted)
        self.again_button = QPushButton("Check &again")
        self.again_button.setToolTip("After something was mended in the folder")
        self.again_button.clicked.connect(self.again_wanted)
        self.findings_head = QLabel()
        self.findings_head.setProperty("role", "heading")
        self.area = ScrollColumn()
        self.area.setAccessibleName("Findings")
        self.classes = ClassTable()
        self.no_classes = QLabel()
        self.error = MessageCard()
        self.out_label = QLabel("Co&py to")
        self.out = QLineEdit()
        self.out.setAccessibleName("Folder of the clean copy")
        self.out.setToolTip("Your own folder is not changed; the copy must not exist yet")
        self.out_label.setBuddy(self.out)
        self.out_button = QPushButton("C&hange…")
        self.out_button.clicked.connect(self.out_wanted)
        self.why = QLabel()
        self.why.setWordWrap(True)
        self.next_button = QPushButton()
        self.next_button.setProperty("kind", "primary")
        self.next_button.clicked.connect(self._go_on)
        self._arrange()
        self.classes.class_model.edited.connect(self._show_way)
        self.out.textChanged.connect(self._show_way)

    @property
    def is_complete(self) -> bool:
        """All findings of the report are there."""
        return not self._slices.pending

    @property
    def needs_import(self) -> bool:
        """The way on is by a clean copy."""
        report = self.report
        return report is not None and (report.needs_import or bool(self.classes.choices))

    def show_report(self, report: DataReport, out: Path) -> None:
        """Show ``report``; ``out``: where a clean copy would go."""
        self.report = report
        self.error.say("")
        name = Path(report.folder).name or report.folder
        self.title.setText(name)
        self.title.setToolTip(report.folder)
        self.summary.setText(summary_of(report))
        self._show_findings(report)
        self.classes.show_classes(report.classes)
        self.out.setText(str(out))
        self.out.setCursorPosition(0)
        self._show_way()
        self.area.verticalScrollBar().setValue(0)

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.title)
        words.addWidget(self.summary)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addLayout(words, 1)
        top.addWidget(self.again_button, 0, Qt.AlignmentFlag.AlignTop)
        top.addWidget(self.other_button, 0, Qt.AlignmentFlag.AlignTop)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(8)
        column.addWidget(self.findings_head)
        column.addWidget(self.area, 1)
        self.right = QWidget()
        beside = QVBoxLayout(self.right)
        beside.setContentsMargins(8, 0, 0, 0)
        beside.addWidget(self.classes)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.right)
        self.splitter.setHandleWidth(3)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([500, 500])
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.out_label)
        foot.addWidget(self.out, 1)
        foot.addWidget(self.out_button)
        foot.addWidget(self.why, 1)
        foot.addSpacing(8)
        foot.addWidget(self.next_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.error)
        layout.addLayout(foot)

    def _show_findings(self, report: DataReport) -> None:
        self.area.begin()
        self.area.column.addStretch(1)
        self.cards = []
        if not report.findings:
            self.area.column.insertWidget(0, _AllWell())
        self._slices.begin(self._build_cards(by_severity(report.findings)))
        self.area.fit()
        self.findings_head.setText(findings_text(report))
        self.right.setVisible(bool(report.classes))
        self.splitter.setSizes([520, 480] if report.findings else [320, 680])

    def _build_cards(self, findings: tuple[Finding, ...]) -> Iterator[None]:
        """A card for each, one at a step."""
        column, cards = self.area.column, self.cards
        for number, finding in enumerate(findings):
            cards.append(FindingCard(finding))
            column.insertWidget(number, cards[-1])
            yield

    def _show_way(self) -> None:
        """What the button at the foot does, and whether it can."""
        report = self.report
        if report is None:
            return
        importing, usable = self.needs_import, report.usable and bool(report.pictures)
        for widget in (self.out_label, self.out, self.out_button):
            widget.setVisible(importing and usable)
        self.why.setVisible(not (importing and usable))
        self.why.setText(way_text(report, usable))
        self.why.setProperty("role", "caption" if usable else "error")
        self.why.style().unpolish(self.why)
        self.why.style().polish(self.why)
        self.next_button.setText(IMPORT if importing else CONTINUE)
        self.next_button.setEnabled(usable and (not importing or bool(self.out.text().strip())))

    def _go_on(self) -> None:
        report = self.report
        if report is None:
            return
        self.error.say("")
        if self.needs_import:
            out = self.out.text().strip()
            self.import_wanted.emit(ImportRequest(report.folder, out, self.classes.choices))
        else:
            self.continued.emit()


class _AllWell(QFrame):
    """In place of findings where there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._icon = QLabel()
        text = QLabel(NOTHING_FOUND)
        text.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(text, 1)
        self._draw_icon()
        notifier().changed.connect(self._draw_icon)

    def _draw_icon(self) -> None:
        self._icon.setPixmap(icon("check-circle-outline", "success").pixmap(20, 20))


def summary_of(report: DataReport) -> str:
    """ "Cityscapes: 640 pictures, 64 of them held out to judge by; good for 256 px"."""
    parts = [plural(report.pictures, "picture")]
    if report.photos_alone:
        parts.append("without label maps: the segmenter makes them on import")
    if report.validation:
        parts.append(f"{report.validation:,} of them held out to judge by")
    if report.size and report.pictures:
        parts.append(f"good for training at {report.size} px")
    layout = report.layout[:1].upper() + report.layout[1:]
    return f"{layout}: {', '.join(parts)}" if layout else ", ".join(parts)


def findings_text(report: DataReport) -> str:
    """How many kinds of problems there are, and what becomes of them."""
    if not report.findings:
        return "No problems"
    counts = dict.fromkeys(("unusable", "fixed", "explained"), 0)
    for finding in report.findings:
        counts[finding.severity] += 1
    parts = [plural(len(report.findings), "finding")]
    if counts["unusable"]:
        parts.append(f"{counts['unusable']} to mend first")
    if counts["fixed"]:
        parts.append(f"{counts['fixed']} fixed on import")
    return ", ".join(parts)


def way_text(report: DataReport, usable: bool) -> str:
    """Beside the button: why it leads on as it does, or not at all."""
    if usable:
        return "Training reads this folder as it is."
    if not report.pictures:
        return "There is no picture to train on: mend the folder and check again."
    return "This can't be trained on yet: mend what is marked first, then check again."
