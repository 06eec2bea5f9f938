"""The few numbers of a training that help: speed, time, memory, what is safe."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.ui.training.cards import paint_bar
from app.ui.training.texts import bytes_text, duration_text
from app.ui.widgets.text import ElidedLabel
from spade.formats.run_folder import Status


class Figure(QWidget):
    """A caption, a value, and a line or bar below it."""

    def __init__(self, caption: str, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tip)
        self._fraction: float | None = None
        head = QLabel(caption)
        head.setProperty("role", "caption")
        self.value = QLabel()
        self.value.setProperty("role", "heading")
        self.note = ElidedLabel("", "caption")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(head)
        layout.addWidget(self.value)
        layout.addWidget(self.note)

    def show_value(self, value: str, note: str = "", fraction: float | None = None) -> None:
        """``fraction``: draw a bar in place of the note."""
        self.value.setText(value)
        self.note.setText(note)
        self.setAccessibleName(" ".join(part for part in (value, note) if part))
        self._fraction = fraction
        self.update()

    def minimumSizeHint(self) -> QSize:
        return QSize(90, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._fraction is None:
            return
        painter = QPainter(self)
        line = QRectF(self.note.geometry())
        width = min(line.width(), 150.0)
        paint_bar(painter, QRectF(line.left(), line.center().y() - 3, width, 6), self._fraction)
        painter.end()


class Figures(QFrame):
    """Figures side by side."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.left = Figure("Time left", "At the present speed")
        self.speed = Figure("Speed", "Pictures a second, and how many make a step")
        self.memory = Figure("Memory", "The most that was held so far, of what the device has")
        self.safe = Figure(
            "Last checkpoint", "What survives a crash or a power cut: training goes on from there"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 14, 10)
        row.setSpacing(16)
        for figure in (self.left, self.speed, self.memory, self.safe):
            row.addWidget(figure, 1, Qt.AlignmentFlag.AlignTop)

    def show_status(self, status: Status, *, moving: bool) -> None:
        """``moving``: steps are made; else speed and time mean nothing."""
        seconds = status.seconds_left if moving else None
        self.left.show_value("–" if seconds is None else duration_text(seconds))
        speed = status.images_per_second if moving else 0.0
        self.speed.show_value(speed_text(speed), batch_text(status))
        used, limit = status.memory_bytes, status.memory_limit
        if used:
            of = f" of {bytes_text(limit)}" if limit else ""
            self.memory.show_value(f"{bytes_text(used)}{of}", "", used / limit if limit else None)
        else:
            self.memory.show_value("–")
        step = status.checkpoint_step
        lost = max(status.step - step, 0)
        note = f"{lost:,} steps since" if step and lost else ""
        self.safe.show_value(f"Step {step:,}" if step else "none yet", note)


def speed_text(images_per_second: float) -> str:
    """ "12.3 pictures/s"; slower than one in two seconds: "8 s a picture"."""
    if images_per_second <= 0:
        return "–"
    if images_per_second < 0.5:
        return f"{1 / images_per_second:.0f} s a picture"
    digits = 1 if images_per_second < 20 else 0
    return f"{images_per_second:.{digits}f} pictures/s"


def batch_text(status: Status) -> str:
    """How many pictures make a step, and in how many parts."""
    if not status.batch_size:
        return ""
    text = f"{status.batch_size} a step"
    if 0 < status.micro_batch < status.batch_size:
        text += f", {status.micro_batch} at a time"
    if status.rate_scale < 1:
        text += f", rates × {status.rate_scale:.2g}"
    return text
