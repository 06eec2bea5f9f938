"""The whole window: painting, restyling, undo, views, keys, menus, closing."""

from __future__ import annotations

import numpy as np
import pytest
from painter import (
    LANDSCAPE,
    PaintBackend,
    answer,
    drag,
    drop,
    lift,
    move,
    picture_of,
    question,
    settle,
)
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence
from PySide6.QtWidgets import QApplication, QDockWidget

from app.core.style import DefaultStyle, ImageStyle, SampledStyle
from app.core.tools import Tool, ViewMode
from app.ui.actions import ACTIONS, MENUS, Submenu, shortcuts_markdown
from app.ui.canvas.badges import State
from app.workers.messages import Notice, Progress
from spade.formats.errors import InputError

WATER = LANDSCAPE.find("water").id
SKY = LANDSCAPE.find("sky").id


def photo(path, seed=0, side=64):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_the_model_is_loaded_and_the_scene_rendered(window):
    assert window.models.info.name == "landscape"
    assert window.workspace.message == ""
    assert window.workspace.state is State.CURRENT
    expected = LANDSCAPE.lut()[window.document.labels]
    assert np.array_equal(window.preview.picture, expected)
    assert window.status.device.text() == "CPU"
    assert window.status.work.text() == "full: 0.4 s"
    assert window.status.canvas.text() == "96 × 64"


def test_painting_with_the_mouse_changes_labels_and_picture(window, qtbot):
    window.tools.class_id = WATER
    window.tools.brush_size = 9
    drag(window.workspace.canvas, (20, 30), (40, 30), (70, 40))
    labels = window.document.labels
    assert labels[30, 40] == WATER
    assert (labels == WATER).sum() > 9 * 40
    settle(qtbot, window)
    assert np.array_equal(window.preview.picture, LANDSCAPE.lut()[labels])
    assert window.isWindowModified()
    assert window.actions_table["undo"].isEnabled()
    assert "water" in window.actions_table["undo"].text()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not (window.document.labels == WATER).any()
    assert not window.isWindowModified()
    qtbot.keyClick(
        window,
        Qt.Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert (window.document.labels == WATER).any()
    settle(qtbot, window)
    assert np.array_equal(window.preview.picture, LANDSCAPE.lut()[window.document.labels])


def test_painting_on_the_picture_itself(window, qtbot):
    window.tools.class_id = WATER
    window.view.mode = ViewMode.OVERLAY
    drag(window.workspace.preview, (50, 20), (52, 20))
    assert window.document.labels[20, 51] == WATER


def test_restyle_by_dropping_a_photo_on_the_picture(window, qtbot, tmp_path):
    drop(window.workspace, photo(tmp_path / "sunset.jpg"))
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    settle(qtbot, window)
    style = window.document.style.source
    assert style.name == "Sunset"
    assert np.array_equal(window.preview.picture, picture_of(window.backend.requests[-1]))
    assert not np.array_equal(window.preview.picture, LANDSCAPE.lut()[window.document.labels])
    qtbot.waitUntil(lambda: window.gallery.view.tile_model.by_source(style) is not None)
    window.actions_table["undo"].trigger()
    assert isinstance(window.document.style.source, DefaultStyle)


def test_a_dropped_png_may_be_a_style_or_a_scene(window, qtbot, tmp_path):
    path = tmp_path / "flat.png"
    Image.fromarray(np.full((32, 48), WATER, np.uint8)).save(path)
    area = window.workspace.rect()
    drop(window.workspace, path, QPoint(area.width() // 4, area.height() // 2))
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    window.actions_table["undo"].trigger()
    drop(window.workspace, path, QPoint(area.width() // 2, area.height() // 2))
    qtbot.waitUntil(lambda: (window.document.width, window.document.height) == (48, 32))
    assert (window.document.labels == WATER).all()


def test_something_that_is_no_picture_is_refused_with_a_reason(window, qtbot, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"not a picture")
    drop(window.workspace, path)
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "broken.jpg" in window.banner.text.text()
    assert window.document.style.source == DefaultStyle()
    qtbot.mouseClick(window.banner.close_button, Qt.MouseButton.LeftButton)
    assert window.banner.isHidden()
    drop(window.workspace, tmp_path / "notes.txt")
    assert "notes.txt" in window.banner.text.text()


def test_paste_a_picture_as_style(window, qtbot):
    image = QImage(20, 20, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    window.actions_table["paste_style"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    QGuiApplication.clipboard().setText("words")
    window.actions_table["paste_style"].trigger()
    assert "no picture on the clipboard" in window.banner.text.text()


def test_copy_the_picture(window):
    window.actions_table["copy_picture"].trigger()
    image = QGuiApplication.clipboard().image()
    assert (image.width(), image.height()) == (96, 64)


def test_surprise_and_back(window, qtbot):
    window.actions_table["surprise"].trigger()
    assert isinstance(window.document.style.source, SampledStyle)
    settle(qtbot, window)
    window.actions_table["style_default"].trigger()
    assert window.document.style.source == DefaultStyle()


def test_a_model_without_encoder_refuses_pictures(make_window, qtbot, tmp_path):
    backend = PaintBackend(open_gate=True)
    backend.has_encoder = False
    window = make_window(backend)
    settle(qtbot, window)
    assert window.gallery.note.isVisible()
    drop(window.workspace, photo(tmp_path / "a.jpg"))
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "no encoder" in window.banner.text.text()
    assert window.document.style.source == DefaultStyle()


def test_one_key_cycles_the_views(window, qtbot):
    window.focus_canvas()
    for mode in (ViewMode.PICTURE, ViewMode.OVERLAY, ViewMode.SIDE_BY_SIDE):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert window.view.mode is mode
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_QuoteLeft)
    assert window.view.mode is ViewMode.PICTURE
    assert window.actions_table["view_picture"].isChecked()
    assert window.workspace.canvas.isHidden()


def test_number_keys_tools_swap_and_brush_size(window, qtbot):
    canvas = window.workspace.canvas
    window.focus_canvas()
    ids = LANDSCAPE.ids
    qtbot.keyClick(canvas, Qt.Key.Key_3)
    assert window.tools.class_id == ids[2]
    qtbot.keyClick(canvas, Qt.Key.Key_0)
    assert window.tools.class_id == ids[9]
    qtbot.keyClick(canvas, Qt.Key.Key_X)
    assert window.tools.class_id == ids[2]
    size = window.tools.brush_size
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert window.tools.brush_size > size
    qtbot.keyClick(canvas, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(canvas, Qt.Key.Key_BracketLeft)
    assert window.tools.brush_size < size
    qtbot.keyClick(canvas, Qt.Key.Key_E)
    assert window.tools.tool is Tool.ERASER
    assert window.actions_table["tool_eraser"].isChecked()


def test_letters_typed_into_the_search_field_are_text(window, qtbot):
    window.actions_table["find_class"].trigger()
    search = window.palette_panel.search
    qtbot.keyClicks(search, "seax1")
    assert search.text() == "seax1"
    assert window.tools.tool is Tool.BRUSH
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert window.workspace.canvas.hasFocus()


def test_zoom_keys(window, qtbot):
    control = Qt.KeyboardModifier.ControlModifier
    canvas = window.workspace.canvas
    fitted = window.view.zoom
    qtbot.keyClick(canvas, Qt.Key.Key_1, control)
    assert window.view.zoom == 1.0
    assert window.status.zoom.text() == "100 %"
    qtbot.keyClick(canvas, Qt.Key.Key_Plus, control)
    assert window.view.zoom > 1.0
    qtbot.keyClick(canvas, Qt.Key.Key_0, control)
    assert window.view.zoom == fitted


def test_hold_a_key_to_see_the_picture_before(window, qtbot):
    first = window.preview.picture.copy()
    window.tools.class_id = WATER
    drag(window.workspace.canvas, (20, 20), (60, 40))
    settle(qtbot, window)
    window.focus_canvas()
    qtbot.keyPress(window.workspace.canvas, Qt.Key.Key_C)
    assert window.workspace.state is State.BEFORE
    shown = window.workspace.preview._shown[0]
    assert np.array_equal(shown, first)
    qtbot.keyRelease(window.workspace.canvas, Qt.Key.Key_C)
    assert window.workspace.state is State.CURRENT
    assert np.array_equal(window.workspace.preview._shown[0], window.preview.picture)


def test_live_preview_off_waits_for_f5(window, qtbot):
    window.actions_table["live"].trigger()
    assert not window.services.preferences.live
    done = len(window.backend.requests)
    window.tools.class_id = WATER
    drag(window.workspace.canvas, (20, 20), (60, 40))
    qtbot.waitUntil(lambda: window.workspace.state is State.OUT_OF_DATE)
    assert len(window.backend.requests) == done
    qtbot.keyClick(window, Qt.Key.Key_F5)
    settle(qtbot, window)
    assert window.workspace.state is State.CURRENT
    assert len(window.backend.requests) == done + 1
    assert not window.backend.requests[-1].live


def test_pointer_is_told_in_the_status_bar(window):
    window.workspace.hovered.emit(10, 20, SKY)
    assert window.status.pointer.text() == "sky   10, 20"
    window.workspace.hover_left.emit()
    assert window.status.pointer.text() == ""


def test_progress_and_notices_are_shown(window, qtbot):
    worker = window.services.worker
    worker.progress.emit(Progress("Rendering", 0.4))
    assert window.status.progress.value() == 40
    worker.busy_changed.emit(False)
    assert window.status.progress.isHidden()
    worker.notice.emit(Notice("CUDA out of memory: rendering on the CPU"))
    assert "CUDA out of memory" in window.status.message.text()


def test_a_failed_render_says_why_and_leaves_the_scene(window, qtbot):
    window.backend.outcomes.append(InputError("1024x1024 needs 9 GB: choose a smaller canvas"))
    window.tools.class_id = WATER
    drag(window.workspace.canvas, (20, 20), (30, 30))
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "smaller canvas" in window.banner.text.text()
    assert (window.document.labels == WATER).any()
    window.actions_table["render"].trigger()
    settle(qtbot, window)


def test_resize_crop_and_undo(window, qtbot):
    window.tools.class_id = WATER
    window.document.flood_fill(5, 5, WATER)
    window.actions_table["resize"].trigger()
    dialog = window.findChild(QApplication.activeModalWidget().__class__)
    dialog.width_box.setValue(128)
    dialog.accept()
    assert (window.document.width, window.document.height) == (128, 64)
    assert window.document.labels[0, 0] == window.document.background
    window.actions_table["undo"].trigger()
    assert (window.document.width, window.document.height) == (96, 64)
    settle(qtbot, window)
    assert window.preview.picture.shape == (64, 96, 3)


def test_trace_photo(window, qtbot, tmp_path):
    assert not window.actions_table["trace_remove"].isEnabled()
    window.services.choosers.open_path = photo(tmp_path / "trace.png", side=200)
    window.actions_table["trace"].trigger()
    qtbot.waitUntil(lambda: window.document.trace is not None)
    assert window.document.trace.pixels.shape == (64, 96, 3)
    window.actions_table["trace_remove"].trigger()
    assert window.document.trace is None


def test_theme_follows_the_menu(window):
    from app.ui.look import theme

    window.actions_table["light"].trigger()
    assert theme.tokens().name == "light"
    assert window.services.preferences.theme == "light"
    window.actions_table["light"].trigger()
    assert theme.tokens().name == "dark"


def test_layout_is_remembered(make_window, qtbot):
    first = make_window()
    first.findChild(QDockWidget, "dock_properties").hide()
    first.close()
    assert first.isHidden()
    first.shut_down()
    second = make_window()
    assert second.findChild(QDockWidget, "dock_properties").isHidden()
    assert second.findChild(QDockWidget, "dock_gallery").isVisible()
    second.actions_table["reset_layout"].trigger()
    assert second.findChild(QDockWidget, "dock_properties").isVisible()


def test_a_damaged_layout_is_ignored(make_window):
    first = make_window()
    first.services.preferences.layout = "bm90IGEgbGF5b3V0"
    first.services.preferences.geometry = "%%%"
    first.hide()
    first.services.preferences.flush()
    window = make_window()
    assert window.findChild(QDockWidget, "dock_gallery").isVisible()


def test_every_action_is_in_a_menu_and_does_something(window):
    listed = set()

    def collect(menu: Submenu) -> None:
        for item in menu.items:
            if isinstance(item, Submenu):
                collect(item)
            elif item is not None:
                listed.add(item)

    for menu in MENUS:
        collect(menu)
    ids = {spec.id for spec in ACTIONS}
    assert listed == ids - {"clear_recent"}  # that one is put into the recent files' menu
    for spec in ACTIONS:
        action = window.actions_table[spec.id]
        assert action.receivers("2triggered(bool)") > 0, spec.id


def test_no_key_is_given_twice():
    keys = [key for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))
    assert all(not QKeySequence(key).isEmpty() for key in keys)


def test_readme_table_names_every_key():
    table = shortcuts_markdown()
    assert "| Ctrl+Shift+Z or Ctrl+Y | Redo |" in table
    assert "| Hold C |" in table
    assert all(line.startswith("|") for line in table.splitlines())


@pytest.mark.parametrize("menu", ["recent", "samples", "models", "palettes"])
def test_lists_in_menus(window, menu):
    found = window.actions_table.menus[menu]
    found.aboutToShow.emit()
    assert not found.isEmpty()


def test_closing_asks_about_unsaved_changes(window, qtbot):
    window.document.flood_fill(5, 5, WATER)
    window.close()
    assert window.isVisible()
    answer(window, "ask_unsaved", "Cancel")
    assert window.isVisible()
    window.close()
    answer(window, "ask_unsaved", "Don't save")
    assert window.isHidden()


def test_closing_an_unchanged_window_asks_nothing(window, qtbot):
    assert window.close()
    assert window.isHidden()
    qtbot.waitUntil(lambda: window.backend.closed)


def test_closing_and_saving(window, qtbot, tmp_path):
    window.document.flood_fill(5, 5, WATER)
    window.services.choosers.save_path = tmp_path / "scene.ora"
    window.close()
    answer(window, "ask_unsaved", "Save")
    qtbot.waitUntil(window.isHidden)
    assert (tmp_path / "scene.ora").is_file()


def test_closing_stays_open_if_saving_fails(window, qtbot, tmp_path):
    window.document.flood_fill(5, 5, WATER)
    window.services.choosers.save_path = tmp_path / "missing" / "scene.ora"
    window.close()
    answer(window, "ask_unsaved", "Save")
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert window.isVisible()
    assert window.document.modified
    assert question(window, "ask_unsaved") is None


def test_closing_while_rendering_and_in_mid_stroke(make_window, qtbot):
    backend = PaintBackend()
    backend.let(2)
    window = make_window(backend)
    settle(qtbot, window)
    window.tools.class_id = WATER
    drag(window.workspace.canvas, (20, 20), (60, 40), release=False)
    qtbot.waitUntil(lambda: len(backend.requests) == 2)
    assert window.document.stroke_active
    window.close()
    answer(window, "ask_unsaved", "Don't save")
    assert window.isHidden()
    qtbot.waitUntil(lambda: backend.closed)


def test_shapes_in_haste_while_the_stroke_goes_on_then_properly(make_window, qtbot):
    backend = PaintBackend()
    backend.let(2)
    window = make_window(backend)
    settle(qtbot, window)
    window.tools.class_id = WATER
    canvas = window.workspace.canvas
    drag(canvas, (20, 20), (40, 30), release=False)
    qtbot.waitUntil(lambda: len(backend.requests) == 2)
    for x in range(41, 60):
        move(canvas, x, 30)
    backend.let(2)
    qtbot.waitUntil(lambda: len(backend.requests) == 3)
    assert all(request.live for request in backend.requests[1:])
    assert (backend.requests[2].labels == WATER).sum() > (backend.requests[1].labels == WATER).sum()
    lift(canvas, 60, 30)
    backend.let(5)
    settle(qtbot, window)
    assert len(backend.requests) <= 5  # nineteen moves, and no more than these pictures
    assert not backend.requests[-1].live
    assert np.array_equal(window.preview.picture, LANDSCAPE.lut()[window.document.labels])


@pytest.mark.parametrize("menu", MENUS, ids=lambda menu: menu.id)
def test_no_two_entries_of_a_menu_share_a_letter(menu):
    texts = {spec.id: spec.text for spec in ACTIONS}
    entries = [
        item.text if isinstance(item, Submenu) else texts[item] for item in menu.items if item
    ]
    letters = [text[text.index("&") + 1].lower() for text in entries]
    assert len(set(letters)) == len(letters)
