"""What lies over the picture: a small badge in a corner, a card with a message."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.ui.look import theme

PATIENCE_MS = 150  # what takes no longer is not mentioned
_TURN_MS = 50
_STEPS = 20  # timer ticks per turn of the spinner
_MARGIN = 12


class State(Enum):
    """What the badge says; the value is its text."""

    CURRENT = ""
    UPDATING = "Updating…"
    OUT_OF_DATE = "Out of date · F5 renders"
    BEFORE = "Before the last change"


class StateBadge(QWidget):
    """Says in a corner of its parent how the picture relates to the scene.

    "Updating" and "out of date" are said only after they lasted ``PATIENCE_MS``; a picture
    that comes sooner causes no flicker. Mouse and pen go through it.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._state = self._wanted = State.CURRENT
        self._turn = 0
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._show_wanted)
        self._spin = QTimer(self, interval=_TURN_MS)
        self._spin.timeout.connect(self._spun)
        self.hide()
        parent.installEventFilter(self)
        theme.notifier().changed.connect(self._place)

    @property
    def state(self) -> State:
        """What it says now."""
        return self._state

    def set_state(self, state: State) -> None:
        """Say ``state``, at once or after a moment's patience."""
        if state == self._wanted:
            return
        self._wanted = state
        if state in (State.CURRENT, State.BEFORE) or self._state is not State.CURRENT:
            self._patience.stop()
            self._show_wanted()
        elif not self._patience.isActive():
            self._patience.start()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(self._font())
        return QSize(metrics.horizontalAdvance(self._state.value) + 40, metrics.height() + 12)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color(t.window, 0.86))
        radius = self.height() / 2
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        middle = QPointF(radius + 2, radius)
        if self._state is State.UPDATING:
            ring = QRectF(middle.x() - 5, middle.y() - 5, 10, 10)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.color(t.border_strong), 2))
            painter.drawEllipse(ring)
            pen = QPen(theme.color(t.accent), 2)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(ring, -self._turn * 5760 // _STEPS, 1440)
        else:
            painter.setBrush(
                theme.color(t.warning if self._state is State.OUT_OF_DATE else t.accent)
            )
            painter.drawEllipse(middle, 4, 4)
        painter.setPen(theme.color(t.text))
        painter.setFont(self._font())
        text = self.rect().adjusted(28, 0, -12, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, self._state.value)

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(theme.tokens().font_small)
        return font

    def _show_wanted(self) -> None:
        self._state = self._wanted
        self.setAccessibleName(self._state.value)
        self.setVisible(self._state is not State.CURRENT)
        self._place()
        if self._state is State.UPDATING:
            self._spin.start()
        else:
            self._spin.stop()

    def _spun(self) -> None:
        self._turn = (self._turn + 1) % _STEPS
        self.update(0, 0, 28, self.height())

    def _place(self) -> None:
        size, parent = self.sizeHint(), self.parentWidget()
        self.setGeometry(
            parent.width() - size.width() - _MARGIN, _MARGIN, size.width(), size.height()
        )
        self.update()


class MessageCard(QWidget):
    """A message in the middle of its parent. The first line is the headline, the rest explains.

    Mouse and pen go through it, so that one may paint meanwhile.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._headline, self._rest = QLabel(self), QLabel(self)
        for label, role in ((self._headline, "heading"), (self._rest, "caption")):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("role", role)
        layout = QVBoxLayout(self)
        t = theme.tokens()
        layout.setContentsMargins(t.space_5, t.space_4, t.space_5, t.space_4)
        layout.setSpacing(t.space_1)
        layout.addWidget(self._headline)
        layout.addWidget(self._rest)
        self.hide()
        parent.installEventFilter(self)

    @property
    def text(self) -> str:
        """What it says; "" while it is hidden."""
        return "" if self.isHidden() else self.accessibleName()

    def set_text(self, text: str | None) -> None:
        """Show ``text``, or nothing."""
        headline, _, rest = (text or "").strip().partition("\n")
        self._headline.setText(headline)
        self._rest.setText(rest)
        self._rest.setVisible(bool(rest))
        self.setAccessibleName((text or "").strip())
        self.setVisible(bool(headline))
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color(t.border), 1))
        painter.setBrush(theme.color(t.window, 0.94))
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(area, t.radius_large, t.radius_large)

    def _place(self) -> None:
        parent = self.parentWidget()
        room = max(parent.width() - 2 * _MARGIN, 0)
        metrics = QFontMetrics(self._headline.font())
        lines = (self._headline.text() + "\n" + self._rest.text()).split("\n")
        wanted = max(metrics.horizontalAdvance(line) for line in lines) + 64
        width = min(room, max(wanted, 160), 420)
        height = self.layout().totalHeightForWidth(width)
        if height < 0:
            height = self.sizeHint().height()
        self.setGeometry(
            (parent.width() - width) // 2, (parent.height() - height) // 2, width, height
        )
