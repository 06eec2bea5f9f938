"""Icons drawn from the Material Design font of qtawesome, in the theme's colours.

The glyphs are painted as outlines at the size and pixel ratio asked for, so they are sharp
on every screen, and the colour is looked up while painting, so they follow the theme.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import qtawesome
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPainterPath, QPixmap, QTransform

from app.ui.class_icons import class_icon_name
from app.ui.theme import tokens
from spade.formats.resources import bundled

_FONT: Final = "mdi6"
_GRID: Final = 24.0  # the glyphs' design grid
_BASELINE: Final = 21.0  # the font's ascent upon that grid


@cache
def glyph(name: str) -> QPainterPath:
    """The outline of the icon ``name`` ("brush") on a 24 x 24 grid, y down. Unknown: KeyError."""
    character = qtawesome.charmap(f"{_FONT}.{name}")
    font = qtawesome.font(_FONT, 96)
    path = QPainterPath()
    path.addText(QPointF(0, 0), font, character)
    scale = _GRID / 96
    return QTransform(scale, 0, 0, scale, 0, _BASELINE).map(path)


def paint_glyph(painter: QPainter, rect: QRectF, name: str, color: QColor | str) -> None:
    """Draws the icon ``name`` into the largest square centred in ``rect``."""
    side = min(rect.width(), rect.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center() - QPointF(side / 2, side / 2))
    painter.scale(side / _GRID, side / _GRID)
    painter.fillPath(glyph(name), QColor(color))
    painter.restore()


class _ThemedEngine(QIconEngine):
    """Paints one glyph; ``role`` names the token of its colour, ``on_role`` when checked."""

    def __init__(self, name: str, role: str, on_role: str) -> None:
        super().__init__()
        self._name, self._role, self._on_role = name, role, on_role

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        role = self._on_role if state == QIcon.State.On else self._role
        if mode == QIcon.Mode.Disabled:
            role = "text_disabled"
        paint_glyph(painter, QRectF(rect), self._name, getattr(tokens(), role))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _ThemedEngine(self._name, self._role, self._on_role)


@cache
def icon(name: str, role: str = "text", on_role: str = "") -> QIcon:
    """The Material Design icon ``name`` (without prefix: "content-save-outline").

    ``role`` is a colour field of the theme's Tokens; ``on_role`` the one for the checked
    state (the same by default). An unknown name raises KeyError.
    """
    glyph(name)
    return QIcon(_ThemedEngine(name, role, on_role or role))


def class_icon(name: str, group: str = "", role: str = "text") -> QIcon:
    """The icon of a class, chosen by its name, else by its group."""
    return icon(class_icon_name(name, group), role)


@cache
def app_icon() -> QIcon:
    """The program's own icon, in all sizes a window manager asks for."""
    result = QIcon()
    folder = bundled("assets/icons")
    for side in (16, 32, 48, 64, 128, 256, 512):
        result.addFile(str(folder / f"spadework-{side}.png"), QSize(side, side))
    return result
