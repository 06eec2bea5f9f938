"""What a scene is, and the announcing of its changes: the reading half of ``Document``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.brush import Stroke
from app.core.history import History
from app.core.label_map import LabelMap, Labels
from app.core.style import Style
from app.state.commands import Edit, IdSwitches
from app.state.trace import TraceImage
from spade.formats.palette import UNKNOWN_ID, Palette, numbered_palette
from spade.formats.rect import Rect

FIRST_SIDE = 512


class Scene(QObject):
    """Values that others read, signals that say when to read again.

    Methods named ``_put_...`` store a value and note the signal; ``_announce`` sends what
    was noted, when all values of a change are in place.
    """

    labels_changed = Signal(object)  # Rect: the pixels that may differ
    canvas_replaced = Signal()  # size or the whole array
    style_changed = Signal()
    palette_changed = Signal()
    model_changed = Signal()
    history_changed = Signal()  # what can be undone or redone
    modified_changed = Signal(bool)
    path_changed = Signal()
    trace_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        """An empty canvas with one class and no model, to be filled by ``new`` or ``load``."""
        super().__init__(parent)
        self._history = History()
        self._switches = IdSwitches()
        self._stroke: Stroke | None = None
        self._stroke_text = ""
        self._revision = self._edit_count = 0
        self._announced_modified = False
        self._waiting: list[Callable[[], None]] = []
        self._style = Style()
        self._palette = numbered_palette(1)
        self._background = 0
        self._model = ""
        self._path: Path | None = None
        self._trace: TraceImage | None = None
        self._put_map(LabelMap.filled(FIRST_SIDE, FIRST_SIDE, self._background))
        self._waiting.clear()

    @property
    def labels(self) -> Labels:
        """The live labels, uint8 ``(H, W)``, not writable; GUI thread only."""
        return self._view

    @property
    def width(self) -> int:
        """Columns of the canvas."""
        return self._map.width

    @property
    def height(self) -> int:
        """Rows of the canvas."""
        return self._map.height

    @property
    def revision(self) -> int:
        """Grows with every change of what a render depends on: labels, style or model."""
        return self._revision

    @property
    def edit_count(self) -> int:
        """Grows with every change of what a project file keeps; see ``mark_saved``."""
        return self._edit_count

    @property
    def style(self) -> Style:
        """What decides the picture's look."""
        return self._style

    @property
    def palette(self) -> Palette:
        """The classes of the model in use."""
        return self._palette

    @property
    def background(self) -> int:
        """The class that the eraser leaves."""
        return self._background

    @property
    def model(self) -> str:
        """Name or path of the model that this scene is made for."""
        return self._model

    @property
    def path(self) -> Path | None:
        """The project file, or None."""
        return self._path

    @property
    def modified(self) -> bool:
        """True if there is something that the project file doesn't hold."""
        return not self._history.is_clean

    @property
    def trace(self) -> TraceImage | None:
        """The photo under the labels, or None."""
        return self._trace

    @property
    def stroke_active(self) -> bool:
        """True between ``begin_stroke`` and its end."""
        return self._stroke is not None

    @property
    def can_undo(self) -> bool:
        """True if ``undo`` would do something."""
        return self.stroke_active or self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """True if ``redo`` would do something."""
        return not self.stroke_active and self._history.can_redo

    @property
    def undo_text(self) -> str:
        """What ``undo`` would take back; "" if nothing."""
        return self._stroke_text if self.stroke_active else self._history.undo_text

    @property
    def redo_text(self) -> str:
        """What ``redo`` would do again; "" if nothing."""
        return "" if self.stroke_active else self._history.redo_text

    def snapshot(self) -> Labels:
        """A read-only copy of the labels, for other threads."""
        return self._map.snapshot()

    def class_at(self, x: int, y: int) -> int:
        """The class at a pixel; outside the canvas the background."""
        if 0 <= x < self.width and 0 <= y < self.height:
            return int(self._view[y, x])
        return self._background

    # For the writing half

    def _name(self, class_id: int) -> str:
        known = self._palette.by_id(class_id)
        if known is not None:
            return known.name
        return "unknown" if class_id == UNKNOWN_ID else f"class {class_id}"

    def _put_edit(self, edit: Edit) -> None:
        self._labels_edited(edit(self._map.array))

    def _put_style(self, style: Style) -> None:
        self._style = style
        self._revision += 1
        self._waiting.append(self.style_changed.emit)

    def _put_map(self, label_map: LabelMap) -> None:
        self._map = label_map
        self._view = label_map.array.view()
        self._view.setflags(write=False)
        self._revision += 1
        self._waiting.append(self.canvas_replaced.emit)

    def _put_trace(self, trace: TraceImage | None) -> None:
        if trace is self._trace:
            return
        self._trace = trace
        self._edit_count += 1
        self._history.mark_dirty()
        self._waiting.append(self.trace_changed.emit)
        self._announce()

    def _replace(
        self,
        label_map: LabelMap,
        *,
        style: Style,
        palette: Palette,
        background: int,
        model: str,
        trace: TraceImage | None,
        path: Path | None,
        modified: bool,
    ) -> None:
        """Another scene: no history, every signal once."""
        self._stroke = None
        self._history.clear()
        self._switches.clear()
        if modified:
            self._history.mark_dirty()
        self._style, self._palette, self._background = style, palette, background
        self._model, self._trace, self._path = model, trace, path
        self._put_map(label_map)
        self._edit_count += 1
        self._waiting += [
            self.palette_changed.emit,
            self.model_changed.emit,
            self.style_changed.emit,
            self.trace_changed.emit,
            self.path_changed.emit,
            self.history_changed.emit,
        ]
        self._announce()

    def _announce(self) -> None:
        """Send what is waiting, now that everything is in place."""
        if self._announced_modified != self.modified:
            self._announced_modified = self.modified
            self._waiting.append(partial(self.modified_changed.emit, self.modified))
        while self._waiting:
            self._waiting.pop(0)()

    def _labels_edited(self, rect: Rect) -> None:
        if not rect.empty:
            self._revision += 1
            self._waiting.append(partial(self.labels_changed.emit, rect))
