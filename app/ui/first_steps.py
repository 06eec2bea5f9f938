"""The card of three steps that greets a newcomer, over the workspace's lower edge."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsDropShadowEffect,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.look import theme
from app.ui.look.icons import icon

STEPS = (
    (
        "brush",
        "Paint",
        "Choose a class on the left and drag over the scene. The picture follows. Or drop a "
        "photo to begin with its scene.",
    ),
    (
        "palette-swatch-outline",
        "Restyle",
        "Click a photo on the right, or drop any picture onto the scene.",
    ),
    ("image-move", "Export", "File > Export picture writes what you see: Ctrl+E."),
)
MARGIN = 16


class FirstSteps(QFrame):
    """Floats over ``host`` at its bottom; ``dismissed`` is emitted when it is closed for good."""

    dismissed = Signal()
    covers = Signal(int)  # pixels of the host's lower edge that the card takes, 0 when hidden

    def __init__(self, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self.setProperty("role", "card")
        self.setObjectName("first_steps")
        self.setAccessibleName("First steps")
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(28)
        shadow.setOffset(0, 6)
        shadow.setColor(theme.color("#000000", 0.45))
        self.setGraphicsEffect(shadow)
        title = QLabel("Three steps")
        title.setProperty("role", "heading")
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setToolTip("Close; Help > First steps shows it again")
        close.setAccessibleName("Close")
        close.clicked.connect(self.dismiss)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(close)
        self.columns = QHBoxLayout()
        self.columns.setSpacing(20)
        self._icons: list[tuple[QLabel, str]] = []
        for number, (name, heading, text) in enumerate(STEPS, 1):
            self.columns.addLayout(self._step(number, name, heading, text), 1)
        self.done = QPushButton("Got it")
        self.done.setProperty("kind", "primary")
        self.done.clicked.connect(self.dismiss)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.done)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 12, 12, 14)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addLayout(self.columns)
        layout.addLayout(foot)
        self._draw_icons()
        theme.notifier().changed.connect(self._draw_icons)
        host.installEventFilter(self)
        self.place()

    def dismiss(self) -> None:
        """Close the card and say so."""
        self.hide()
        self.dismissed.emit()

    def place(self) -> None:
        """Sit at the bottom of the host, as wide as it reads well."""
        width = min(self._host.width() - 2 * MARGIN, 760)
        height = max(self.layout().totalHeightForWidth(width), self.minimumSizeHint().height())
        x = (self._host.width() - width) // 2
        self.setGeometry(x, self._host.height() - height - MARGIN, width, height)
        self.raise_()
        if self.isVisible():
            self.covers.emit(height + 2 * MARGIN)

    def showEvent(self, event: QEvent) -> None:
        super().showEvent(event)
        self.place()

    def hideEvent(self, event: QEvent) -> None:
        super().hideEvent(event)
        self.covers.emit(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self.place()
        return super().eventFilter(watched, event)

    def _step(self, number: int, name: str, heading: str, text: str) -> QVBoxLayout:
        picture = QLabel()
        self._icons.append((picture, name))
        top = QLabel(f"{number}. {heading}")
        top.setStyleSheet("font-weight: 600;")
        body = QLabel(text)
        body.setWordWrap(True)
        body.setProperty("role", "caption")
        body.setAlignment(Qt.AlignmentFlag.AlignTop)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(picture)
        line.addWidget(top, 1)
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addLayout(line)
        column.addWidget(body, 1)
        return column

    def _draw_icons(self) -> None:
        for label, name in self._icons:
            label.setPixmap(icon(name, "accent").pixmap(20, 20))
