"""An axis-aligned pixel rectangle."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rect:
    """Pixels ``x <= column < x + width``, ``y <= row < y + height``."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """One past the last column."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """One past the last row."""
        return self.y + self.height

    @property
    def empty(self) -> bool:
        """True if the rectangle holds no pixel."""
        return self.width <= 0 or self.height <= 0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array ``(H, W, ...)``."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def united(self, other: Rect) -> Rect:
        """The smallest rectangle that holds both."""
        if self.empty:
            return other
        if other.empty:
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Rect(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def clipped(self, width: int, height: int) -> Rect:
        """The part inside a canvas of ``width`` x ``height``; empty if there is none."""
        x, y = min(max(self.x, 0), width), min(max(self.y, 0), height)
        right, bottom = min(max(self.right, x), width), min(max(self.bottom, y), height)
        return Rect(x, y, right - x, bottom - y)

    def intersected(self, other: Rect) -> Rect:
        """What both hold; empty if nothing."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rect(x, y, max(0, right - x), max(0, bottom - y))

    def moved(self, x: int, y: int) -> Rect:
        """The same, elsewhere."""
        return Rect(self.x + x, self.y + y, self.width, self.height)

    def grown(self, by: int, width: int, height: int) -> Rect:
        """With ``by`` pixels more on every side, within a canvas; empty stays empty."""
        if self.empty:
            return self
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by).clipped(
            width, height
        )

    def halved(self, times: int = 1) -> Rect:
        """The pixels of a canvas half as large (``times`` times) that lie under it."""
        x, y = self.x >> times, self.y >> times
        right, bottom = -(-self.right >> times), -(-self.bottom >> times)
        return Rect(x, y, right - x, bottom - y)

    def doubled(self) -> Rect:
        """The pixels of a canvas twice as large that lie over it."""
        return Rect(2 * self.x, 2 * self.y, 2 * self.width, 2 * self.height)
