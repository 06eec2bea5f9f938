"""The gallery with real widgets: choosing, dropping, removing, pictures of the scene."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.style import DefaultStyle, ImageStyle, LatentStyle, SampledStyle, Style
from app.ui.dialogs.choosers import Choosers
from app.ui.look.theme import apply_theme
from app.ui.styles.style_gallery import StyleGallery
from app.ui.styles.style_tiles import Kind, Tile
from app.workers.file_worker import FileWorker
from spade.formats.errors import InputError
from spade.formats.photo import read_photo

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Jobs:
    """A file worker that runs what it is given when told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], Any], Any, Any]] = []

    def submit(self, fn: Callable[[], Any], on_done: Any, on_error: Any) -> None:
        self.waiting.append((fn, on_done, on_error))

    def run(self) -> None:
        while self.waiting:
            fn, on_done, on_error = self.waiting.pop(0)
            try:
                result = fn()
            except InputError as error:
                on_error(error)
            else:
                on_done(result)


class FixedChoosers(Choosers):
    def __init__(self, path: Path) -> None:
        self.path = path

    def open_file(
        self, parent: QWidget, title: str, filters: str, folder: Any, on_path: Any
    ) -> None:
        on_path(self.path)


class Fixture:
    def __init__(self, qtbot: QtBot, folder: Path, photos: list[Path], jobs: Jobs) -> None:
        self.qtbot, self.jobs, self.folder = qtbot, jobs, folder
        self.gallery = StyleGallery(
            jobs.submit, folder, photos=photos, choosers=FixedChoosers(photos[0])
        )
        qtbot.addWidget(self.gallery)
        self.chosen: list[Any] = []
        self.seconds: list[Any] = []
        self.requested: list[tuple[str, Any]] = []
        self.failures: list[str] = []
        self.gallery.style_chosen.connect(self.chosen.append)
        self.gallery.second_chosen.connect(self.seconds.append)
        self.gallery.tile_requested.connect(
            lambda key, source: self.requested.append((key, source))
        )
        self.gallery.failed.connect(self.failures.append)
        self.gallery.resize(290, 520)
        with qtbot.waitExposed(self.gallery):
            self.gallery.show()

    @property
    def tiles(self) -> list[Tile]:
        return self.gallery.view.tile_model.tiles

    @property
    def titles(self) -> list[str]:
        return [tile.title for tile in self.tiles]

    def tile(self, title: str) -> Tile:
        return next(tile for tile in self.tiles if tile.title == title)

    def click(self, title: str, modifiers: Qt.KeyboardModifier = NONE) -> None:
        view = self.gallery.view
        tile = self.tile(title)
        view.reveal(tile)
        self.qtbot.mouseClick(view.viewport(), LEFT, modifiers, view.rect_of(tile))

    def drop(self, data: QMimeData) -> bool:
        """Drags ``data`` in and lets go; whether it was accepted."""
        where, actions = QPoint(100, 200), Qt.DropAction.CopyAction
        enter = QDragEnterEvent(where, actions, data, LEFT, NONE)
        enter.ignore()
        QApplication.sendEvent(self.gallery, enter)
        if not enter.isAccepted():
            return False
        event = QDropEvent(QPointF(where), actions, data, LEFT, NONE)
        event.ignore()
        QApplication.sendEvent(self.gallery, event)
        return event.isAccepted()


def urls(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def picture(path: Path, value: int) -> Path:
    pixels = np.full((40, 60, 3), value, np.uint8)
    pixels[:20] //= 2
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "ATTRIBUTION.md").write_text(
        "| slug | title | author | source | licence (SPDX id) | where | mood tag |\n"
        "|---|---|---|---|---|---|---|\n"
        "| pier-blue-hour | Pier | Paul | x | CC0-1.0 | y | blue hour |\n"
    )
    names = ("pier-blue-hour", "tea-gardens", "stormy-bay")
    return [picture(folder / f"{name}.png", 60 * n + 40) for n, name in enumerate(names)]


@pytest.fixture
def empty(qtbot: QtBot, qapp: QApplication, tmp_path: Path, photos: list[Path]) -> Fixture:
    """Nothing read yet."""
    apply_theme(qapp, "dark")
    return Fixture(qtbot, tmp_path / "own", photos, Jobs())


@pytest.fixture
def gallery(empty: Fixture) -> Fixture:
    empty.jobs.run()
    return empty


def test_default_first_then_the_photos(gallery: Fixture) -> None:
    assert gallery.titles == ["Default style", "Pier blue hour", "Tea gardens", "Stormy bay"]
    assert all(tile.thumb is not None for tile in gallery.tiles[1:])
    assert gallery.gallery.view.tile_delegate.first is gallery.tiles[0]


def test_a_click_chooses(gallery: Fixture, photos: list[Path]) -> None:
    gallery.click("Tea gardens")
    (style,) = gallery.chosen
    assert isinstance(style, ImageStyle)
    assert style == ImageStyle(read_photo(photos[1]))
    assert style.name == "Tea gardens"
    gallery.click("Default style")
    assert gallery.chosen[1] == DefaultStyle()


def test_a_tile_that_is_not_read_yet_does_nothing(empty: Fixture) -> None:
    empty.click("Tea gardens")
    assert empty.chosen == []


def test_shift_click_takes_the_second_style(gallery: Fixture) -> None:
    gallery.click("Stormy bay", SHIFT)
    assert gallery.chosen == []
    assert gallery.seconds == [gallery.tile("Stormy bay").source]


def test_pick_second_takes_the_next_click_once(gallery: Fixture) -> None:
    gallery.gallery.pick_second()
    assert gallery.gallery.bar.isVisible()
    gallery.click("Stormy bay")
    assert len(gallery.seconds) == 1
    assert not gallery.gallery.bar.isVisible()
    gallery.click("Stormy bay")
    assert len(gallery.chosen) == 1
    gallery.gallery.pick_second()
    gallery.gallery.bar_button.click()
    gallery.click("Tea gardens")
    assert len(gallery.chosen) == 2


def test_the_context_menu_mixes_and_ends_the_mix(gallery: Fixture) -> None:
    view = gallery.gallery.view
    menu = view.menu_of(gallery.tile("Stormy bay"))
    actions = {action.text(): action for action in menu.actions()}
    actions["Mix in as second style"].trigger()
    assert gallery.seconds == [gallery.tile("Stormy bay").source]
    assert "End the mix" not in actions
    assert "Remove from the gallery" not in actions
    style = Style(gallery.tiles[1].source, gallery.tiles[2].source, 0.5)
    gallery.gallery.set_current(style)
    menu = view.menu_of(gallery.tile("Stormy bay"))
    next(a for a in menu.actions() if a.text() == "End the mix").trigger()
    assert gallery.seconds[-1] is None


def test_keys_choose(gallery: Fixture) -> None:
    view, qtbot = gallery.gallery.view, gallery.qtbot
    view.setFocus()
    view.setCurrentIndex(view.tile_model.index(1))
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert gallery.chosen == [gallery.tile("Tea gardens").source]
    qtbot.keyClick(view, Qt.Key.Key_Return, SHIFT)
    assert gallery.seconds == [gallery.tile("Tea gardens").source]
    with qtbot.waitSignal(gallery.gallery.focus_canvas, timeout=0):
        qtbot.keyClick(view, Qt.Key.Key_Escape)


def test_marks_follow_the_style(gallery: Fixture) -> None:
    pier, bay = gallery.tile("Pier blue hour"), gallery.tile("Stormy bay")
    assert pier.source is not None
    gallery.gallery.set_current(Style(pier.source, bay.source, 0.3))
    delegate = gallery.gallery.view.tile_delegate
    assert delegate.first is pier
    assert delegate.second is bay
    gallery.gallery.set_current(Style())
    assert delegate.first is gallery.tiles[0]
    assert delegate.second is None


def test_credits_are_in_the_tool_tip(gallery: Fixture) -> None:
    tip = gallery.tile("Pier blue hour").tip
    assert "Pier · Paul · CC0-1.0" in tip
    assert "Blue hour" in tip
    assert "Shift-click" in gallery.tile("Tea gardens").tip


def test_dropping_one_file_adds_it_and_restyles(gallery: Fixture, tmp_path: Path) -> None:
    mine = picture(tmp_path / "My lake.png", 222)
    assert gallery.drop(urls(mine))
    assert "My lake" not in gallery.titles  # reading is not the GUI thread's work
    gallery.jobs.run()
    assert gallery.titles[:2] == ["Default style", "My lake"]
    assert gallery.chosen == [ImageStyle(read_photo(mine))]
    assert len(list(gallery.folder.iterdir())) == 1


def test_dropping_several_files_only_adds_them(gallery: Fixture, tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{n}.png", 200 + n) for n in range(3)]
    assert gallery.drop(urls(*files))
    gallery.jobs.run()
    assert gallery.chosen == []
    assert len([tile for tile in gallery.tiles if tile.kind is Kind.OWN]) == 3


def test_dropping_an_image_from_a_browser(gallery: Fixture) -> None:
    data = QMimeData()
    image = QImage(30, 20, QImage.Format.Format_RGB32)
    image.fill(QColor("#123456"))
    data.setImageData(image)
    assert gallery.drop(data)
    gallery.jobs.run()
    (style,) = gallery.chosen
    assert style.pixels.shape == (20, 30, 3)
    assert (style.pixels == (0x12, 0x34, 0x56)).all()


def test_a_drop_of_something_else_is_refused(gallery: Fixture, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("hello")
    assert not gallery.drop(urls(notes))
    text = QMimeData()
    text.setText("hello")
    assert not gallery.drop(text)
    assert gallery.jobs.waiting == []


def test_a_file_that_is_no_picture_is_told(gallery: Fixture, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_text("no picture")
    assert gallery.drop(urls(fake))
    gallery.jobs.run()
    assert len(gallery.failures) == 1
    assert "fake.png" in gallery.failures[0]
    assert len(gallery.tiles) == 4
    assert gallery.chosen == []


def test_paste(gallery: Fixture) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.clear()
    assert not gallery.gallery.paste()
    image = QImage(30, 20, QImage.Format.Format_RGB32)
    image.fill(QColor("#654321"))
    clipboard.setImage(image)
    assert gallery.gallery.paste()
    gallery.jobs.run()
    assert gallery.tile("Pasted picture").kind is Kind.OWN
    assert len(gallery.chosen) == 1
    clipboard.clear()


def test_the_add_button(gallery: Fixture, photos: list[Path]) -> None:
    gallery.gallery.add.click()
    gallery.jobs.run()
    # A bundled photo needs no copy of its own among the tiles.
    assert gallery.chosen == [gallery.tile("Pier blue hour").source]
    assert gallery.titles.count("Pier blue hour") == 1


def test_own_pictures_are_there_after_a_restart(
    gallery: Fixture, qtbot: QtBot, tmp_path: Path, photos: list[Path]
) -> None:
    gallery.drop(urls(picture(tmp_path / "mine.png", 99)))
    gallery.jobs.run()
    again = Fixture(qtbot, gallery.folder, photos, Jobs())
    assert "Mine" not in again.titles
    again.jobs.run()
    assert again.tile("Mine").source == gallery.tile("Mine").source
    assert again.tile("Mine").key == gallery.tile("Mine").key


def _add_mine(gallery: Fixture, tmp_path: Path) -> None:
    gallery.gallery.add_pictures([picture(tmp_path / "mine.png", 99)], choose=False)
    gallery.jobs.run()


def test_removing_can_be_undone_until_it_is_finished(gallery: Fixture, tmp_path: Path) -> None:
    _add_mine(gallery, tmp_path)
    assert gallery.chosen == []
    view = gallery.gallery.view
    rect = view.visualRect(view.tile_model.index(1))
    cross = view.tile_delegate.remove_rect(rect).center().toPoint()
    gallery.qtbot.mouseClick(view.viewport(), LEFT, pos=cross)
    assert "Mine" not in gallery.titles
    assert "Mine" in gallery.gallery.bar_text.text()
    gallery.gallery.bar_button.click()
    assert "Mine" in gallery.titles
    assert not gallery.gallery.bar.isVisible()
    view.setFocus()
    view.setCurrentIndex(view.tile_model.index(1))
    gallery.qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert len(list(gallery.folder.iterdir())) == 1
    gallery.gallery.finish()
    gallery.jobs.run()
    assert list(gallery.folder.iterdir()) == []
    assert gallery.chosen == []


def test_bundled_photos_cannot_be_removed(gallery: Fixture) -> None:
    view = gallery.gallery.view
    view.setFocus()
    view.setCurrentIndex(view.tile_model.index(1))
    gallery.qtbot.keyClick(view, Qt.Key.Key_Delete)
    assert len(gallery.tiles) == 4


def test_adding_what_was_just_removed_brings_it_back(gallery: Fixture, tmp_path: Path) -> None:
    _add_mine(gallery, tmp_path)
    gallery.gallery.view.removal_asked.emit(gallery.tile("Mine"))
    _add_mine(gallery, tmp_path)
    assert gallery.titles.count("Mine") == 1
    gallery.gallery.finish()
    gallery.jobs.run()
    assert len(list(gallery.folder.iterdir())) == 1


def test_a_style_the_gallery_lacks_gets_a_tile_for_the_time(gallery: Fixture) -> None:
    foreign = ImageStyle(np.full((10, 15, 3), 7, np.uint8), "From the project")
    gallery.gallery.set_current(Style(foreign))
    assert gallery.titles[1] == "From the project"
    assert gallery.gallery.view.tile_delegate.first is gallery.tiles[1]
    gallery.gallery.set_current(Style(SampledStyle(5)))
    assert gallery.titles[1] == "Surprise 5"
    gallery.gallery.set_current(Style(LatentStyle((0.5, 1.0))))
    assert gallery.titles[1] == "Saved style"
    gallery.gallery.set_current(Style())
    assert len(gallery.tiles) == 4


def test_the_scenes_style_can_be_kept(gallery: Fixture) -> None:
    foreign = ImageStyle(np.full((10, 15, 3), 7, np.uint8), "From the project")
    gallery.gallery.set_current(Style(foreign))
    menu = gallery.gallery.view.menu_of(gallery.tiles[1])
    next(a for a in menu.actions() if a.text() == "Keep in the gallery").trigger()
    gallery.jobs.run()
    assert gallery.titles.count("From the project") == 1
    assert gallery.tile("From the project").kind is Kind.OWN
    assert gallery.gallery.view.tile_delegate.first is gallery.tile("From the project")


def test_no_tile_for_the_time_while_photos_are_read(empty: Fixture, photos: list[Path]) -> None:
    empty.gallery.set_current(Style(ImageStyle(read_photo(photos[0]))))
    assert len(empty.tiles) == 4
    empty.jobs.run()
    assert len(empty.tiles) == 4
    assert empty.gallery.view.tile_delegate.first is empty.tile("Pier blue hour")


def test_tiles_in_sight_are_requested_once_per_scene(gallery: Fixture) -> None:
    qtbot, widget = gallery.qtbot, gallery.gallery
    assert gallery.requested == []
    gallery.qtbot.mouseClick(widget.faces.buttons[True], LEFT)
    qtbot.waitUntil(lambda: len(gallery.requested) == 4)
    assert dict(gallery.requested) == {tile.key: tile.source for tile in gallery.tiles}
    widget.view.looked.emit()
    assert len(gallery.requested) == 4
    rgb = np.full((20, 30, 3), 120, np.uint8)
    for key, _source in gallery.requested:
        widget.set_tile_picture(key, rgb)
    assert not any(tile.stale for tile in gallery.tiles)
    widget.scene_changed()
    assert all(tile.stale and tile.picture is not None for tile in gallery.tiles)
    qtbot.waitUntil(lambda: len(gallery.requested) == 8)


def test_a_late_picture_of_an_older_scene_stays_marked(gallery: Fixture) -> None:
    gallery.gallery.show_scene(True)
    gallery.gallery.set_tile_picture("default", np.zeros((4, 6, 3), np.uint8), stale=True)
    assert gallery.tiles[0].stale
    gallery.gallery.set_tile_picture("gone", np.zeros((4, 6, 3), np.uint8))


def test_a_failed_tile_is_asked_for_again_only_when_the_scene_changes(gallery: Fixture) -> None:
    widget, qtbot = gallery.gallery, gallery.qtbot
    widget.show_scene(True)
    qtbot.waitUntil(lambda: len(gallery.requested) == 4)
    for tile in gallery.tiles:
        widget.tile_failed(tile.key)
    widget.view.looked.emit()
    assert len(gallery.requested) == 4
    with qtbot.waitSignal(widget.tiles_cancelled):
        widget.scene_changed()
    qtbot.waitUntil(lambda: len(gallery.requested) == 8)


def test_photos_again_cancels_what_was_requested(gallery: Fixture) -> None:
    gallery.gallery.show_scene(True)
    gallery.qtbot.waitUntil(lambda: len(gallery.requested) == 4)
    with gallery.qtbot.waitSignal(gallery.gallery.tiles_cancelled, timeout=0):
        gallery.qtbot.mouseClick(gallery.gallery.faces.buttons[False], LEFT)
    gallery.gallery.view.looked.emit()
    assert len(gallery.requested) == 4


def test_a_hidden_gallery_requests_nothing(gallery: Fixture) -> None:
    gallery.gallery.show_scene(True)
    gallery.gallery.hide()
    gallery.gallery.view.looked.emit()
    assert gallery.requested == []


def test_without_encoder_samples_are_offered(gallery: Fixture, tmp_path: Path) -> None:
    widget = gallery.gallery
    widget.set_encoder_available(False)
    assert widget.note.isVisible()
    assert "no style encoder" in widget.note_text.text()
    assert {tile.kind for tile in gallery.tiles} == {Kind.DEFAULT, Kind.SEED}
    assert not gallery.drop(urls(picture(tmp_path / "a.png", 1)))
    assert not widget.paste()
    with gallery.qtbot.waitSignal(widget.surprise_requested, timeout=0):
        gallery.qtbot.mouseClick(widget.surprise, LEFT)
    gallery.click("Surprise 1")
    assert gallery.chosen == [SampledStyle(1)]
    gallery.qtbot.waitUntil(lambda: ("seed:1", SampledStyle(1)) in gallery.requested)
    widget.set_encoder_available(True)
    assert not widget.note.isVisible()
    assert gallery.titles == ["Default style", "Pier blue hour", "Tea gardens", "Stormy bay"]
    assert all(tile.thumb is not None for tile in gallery.tiles[1:])


def test_without_z_there_is_nothing_to_choose(gallery: Fixture) -> None:
    widget = gallery.gallery
    widget.set_encoder_available(False, "No style here.", style=False)
    assert widget.note_text.text() == "No style here."
    assert not widget.surprise.isVisible()
    assert not widget.view.isVisible()


def test_with_the_real_file_worker(
    qtbot: QtBot, tmp_path: Path, photos: list[Path], qapp: QApplication
) -> None:
    files = FileWorker()
    gallery = StyleGallery(files.submit, tmp_path / "own", photos=photos)
    qtbot.addWidget(gallery)
    gallery.add_pictures([picture(tmp_path / "mine.png", 99)])
    with qtbot.waitSignal(gallery.style_chosen):
        pass
    assert [tile.title for tile in gallery.view.tile_model.tiles][:2] == ["Default style", "Mine"]
    files.stop()


def test_answers_for_a_closed_gallery_are_ignored(
    qtbot: QtBot, tmp_path: Path, photos: list[Path]
) -> None:
    jobs = Jobs()
    gallery = StyleGallery(jobs.submit, tmp_path / "own", photos=photos)
    gallery.add_pictures([b"no picture"])
    gallery.deleteLater()
    with qtbot.waitSignal(gallery.destroyed):
        pass
    jobs.run()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_paints_in_every_state(
    gallery: Fixture, tmp_path: Path, qapp: QApplication, theme: str
) -> None:
    _add_mine(gallery, tmp_path)
    apply_theme(qapp, theme)
    pier, bay = gallery.tile("Pier blue hour"), gallery.tile("Stormy bay")
    gallery.gallery.set_current(Style(pier.source, bay.source, 0.5))
    gallery.gallery.grab()
    gallery.gallery.set_current(Style(pier.source, pier.source, 0.5))
    gallery.gallery.show_scene(True)
    gallery.gallery.set_tile_picture(pier.key, np.full((20, 30, 3), 251, np.uint8))
    shot = gallery.gallery.grab().toImage()
    view = gallery.gallery.view
    spot = view.viewport().mapTo(gallery.gallery, view.rect_of(pier))
    assert shot.pixelColor(spot).red() == 251
    apply_theme(qapp, "dark")


def test_dragging_over_it_says_what_a_drop_does(gallery: Fixture, tmp_path: Path) -> None:
    data = urls(picture(tmp_path / "a.png", 3))
    before = gallery.gallery.grab().toImage()
    enter = QDragEnterEvent(QPoint(90, 90), Qt.DropAction.CopyAction, data, LEFT, NONE)
    QApplication.sendEvent(gallery.gallery, enter)
    during = gallery.gallery.grab().toImage()
    assert during != before


def _png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (5, 4), (1, 2, 3)).save(stream, "PNG")
    return stream.getvalue()


def test_encoded_pictures_can_be_added(gallery: Fixture) -> None:
    gallery.gallery.add_pictures([_png()])
    gallery.jobs.run()
    assert (gallery.chosen[0].pixels == (1, 2, 3)).all()
