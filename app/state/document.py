"""The one state of a scene: labels, style, palette, model, trace photo and history.

Everything that changes a scene goes through ``Document``; everybody else reads it and
listens. It belongs to the GUI thread. Other threads get snapshots.

One drag is one step of the history. While a stroke is open, ``undo`` takes the stroke back;
any other change commits it first. Signals are sent when all values are in place, each at
most once per change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from app.core import fill, geometry
from app.core.brush import Brush, Stroke
from app.core.geometry import Anchor
from app.core.history import Command
from app.core.label_map import LabelMap, Labels
from app.core.masks import Mask
from app.core.patch import LabelPatch
from app.core.project_file import Project
from app.core.style import Style
from app.state.commands import (
    Canvas,
    CanvasCommand,
    PaintCommand,
    StyleCommand,
)
from app.state.scene import Scene
from app.state.trace import Pixels, TraceImage
from spade.formats.limits import check_size
from spade.formats.palette import Palette
from spade.formats.rect import Rect

TRACE_OPACITY = 0.5
BESIDE_TRACE = 128  # grey where the trace photo doesn't reach


class Document(Scene):
    """A scene that can be edited, undone, loaded and saved. GUI thread only."""

    # Painting

    def begin_stroke(
        self,
        class_id: int,
        brush: Brush,
        only_over: bool = False,
        *,
        x: float,
        y: float,
        pressure: float = 1.0,
    ) -> None:
        """Start a drag at ``(x, y)``, canvas coordinates, and set the first dab.

        With ``only_over``, only pixels of the class under that point (or the nearest one
        inside the canvas) are painted. ``pressure`` in [0, 1] scales the brush.
        """
        self.commit_stroke()
        over = None
        if only_over:
            column = min(max(int(x // 1), 0), self.width - 1)
            row = min(max(int(y // 1), 0), self.height - 1)
            over = self.class_at(column, row)
        self._stroke = Stroke(self._map, class_id, brush, over)
        self._stroke_text = f"Paint {self._name(class_id)}"
        self.extend_stroke(x, y, pressure)

    def extend_stroke(self, x: float, y: float, pressure: float = 1.0) -> None:
        """Go on to ``(x, y)``; nothing happens if no stroke is open."""
        if self._stroke is None:
            return
        self._labels_edited(self._stroke.extend(x, y, pressure))
        self._announce()

    def commit_stroke(self) -> None:
        """End the open stroke, if any, as one step of the history."""
        if self._stroke is None:
            return
        patch = self._stroke.commit()
        self._stroke = None
        self._push_patch(self._stroke_text, patch)

    def abort_stroke(self) -> None:
        """End the open stroke, if any, and put back every pixel."""
        if self._stroke is None:
            return
        rect = self._stroke.abort()
        self._stroke = None
        self._labels_edited(rect)
        self._announce()

    def paint_mask(self, rect: Rect, mask: Mask, class_id: int, text: str) -> None:
        """Paint ``class_id`` where ``mask``, bool ``(rect.height, rect.width)``, is true.

        ``rect`` may reach beyond the canvas. ``text`` names the step ("Ellipse").
        """
        self.commit_stroke()
        self._paint(text, LabelPatch.painting(self._map.array, rect, mask, class_id))

    def flood_fill(self, x: int, y: int, class_id: int, contiguous: bool = True) -> None:
        """Fill the area around a pixel, or its class everywhere; outside: nothing."""
        self.commit_stroke()
        rect, mask = fill.flood_mask(self._map.array, x, y, contiguous)
        patch = LabelPatch.painting(self._map.array, rect, mask, class_id)
        self._paint(f"Fill with {self._name(class_id)}", patch)

    def replace_class(self, old: int, new: int) -> None:
        """Turn every pixel of class ``old`` into ``new``."""
        self.commit_stroke()
        text = f"Replace {self._name(old)} by {self._name(new)}"
        self._paint(text, fill.replace(self._map.array, old, new))

    # Style

    def set_style(
        self, style: Style, text: str = "Change style", merge_key: str | None = None
    ) -> None:
        """Take another style. Changes of one ``merge_key`` in a row are one step.

        Use a key of its own for each drag of a slider. A step never merges into the state
        that was saved.
        """
        self.commit_stroke()
        if style == self._style:
            return
        command = StyleCommand(text, self._style, style, self._put_style, merge_key)
        last = self._history.last
        self._put_style(style)
        if (
            merge_key is not None
            and isinstance(last, StyleCommand)
            and last.merge_key == merge_key
            and not self._history.can_redo
            and not self._history.is_clean
        ):
            command.old = last.old
            self._history.replace_last(command)
            self._history_moved()
        else:
            self._push(command)

    # Canvas

    def resize_canvas(self, width: int, height: int, mode: Anchor | str = Anchor.CENTER) -> None:
        """Add or cut at the edges; new room is background.

        ``mode`` says which part of the canvas stays where it is: an ``Anchor`` or its name
        ("top_left"). InputError if the size is out of range.
        """
        anchor = mode if isinstance(mode, Anchor) else Anchor[mode.upper()]
        check_size(width, height)
        self._change_canvas(
            "Resize canvas",
            lambda labels: geometry.resized(labels, width, height, anchor, self._background),
            lambda channel: geometry.resized(channel, width, height, anchor, BESIDE_TRACE),
        )

    def scale_canvas(self, width: int, height: int) -> None:
        """Stretch the scene to another size, by nearest pixels. InputError as above."""
        check_size(width, height)
        self._change_canvas(
            "Scale canvas",
            lambda labels: geometry.scaled(labels, width, height),
            lambda channel: geometry.scaled(channel, width, height),
        )

    def crop(self, rect: Rect) -> None:
        """Keep the part of ``rect`` inside the canvas. InputError if there is none."""
        self._change_canvas(
            "Crop",
            lambda labels: geometry.cropped(labels, rect),
            lambda channel: geometry.cropped(channel, rect),
        )

    # Tracing

    def set_trace(self, pixels: Pixels | None) -> None:
        """Lay a photo, uint8 ``(H, W, 3)`` of any size, under the labels; None takes it away.

        It is scaled to cover the canvas. Not a step of the history.
        """
        if pixels is None:
            self._put_trace(None)
        else:
            opacity = TRACE_OPACITY if self._trace is None else self._trace.opacity
            self._put_trace(TraceImage.fitted(pixels, self.width, self.height, opacity))

    def set_trace_opacity(self, opacity: float) -> None:
        """Show the photo more or less, 0..1; without a photo nothing happens."""
        if self._trace is not None:
            changed = self._trace.with_opacity(opacity)
            if changed.opacity != self._trace.opacity:
                self._put_trace(changed)

    # Whole scenes

    def new(self, width: int, height: int, background: int, palette: Palette, model: str) -> None:
        """Start an empty scene in the default style. InputError if the size is out of range."""
        check_size(width, height)
        self._replace(
            LabelMap.filled(width, height, background),
            style=Style(),
            palette=palette,
            background=background,
            model=model,
            trace=None,
            path=None,
            modified=False,
        )

    def load(self, project: Project, path: Path | None, *, modified: bool = False) -> None:
        """Take over a project that was read from ``path`` (None: from somewhere else).

        ``modified`` says that the file at ``path`` doesn't hold it: it was recovered.
        """
        trace = None
        if project.trace is not None:
            pixels, opacity = project.trace
            height, width = project.labels.shape
            trace = TraceImage.fitted(pixels, width, height, opacity)
        self._replace(
            LabelMap(project.labels),
            style=project.style,
            palette=project.palette,
            background=project.background,
            model=project.model,
            trace=trace,
            path=path,
            modified=modified,
        )

    def to_project(self, view: Mapping[str, object], picture: Pixels | None) -> Project:
        """The scene as a value that may be written on another thread.

        ``view``: JSON values, see ``ViewState.to_dict``; ``picture``: the rendering, uint8
        ``(H, W, 3)``, or None. Its ``revision`` is ``edit_count``, for ``mark_saved``.
        """
        trace = None if self._trace is None else (self._trace.pixels, self._trace.opacity)
        return Project(
            labels=self.snapshot(),
            palette=self._palette,
            style=self._style,
            model=self._model,
            view=view,
            picture=picture,
            trace=trace,
            background=self._background,
            revision=self._edit_count,
        )

    def mark_saved(self, path: Path, edit_count: int | None = None) -> None:
        """``path`` holds the scene as it was at ``edit_count`` (None: as it is now).

        What was changed since, while the file was being written, stays modified.
        """
        if edit_count is None or edit_count == self._edit_count:
            self._history.mark_clean()
        else:
            self._history.mark_dirty()
        if path != self._path:
            self._path = path
            self._waiting.append(self.path_changed.emit)
        self._announce()

    def set_model(
        self, model: str, palette: Palette, id_map: Mapping[int, int] | None = None
    ) -> None:
        """Switch to another model and its classes; ``id_map`` gives old ids their new ones.

        Ids that it doesn't name stay. Not a step of the history: the steps before remain,
        and undoing them brings back the same areas in the new model's ids.
        """
        self.commit_stroke()
        if model != self._model:
            self._model = model
            self._revision += 1
            self._history.mark_dirty()
            self._waiting.append(self.model_changed.emit)
        if palette != self._palette:
            self._palette = palette
            self._waiting.append(self.palette_changed.emit)
        if id_map is not None and any(old != new for old, new in id_map.items()):
            self._switch_ids(id_map)
        if self._waiting:
            self._edit_count += 1
        self._announce()

    # History

    def undo(self) -> None:
        """Take back the open stroke, else the last step."""
        if self.stroke_active:
            self.abort_stroke()
        elif self._history.undo() is not None:
            self._history_moved()

    def redo(self) -> None:
        """Do again what was taken back last; nothing happens while a stroke is open."""
        if not self.stroke_active and self._history.redo() is not None:
            self._history_moved()

    # How it is done

    def _paint(self, text: str, patch: LabelPatch | None) -> None:
        if patch is not None:
            self._put_edit(patch.apply)
            self._push_patch(text, patch)

    def _push_patch(self, text: str, patch: LabelPatch | None) -> None:
        if patch is not None:
            self._push(PaintCommand(text, patch, self._put_edit, self._switches))

    def _push(self, command: Command) -> None:
        self._history.push(command)
        self._history_moved()

    def _history_moved(self) -> None:
        self._edit_count += 1
        self._waiting.append(self.history_changed.emit)
        self._announce()

    def _put_canvas(self, canvas: Canvas, replaced: Canvas) -> None:
        """Install ``canvas``; a trace photo that came or changed meanwhile is fitted to it."""
        self._put_map(LabelMap(canvas.labels()))
        trace = self._trace
        if trace is None:
            return
        known = replaced.trace
        if known is not None and canvas.trace is not None and known.pixels is trace.pixels:
            self._trace = canvas.trace.with_opacity(trace.opacity)
        else:
            fitted = TraceImage.fitted(trace.photo, self.width, self.height, trace.opacity)
            self._trace = fitted
        self._waiting.append(self.trace_changed.emit)

    def _change_canvas(
        self,
        text: str,
        change: Callable[[Labels], Labels],
        change_channel: Callable[[Labels], Labels],
    ) -> None:
        """One step: ``change`` the labels, and each channel of the trace photo with them."""
        changed = change(self._map.array)  # may raise
        self.commit_stroke()
        if np.array_equal(changed, self._view):
            return
        old = Canvas(self._view, self._trace, self._switches)
        self._put_map(LabelMap(changed))
        if self._trace is not None:
            channels = [change_channel(self._trace.pixels[..., index]) for index in range(3)]
            self._trace = self._trace.with_pixels(np.dstack(channels))
            self._waiting.append(self.trace_changed.emit)
        new = Canvas(self._view, self._trace, self._switches)
        self._push(CanvasCommand(text, old, new, self._put_canvas))

    def _switch_ids(self, id_map: Mapping[int, int]) -> None:
        table = np.arange(256, dtype=np.uint8)
        table[list(id_map)] = list(id_map.values())
        self._switches.add(table)
        self._background = int(table[self._background])
        self._history.mark_dirty()
        self._put_map(LabelMap(table[self._view]))
