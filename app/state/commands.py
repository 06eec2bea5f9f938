"""The document's edits as commands for ``core.history``: paint, style, canvas.

A command is data, and a function of the document's that puts the data in place; this module
knows nothing of the document and imports only core. The document makes its commands itself,
being the only one who may change its state, which is why they live in this room and not in
one above it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.core.patch import LabelPatch
from app.core.style import ImageStyle, Style
from app.state.trace import TraceImage
from spade.formats.rect import Rect

Labels = NDArray[np.uint8]
Edit = Callable[[Labels], Rect]

_OVERHEAD = 256  # Python's own bytes for a command


class IdSwitches:
    """The class id tables of the model switches since the history began.

    A switch of models isn't undone. The steps before it stay in the history: what they
    stored in the old model's ids is translated when they are undone or redone.
    """

    def __init__(self) -> None:
        self._tables: list[Labels] = []

    @property
    def count(self) -> int:
        """How many switches there were; whoever stores labels notes it."""
        return len(self._tables)

    def add(self, table: Labels) -> None:
        """``table``: uint8 ``(256,)``, the new id of each old one."""
        self._tables.append(table)

    def translated(self, labels: Labels, since: int) -> Labels:
        """``labels`` stored when ``count`` was ``since``, in today's ids."""
        for table in self._tables[since:]:
            labels = table[labels]
        return labels

    def clear(self) -> None:
        """Forget all: the history was emptied."""
        self._tables.clear()


@dataclass
class PaintCommand:
    """A stroke, a shape or a fill. ``put`` runs an edit on the live labels."""

    text: str
    patch: LabelPatch
    put: Callable[[Edit], None]
    switches: IdSwitches
    since: int = field(init=False)

    def __post_init__(self) -> None:
        self.since = self.switches.count

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self.patch.nbytes

    def redo(self) -> None:
        """Paint it again."""
        self.put(lambda labels: self._translated(labels, self.patch.apply(labels)))

    def undo(self) -> None:
        """Put back what was there."""
        self.put(lambda labels: self._translated(labels, self.patch.revert(labels)))

    def _translated(self, labels: Labels, rect: Rect) -> Rect:
        labels[rect.slices] = self.switches.translated(labels[rect.slices], self.since)
        return rect


@dataclass
class StyleCommand:
    """A change of style. Those of one ``merge_key`` in a row become one (a slider's drag)."""

    text: str
    old: Style
    new: Style
    put: Callable[[Style], None]
    merge_key: str | None = None

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes; the old style is the command before's new one."""
        sources = (self.new.source, self.new.second)
        pictures = (source.pixels for source in sources if isinstance(source, ImageStyle))
        return _OVERHEAD + sum(pixels.nbytes for pixels in pictures)

    def redo(self) -> None:
        """Take the new style."""
        self.put(self.new)

    def undo(self) -> None:
        """Take the old style."""
        self.put(self.old)


class Canvas:
    """A whole canvas: the labels, compressed, and the trace photo that lay under them."""

    def __init__(self, labels: Labels, trace: TraceImage | None, switches: IdSwitches) -> None:
        self._shape = labels.shape
        self._packed = zlib.compress(labels.tobytes(), 1)
        self._switches = switches
        self._since = switches.count
        self.trace = trace

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return len(self._packed) + (0 if self.trace is None else self.trace.pixels.nbytes)

    def labels(self) -> Labels:
        """The labels in today's ids, uint8 ``(H, W)``."""
        stored = np.frombuffer(zlib.decompress(self._packed), np.uint8).reshape(self._shape)
        return self._switches.translated(stored, self._since)


@dataclass
class CanvasCommand:
    """Another size of canvas. ``put(canvas, replaced)`` installs one in place of the other."""

    text: str
    old: Canvas
    new: Canvas
    put: Callable[[Canvas, Canvas], None]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return _OVERHEAD + self.old.nbytes + self.new.nbytes

    def redo(self) -> None:
        """Install the new canvas."""
        self.put(self.new, self.old)

    def undo(self) -> None:
        """Install the old canvas."""
        self.put(self.old, self.new)
