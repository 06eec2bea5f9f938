"""The steps at the window's left: Data, Model, Run, each with a line of how it stands."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QLabel, QVBoxLayout, QWidget

from app.ui.look.icons import paint_glyph
from app.ui.look.theme import color, notifier, tokens

STEPS: Final = ("Data", "Model", "Run")
WIDTH: Final = 188
HEIGHT: Final = 58
CIRCLE: Final = 24


class RailStep(QAbstractButton):
    """A number (a tick once it is done), a word and a line below."""

    def __init__(self, number: int, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number, self._note, self._done = number, "", False
        self.setText(text)
        self.setShortcut(QKeySequence(f"Alt+{number}"))
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(HEIGHT)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._name()
        notifier().changed.connect(self.update)

    @property
    def note(self) -> str:
        """The line below the word."""
        return self._note

    def set_note(self, note: str, *, done: bool) -> None:
        """How the step stands; ``done``: it is behind us."""
        self._note, self._done = note, done
        self._name()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(self.rect()).adjusted(8, 2, -8, -2)
        painter.setPen(Qt.PenStyle.NoPen)
        here, alive = self.isChecked(), self.isEnabled()
        if here or (alive and self.underMouse()):
            painter.setBrush(QColor(t.selection if here else t.raised))
            painter.drawRoundedRect(box, t.radius, t.radius)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), t.radius, t.radius)
        self._paint_circle(painter, box, here, alive)
        left = box.left() + 10 + CIRCLE + 10
        width = box.right() - left - 8
        ink = t.on_selection if here else t.text if alive else t.text_disabled
        middle = box.center().y()
        top = middle - (18 if self._note else 10)
        self._paint_line(painter, QRectF(left, top, width, 20), self._word, ink, t.font, True)
        quiet = t.on_selection if here else t.text_muted if alive else t.text_disabled
        if self._note:
            line = QRectF(left, middle + 1, width, 18)
            self._paint_line(painter, line, self._note, quiet, t.font_small, False)
        painter.end()

    @property
    def _word(self) -> str:
        return self.text()

    def _name(self) -> None:
        self.setAccessibleName(f"{self._number} {self._word}")
        self.setAccessibleDescription(self._note)
        self.setToolTip(f"{self._note or self._word} (Alt+{self._number})")

    def _paint_circle(self, painter: QPainter, box: QRectF, here: bool, alive: bool) -> None:
        t = tokens()
        circle = QRectF(box.left() + 10, box.center().y() - CIRCLE / 2, CIRCLE, CIRCLE)
        filled = here or self._done
        painter.setPen(QPen(QColor(t.accent if filled else t.border_strong), 1.5))
        painter.setBrush(QColor(t.accent) if filled else color(t.surface, 0))
        painter.drawEllipse(circle.adjusted(0.75, 0.75, -0.75, -0.75))
        ink = t.on_accent if filled else t.text if alive else t.text_disabled
        if self._done and not here:
            paint_glyph(painter, circle.adjusted(4, 4, -4, -4), "check-bold", ink)
            return
        font = QFont()
        font.setPixelSize(t.font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        painter.drawText(circle, int(Qt.AlignmentFlag.AlignCenter), str(self._number))

    @staticmethod
    def _paint_line(
        painter: QPainter, box: QRectF, text: str, ink: str, pixels: int, bold: bool
    ) -> None:
        font = QFont()
        font.setPixelSize(pixels)
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        metrics = painter.fontMetrics()
        elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(
            box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), elided
        )


class Rail(QWidget):
    """``chosen``: the number of a page, 0 to 2."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self.steps = [RailStep(number, text) for number, text in enumerate(STEPS, 1)]
        self._group = QButtonGroup(self)
        self.hint = QLabel()
        self.hint.setProperty("role", "caption")
        self.hint.setWordWrap(True)
        self.hint.setContentsMargins(18, 0, 14, 14)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 0)
        layout.setSpacing(2)
        for number, step in enumerate(self.steps):
            self._group.addButton(step, number)
            layout.addWidget(step)
        layout.addStretch(1)
        layout.addWidget(self.hint)
        self._group.idClicked.connect(self.chosen)
        notifier().changed.connect(self.update)

    def show_step(self, number: int) -> None:
        """Mark the page that is shown."""
        self.steps[number].setChecked(True)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        t = tokens()
        painter.fillRect(self.rect(), QColor(t.backdrop if t.name == "dark" else t.raised))
        painter.end()
