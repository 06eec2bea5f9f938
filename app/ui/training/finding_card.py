"""One finding of the dataset doctor: what was found, how often, examples, what is done."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.ui.look.icons import icon
from app.ui.look.pictures import thumbnail
from app.ui.look.theme import notifier
from app.ui.training.flow import FlowLayout
from app.ui.training.texts import breakable, sentence
from app.workers.training_messages import Finding, Severity

THUMB: Final = 56
MOST_THUMBS: Final = 6
ICONS: Final[dict[Severity, tuple[str, str]]] = {
    "unusable": ("close-octagon-outline", "danger"),
    "fixed": ("auto-fix", "accent"),
    "explained": ("information-outline", "warning"),
}
WORDS: Final[dict[Severity, str]] = {
    "unusable": "Needs you",
    "fixed": "Fixed on import",
    "explained": "Good to know",
}
ORDER: Final[tuple[Severity, ...]] = ("unusable", "fixed", "explained")


def by_severity(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The worst first, then the most frequent."""
    return tuple(sorted(findings, key=lambda found: (ORDER.index(found.severity), -found.count)))


class FindingCard(QFrame):
    """``finding`` as a card; thumbnails tell their file's name in the tool tip."""

    def __init__(self, finding: Finding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.finding = finding
        self.setProperty("role", "card")
        self.setAccessibleName(finding.title)
        self.setAccessibleDescription(f"{finding.text} {finding.remedy}")
        self._icon = QLabel()
        self._icon.setToolTip(WORDS[finding.severity])
        self._icon.setFixedWidth(22)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        title = QLabel(finding.title)
        title.setWordWrap(True)
        title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        title.setStyleSheet("font-weight: 600;")
        count = QLabel(f"{finding.count:,}" if finding.count else "")
        count.setProperty("role", "caption")
        count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        count.setToolTip("How often")
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(title, 1)
        top.addWidget(count)
        text = _words(sentence(finding.text))
        remedy = _words(sentence(finding.remedy), "caption")
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(top)
        column.addWidget(text)
        column.addWidget(remedy)
        if finding.thumbnails or finding.examples:
            column.addSpacing(2)
            column.addWidget(self._examples())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(column, 1)
        self._draw_icon()
        notifier().changed.connect(self._draw_icon)

    def _examples(self) -> QWidget:
        """Thumbnails; where there are none, the names."""
        found = self.finding
        if not found.thumbnails:
            names = ", ".join(found.examples[:3]) + (" …" if found.count > 3 else "")
            label = _words(names, "caption")
            label.setToolTip("\n".join(found.examples))
            return label
        part = QWidget()
        row = FlowLayout(part, spacing=6)
        for number, pixels in enumerate(found.thumbnails[:MOST_THUMBS]):
            name = found.examples[number] if number < len(found.examples) else ""
            picture = QLabel()
            picture.setFixedSize(THUMB, THUMB)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setStyleSheet("background: palette(base); border-radius: 4px;")
            picture.setPixmap(self._pixmap(pixels))
            picture.setToolTip(name)
            picture.setAccessibleName(name)
            row.addWidget(picture)
        more = found.count - min(len(found.thumbnails), MOST_THUMBS)
        if more > 0:
            label = QLabel(f"and {more:,} more")
            label.setProperty("role", "caption")
            label.setToolTip("\n".join(found.examples))
            row.addWidget(label)
        return part

    def _pixmap(self, pixels: object) -> QPixmap:
        return thumbnail(pixels, QSize(THUMB, THUMB), self.devicePixelRatioF())  # type: ignore[arg-type]

    def _draw_icon(self) -> None:
        name, role = ICONS[self.finding.severity]
        self._icon.setPixmap(icon(name, role).pixmap(20, 20))


def _words(text: str, role: str = "") -> QLabel:
    label = QLabel(breakable(text))
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label
