"""A scene to edit, and a listener that checks what it announces."""

from __future__ import annotations

import numpy as np
import pytest

from app.state.document import Document
from spade.formats.palette import Palette, palette_from_classes

SIGNALS = (
    "labels_changed",
    "canvas_replaced",
    "style_changed",
    "palette_changed",
    "model_changed",
    "history_changed",
    "modified_changed",
    "path_changed",
    "trace_changed",
)


class Listener:
    """Records every signal, and mirrors the labels from what the signals announce."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.calls: list[tuple] = []
        self.mirror = document.snapshot()
        self.modified = document.modified
        self.revision = document.revision
        for name in SIGNALS:
            getattr(document, name).connect(lambda *args, name=name: self._heard(name, *args))

    def _heard(self, name: str, *args: object) -> None:
        self.calls.append((name, *args))
        if name == "labels_changed":
            (rect,) = args
            assert not rect.empty
            assert rect == rect.clipped(self.document.width, self.document.height)
            self.mirror = np.array(self.mirror)
            self.mirror[rect.slices] = self.document.labels[rect.slices]
        elif name == "canvas_replaced":
            self.mirror = self.document.snapshot()
        elif name == "modified_changed":
            assert args == (self.document.modified,)
            assert args != (self.modified,)
            self.modified = self.document.modified

    @property
    def names(self) -> list[str]:
        """The signals heard since the last ``take``, sorted."""
        return sorted(name for name, *_ in self.calls)

    def skip(self) -> None:
        """Forget what was heard: several changes whose signals are not in question."""
        np.testing.assert_array_equal(self.mirror, self.document.labels)
        assert self.modified == self.document.modified
        self.calls, self.revision = [], self.document.revision

    def take(self) -> list[tuple]:
        """What was heard of one change; checks what must hold for any."""
        calls, self.calls = self.calls, []
        names = [name for name, *_ in calls]
        assert len(names) == len(set(names)), f"announced twice: {names}"
        np.testing.assert_array_equal(self.mirror, self.document.labels)
        assert self.modified == self.document.modified
        renders_anew = {"labels_changed", "canvas_replaced", "style_changed", "model_changed"}
        if renders_anew & set(names):
            assert self.document.revision > self.revision
        else:
            assert self.document.revision == self.revision
        self.revision = self.document.revision
        return calls


def small_palette(*names: str) -> Palette:
    return palette_from_classes("small", ((i, name, "", "") for i, name in enumerate(names)))


@pytest.fixture
def palette() -> Palette:
    return small_palette("sky", "sea", "sand", "grass")


@pytest.fixture
def listen() -> type[Listener]:
    return Listener


@pytest.fixture
def document(palette: Palette) -> Document:
    """24 x 16 pixels of sky, model "landscape", nothing to undo."""
    document = Document()
    document.new(24, 16, 0, palette, "landscape")
    return document


@pytest.fixture
def heard(document: Document) -> Listener:
    return Listener(document)
