"""What the next drag on the canvas will do: the tool, the class and the brush."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.core.tools import BrushShape, Tool
from app.state.observed import Observed

MIN_BRUSH = 1
MAX_BRUSH = 512
RECENT_CLASSES = 10


def _brush_size(value: int) -> int:
    return min(max(int(value), MIN_BRUSH), MAX_BRUSH)


class ToolSettings(QObject):
    """The one place that tool bar, options, palette, shortcuts and stylus read and write.

    Assign to the attributes; each announces a change once, by its own signal, after all
    values that change together are stored.
    """

    tool_changed = Signal(object)  # Tool
    class_changed = Signal(int)
    recent_changed = Signal()
    brush_changed = Signal()  # size or shape
    options_changed = Signal()  # contiguous, only_over or pressure_size

    tool = Observed(Tool.BRUSH, "tool_changed", Tool, carries_value=True)
    brush_size = Observed(32, "brush_changed", _brush_size)  # diameter in canvas pixels
    brush_shape = Observed(BrushShape.ROUND, "brush_changed", BrushShape)
    contiguous = Observed(True, "options_changed", bool)
    only_over = Observed(False, "options_changed", bool)
    pressure_size = Observed(True, "options_changed", bool)

    def __init__(self, class_id: int = 0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._class_id = self._previous_class = _class_id(class_id)
        self._recent: tuple[int, ...] = (self._class_id,)

    @property
    def class_id(self) -> int:
        """The class that the tools paint, 0..255."""
        return self._class_id

    @class_id.setter
    def class_id(self, value: int) -> None:
        value = _class_id(value)
        if value == self._class_id:
            return
        self._previous_class, self._class_id = self._class_id, value
        others = (recent for recent in self._recent if recent != value)
        self._recent = (value, *others)[:RECENT_CLASSES]
        self.class_changed.emit(value)
        self.recent_changed.emit()

    @property
    def previous_class(self) -> int:
        """The class that was current before; the same one until there are two."""
        return self._previous_class

    @property
    def recent(self) -> tuple[int, ...]:
        """The classes used last, newest (the current one) first, without repeats."""
        return self._recent

    def swap_classes(self) -> None:
        """Make the previous class the current one and the other way round."""
        self.class_id = self._previous_class

    def grow_brush(self, steps: int = 1) -> None:
        """Change the brush by ``steps`` of about an eighth of its size, at least a pixel."""
        size = self.brush_size
        for _ in range(abs(steps)):
            step = max(1, round(size / 8))
            size += step if steps > 0 else -step
        self.brush_size = size

    def restrict_classes(self, ids: tuple[int, ...]) -> None:
        """Forget the classes that are not in ``ids`` (a palette's, not empty)."""
        keep = tuple(recent for recent in self._recent if recent in ids)
        current = self._class_id if self._class_id in ids else (keep or ids)[0]
        recent = (current, *(other for other in keep if other != current))
        if self._previous_class not in ids:
            self._previous_class = recent[1] if len(recent) > 1 else current
        class_changes, recent_changes = current != self._class_id, recent != self._recent
        self._class_id, self._recent = current, recent
        if class_changes:
            self.class_changed.emit(current)
        if recent_changes:
            self.recent_changed.emit()


def _class_id(value: int) -> int:
    return min(max(int(value), 0), 255)
