"""Activations by place: what is there, and changes to it that can still be taken back.

All are channels last without a batch, ``(height, width, channels)``, and addressed by a Rect
in pixels of their own scale.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from spade.formats.rect import Rect


class Source(Protocol):
    """Where activations can be read."""

    def read(self, rect: Rect) -> Tensor:
        """``(rect.height, rect.width, channels)``; may be a view: not to be written to."""


class Target(Source, Protocol):
    """Where they can be written too."""

    def clear(self) -> None:
        """Let go of all that is held: it will not be read again."""

    def write(self, rect: Rect, values: Tensor) -> None:
        """Keep ``values`` ``(rect.height, rect.width, channels)``; they may be adopted."""


class Plane:
    """The activations on ``rect``, all of them, once written."""

    def __init__(self, rect: Rect, values: Tensor | None = None) -> None:
        self.rect = rect
        self.values = values

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return 0 if self.values is None else self.values.numel() * self.values.element_size()

    def read(self, rect: Rect) -> Tensor:
        """See Source. ``rect`` lies within the plane's."""
        assert self.values is not None
        return self.values[rect.moved(-self.rect.x, -self.rect.y).slices]

    def write(self, rect: Rect, values: Tensor) -> None:
        """See Target."""
        if rect == self.rect:
            self.values = values.contiguous()
            return
        if self.values is None:
            self.values = values.new_empty(self.rect.height, self.rect.width, values.shape[-1])
        self.values[rect.moved(-self.rect.x, -self.rect.y).slices] = values

    def clear(self) -> None:
        """See Target."""
        self.values = None


class Overlay:
    """A plane with changes that it does not know of until ``commit``.

    Written pieces are held in one rectangle, which grows to contain them all.
    """

    def __init__(self, below: Plane) -> None:
        self._below = below
        self._patch: Plane | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held by the changes."""
        return 0 if self._patch is None else self._patch.nbytes

    def read(self, rect: Rect) -> Tensor:
        """See Source."""
        patch = self._patch
        common = Rect(0, 0, 0, 0) if patch is None else rect.intersected(patch.rect)
        if patch is None or common.empty:
            return self._below.read(rect)
        if common == rect:
            return patch.read(rect)
        values = self._below.read(rect).clone()
        values[common.moved(-rect.x, -rect.y).slices] = patch.read(common)
        return values

    def write(self, rect: Rect, values: Tensor) -> None:
        """See Target."""
        patch = self._patch
        if patch is None or rect.united(patch.rect) == rect:
            self._patch = Plane(rect, values.contiguous())
            return
        reach = rect.united(patch.rect)
        if reach != patch.rect:
            # With room to spare: a stroke goes on growing, and each time all is copied.
            whole = self._below.rect
            spare = reach.moved(-whole.x, -whole.y).grown(
                max(reach.width, reach.height) // 4, whole.width, whole.height
            )
            reach = spare.moved(whole.x, whole.y)
            self._patch = patch = Plane(reach, self.read(reach).clone())
        patch.write(rect, values)

    def clear(self) -> None:
        """See Target: forget the changes."""
        self._patch = None

    def commit(self) -> None:
        """Make the changes the plane's own."""
        patch, self._patch = self._patch, None
        if patch is not None and patch.values is not None:
            self._below.write(patch.rect, patch.values)


class Doubled:
    """A source at twice its size, by nearest neighbour."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, rect: Rect) -> Tensor:
        """See Source; always a copy."""
        below = rect.halved()
        values = self._source.read(below)
        rows = torch.arange(rect.y, rect.bottom, device=values.device) // 2 - below.y
        columns = torch.arange(rect.x, rect.right, device=values.device) // 2 - below.x
        return values.index_select(1, columns).index_select(0, rows)

    def read_single(self, rect: Rect) -> Tensor | None:
        """What ``rect`` is the double of, if it is of anything: nothing is copied."""
        if (rect.x | rect.y | rect.width | rect.height) & 1:
            return None
        return self._source.read(rect.halved())
