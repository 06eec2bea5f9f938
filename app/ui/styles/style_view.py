"""The grid of style tiles: clicks, keys and what is in sight."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QFrame, QListView, QMenu, QWidget

from app.ui.look.icons import icon
from app.ui.look.theme import notifier
from app.ui.styles.style_tiles import Kind, Tile, TileDelegate, TileModel

LOOK_DELAY_MS = 120


class TileView(QListView):
    """Signals carry a Tile. A click chooses, Shift-click takes the second style, the cross or
    Delete removes a picture of the user's."""

    chosen = Signal(object)
    second_chosen = Signal(object)
    second_ended = Signal()
    removal_asked = Signal(object)
    keep_asked = Signal(object)  # put the scene's own style into the gallery
    looked = Signal()  # other tiles may be in sight now
    left = Signal()  # Escape

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tile_model = TileModel(self)
        self.tile_delegate = TileDelegate(self)
        self.setModel(self.tile_model)
        self.setItemDelegate(self.tile_delegate)
        self.setProperty("role", "bare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(40)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setAccessibleName("Styles")
        self._pressed = QModelIndex()
        self._look = QTimer(self, singleShot=True, interval=LOOK_DELAY_MS)
        self._look.timeout.connect(self.looked)
        self.verticalScrollBar().valueChanged.connect(lambda _value: self._look.start())
        notifier().changed.connect(self.viewport().update)

    def tiles_in_sight(self) -> list[Tile]:
        """The tiles of which at least a part is visible, in their order."""
        if not self.isVisible():
            return []
        area = self.viewport().rect()
        model = self.tile_model
        rects = [self.visualRect(model.index(row)) for row in range(len(model.tiles))]
        return [
            tile for tile, rect in zip(model.tiles, rects, strict=True) if rect.intersects(area)
        ]

    def reveal(self, tile: Tile) -> None:
        """Scroll to a tile."""
        self.scrollTo(self.tile_model.index(self.tile_model.tiles.index(tile)))

    def rect_of(self, tile: Tile) -> QPoint:
        """The middle of a tile, in the viewport."""
        return self.visualRect(self.tile_model.index(self.tile_model.tiles.index(tile))).center()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._look.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self.indexAt(event.position().toPoint())
            event.accept()
        else:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        pressed, self._pressed = self._pressed, QModelIndex()
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseReleaseEvent(event)
        elif index.isValid() and index == pressed:
            tile = self.tile_model.tiles[index.row()]
            self.setCurrentIndex(index)
            cross = self.tile_delegate.remove_rect(self.visualRect(index))
            if tile.kind is Kind.OWN and cross.contains(event.position()):
                self.removal_asked.emit(tile)
            else:
                self._choose(tile, event.modifiers())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        tile = self._current()
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif tile is None:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(tile, event.modifiers())
        elif event.key() == Qt.Key.Key_Delete and tile.kind is Kind.OWN:
            self.removal_asked.emit(tile)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        if index.isValid():
            menu = self.menu_of(self.tile_model.tiles[index.row()])
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(event.globalPos())

    def menu_of(self, tile: Tile) -> QMenu:
        """What can be done with a tile."""
        menu = QMenu(self)
        use = menu.addAction(icon("check"), "Use this style")
        use.triggered.connect(lambda: self.chosen.emit(tile))
        mix = menu.addAction(icon("circle-half-full"), "Mix in as second style")
        mix.triggered.connect(lambda: self.second_chosen.emit(tile))
        usable = tile.source is not None
        use.setEnabled(usable)
        mix.setEnabled(usable)
        if self.tile_delegate.second is not None:
            end = menu.addAction(icon("circle-off-outline"), "End the mix")
            end.triggered.connect(self.second_ended)
        if tile.kind is Kind.OWN:
            menu.addSeparator()
            remove = menu.addAction(icon("delete-outline"), "Remove from the gallery")
            remove.triggered.connect(lambda: self.removal_asked.emit(tile))
        elif tile.kind is Kind.SCENE and tile.thumb is not None:
            menu.addSeparator()
            keep = menu.addAction(icon("image-plus"), "Keep in the gallery")
            keep.triggered.connect(lambda: self.keep_asked.emit(tile))
        return menu

    def _choose(self, tile: Tile, modifiers: Qt.KeyboardModifier) -> None:
        if tile.source is None:
            return
        second = modifiers & Qt.KeyboardModifier.ShiftModifier
        (self.second_chosen if second else self.chosen).emit(tile)

    def _current(self) -> Tile | None:
        index = self.currentIndex()
        return self.tile_model.tiles[index.row()] if index.isValid() else None
