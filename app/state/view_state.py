"""How the document is looked at: mode, zoom and position, shared by canvas and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.core.tools import ViewMode
from app.state.observed import Observed, clamped

MIN_ZOOM = 1 / 32
MAX_ZOOM = 64.0


class ViewState(QObject):
    """One zoom and one centre for both views, so that they pan together.

    ``zoom`` is device-independent screen pixels per canvas pixel; ``center`` the canvas
    point (x, y), in pixels, in the middle of the view. While ``fit`` is true the views
    keep the whole canvas in sight and write zoom and centre themselves; any other change
    of zoom or centre ends it.
    """

    mode_changed = Signal(object)  # ViewMode
    transform_changed = Signal()  # zoom, center or fit
    overlay_changed = Signal()
    before_changed = Signal(bool)

    mode = Observed(ViewMode.SIDE_BY_SIDE, "mode_changed", ViewMode, carries_value=True)
    overlay_opacity = Observed(0.5, "overlay_changed", clamped(0.0, 1.0))
    show_before = Observed(False, "before_changed", bool, carries_value=True)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._zoom = 1.0
        self._center = (0.0, 0.0)
        self._fit = True

    def cycle(self) -> None:
        """Go to the next view mode; after the last comes the first."""
        modes = list(ViewMode)
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)]

    @property
    def zoom(self) -> float:
        """Screen pixels per canvas pixel, ``MIN_ZOOM``..``MAX_ZOOM``."""
        return self._zoom

    @zoom.setter
    def zoom(self, value: float) -> None:
        self.set_transform(value, self._center)

    @property
    def center(self) -> tuple[float, float]:
        """The canvas point in the middle of the view."""
        return self._center

    @center.setter
    def center(self, value: tuple[float, float]) -> None:
        self.set_transform(self._zoom, value)

    @property
    def fit(self) -> bool:
        """True while the views keep the whole canvas in sight."""
        return self._fit

    @fit.setter
    def fit(self, value: bool) -> None:
        self.set_transform(self._zoom, self._center, fit=bool(value))

    def set_transform(self, zoom: float, center: tuple[float, float], *, fit: bool = False) -> None:
        """Change zoom, centre and fit with one signal. Numbers that aren't finite: ValueError."""
        x, y = float(center[0]), float(center[1])
        if not all(math.isfinite(number) for number in (zoom, x, y)):
            raise ValueError(f"zoom {zoom} and center {center} must be finite")
        zoom = min(max(float(zoom), MIN_ZOOM), MAX_ZOOM)
        if (zoom, (x, y), fit) == (self._zoom, self._center, self._fit):
            return
        self._zoom, self._center, self._fit = zoom, (x, y), fit
        self.transform_changed.emit()

    def zoom_at(self, factor: float, x: float, y: float) -> None:
        """Zoom by ``factor``; the canvas point (x, y) stays where it is on the screen."""
        zoom = min(max(self._zoom * factor, MIN_ZOOM), MAX_ZOOM)
        ratio = self._zoom / zoom
        cx, cy = self._center
        self.set_transform(zoom, (x + (cx - x) * ratio, y + (cy - y) * ratio))

    def to_dict(self) -> dict[str, Any]:
        """What a project file keeps of the view: JSON values."""
        return {
            "mode": self.mode.value,
            "overlay_opacity": self.overlay_opacity,
            "fit": self._fit,
            "zoom": self._zoom,
            "center": list(self._center),
        }

    def restore(self, view: Mapping[str, Any]) -> None:
        """Take over what ``to_dict`` gave; anything missing or out of place is ignored."""
        mode = view.get("mode")
        if isinstance(mode, str) and mode in {known.value for known in ViewMode}:
            self.mode = ViewMode(mode)
        opacity = _number(view.get("overlay_opacity"))
        if opacity is not None:
            self.overlay_opacity = opacity
        fit = view.get("fit")
        zoom, center = _number(view.get("zoom")), view.get("center")
        if fit is False and zoom is not None and isinstance(center, (list, tuple)):
            numbers = [number for number in map(_number, center) if number is not None]
            if len(numbers) == len(center) == 2:
                self.set_transform(zoom, (numbers[0], numbers[1]))
        elif fit is True:
            self.fit = True


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
