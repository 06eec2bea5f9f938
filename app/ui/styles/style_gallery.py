"""The style gallery: bundled photos and the user's own, as photos or as the scene in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.style import Style
from app.ui.canvas.drops import PHOTO_SUFFIXES, SCENE_SUFFIXES, picture_bytes, read_drop
from app.ui.dialogs.choosers import PHOTO_FILTER, Choosers
from app.ui.look.icons import icon
from app.ui.look.pictures import to_image
from app.ui.look.theme import color, tokens
from app.ui.styles.style_library import StyleLibrary, Submit
from app.ui.styles.style_tiles import Tile
from app.ui.styles.style_view import TileView
from app.ui.widgets.segmented import Segmented
from app.ui.widgets.text import ElidedLabel
from spade.formats.resources import bundled_gallery

NO_ENCODER = (
    "This model has no style encoder, so a picture can't be its style. "
    "Use Surprise me, or one of these samples."
)
NO_STYLE = "This model takes no style: the label map alone decides the picture."
IDLE_MS = 500  # the scene rests so long before tiles are rendered anew
UNDO_MS = 8000


class StyleGallery(QWidget):
    """Tiles of styles; choosing is announced, the document is not touched.

    ``submit`` reads and writes the files, ``folder`` keeps the user's pictures (it need not
    exist yet). Tell it the style in use with ``set_current``, that the scene changed with
    ``scene_changed``, and answer ``tile_requested`` with ``set_tile_picture``.
    """

    style_chosen = Signal(object)  # StyleSource
    second_chosen = Signal(object)  # StyleSource to mix in, or None: end the mix
    surprise_requested = Signal()
    tile_requested = Signal(str, object)  # key, StyleSource: render the scene in it, small
    tiles_cancelled = Signal()  # what was requested is no longer wanted
    failed = Signal(str)  # one line for a person
    focus_canvas = Signal()

    def __init__(
        self,
        submit: Submit,
        folder: Path,
        *,
        photos: Sequence[Path] | None = None,
        choosers: Choosers | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.setAcceptDrops(True)
        self._choosers = choosers or Choosers()
        self._style = Style()
        self._encoder = True
        self._picks_second = False
        self.faces = Segmented(((False, "Photos", ""), (True, "This scene", "")))
        self.faces.buttons[True].setToolTip("Show the present scene in each style")
        self.add = QPushButton(icon("plus"), " Add…")
        self.add.setToolTip("Add a picture of your own (or drop or paste one here)")
        self.note, self.note_text = QFrame(), QLabel()
        self.surprise = QPushButton(icon("dice-5-outline"), " Surprise me")
        self.view = TileView()
        self.bar, self.bar_text, self.bar_button = QFrame(), ElidedLabel(), QPushButton()
        self._idle = QTimer(self, singleShot=True, interval=IDLE_MS)
        self._undo_timer = QTimer(self, singleShot=True, interval=UNDO_MS)
        self._arrange()
        shown = bundled_gallery() if photos is None else photos
        self._library = StyleLibrary(self.view.tile_model, submit, folder, shown, self)
        self._bind()
        self._mark()
        self._library.read()

    # -- for the window

    def set_current(self, style: Style) -> None:
        """Mark the tiles of the style in use; one the gallery lacks gets a tile for the time."""
        self._style = style
        self._library.set_style(style)

    def set_encoder_available(
        self, available: bool, reason: str = "", *, style: bool = True
    ) -> None:
        """Whether pictures can be styles. If not, ``reason`` (a default text if empty) is
        shown with what there is instead: samples, or with ``style`` false nothing."""
        self.note_text.setText(reason or (NO_ENCODER if style else NO_STYLE))
        self.note.setVisible(not available)
        self.surprise.setVisible(style)
        self.faces.setVisible(available)
        self.add.setVisible(available)
        self.view.setVisible(available or style)
        changed = available != self._encoder
        self._encoder = available
        self._end_picking()
        self._library.set_encoder(available)
        if changed:
            self.show_scene(not available)

    def show_scene(self, scene: bool) -> None:
        """Tiles show the present scene in each style (true), or the photos."""
        self.faces.show_value(scene)
        delegate = self.view.tile_delegate
        if scene != delegate.show_scene:
            delegate.show_scene = scene
            self.view.viewport().update()
            if scene:
                self._idle.start(0)
            else:
                self._forget_requests()

    def scene_changed(self) -> None:
        """The label map, the model or the canvas is another: pictures of the scene are stale."""
        for tile in self.view.tile_model.tiles:
            tile.stale = True
        self._forget_requests()
        if self.view.tile_delegate.show_scene:
            self.view.viewport().update()
            self._idle.start(IDLE_MS)

    def set_tile_picture(self, key: str, rgb: NDArray[np.uint8], *, stale: bool = False) -> None:
        """The scene in the style of tile ``key``, uint8 (h, w, 3); ``stale``: of an older scene."""
        tile = self.view.tile_model.by_key(key)
        if tile is not None:
            tile.picture = to_image(rgb)
            tile.stale, tile.asked = stale, False
            self.view.tile_model.touch(tile)

    def tile_failed(self, key: str) -> None:
        """The picture asked for won't come. It stays "asked", so it is not asked for again
        before the scene changes."""
        tile = self.view.tile_model.by_key(key)
        if tile is not None:
            tile.asked = True

    def add_pictures(self, sources: Sequence[Path | bytes], *, choose: bool = True) -> None:
        """Keep pictures (files, or encoded ones) in the gallery. With ``choose``, a single
        one becomes the style at once. What can't be read is announced by ``failed``."""
        self._library.add(sources, use=choose)

    def paste(self) -> bool:
        """Add the picture on the clipboard and use it; False if there is none."""
        data: QMimeData | None = QApplication.clipboard().mimeData()
        return data is not None and self._take(data)

    def pick_second(self) -> None:
        """The next tile clicked becomes the second style of a mix; Escape gives it up."""
        self._picks_second = True
        self._show_bar("Pick the style to mix in", "Cancel")

    def finish(self) -> None:
        """Carry out a removal that could still be undone; to be called before closing."""
        self._library.finish()

    def sizeHint(self) -> QSize:
        return QSize(272, 420)

    # -- drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        if self._encoder and (_files(data) or data.hasImage() or _embedded(data)):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._veil.cover(self.view)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self._veil.hide()
        if self._take(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def _take(self, data: QMimeData) -> bool:
        if not self._encoder:
            return False
        sources: list[Path | bytes] = list(_files(data))
        if not sources:
            encoded = picture_bytes(data)
            sources = [encoded] if encoded else []
        self.add_pictures(sources)
        return bool(sources)

    # -- building

    def _arrange(self) -> None:
        t = tokens()
        column = QVBoxLayout(self)
        column.setContentsMargins(t.space_2, t.space_2, t.space_1, t.space_1)
        column.setSpacing(t.space_2)
        bar = QHBoxLayout()
        bar.setContentsMargins(t.space_1, 0, t.space_2, 0)
        self.add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        bar.addWidget(self.faces)
        bar.addStretch()
        bar.addWidget(self.add)
        column.addLayout(bar)
        self.note.setProperty("role", "card")
        self.note_text.setWordWrap(True)
        note = QVBoxLayout(self.note)
        note.setContentsMargins(t.space_3, t.space_3, t.space_3, t.space_3)
        note.setSpacing(t.space_2)
        note.addWidget(self.note_text)
        note.addWidget(self.surprise)
        padded = QHBoxLayout()
        padded.setContentsMargins(t.space_1, 0, t.space_2, 0)
        padded.addWidget(self.note)
        column.addLayout(padded)
        column.addWidget(self.view, 1)
        self.bar.setProperty("role", "card")
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(t.space_3, 3, 3, 3)
        row.addWidget(self.bar_text, 1)
        row.addWidget(self.bar_button)
        self.bar_button.setProperty("kind", "flat")
        self.bar_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        column.addWidget(self.bar)
        column.addStretch()
        self.note.hide()
        self.bar.hide()
        self._veil = _DropVeil(self)

    def _bind(self) -> None:
        view, library = self.view, self._library
        self.faces.chosen.connect(self.show_scene)
        self.add.clicked.connect(self._ask_for_file)
        self.surprise.clicked.connect(self.surprise_requested)
        self.bar_button.clicked.connect(self._bar_clicked)
        self._undo_timer.timeout.connect(self.finish)
        self._idle.timeout.connect(self._request)
        library.failed.connect(self.failed)
        library.changed.connect(self._mark)
        library.kept.connect(self._kept)
        library.removed.connect(self._removed)
        view.chosen.connect(self._chosen)
        view.second_chosen.connect(self._second_chosen)
        view.second_ended.connect(lambda: self.second_chosen.emit(None))
        view.removal_asked.connect(library.remove)
        view.keep_asked.connect(library.keep)
        view.looked.connect(self._request)
        view.left.connect(self._escape)

    def _ask_for_file(self) -> None:
        self._choosers.open_file(
            self, "Add a style picture", PHOTO_FILTER, None, lambda path: self.add_pictures([path])
        )

    # -- choosing

    def _chosen(self, tile: Tile) -> None:
        if self._picks_second:
            self._second_chosen(tile)
        else:
            self.style_chosen.emit(tile.source)

    def _second_chosen(self, tile: Tile) -> None:
        self._end_picking()
        self.second_chosen.emit(tile.source)

    def _kept(self, tile: Tile, use: bool) -> None:
        if tile in self.view.tile_model.tiles:
            self.view.reveal(tile)
        if use:
            self._chosen(tile)

    def _escape(self) -> None:
        self._end_picking()
        self.focus_canvas.emit()

    def _end_picking(self) -> None:
        if self._picks_second:
            self._picks_second = False
            self.bar.hide()

    # -- the bar at the bottom: undo of a removal, or "pick the second style"

    def _show_bar(self, text: str, button: str) -> None:
        self.bar_text.setText(text)
        self.bar_button.setText(button)
        self.bar.show()

    def _bar_clicked(self) -> None:
        if self._picks_second:
            self._end_picking()
        else:
            self._library.undo_removal()

    def _removed(self, tile: Tile | None) -> None:
        self._undo_timer.stop()
        if tile is not None:
            self._end_picking()
            self._show_bar(f"Removed “{tile.title}”", "Undo")
            self._undo_timer.start()
        elif not self._picks_second:
            self.bar.hide()

    # -- marks and pictures of the scene

    def _mark(self) -> None:
        model, delegate = self.view.tile_model, self.view.tile_delegate
        delegate.first = model.by_source(self._style.source)
        delegate.second = model.by_source(self._style.second)
        self.view.viewport().update()
        if delegate.show_scene and not self._idle.isActive():
            self._idle.start(IDLE_MS)

    def _request(self) -> None:
        if not self.view.tile_delegate.show_scene:
            return
        for tile in self.view.tiles_in_sight():
            if tile.source is not None and tile.stale and not tile.asked:
                tile.asked = True
                self.tile_requested.emit(tile.key, tile.source)

    def _forget_requests(self) -> None:
        waiting = [tile for tile in self.view.tile_model.tiles if tile.asked]
        for tile in waiting:
            tile.asked = False
        if waiting:
            self.tiles_cancelled.emit()


class _DropVeil(QWidget):
    """Says what a drop will do while something is dragged over the gallery."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def cover(self, widget: QWidget) -> None:
        """Show over ``widget``, a sibling."""
        self.setGeometry(widget.geometry())
        self.raise_()
        self.show()

    def paintEvent(self, _event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self.rect().adjusted(3, 3, -3, -3)
        painter.setPen(QPen(color(t.accent), 2, Qt.PenStyle.DashLine))
        painter.setBrush(color(t.window, 0.9))
        painter.drawRoundedRect(box, t.radius_large, t.radius_large)
        painter.setPen(color(t.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "Drop to add to your styles")
        painter.end()


def _files(data: QMimeData) -> list[Path]:
    """The picture files in a drag or on the clipboard, told by their names."""
    paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() in PHOTO_SUFFIXES | SCENE_SUFFIXES]


def _embedded(data: QMimeData) -> bool:
    """A picture that the drag carries written out, as some browsers do."""
    drop = read_drop(data)
    return bool(drop.uses) and drop.path is None
