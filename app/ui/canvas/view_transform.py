"""Where the canvas lies in a view: exact arithmetic between canvas, view and screen pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.state.view_state import MAX_ZOOM, MIN_ZOOM
from spade.formats.rect import Rect

FIT_MARGIN = 16.0  # view pixels left free around a fitted canvas
KEEP_IN_SIGHT = 48.0  # view pixels of the canvas that panning can't push out


@dataclass(frozen=True, slots=True)
class ViewTransform:
    """A canvas of ``canvas_width`` x ``canvas_height`` pixels in a view.

    The view's lengths are device-independent pixels; ``ratio`` is the number of screen
    pixels in one of them. ``zoom`` is view pixels per canvas pixel and ``center`` the
    canvas point in the middle of the view. The canvas' corner is put on a whole screen
    pixel, so that at a whole-numbered magnification every canvas pixel is sharp.
    """

    canvas_width: int
    canvas_height: int
    view_width: float
    view_height: float
    zoom: float
    center: tuple[float, float]
    ratio: float = 1.0

    @property
    def scale(self) -> float:
        """Screen pixels per canvas pixel."""
        return self.zoom * self.ratio

    @property
    def origin(self) -> tuple[int, int]:
        """The canvas' top left corner in screen pixels of the view."""
        return (
            round(self.view_width * self.ratio / 2 - self.center[0] * self.scale),
            round(self.view_height * self.ratio / 2 - self.center[1] * self.scale),
        )

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """The canvas point under the view point (x, y)."""
        left, top = self.origin
        return (x * self.ratio - left) / self.scale, (y * self.ratio - top) / self.scale

    def to_view(self, x: float, y: float) -> tuple[float, float]:
        """The view point over the canvas point (x, y)."""
        left, top = self.origin
        return (x * self.scale + left) / self.ratio, (y * self.scale + top) / self.ratio

    def pointer(self, x: float, y: float) -> tuple[float, float]:
        """The canvas point under a pointer at (x, y), which stands for a whole screen pixel.

        Its middle is taken, so that at 1:1 a click lies in the middle of a canvas pixel.
        """
        half = 0.5 / self.ratio
        return self.to_canvas(x + half, y + half)

    def view_rect(self, rect: Rect, margin: int = 0) -> tuple[int, int, int, int]:
        """Whole view pixels (x, y, width, height) that hold the canvas' ``rect``.

        ``margin`` widens it by so many canvas pixels on each side.
        """
        left, top = self.to_view(rect.x - margin, rect.y - margin)
        right, bottom = self.to_view(rect.right + margin, rect.bottom + margin)
        x, y = math.floor(left), math.floor(top)
        return x, y, math.ceil(right) - x, math.ceil(bottom) - y

    def sampling(
        self, x: int, y: int, width: int, height: int
    ) -> tuple[int, int, NDArray[np.intp], NDArray[np.intp]]:
        """Which canvas pixel shows on each screen pixel of a screen rectangle.

        Returns ``(left, top, columns, rows)``: the part of the rectangle that the canvas
        covers starts at screen pixel (left, top), and its pixel (i, j) shows canvas pixel
        ``(columns[i], rows[j])``. Screen pixels show what lies under their middle.
        """
        left, columns = _samples(x, width, self.origin[0], self.scale, self.canvas_width)
        top, rows = _samples(y, height, self.origin[1], self.scale, self.canvas_height)
        return left, top, columns, rows

    def fitted(self) -> tuple[float, tuple[float, float]]:
        """Zoom and centre that show the whole canvas."""
        zoom = min(
            max(self.view_width - 2 * FIT_MARGIN, 1.0) / self.canvas_width,
            max(self.view_height - 2 * FIT_MARGIN, 1.0) / self.canvas_height,
        )
        center = (self.canvas_width / 2, self.canvas_height / 2)
        return min(max(zoom, MIN_ZOOM), MAX_ZOOM), center

    def zoomed(self, factor: float, x: float, y: float) -> tuple[float, tuple[float, float]]:
        """Zoom and centre after zooming by ``factor`` with the view point (x, y) held."""
        zoom = min(max(self.zoom * factor, MIN_ZOOM), MAX_ZOOM)
        half = 0.5 / self.ratio
        aside = x + half - self.view_width / 2, y + half - self.view_height / 2
        # not from the origin: its rounding would add up over many steps
        shrink = 1 / self.zoom - 1 / zoom
        center = (self.center[0] + aside[0] * shrink, self.center[1] + aside[1] * shrink)
        return zoom, self._in_sight(center, zoom, 0.0)

    def panned(self, dx: float, dy: float) -> tuple[float, float]:
        """The centre after the canvas was pushed by (dx, dy) view pixels; stays in sight."""
        center = (self.center[0] - dx / self.zoom, self.center[1] - dy / self.zoom)
        return self._in_sight(center, self.zoom, KEEP_IN_SIGHT)

    def _in_sight(
        self, center: tuple[float, float], zoom: float, margin: float
    ) -> tuple[float, float]:
        """``center``, moved so that ``margin`` view pixels of the canvas stay in the view."""
        reach_x = max(self.view_width / 2 - margin, 0) / zoom
        reach_y = max(self.view_height / 2 - margin, 0) / zoom
        return (
            min(max(center[0], -reach_x), self.canvas_width + reach_x),
            min(max(center[1], -reach_y), self.canvas_height + reach_y),
        )


def _samples(
    start: int, length: int, origin: int, scale: float, size: int
) -> tuple[int, NDArray[np.intp]]:
    first = max(start, origin)
    stop = min(start + length, origin + math.ceil(size * scale - 0.5))
    middles = np.arange(first, max(stop, first)) - origin + 0.5
    index = np.floor(middles / scale).astype(np.intp)
    return first, np.minimum(index, size - 1)
