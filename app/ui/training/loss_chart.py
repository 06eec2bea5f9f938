"""Curves over steps: smoothed lines over a pale band of the raw values, and a read-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.look.theme import color, notifier, tokens
from app.ui.training.chart_scale import Scale, fitting, number, step_marks
from app.ui.training.loss_series import Bins, Series, by_column, smoothed

INKS: Final = {
    "dark": ("#4cc2a5", "#f2bd57", "#ff8a80", "#7db7ff", "#c39bff", "#a5d66f", "#ff9ed1"),
    "light": ("#0b7a66", "#a86400", "#c0352b", "#1f64c8", "#7a3fc4", "#4d7a12", "#b5307f"),
}
SMOOTH: Final = 0.012
"""Radius of the smoothing, as a share of the chart's width."""
SMOOTH_POINTS: Final = 1.2
"""Its least radius, in points, while there are few."""
DOTS: Final = 30
"""So many raw values are marked each by itself."""
PITCH: Final = 2.0
"""Pixels between two points of a curve."""
LEFT, RIGHT, TOP, BOTTOM = 48.0, 12.0, 10.0, 24.0
WAITING: Final = "The curves begin with the first steps."


@dataclass(frozen=True)
class CurveName:
    """How a curve is called, what it means, and whether it shows from the beginning."""

    key: str
    title: str
    tip: str = ""
    shown: bool = True


@dataclass(frozen=True)
class _Drawn:
    """A curve in columns of the plot."""

    key: str
    columns: Bins
    line: np.ndarray  # smoothed
    low: np.ndarray  # of the band behind it
    high: np.ndarray


class LossChart(QWidget):
    """Any curves, thousands of steps or millions. ``keys_changed``: another curve began."""

    keys_changed = Signal()

    def __init__(self, names: Sequence[CurveName] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names = {name.key: name for name in names}
        self._series: dict[str, Series] = {}
        self._hidden = {name.key for name in names if not name.shown}
        self._log = False
        self._smooth = True
        self._hover: float | None = None  # x of the pointer
        self._drawn: list[_Drawn] = []
        self._scale = Scale(0.0, 1.0)
        self._steps = (0.0, 1.0)
        self._picture: QPixmap | None = None
        self.waiting = WAITING
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Curves")
        notifier().changed.connect(self._stale)

    # -- data

    @property
    def keys(self) -> tuple[str, ...]:
        """The curves there are, the named ones first in their order."""
        known = [key for key in self.names if key in self._series]
        return (*known, *sorted(key for key in self._series if key not in self.names))

    @property
    def is_empty(self) -> bool:
        """There is no point yet."""
        return not any(len(series) for series in self._series.values())

    def clear(self) -> None:
        """Forget all points."""
        self._series = {}
        self._hover = None
        self._stale()
        self.keys_changed.emit()

    def add(self, rows: Sequence[dict[str, float]]) -> None:
        """More points, {"step": ..., key: value}, in the order of their steps."""
        if not rows:
            return
        steps = np.array([row["step"] for row in rows], np.float64)
        keys = {key for row in rows for key in row if key not in ("step", "time")}
        fresh = keys - self._series.keys()
        for key in keys:
            values = np.array([_value(row.get(key)) for row in rows], np.float64)
            self._series.setdefault(key, Series()).extend(steps, values)
        self._stale()
        if fresh:
            self.keys_changed.emit()

    def is_hidden(self, key: str) -> bool:
        """Whether a curve is not drawn."""
        return key in self._hidden

    def set_hidden(self, key: str, hidden: bool) -> None:
        """Leave a curve out."""
        (self._hidden.add if hidden else self._hidden.discard)(key)
        self._stale()

    def set_log(self, log: bool) -> None:
        """Heights by their logarithm."""
        self._log = log
        self._stale()

    def set_smooth(self, smooth: bool) -> None:
        """Draw smoothed lines over pale raw values, or the raw values alone."""
        self._smooth = smooth
        self._stale()

    def ink(self, key: str) -> str:
        """The colour of a curve, "#rrggbb", in the present theme."""
        inks = INKS.get(tokens().name, INKS["dark"])
        keys = [*self.names, *(key for key in self.keys if key not in self.names)]
        return inks[keys.index(key) % len(inks)] if key in keys else inks[0]

    def title(self, key: str) -> str:
        """How a curve is called."""
        return self.names[key].title if key in self.names else key

    # -- reading

    def readout(self, x: float) -> tuple[float, list[tuple[str, float]]] | None:
        """(step, [(key, value)]) at the place ``x`` of the widget; None where nothing is."""
        self._lay_out()
        plot = self._plot()
        shown = [drawn for drawn in self._drawn if len(drawn.line)]
        if not shown or not plot.left() - 8 <= x <= plot.right() + 8:
            return None
        column = (x - plot.left()) / PITCH
        values = []
        for drawn in shown:
            nearest = int(np.abs(drawn.columns.step - column).argmin())
            values.append((drawn.key, float(drawn.line[nearest])))
        first, last = self._steps
        share = min(max(column * PITCH / max(plot.width() - PITCH, 1), 0.0), 1.0)
        return first + share * (last - first), values

    # -- Qt's questions

    def sizeHint(self) -> QSize:
        return QSize(420, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 110)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._stale()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(event.position().x())

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plot = self._plot()
        step = max(plot.width() / 100, 1.0)
        at = plot.right() if self._hover is None else self._hover
        if event.key() == Qt.Key.Key_Left:
            self._point(max(at - step, plot.left()))
        elif event.key() == Qt.Key.Key_Right:
            self._point(min(at + step, plot.right()))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._lay_out()
        ratio = self.devicePixelRatioF()
        if self._picture is None:
            picture = QPixmap(self.size() * ratio)
            picture.setDevicePixelRatio(ratio)
            picture.fill(Qt.GlobalColor.transparent)
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_chart(painter)
            painter.end()
            self._picture = picture
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPixmap(0, 0, self._picture)
        if self._hover is not None:
            self._paint_readout(painter, self._hover)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens().focus), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            painter.drawRoundedRect(box, tokens().radius, tokens().radius)
        painter.end()

    # -- drawing

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(LEFT, TOP, -RIGHT, -BOTTOM)

    def _stale(self) -> None:
        self._picture = None
        self._drawn = []
        self.update()

    def _point(self, x: float | None) -> None:
        if x != self._hover:
            self._hover = x
            self.update()

    def _lay_out(self) -> None:
        """Bring the curves into columns, once for every change."""
        if self._drawn or self.is_empty:
            return
        width = max(int(self._plot().width() / PITCH), 2)
        shown = [key for key in self.keys if key not in self._hidden and len(self._series[key])]
        all_bins = {key: self._series[key].bins for key in shown}
        first = min((bins.step[0] for bins in all_bins.values()), default=0.0)
        last = max((bins.step[-1] for bins in all_bins.values()), default=1.0)
        alone = first >= last  # a single step stands in the middle
        self._steps = (float(first) - alone, float(last) + alone)
        for key, bins in all_bins.items():
            columns = by_column(bins, *self._steps, width)
            if self._smooth:
                radius = max(SMOOTH * width, SMOOTH_POINTS * width / max(len(columns.step), 1))
                line = smoothed(columns, columns.mean, radius)
                spread = smoothed(columns, columns.spread, radius)
                drawn = _Drawn(key, columns, line, line - spread, line + spread)
            else:
                drawn = _Drawn(key, columns, columns.mean, columns.low, columns.high)
            self._drawn.append(drawn)
        self._scale = fitting([drawn.line for drawn in self._drawn], log=self._log)

    def _paint_chart(self, painter: QPainter) -> None:
        t, plot = tokens(), self._plot()
        painter.setFont(_font(t.font_small))
        if self.is_empty or not self._drawn:
            painter.setPen(QColor(t.text_muted))
            text = self.waiting if self.is_empty else "All curves are switched off."
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(QRectF(self.rect()).adjusted(16, 0, -16, 0), flags, text)
            return
        self._paint_axes(painter, plot)
        painter.setClipRect(plot.adjusted(-4, -4, 4, 4))  # dots at the ends are whole
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # pale: nobody sees it
        for drawn in self._drawn:
            self._paint_band(painter, plot, drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for drawn in self._drawn:
            self._paint_line(painter, plot, drawn)
        painter.setClipping(False)

    def _paint_axes(self, painter: QPainter, plot: QRectF) -> None:
        t = tokens()
        line = QPen(color(t.text, 0.10), 1)
        metrics = QFontMetricsF(painter.font())
        for value in self._scale.ticks(max(int(plot.height() / 38), 2)):
            y = plot.bottom() - float(self._scale.place(np.array([value]))[0]) * plot.height()
            painter.setPen(line)
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(t.text_muted))
            box = QRectF(0, y - 10, plot.left() - 8, 20)
            right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            painter.drawText(box, right, number(value))
        first, last = self._steps
        room = metrics.horizontalAdvance("000,000")
        for step, text in step_marks(first, last, max(int(plot.width() / (room + 24)), 1)):
            x = plot.left() + (step - first) / (last - first) * plot.width()
            width = metrics.horizontalAdvance(text)
            left = min(max(x - width / 2, 0), self.width() - width)
            painter.drawText(QPointF(left, plot.bottom() + metrics.ascent() + 6), text)

    def _paint_line(self, painter: QPainter, plot: QRectF, drawn: _Drawn) -> None:
        points = self._points(plot, drawn.columns.step, drawn.line)
        painter.setPen(QPen(QColor(self.ink(drawn.key)), 1))
        if len(points) == 1 or (len(points) <= DOTS and not self._smooth):
            painter.setBrush(QColor(self.ink(drawn.key)))
            for point in points:
                painter.drawEllipse(point, 2.5, 2.5)
        for down in (-0.35, 0.35):  # two thin lines take a quarter of the time of a thick one
            painter.translate(0, down)
            painter.drawPolyline(points)
            painter.translate(0, -down)

    def _paint_band(self, painter: QPainter, plot: QRectF, drawn: _Drawn) -> None:
        """Where most raw values of each column are; unsmoothed, from the lowest to the highest."""
        if len(drawn.line) < 2:
            return
        upper = self._points(plot, drawn.columns.step, drawn.high)
        lower = self._points(plot, drawn.columns.step[::-1], drawn.low[::-1])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(self.ink(drawn.key), 0.16 if self._smooth else 0.3))
        painter.drawPolygon(QPolygonF([*upper, *lower]))

    def _points(self, plot: QRectF, columns: np.ndarray, values: np.ndarray) -> list[QPointF]:
        heights = np.clip(self._scale.place(values), -0.5, 1.5)
        x = plot.left() + columns * PITCH
        y = plot.bottom() - heights * plot.height()
        return [QPointF(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]

    def _paint_readout(self, painter: QPainter, x: float) -> None:
        found = self.readout(x)
        if found is None:
            return
        t, plot = tokens(), self._plot()
        step, values = found
        x = min(max(x, plot.left()), plot.right())
        painter.setPen(QPen(color(t.text, 0.5), 1))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        for key, value in values:
            y = plot.bottom() - float(self._scale.place(np.array([value]))[0]) * plot.height()
            if plot.top() - 1 <= y <= plot.bottom() + 1:
                painter.setPen(QPen(QColor(t.surface), 1.5))
                painter.setBrush(QColor(self.ink(key)))
                painter.drawEllipse(QPointF(x, y), 4, 4)
        lines = [(self.title(key), number(value), self.ink(key)) for key, value in values]
        self._paint_table(painter, x, plot, f"Step {step:,.0f}", lines)

    def _paint_table(
        self,
        painter: QPainter,
        x: float,
        plot: QRectF,
        head: str,
        lines: list[tuple[str, str, str]],
    ) -> None:
        t = tokens()
        painter.setFont(_font(t.font_small))
        metrics = QFontMetricsF(painter.font())
        height = metrics.height() + 2
        names = max((metrics.horizontalAdvance(name) for name, _, _ in lines), default=0)
        values = max((metrics.horizontalAdvance(value) for _, value, _ in lines), default=0)
        width = max(names + values + 42, metrics.horizontalAdvance(head) + 20)
        box = QRectF(0, plot.top() + 4, width, (len(lines) + 1) * height + 12)
        left = x + 12 if x + 12 + width <= plot.right() + RIGHT else x - 12 - width
        box.moveLeft(max(left, 2))
        painter.setPen(QPen(QColor(t.border_strong), 1))
        painter.setBrush(color(t.raised, 0.96))
        painter.drawRoundedRect(box, t.radius_small, t.radius_small)
        y = box.top() + 6
        painter.setPen(QColor(t.text))
        painter.drawText(QPointF(box.left() + 10, y + metrics.ascent()), head)
        for name, value, ink in lines:
            y += height
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(ink))
            painter.drawEllipse(QPointF(box.left() + 14, y + height / 2 - 1), 4, 4)
            painter.setPen(QColor(t.text))
            painter.drawText(QPointF(box.left() + 24, y + metrics.ascent()), name)
            end = box.right() - 10 - metrics.horizontalAdvance(value)
            painter.drawText(QPointF(end, y + metrics.ascent()), value)


def _value(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _font(pixels: int) -> QFont:
    font = QFont()
    font.setPixelSize(pixels)
    return font
