"""Anything at any time: whatever mouse, keys, tools and undo do, nothing is left half done."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hands import PALETTE, Button, Hand, Modifier, Studio
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.core.tools import BrushShape, Tool, ViewMode
from app.ui.canvas.label_raster import packed_lut
from app.ui.canvas.workspace import Workspace

KEYS = [
    Qt.Key.Key_Escape,
    Qt.Key.Key_Return,
    Qt.Key.Key_Backspace,
    Qt.Key.Key_Space,
    Qt.Key.Key_Left,
]
MODIFIERS = [
    Modifier.NoModifier,
    Modifier.NoModifier,
    Modifier.ShiftModifier,
    Modifier.AltModifier,
]


class Player:
    """Does random things to a workspace."""

    def __init__(self, studio: Studio, workspace: Workspace, seed: int) -> None:
        self.studio, self.workspace = studio, workspace
        self.random = random.Random(seed)
        self.hand = Hand(workspace.canvas)
        self.actions = {
            self.press: 5,
            self.move: 12,
            self.release: 5,
            self.tool: 2,
            self.key: 3,
            self.undo: 2,
            self.wheel: 1,
            self.mode: 1,
            self.lose: 1,
            self.canvas: 1,
        }

    def step(self) -> None:
        (action,) = self.random.choices(list(self.actions), list(self.actions.values()))
        self.hand.modifiers = self.random.choice(MODIFIERS)
        action()

    def point(self) -> tuple[int, int]:
        return self.random.randint(-4, 44), self.random.randint(-4, 34)

    def button(self) -> Button:
        return self.random.choice(
            [Button.LeftButton] * 4 + [Button.RightButton, Button.MiddleButton]
        )

    def press(self) -> None:
        self.hand.press(*self.point(), self.button())

    def move(self) -> None:
        self.hand.move(*self.point())

    def release(self) -> None:
        for button in (Button.LeftButton, Button.RightButton, Button.MiddleButton):
            self.hand.release(*self.point(), button)

    def tool(self) -> None:
        tools = self.studio.tools
        tools.tool = self.random.choice(list(Tool))
        tools.brush_size = self.random.choice([1, 2, 3, 8, 40])
        tools.brush_shape = self.random.choice(list(BrushShape))
        tools.only_over = self.random.random() < 0.3
        tools.contiguous = self.random.random() < 0.5
        tools.class_id = self.random.randint(0, 4)

    def key(self) -> None:
        QTest.keyClick(self.hand.widget, self.random.choice(KEYS), self.hand.modifiers)

    def undo(self) -> None:
        document = self.studio.document
        self.random.choice([document.undo, document.undo, document.redo])()

    def wheel(self) -> None:
        self.hand.wheel(self.point(), self.random.choice([-2, -1, 1, 2]))
        self.studio.view.fit = True

    def mode(self) -> None:
        self.workspace.view.mode = self.random.choice(list(ViewMode))
        side_by_side = self.workspace.view.mode is ViewMode.SIDE_BY_SIDE
        self.hand.widget = self.workspace.canvas if side_by_side else self.workspace.preview

    def lose(self) -> None:
        QApplication.sendEvent(self.hand.widget, QFocusEvent(QEvent.Type.FocusOut))
        self.hand.held = Button.NoButton

    def canvas(self) -> None:
        document = self.studio.document
        document.resize_canvas(self.random.randint(20, 60), self.random.randint(20, 40))


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_left_half_done(studio: Studio, workspace: Workspace, seed: int) -> None:
    player = Player(studio, workspace, seed)
    document = studio.document
    grey = np.full((document.height, document.width, 3), 99, np.uint8)
    workspace.set_picture(grey, document.revision, False)
    lut = packed_lut(PALETTE.lut())
    for step in range(400):
        player.step()
        assert (workspace.canvas.raster.pyramid.pixels == lut[document.labels]).all()
        if player.hand.held == Button.NoButton:
            assert not document.stroke_active
        if step % 50 == 0:
            workspace.grab()
    player.release()
    assert not document.stroke_active
    while document.can_undo:
        document.undo()
    assert document.labels.shape == (30, 40)
    assert not document.labels.any()
