"""Presses, moves and keys over any view of the document, handed to the current tool's gesture."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Qt, Signal

from app.core.tools import Tool
from app.state.document import Document
from app.state.tool_settings import ToolSettings
from app.ui.canvas.gestures import (
    FillGesture,
    Gesture,
    PickGesture,
    Pointer,
    ShapePreview,
    StrokeGesture,
)
from app.ui.canvas.shape_gestures import BoxGesture, LassoGesture, LineGesture, PolygonGesture


class ToolController(QObject):
    """One for all views of a document, so that a polygon can go on in the other view.

    At most one gesture is active. Whatever happens (a lost mouse, another tool, undo, a
    new canvas), no stroke stays open in the document.
    """

    preview_changed = Signal()  # the shape in progress, or that there is one

    def __init__(
        self, document: Document, tools: ToolSettings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._tools = tools
        self._stroke = StrokeGesture(document, tools)
        self._pick = PickGesture(document, tools)
        line, box = LineGesture(document, tools), BoxGesture(document, tools)
        fill = FillGesture(document, tools)
        self._gestures: dict[Tool, Gesture] = {
            Tool.BRUSH: self._stroke,
            Tool.ERASER: self._stroke,
            Tool.LINE: line,
            Tool.RECTANGLE: box,
            Tool.ELLIPSE: box,
            Tool.POLYGON: PolygonGesture(document, tools),
            Tool.LASSO: LassoGesture(document, tools),
            Tool.FILL: fill,
            Tool.REPLACE: fill,
            Tool.EYEDROPPER: self._pick,
        }
        self._down: Gesture | None = None  # which gesture the pressed button belongs to
        self._at = Pointer(0.0, 0.0)
        self._tool = tools.tool
        self._had_preview = False
        tools.tool_changed.connect(self._tool_changed)
        tools.class_changed.connect(self._announce)
        tools.brush_changed.connect(self._announce)
        document.canvas_replaced.connect(self._canvas_replaced)

    @property
    def dragging(self) -> bool:
        """True while a button or the pen is down on the canvas."""
        return self._down is not None

    @property
    def active(self) -> bool:
        """True while there is something that Escape would take back."""
        current = self._gestures.get(self._tool)
        return self._down is not None or (current is not None and current.active)

    @property
    def preview(self) -> ShapePreview | None:
        """The shape in progress."""
        current = self._gestures.get(self._tool)
        return current.preview() if current is not None and current.active else None

    def press(self, at: Pointer, *, pick: bool = False, eraser: bool = False) -> None:
        """The pointer goes down. ``pick``: take the class instead; ``eraser``: the pen's end."""
        if self._down is not None:
            return
        self._down = self._gesture(pick, eraser)
        if self._down is not None:
            self._at = at
            self._down.press(at)
        self._announce()

    def double_click(self, at: Pointer) -> None:
        """The second press of a double click with the tool's button."""
        if self._down is not None:
            return
        self._down = self._gesture(pick=False, eraser=False)
        if self._down is not None:
            self._at = at
            self._down.double_click(at)
        self._announce()

    def move(self, at: Pointer) -> None:
        """The pointer moves, up or down."""
        self._at = at
        if self._down is not None:
            self._down.drag(at)
        elif self.active:
            self._gestures[self._tool].hover(at)
        else:
            return
        self._announce()

    def set_shift(self, shift: bool) -> None:
        """Shift went down or up while the pointer rests: the shape follows at once."""
        if self._down is not None and self._at.shift != shift and self._down is not self._stroke:
            self.move(replace(self._at, shift=shift))

    def release(self, at: Pointer) -> None:
        """The pointer goes up."""
        down, self._down = self._down, None
        if down is not None and down.active:
            down.release(at)
        self._announce()

    def wants(self, key: Qt.Key) -> bool:
        """True if ``key`` means something to the gesture in progress, before any shortcut."""
        if key == Qt.Key.Key_Escape:
            return self.active
        polygon = self._gestures[Tool.POLYGON]
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)
        return polygon.active and key in keys

    def key(self, key: Qt.Key) -> bool:
        """Give ``key`` to the gesture in progress; True if it was used."""
        if not self.wants(key):
            return False
        if key == Qt.Key.Key_Escape:
            self.abort()
        elif not self._gestures[Tool.POLYGON].key(key):
            return False
        self._announce()
        return True

    def abort(self) -> None:
        """Take back what is going on; the rest of the drag does nothing."""
        self._end(keep=False)

    def finish(self) -> None:
        """The pointer was lost: a stroke is kept as far as it got, a shape is dropped."""
        if self._down is not None:
            self._down.finish()
            self._down = None
            self._announce()

    def _gesture(self, pick: bool, eraser: bool) -> Gesture | None:
        if pick:
            return self._pick
        self._stroke.erasing = eraser
        return self._stroke if eraser else self._gestures.get(self._tool)

    def _tool_changed(self, tool: Tool) -> None:
        self._end(keep=True)
        self._tool = tool

    def _canvas_replaced(self) -> None:
        self._end(keep=False)
        self._stroke.forget()

    def _end(self, *, keep: bool) -> None:
        """End every gesture; with ``keep`` a stroke stays, shapes go in any case."""
        self._down = None
        for gesture in {id(gesture): gesture for gesture in self._gestures.values()}.values():
            if gesture.active and keep and gesture is self._stroke:
                gesture.finish()
            elif gesture.active:
                gesture.abort()
        self._announce()

    def _announce(self) -> None:
        has_preview = self.preview is not None
        if has_preview or self._had_preview:
            self._had_preview = has_preview
            self.preview_changed.emit()
