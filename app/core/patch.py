"""One edit of a label map as a value: the changed box, before and after, compressed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np

from app.core.label_map import Labels
from app.core.masks import Mask, changed_box
from spade.formats.rect import Rect

_OVERHEAD = 256  # Python's own bytes for a patch, so that a million tiny ones are counted too


@dataclass(frozen=True)
class LabelPatch:
    """``before`` and ``after`` are the rows of ``rect``, uint8, zlib-compressed.

    Both are kept (not their difference), so that applying twice does no harm.
    """

    rect: Rect
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)

    @classmethod
    def between(cls, before: Labels, after: Labels, rect: Rect) -> LabelPatch | None:
        """The patch that turns ``before`` into ``after``, or None if they are equal.

        Both are uint8 ``(rect.height, rect.width)``, the pixels of ``rect`` on the canvas;
        only the box that holds all differences is stored.
        """
        if before.shape != after.shape or before.shape != (rect.height, rect.width):
            raise ValueError(f"patch of {before.shape} and {after.shape} does not fit {rect}")
        box = changed_box(before != after)
        if box.empty:
            return None
        rows, columns = box.slices
        return cls(
            Rect(rect.x + box.x, rect.y + box.y, box.width, box.height),
            zlib.compress(before[rows, columns].tobytes(), 1),
            zlib.compress(after[rows, columns].tobytes(), 1),
        )

    @classmethod
    def painting(
        cls, array: Labels, rect: Rect, mask: Mask, class_id: int, only_over: int | None = None
    ) -> LabelPatch | None:
        """What painting ``class_id`` where ``mask`` is true would change, or None if nothing.

        ``mask``: bool ``(rect.height, rect.width)``; ``rect`` may reach beyond ``array``.
        With ``only_over``, only pixels of that class are painted. ``array`` is not edited.
        """
        if mask.shape != (max(rect.height, 0), max(rect.width, 0)):
            raise ValueError(f"mask of {mask.shape} does not fit {rect}")
        inside = rect.clipped(array.shape[1], array.shape[0])
        if inside.empty:
            return None
        before = array[inside.slices]
        chosen = mask[
            Rect(inside.x - rect.x, inside.y - rect.y, inside.width, inside.height).slices
        ]
        if only_over is not None:
            chosen = chosen & (before == only_over)
        after = before.copy()
        np.copyto(after, np.uint8(class_id), where=chosen)
        return cls.between(before, after, inside)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return len(self.before) + len(self.after) + _OVERHEAD

    def apply(self, array: Labels) -> Rect:
        """Write the pixels after the edit into ``array`` and return the box written."""
        return self._write(array, self.after)

    def revert(self, array: Labels) -> Rect:
        """Write the pixels before the edit into ``array`` and return the box written."""
        return self._write(array, self.before)

    def _write(self, array: Labels, packed: bytes) -> Rect:
        if self.rect.right > array.shape[1] or self.rect.bottom > array.shape[0]:
            raise ValueError(f"patch at {self.rect} is outside an array of {array.shape}")
        pixels = np.frombuffer(zlib.decompress(packed), np.uint8)
        array[self.rect.slices] = pixels.reshape(self.rect.height, self.rect.width)
        return self.rect
