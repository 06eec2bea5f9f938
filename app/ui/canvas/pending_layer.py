"""What was painted since the picture was rendered, shown on the picture until it catches up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.formats.rect import Rect

_GROWTH = 64  # pixels of room to spare, so that a stroke doesn't reallocate at every step


class PendingLayer:
    """Per pixel, the revision at which its class last changed.

    It holds memory only for the box around what is pending. Revisions are positive.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing is pending."""
        self._box = Rect(0, 0, 0, 0)
        self._since = np.zeros((0, 0), np.int32)

    @property
    def box(self) -> Rect:
        """Holds every pending pixel; empty if there is none."""
        return self._box

    def mask(self, rect: Rect) -> NDArray[np.bool_]:
        """Which pixels of ``rect``, a part of ``box``, are pending."""
        x, y = rect.x - self._box.x, rect.y - self._box.y
        return self._since[y : y + rect.height, x : x + rect.width] > 0

    def add(self, rect: Rect, changed: NDArray[np.bool_], revision: int) -> None:
        """Note that the ``changed`` pixels of ``rect`` belong to ``revision``."""
        self._grow(rect)
        x, y = rect.x - self._box.x, rect.y - self._box.y
        self._since[y : y + rect.height, x : x + rect.width][changed] = revision

    def settle(self, revision: int) -> Rect:
        """A picture of ``revision`` came: forget what it shows. Returns the box before."""
        before = self._box
        self._since[self._since <= revision] = 0
        if not self._since.any():
            self.clear()
        return before

    def _grow(self, rect: Rect) -> None:
        box = self._box.united(rect)
        if box == self._box:
            return
        if not self._box.empty:
            left = max(box.x - _GROWTH, 0) if box.x < self._box.x else box.x
            top = max(box.y - _GROWTH, 0) if box.y < self._box.y else box.y
            right = box.right + _GROWTH if box.right > self._box.right else box.right
            bottom = box.bottom + _GROWTH if box.bottom > self._box.bottom else box.bottom
            box = Rect(left, top, right - left, bottom - top)
        since = np.zeros((box.height, box.width), np.int32)
        x, y = self._box.x - box.x, self._box.y - box.y
        since[y : y + self._box.height, x : x + self._box.width] = self._since
        self._box, self._since = box, since
