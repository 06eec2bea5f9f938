"""Icons drawn from the Material Design font of qtawesome, in the theme's colours.

The glyphs are painted as outlines at the size and pixel ratio asked for, so they are sharp
on every screen, and the colour is looked up while painting, so they follow the theme.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QIcon,
    QIconEngine,
    QPainter,
    QPainterPath,
    QPixmap,
    QTransform,
)

from app.ui.look.theme import tokens
from spade.formats.resources import bundled

_FONT: Final = "materialdesignicons6-webfont"
_FONT_SIDE: Final = 96  # pixels, at which outlines are taken
_GRID: Final = 24.0  # the glyphs' design grid
_BASELINE: Final = 21.0  # the font's ascent upon that grid


# Shapes the font lacks: (move, then cubic curves) upon the same grid, drawn for Spadework.
_OWN: Final = {
    "hill": (
        (
            (1, 19),
            (3.5, 13.5),
            (6, 10.5),
            (9, 10.5),
            (11, 10.5),
            (12.6, 11.8),
            (14.2, 13.8),
            (12, 15.4),
            (10.6, 17),
            (9.6, 19),
        ),
        ((11.6, 19), (13.2, 16), (15, 14.4), (17.2, 14.4), (19.6, 14.4), (21.4, 16.2), (23, 19)),
    ),
    "rock": (
        (
            (2, 19),
            (2, 19),
            (3, 14),
            (4, 12.5),
            (5, 11),
            (7.5, 7.5),
            (9, 6.5),
            (10.5, 5.5),
            (13.5, 5.8),
            (14.6, 7),
            (16, 8.6),
            (16.8, 10.4),
            (18, 11.5),
            (19.6, 13),
            (21.5, 16),
            (22, 19),
        ),
    ),
}


@cache
def _font_folder() -> Path:
    """Where qtawesome keeps its fonts. Importing it would load QtPy and every Qt module,
    which is a third of the program's start."""
    found = find_spec("qtawesome")
    assert found is not None, "qtawesome is not installed"
    return Path(str(found.origin)).parent / "fonts"


@cache
def _font() -> QFont:
    file = max(_font_folder().glob(f"{_FONT}-[0-9]*.ttf"))
    number = QFontDatabase.addApplicationFont(str(file))
    font = QFont(QFontDatabase.applicationFontFamilies(number))
    font.setPixelSize(_FONT_SIDE)
    return font


@cache
def _characters() -> dict[str, str]:
    """The code points ("0xf01c9") by name."""
    file = max(_font_folder().glob(f"{_FONT}-charmap-*.json"))
    characters: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return characters


@cache
def glyph(name: str) -> QPainterPath:
    """The outline of the icon ``name`` on a 24 x 24 grid, y down. Unknown: KeyError."""
    if name in _OWN:
        return _own_glyph(name)
    path = QPainterPath()
    path.addText(QPointF(0, 0), _font(), chr(int(_characters()[name], 16)))
    scale = _GRID / _FONT_SIDE
    return QTransform(scale, 0, 0, scale, 0, _BASELINE).map(path)


def _own_glyph(name: str) -> QPainterPath:
    path = QPainterPath()
    for points in _OWN[name]:
        path.moveTo(*points[0])
        for i in range(1, len(points), 3):
            path.cubicTo(*points[i], *points[i + 1], *points[i + 2])
        path.closeSubpath()
    return path


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
    """The Material Design icon ``name`` ("content-save-outline", "mdi6.content-save-outline").

    ``role`` is a colour field of the theme's Tokens; ``on_role`` the one for the checked
    state (the same by default). An unknown name raises KeyError.
    """
    name = name.removeprefix("mdi6.")
    glyph(name)
    return QIcon(_ThemedEngine(name, role, on_role or role))


@cache
def app_icon() -> QIcon:
    """The program's own icon, in all sizes a window manager asks for."""
    result = QIcon()
    folder = bundled("assets/icons")
    for side in (16, 32, 48, 64, 128, 256, 512):
        result.addFile(str(folder / f"spadework-{side}.png"), QSize(side, side))
    return result
