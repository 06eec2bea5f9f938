"""A choice as a card: a title, lines that explain, and maybe a bar of what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from app.ui.look.theme import color, notifier, tokens

PADDING: Final = 12.0
DOT: Final = 16.0
LINE_GAP: Final = 4.0
BAR_HEIGHT: Final = 6.0
LEAST_WIDTH: Final = 112


@dataclass(frozen=True)
class Bar:
    """``fraction``: of what there is; above 1 it doesn't fit. ``text`` stands below it."""

    fraction: float
    text: str


class ChoiceCard(QAbstractButton):
    """One of several; put them into an exclusive QButtonGroup. As high as its words need.

    ``badge``: a short word at the title's right ("recommended").
    """

    def __init__(
        self, title: str, detail: str = "", *, bar: Bar | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._detail, self._bar = detail, bar
        self._badge = self._obstacle = self._figures = ""
        self.setText(title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._describe()
        notifier().changed.connect(self.updateGeometry)

    @property
    def detail(self) -> str:
        """The lines under the title."""
        return self._detail

    @property
    def obstacle(self) -> str:
        """Why it can't be chosen; "" if it can."""
        return self._obstacle

    def set_detail(self, detail: str) -> None:
        """Other lines under the title."""
        if detail == self._detail:
            return
        self._detail = detail
        self._describe()
        self.updateGeometry()
        self.update()

    def set_badge(self, badge: str) -> None:
        """A word beside the title."""
        self._badge = badge
        self._describe()
        self.updateGeometry()
        self.update()

    def set_obstacle(self, reason: str, figures: str = "") -> None:
        """It can't be chosen, because of ``reason``, which it shows; "": it can. The tool tip
        has ``figures``."""
        self._obstacle, self._figures = reason, figures
        self.setEnabled(not reason)
        self._describe()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, self.heightForWidth(220))

    def minimumSizeHint(self) -> QSize:
        # In a layout heightForWidth decides; this is what it may never go below.
        return QSize(LEAST_WIDTH, 48)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return round(self._lay_out(None, float(width)))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_back(painter)
        self._paint_dot(painter)
        self._lay_out(painter, float(self.width()))
        painter.end()

    def _describe(self) -> None:
        parts = [self._badge, self._detail, self._bar.text if self._bar else "", self._obstacle]
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(". ".join(part for part in parts if part))
        self.setToolTip(self._figures or self._obstacle)

    def _lay_out(self, painter: QPainter | None, width: float) -> float:
        """Paint the words if there is a painter; returns the height they need."""
        t = tokens()
        left, right = PADDING, width - PADDING
        top = PADDING
        alive = self.isEnabled()
        title = _font(t.font, bold=True)
        room = right - left - DOT - 8
        badge_width = 0.0
        if self._badge:
            metrics = QFontMetricsF(_font(t.font_small, bold=True))
            badge_width = metrics.horizontalAdvance(self._badge) + 12
        words = QFontMetricsF(title)
        below = bool(badge_width) and words.horizontalAdvance(self.text()) > room - badge_width - 8
        box = QRectF(left + DOT + 8, top, room, 1e4)
        height = _text(
            painter, box, self.text(), title, QColor(t.text if alive else t.text_disabled)
        )
        if badge_width:
            line = words.height()
            if below:
                under = left + DOT + 8 if badge_width <= room else left
                place = QRectF(under, top + height + 3, badge_width, line)
                height += line + 3
            else:
                place = QRectF(right - badge_width, top, badge_width, line)
            self._paint_badge(painter, place)
        top += max(height, DOT)
        if self._detail:
            top += LINE_GAP
            ink = QColor(t.text_muted if alive else t.text_disabled)
            box = QRectF(left, top, right - left, 1e4)
            top += _text(painter, box, self._detail, _font(t.font_small), ink)
        if self._bar is not None:
            top += self._paint_bar(painter, QRectF(left, top, right - left, 0))
        if self._obstacle:
            top += LINE_GAP + 2
            box = QRectF(left, top, right - left, 1e4)
            top += _text(painter, box, self._obstacle, _font(t.font_small), QColor(t.warning))
        return top + PADDING

    def _paint_back(self, painter: QPainter) -> None:
        t = tokens()
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setBrush(QColor(t.surface))
        if self.underMouse() and self.isEnabled() and not self.isChecked():
            painter.setBrush(QColor(t.raised))
        chosen = self.isChecked() and self.isEnabled()
        painter.setPen(QPen(QColor(t.accent if chosen else t.border), 2 if chosen else 1))
        painter.drawRoundedRect(box, t.radius, t.radius)
        if chosen:
            painter.setBrush(color(t.accent, 0.08))
            painter.drawRoundedRect(box, t.radius, t.radius)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(t.focus), 2))
            painter.drawRoundedRect(box, t.radius, t.radius)

    def _paint_dot(self, painter: QPainter) -> None:
        t = tokens()
        box = QRectF(PADDING, PADDING + 1, DOT, DOT).adjusted(0.5, 0.5, -0.5, -0.5)
        chosen = self.isChecked() and self.isEnabled()
        edge = t.accent if chosen else t.border_strong if self.isEnabled() else t.border
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(t.accent if chosen else t.field))
        painter.drawEllipse(box)
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.on_accent))
            painter.drawEllipse(box.center(), 3.2, 3.2)

    def _paint_badge(self, painter: QPainter | None, box: QRectF) -> None:
        if painter is None:
            return
        t = tokens()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.selection))
        painter.drawRoundedRect(box, t.radius_small, t.radius_small)
        painter.setPen(QColor(t.on_selection))
        painter.setFont(_font(t.font_small, bold=True))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), self._badge)

    def _paint_bar(self, painter: QPainter | None, box: QRectF) -> float:
        """A bar and the line under it; returns how high both are."""
        assert self._bar is not None
        t = tokens()
        gap = 8.0
        bar = QRectF(box.left(), box.top() + gap, box.width(), BAR_HEIGHT)
        line = QRectF(box.left(), bar.bottom() + LINE_GAP, box.width(), 1e4)
        fits = self._bar.fraction <= 1
        if painter is not None:
            paint_bar(painter, bar, self._bar.fraction, alive=self.isEnabled() or not fits)
        ink = QColor(t.text_muted if self.isEnabled() else t.text_disabled)
        height = _text(painter, line, self._bar.text, _font(t.font_small), ink)
        return gap + BAR_HEIGHT + LINE_GAP + height


def paint_bar(painter: QPainter, box: QRectF, fraction: float, *, alive: bool = True) -> None:
    """How much of something is taken: accent, a warning above 90 %, danger where it is too much."""
    t = tokens()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(t.control_hover))
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    ink = t.danger if fraction > 1 else t.warning if fraction > 0.9 else t.accent
    painter.setBrush(QColor(ink if alive else t.text_disabled))
    width = box.width() * min(max(fraction, 0.0), 1.0)
    if width > 0:
        filled = QRectF(box.topLeft(), QPointF(box.left() + max(width, box.height()), box.bottom()))
        painter.drawRoundedRect(filled, box.height() / 2, box.height() / 2)
    painter.restore()


def _text(painter: QPainter | None, box: QRectF, text: str, font: QFont, ink: QColor) -> float:
    """Wrapped text from the top of ``box``; returns its height."""
    flags = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    needed = QFontMetricsF(font).boundingRect(box, flags, text)
    if painter is not None:
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(box, flags, text)
    return needed.height()


def _font(pixels: int, *, bold: bool = False) -> QFont:
    font = QFont()
    font.setPixelSize(pixels)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font
