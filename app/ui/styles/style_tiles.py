"""The gallery's tiles: what they stand for, how they are listed and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QImage, QLinearGradient, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.core.style import DefaultStyle, ImageStyle, SampledStyle, StyleSource
from app.ui.look.icons import paint_glyph
from app.ui.look.theme import color, tokens
from app.ui.styles.style_files import Credit

Index = QModelIndex | QPersistentModelIndex

MIN_TILE_WIDTH: Final = 112
GAP: Final = 6


class Kind(Enum):
    """Where a tile comes from."""

    DEFAULT = "default"  # the model's own style
    PHOTO = "photo"  # comes with the program
    OWN = "own"  # the user's; can be removed
    SCENE = "scene"  # the scene's style, not in the gallery
    SEED = "seed"  # sampled; offered where no picture can be encoded


@dataclass
class Tile:
    """One style on offer. ``source`` is None until its picture is read."""

    key: str
    kind: Kind
    title: str
    source: StyleSource | None = None
    path: Path | None = None
    credit: Credit | None = None
    thumb: QImage | None = None
    picture: QImage | None = None  # the scene in this style
    stale: bool = True  # the scene has changed since
    asked: bool = False  # the picture is being made
    problem: str = ""

    @property
    def tip(self) -> str:
        """What a tool tip says of it."""
        if self.problem:
            return self.problem
        lines = [f"<b>{self.title}</b>"]
        if self.credit is not None:
            lines.append(self.credit.mood[:1].upper() + self.credit.mood[1:])
            lines.append(f"{self.credit.title} · {self.credit.author} · {self.credit.licence}")
        if self.kind is Kind.DEFAULT:
            lines.append("The style the model has by itself.")
        elif self.kind is Kind.SCENE:
            lines.append("The style of this scene; it is not in your gallery.")
        if self.kind is not Kind.DEFAULT:
            lines.append("Shift-click: mix it in as the second style.")
        return "<br>".join(lines)


class TileModel(QAbstractListModel):
    """The tiles in the order they are shown. ``UserRole`` gives the Tile."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles: list[Tile] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's default
        return 0 if parent.isValid() else len(self.tiles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        tile = self.tiles[index.row()]
        if role == Qt.ItemDataRole.UserRole:
            return tile
        if role == Qt.ItemDataRole.ToolTipRole:
            return tile.tip
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return tile.title
        return None

    def show_tiles(self, tiles: list[Tile]) -> None:
        """Replace all tiles."""
        self.beginResetModel()
        self.tiles = tiles
        self.endResetModel()

    def insert(self, row: int, tile: Tile) -> None:
        """Put a tile at ``row``."""
        self.beginInsertRows(QModelIndex(), row, row)
        self.tiles.insert(row, tile)
        self.endInsertRows()

    def remove(self, tile: Tile) -> None:
        """Take a tile away."""
        row = self.tiles.index(tile)
        self.beginRemoveRows(QModelIndex(), row, row)
        del self.tiles[row]
        self.endRemoveRows()

    def touch(self, tile: Tile) -> None:
        """Tell the view that a tile looks different now."""
        index = self.index(self.tiles.index(tile))
        self.dataChanged.emit(index, index)

    def by_key(self, key: str) -> Tile | None:
        """The tile of that key."""
        return next((tile for tile in self.tiles if tile.key == key), None)

    def by_source(self, source: StyleSource | None) -> Tile | None:
        """The tile that stands for ``source``."""
        if source is None:
            return None
        return next((tile for tile in self.tiles if tile.source == source), None)


class TileDelegate(QStyledItemDelegate):
    """Draws tiles. ``show_scene``, ``first`` and ``second`` are set by the gallery."""

    def __init__(self, view: QListView) -> None:
        super().__init__(view)
        self._view = view
        self.show_scene = False
        self.first: Tile | None = None
        self.second: Tile | None = None

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        width = self._view.viewport().width() - 1
        columns = max(width // MIN_TILE_WIDTH, 1)
        cell = width // columns
        return QSize(cell, round((cell - GAP) * 2 / 3) + GAP)

    @staticmethod
    def picture_rect(rect: QRect) -> QRectF:
        """The tile's picture within its cell."""
        half = GAP / 2
        return QRectF(rect).adjusted(half, half, -half, -half)

    @staticmethod
    def remove_rect(rect: QRect) -> QRectF:
        """The cross that removes one of the user's own pictures, shown while hovered."""
        box = TileDelegate.picture_rect(rect)
        return QRectF(box.right() - 25, box.top() + 5, 20, 20)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tile: Tile = index.data(Qt.ItemDataRole.UserRole)
        t = tokens()
        box = self.picture_rect(option.rect)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        marked = tile is self.first or tile is self.second
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        outline = QPainterPath()
        outline.addRoundedRect(box, t.radius, t.radius)
        painter.setClipPath(outline)
        self._paint_picture(painter, box, tile)
        waiting = self.show_scene and tile.source is not None and tile.stale
        if waiting and not (hovered and tile.kind is Kind.OWN):
            self._paint_waiting(painter, box)
        if hovered or tile.kind in (Kind.DEFAULT, Kind.SEED, Kind.SCENE):
            self._paint_title(painter, box, tile)
        painter.setClipping(False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if marked:
            painter.setPen(QPen(QColor(t.window), 2))
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), t.radius - 3, t.radius - 3)
            painter.setPen(QPen(QColor(t.accent if tile is self.first else t.warning), 2.5))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), t.radius - 1, t.radius - 1)
        elif self._view.hasFocus() and option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(t.focus), 2))
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), t.radius - 1, t.radius - 1)
        else:
            painter.setPen(QPen(color(t.text, 0.35 if hovered else 0.10), 1))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), t.radius, t.radius)
        if marked:
            self._paint_mark(painter, box, tile)
        if hovered and tile.kind is Kind.OWN:
            cross = self.remove_rect(option.rect)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("#000000", 0.62))
            painter.drawEllipse(cross)
            paint_glyph(painter, cross.adjusted(3, 3, -3, -3), "close", "#ffffff")
        painter.restore()

    def _paint_picture(self, painter: QPainter, box: QRectF, tile: Tile) -> None:
        t = tokens()
        image = tile.picture if self.show_scene and tile.picture else tile.thumb
        painter.fillRect(box, QColor(t.control_pressed))
        if image is not None:
            painter.drawImage(box, image, _cover(image, box))
        elif tile.problem:
            self._glyph(painter, box, "image-broken-variant", t.text_muted)
        elif tile.kind is Kind.DEFAULT:
            self._paint_default(painter, box)
        elif tile.kind in (Kind.SEED, Kind.SCENE):
            self._glyph(painter, box, "dice-multiple-outline", t.text_muted)
        else:
            self._glyph(painter, box, "image-outline", t.text_disabled)

    @staticmethod
    def _paint_waiting(painter: QPainter, box: QRectF) -> None:
        """The tile does not show the present scene yet."""
        badge = QRectF(box.right() - 24, box.top() + 6, 18, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("#000000", 0.62))
        painter.drawEllipse(badge)
        paint_glyph(painter, badge.adjusted(3, 3, -3, -3), "clock-outline", "#ffffff")

    @staticmethod
    def _paint_default(painter: QPainter, box: QRectF) -> None:
        t = tokens()
        gradient = QLinearGradient(box.topLeft(), box.bottomRight())
        gradient.setColorAt(0, QColor(t.control))
        gradient.setColorAt(1, QColor(t.selection))
        painter.fillRect(box, gradient)
        middle = box.adjusted(0, 0, 0, -14)
        TileDelegate._glyph(painter, middle, "image-filter-hdr", t.on_selection)

    @staticmethod
    def _glyph(painter: QPainter, box: QRectF, name: str, value: str) -> None:
        middle = box.center()
        paint_glyph(painter, QRectF(middle.x() - 12, middle.y() - 12, 24, 24), name, value)

    def _paint_title(self, painter: QPainter, box: QRectF, tile: Tile) -> None:
        strip = QRectF(box.left(), box.bottom() - 34, box.width(), 34)
        shade = QLinearGradient(strip.topLeft(), strip.bottomLeft())
        shade.setColorAt(0, color("#000000", 0))
        shade.setColorAt(0.45, color("#000000", 0.55))
        shade.setColorAt(1, color("#000000", 0.78))
        painter.fillRect(strip, shade)
        font = QFont()
        font.setPixelSize(tokens().font_small - 1)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor("#ffffff"))
        text = painter.fontMetrics().elidedText(
            tile.title, Qt.TextElideMode.ElideRight, int(box.width()) - 14
        )
        place = strip.adjusted(7, 12, -7, -3)
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, int(align), text)

    def _paint_mark(self, painter: QPainter, box: QRectF, tile: Tile) -> None:
        """A check upon the style in use; A and B while two are mixed."""
        t = tokens()
        badge = QRectF(box.left() + 6, box.top() + 6, 20, 20)
        first = tile is self.first
        painter.setPen(QPen(QColor(t.window), 2))
        painter.setBrush(QColor(t.accent if first else t.warning))
        painter.drawEllipse(badge)
        ink = t.on_accent if first else t.window
        if self.second is None:
            paint_glyph(painter, badge.adjusted(3, 3, -3, -3), "check-bold", ink)
            return
        font = QFont()
        font.setPixelSize(12)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(ink))
        letters = "A" if first else "B"
        if first and tile is self.second:
            letters = "AB"
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, letters)


def source_title(source: StyleSource) -> str:
    """A style in a few words."""
    if isinstance(source, DefaultStyle):
        return "Default style"
    if isinstance(source, SampledStyle):
        return f"Surprise {source.seed}"
    if isinstance(source, ImageStyle):
        return source.name or "Picture"
    return "Saved style"


def _cover(image: QImage, box: QRectF) -> QRectF:
    """The middle part of ``image`` that has the shape of ``box``."""
    scale = min(image.width() / box.width(), image.height() / box.height())
    width, height = box.width() * scale, box.height() * scale
    return QRectF((image.width() - width) / 2, (image.height() - height) / 2, width, height)
