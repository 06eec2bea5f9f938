"""A small scene, its views, and a hand that works the mouse on them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

sys.path.insert(0, str(Path(__file__).parent))

from hands import PALETTE, Hand, Studio

from app.ui.canvas.canvas_view import CanvasView
from app.ui.canvas.workspace import Workspace


@pytest.fixture
def studio(qapp: QApplication) -> Studio:
    """An empty scene of 40 x 30 pixels of class 0; the tools paint class 3, one pixel wide."""
    return Studio(40, 30)


@pytest.fixture
def canvas(qtbot, studio: Studio) -> CanvasView:
    """The canvas alone, 400 x 300, shown."""
    widget = CanvasView(studio.document, studio.tools, studio.view)
    qtbot.addWidget(widget)
    widget.resize(400, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


@pytest.fixture
def hand(canvas: CanvasView) -> Hand:
    """Works on the canvas at 8 view pixels per canvas pixel, its corner at (40, 30)."""
    canvas.view.set_transform(8.0, (20.0, 15.0))
    return Hand(canvas)


@pytest.fixture
def workspace(qtbot, studio: Studio) -> Workspace:
    """Canvas and picture side by side, 800 x 300, shown."""
    assert studio.document.palette == PALETTE
    widget = Workspace(studio.document, studio.tools, studio.view)
    qtbot.addWidget(widget)
    widget.resize(800, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget
