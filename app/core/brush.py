"""Brush tips and strokes: hard-edged, exact, and without gaps at any speed.

Canvas coordinates are real numbers in which pixel ``(column, row)`` covers
``[column, column + 1) x [row, row + 1)``. A dab has a whole diameter ``d``. It covers the
``d`` x ``d`` box nearest to the pointer: with odd ``d`` the box's middle pixel is the one
under the pointer, with even ``d`` its middle is the pixel corner nearest to the pointer. So a
dab of one diameter has one shape wherever it is set. A round tip paints the pixels of the box
whose centres lie in the disc of that diameter, a square tip the whole box.

A stroke is the union of dabs. Between two events, box corner and diameter go together along
the digital (Bresenham) line from the one to the other, so neighbouring dabs differ by one
pixel at most.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from app.core.label_map import LabelMap, Labels
from app.core.masks import NOWHERE, Integers, Mask, changed_box, nothing, union_of_runs
from app.core.patch import LabelPatch
from app.core.tools import BrushShape
from spade.formats.rect import Rect

_TILE = 64
_STEPS_AT_ONCE = 128  # bounds the box of a long diagonal: work goes with the swept area
_FARTHEST = 1e8  # keeps the line's integer arithmetic inside int64


@dataclass(frozen=True)
class Dab:
    """One touch of the brush: the box with corner ``(left, top)`` and ``diameter`` >= 1."""

    left: int
    top: int
    diameter: int


@dataclass(frozen=True)
class Brush:
    """A brush tip. ``diameter`` in canvas pixels, more than 0."""

    diameter: float
    shape: BrushShape = BrushShape.ROUND

    def dab(self, x: float, y: float, pressure: float = 1.0) -> Dab:
        """The dab at pointer ``(x, y)``; ``pressure`` in [0, 1] scales the diameter.

        The diameter is rounded to whole pixels, at least 1. ValueError if a coordinate is
        not finite.
        """
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError(f"pointer position ({x}, {y}) is not finite")
        scaled = self.diameter * min(max(pressure, 0.0), 1.0)
        diameter = max(1, math.floor(scaled + 0.5))
        left, top = (
            math.floor(min(max(v, -_FARTHEST), _FARTHEST) - diameter / 2 + 0.5) for v in (x, y)
        )
        return Dab(left, top, diameter)

    def tip(self, pressure: float = 1.0) -> Mask:
        """The painted pixels of one dab, bool ``(d, d)``."""
        diameter = self.dab(0.0, 0.0, pressure).diameter
        inset = _insets(self.shape, diameter)[:, None]
        columns = np.arange(diameter)
        return np.asarray((columns >= inset) & (columns < diameter - inset))


@lru_cache(maxsize=1024)
def _insets(shape: BrushShape, diameter: int) -> Integers:
    """Unpainted pixels at each end of each row of a tip's box: int64 ``(diameter,)``."""
    if shape is BrushShape.SQUARE:
        return np.zeros(diameter, np.int64)
    # Doubled distances from the middle are whole numbers: a pixel is in the disc if
    # |2 column + 1 - d| <= sqrt(d^2 - |2 row + 1 - d|^2).
    across = 2 * np.arange(diameter, dtype=np.int64) + 1 - diameter
    reach = np.sqrt(diameter * diameter - across * across)
    inset: Integers = np.ceil((diameter - 1 - reach) / 2 - 1e-9).astype(np.int64)
    inset.setflags(write=False)
    return inset


def _interpolated(start: int, end: int, step: Integers, steps: int) -> Integers:
    """Whole numbers from ``start`` (step 0) to ``end`` (step ``steps``), evenly spaced."""
    return start + (2 * step * (end - start) + steps) // (2 * steps)


def _steps_on_canvas(start: Dab, end: Dab, steps: int, width: int, height: int) -> range:
    """The steps at which a dab can touch the canvas: a range, as the way is straight."""
    first, last = 0.0, 1.0
    margin = max(start.diameter, end.diameter) + 2
    for origin, target, size in ((start.left, end.left, width), (start.top, end.top, height)):
        travel = target - origin
        nearest, farthest = -margin - origin, size + margin - origin
        if travel == 0:
            if nearest > 0 or farthest < 0:
                return range(0)
            continue
        entry, leave = sorted((nearest / travel, farthest / travel))
        first, last = max(first, entry), min(last, leave)
    if first > last:
        return range(0)
    return range(max(0, math.floor(first * steps)), min(steps, math.ceil(last * steps)) + 1)


def segment_dabs(start: Dab, end: Dab, width: int, height: int) -> Iterator[tuple[Integers, ...]]:
    """The dabs from ``start`` to ``end`` (both included) that may touch the canvas.

    Yields batches of three int64 arrays ``(n,)``: left, top, diameter.
    """
    steps = max(
        abs(end.left - start.left), abs(end.top - start.top), abs(end.diameter - start.diameter), 1
    )
    visible = _steps_on_canvas(start, end, steps, width, height)
    for begin in range(visible.start, visible.stop, _STEPS_AT_ONCE):
        step = np.arange(begin, min(begin + _STEPS_AT_ONCE, visible.stop), dtype=np.int64)
        yield (
            _interpolated(start.left, end.left, step, steps),
            _interpolated(start.top, end.top, step, steps),
            _interpolated(start.diameter, end.diameter, step, steps),
        )


def _dabs_mask(
    shape: BrushShape, left: Integers, top: Integers, diameter: Integers, canvas: tuple[int, int]
) -> tuple[Rect, Mask]:
    """Union of dabs, clipped to ``canvas`` (H, W): the box around them and a mask in it."""
    x, y = int(left.min()), int(top.min())
    right, bottom = int((left + diameter).max()), int((top + diameter).max())
    box = Rect(x, y, right - x, bottom - y).clipped(canvas[1], canvas[0])
    if box.empty:
        return nothing()
    if (diameter == diameter[0]).all():
        inset = np.broadcast_to(
            _insets(shape, int(diameter[0])), (len(left), int(diameter[0]))
        ).ravel()
        row = np.broadcast_to(np.arange(diameter[0]), (len(left), int(diameter[0]))).ravel()
    else:
        inset = np.concatenate([_insets(shape, d) for d in diameter.tolist()])
        row = np.concatenate([np.arange(d) for d in diameter.tolist()])
    rows = np.repeat(top, diameter) + row
    starts = np.repeat(left, diameter) + inset
    ends = np.repeat(left + diameter, diameter) - inset
    return box, union_of_runs(rows, starts, ends, box)


def segment_masks(
    brush: Brush, start: Dab, end: Dab, canvas: tuple[int, int]
) -> Iterator[tuple[Rect, Mask]]:
    """What a straight piece of a stroke covers, clipped to ``canvas`` (H, W), batch by batch.

    Each item is a non-empty rectangle and a mask in it; the piece is their union.
    """
    for left, top, diameter in segment_dabs(start, end, canvas[1], canvas[0]):
        rect, mask = _dabs_mask(brush.shape, left, top, diameter, canvas)
        if not rect.empty:
            yield rect, mask


class Stroke:
    """One drag of a brush over a label map, painted as it goes.

    ``extend`` costs what the newly swept area costs, whatever the size of the canvas: the
    pixels before the stroke are put aside in tiles, on first touch. While a stroke is open
    nothing else may edit the label map. After ``commit`` or ``abort`` the stroke is over, and
    using it again is a RuntimeError.
    """

    def __init__(
        self, label_map: LabelMap, class_id: int, brush: Brush, only_over: int | None = None
    ) -> None:
        """``only_over``: paint only pixels that hold this class when the stroke begins."""
        self._array: Labels = label_map.array
        self._class_id = np.uint8(class_id)
        self._brush = brush
        self._only_over = only_over
        self._before: dict[tuple[int, int], Labels] = {}
        self._last: Dab | None = None
        self._dirty = NOWHERE
        self._open = True

    def extend(self, x: float, y: float, pressure: float = 1.0) -> Rect:
        """Paint from the last point (or set the first dab) to ``(x, y)``, canvas coordinates.

        ``pressure`` in [0, 1] scales the diameter. Returns the box of the pixels that this
        call changed, inside the canvas; empty if it changed none.
        """
        self._check_open()
        dab = self._brush.dab(x, y, pressure)
        start = self._last or dab
        self._last = dab
        changed = NOWHERE
        for rect, mask in segment_masks(self._brush, start, dab, self._shape):
            changed = changed.united(self._paint(rect, mask))
        self._dirty = self._dirty.united(changed)
        return changed

    def commit(self) -> LabelPatch | None:
        """End the stroke and return it as one patch, or None if it changed nothing."""
        self._check_open()
        self._open = False
        if self._dirty.empty:
            return None
        after = self._array[self._dirty.slices]
        before = after.copy()
        for (tile_x, tile_y), pixels in self._before.items():
            tile = Rect(tile_x, tile_y, pixels.shape[1], pixels.shape[0])
            common = _intersection(tile, self._dirty)
            if not common.empty:
                inside = pixels[_moved(common, -tile.x, -tile.y).slices]
                before[_moved(common, -self._dirty.x, -self._dirty.y).slices] = inside
        self._before.clear()
        return LabelPatch.between(before, after, self._dirty)

    def abort(self) -> Rect:
        """End the stroke, put every pixel back and return the box that had changed."""
        self._check_open()
        self._open = False
        for (x, y), pixels in self._before.items():
            self._array[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
        self._before.clear()
        return self._dirty

    @property
    def _shape(self) -> tuple[int, int]:
        return int(self._array.shape[0]), int(self._array.shape[1])

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError("the stroke has already been committed or aborted")

    def _paint(self, rect: Rect, mask: Mask) -> Rect:
        pixels = self._array[rect.slices]
        # Only this stroke edits, and only to class_id: a pixel that still holds another class
        # has held it since the stroke began.
        mask &= pixels != self._class_id
        if self._only_over is not None:
            mask &= pixels == self._only_over
        box = changed_box(mask)
        if box.empty:
            return NOWHERE
        changed = _moved(box, rect.x, rect.y)
        self._put_aside(changed)
        np.copyto(self._array[changed.slices], self._class_id, where=mask[box.slices])
        return changed

    def _put_aside(self, rect: Rect) -> None:
        for y in range(rect.y // _TILE * _TILE, rect.bottom, _TILE):
            for x in range(rect.x // _TILE * _TILE, rect.right, _TILE):
                if (x, y) not in self._before:
                    self._before[x, y] = self._array[y : y + _TILE, x : x + _TILE].copy()


def _moved(rect: Rect, dx: int, dy: int) -> Rect:
    return Rect(rect.x + dx, rect.y + dy, rect.width, rect.height)


def _intersection(a: Rect, b: Rect) -> Rect:
    x, y = max(a.x, b.x), max(a.y, b.y)
    return Rect(x, y, min(a.right, b.right) - x, min(a.bottom, b.bottom) - y)
