"""The dialogs by themselves: what they say, and what they let through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.state.preferences import Preferences
from app.ui.actions import shortcut_rows
from app.ui.dialogs.about_dialog import NO_LICENCE, AboutDialog, LicenceDialog, ModelInfoDialog
from app.ui.dialogs.choosers import PALETTE_FILTER, PHOTO_FILTER, Choosers
from app.ui.dialogs.crop_dialog import CropDialog
from app.ui.dialogs.export_dialog import ExportDialog
from app.ui.dialogs.labels_dialog import LabelsDialog
from app.ui.dialogs.model_dialog import ModelDialog
from app.ui.dialogs.new_dialog import NewDialog
from app.ui.dialogs.preferences_dialog import PreferencesDialog
from app.ui.dialogs.questions import ask_nearest, ask_unsaved
from app.ui.dialogs.resize_dialog import ResizeDialog
from app.ui.dialogs.shortcuts_dialog import ShortcutsDialog
from app.ui.files.scene_files import LabelKind
from app.ui.look.pictures import to_image
from app.ui.palette.class_combo import UNKNOWN, ClassCombo
from app.workers.messages import ModelInfo, ModelSource
from spade.formats.palette import palette_from_classes
from spade.formats.rect import Rect

PALETTE = palette_from_classes(
    "three", [(0, "sky", "#6699ff", ""), (3, "tree", "#228833", ""), (7, "sea", "#113366", "")]
)


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def model_info(licence: str = "research and personal use") -> ModelInfo:
    return ModelInfo(
        ModelSource("landscape"), "landscape", 18, True, True, True, 256, "cpu", licence=licence
    )


def click(qtbot, box: QMessageBox, text: str) -> None:
    button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def window(qtbot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_new_scene_sizes_and_background(qtbot):
    dialog = NewDialog(PALETTE, 3, 256)
    qtbot.addWidget(dialog)
    assert (dialog.choice.width, dialog.choice.height) == (512, 512)
    assert dialog.choice.background == 3
    dialog.sizes.setCurrentIndex(1)
    assert (dialog.choice.width, dialog.choice.height) == (384, 256)
    dialog.width_box.setValue(500)
    assert dialog.sizes.currentText() == "Custom"
    assert (dialog.choice.width, dialog.choice.height) == (500, 256)
    dialog.width_box.setValue(256)
    assert dialog.sizes.currentText() == "256 × 256"
    dialog.background.setCurrentIndex(dialog.background.findData(UNKNOWN))
    assert dialog.choice.background == UNKNOWN


def test_class_combo_offers_every_class_and_unknown(qtbot):
    combo = ClassCombo(PALETTE, 7)
    qtbot.addWidget(combo)
    assert [combo.itemData(i) for i in range(combo.count())] == [0, 3, 7, UNKNOWN]
    assert combo.class_id == 7


def test_resize_keeps_proportions_if_asked(qtbot):
    dialog = ResizeDialog(400, 200)
    qtbot.addWidget(dialog)
    dialog.width_box.setValue(600)
    choice = dialog.choice
    assert (choice.width, choice.height, choice.scale, choice.anchor) == (600, 200, False, "center")
    dialog.scale.setChecked(True)
    dialog.width_box.setValue(800)
    assert (dialog.choice.width, dialog.choice.height, dialog.choice.scale) == (800, 400, True)
    dialog.height_box.setValue(100)
    assert dialog.choice.width == 200
    dialog.extend.setChecked(True)
    corner = next(b for b in dialog.anchors.buttons() if b.property("anchor") == "bottom_left")
    corner.click()
    assert dialog.choice.anchor == "bottom_left"


def test_a_number_is_replaced_by_what_is_typed_first(qtbot):
    dialog = ResizeDialog(384, 256)
    qtbot.addWidget(dialog)
    with qtbot.waitActive(dialog):
        dialog.show()
    dialog.width_box.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(dialog.width_box, "500")
    assert dialog.choice.width == 500


def test_crop_of_the_whole_moves_a_corner_in(qtbot):
    dialog = CropDialog(noise(384, 256))
    qtbot.addWidget(dialog)
    dialog.x_box.setValue(40)
    dialog.y_box.setValue(30)
    assert dialog.choice == Rect(40, 30, 344, 226)
    dialog.width_box.setValue(100)
    dialog.x_box.setValue(60)
    assert dialog.choice == Rect(60, 30, 100, 226)


def test_crop_by_dragging_and_by_numbers(qtbot):
    dialog = CropDialog(noise(760, 380))
    qtbot.addWidget(dialog)
    assert not dialog.ok_button.isEnabled()
    picture = dialog.picture  # half size on the screen
    qtbot.mousePress(picture, Qt.MouseButton.LeftButton, pos=QPoint(50, 20))
    qtbot.mouseMove(picture, QPoint(150, 120))
    qtbot.mouseRelease(picture, Qt.MouseButton.LeftButton, pos=QPoint(150, 120))
    assert dialog.choice == Rect(100, 40, 200, 200)
    assert dialog.ok_button.isEnabled()
    dialog.x_box.setValue(700)
    assert dialog.choice == Rect(560, 40, 200, 200)
    dialog.width_box.setValue(1)
    assert dialog.choice.width == 64


def test_export_at_canvas_size_and_enlarged(qtbot):
    dialog = ExportDialog(80, 60)
    qtbot.addWidget(dialog)
    assert not dialog.save_button.isEnabled()
    picture = noise(80, 60)
    dialog.set_picture(picture)
    assert dialog.save_button.isEnabled()
    assert dialog.choice.scale == 1
    assert dialog.choice.suffix == ".png"
    assert dialog.choice.picture is picture
    assert not dialog.quality.isEnabled()
    dialog.sizes.button(4).setChecked(True)
    dialog.format.setCurrentIndex(1)
    assert (dialog.choice.scale, dialog.choice.suffix) == (4, ".jpg")
    assert dialog.quality.isEnabled()
    assert "320 × 240" in dialog.caption.text()


def test_export_rendered_anew_is_seen_before_it_is_saved(qtbot):
    dialog = ExportDialog(80, 60)
    qtbot.addWidget(dialog)
    dialog.set_picture(noise(80, 60))
    dialog.render_anew.setChecked(True)
    assert not dialog.save_button.isEnabled()
    assert "another picture" in dialog.note.text()
    dialog.width_box.setValue(160)
    assert dialog.height_box.value() == 120
    with qtbot.waitSignal(dialog.render_wanted) as asked:
        dialog.render_button.click()
    assert asked.args == [160, 120]
    assert not dialog.save_button.isEnabled()
    assert not dialog.render_button.isEnabled()
    rendered = noise(160, 120, 1)
    dialog.set_rendered(rendered)
    assert dialog.save_button.isEnabled()
    assert dialog.choice.picture is rendered
    assert dialog.choice.scale == 1
    with qtbot.assertNotEmitted(dialog.render_abandoned):
        dialog.width_box.setValue(200)
    assert not dialog.save_button.isEnabled()


def test_export_gives_up_a_render_nobody_waits_for(qtbot):
    dialog = ExportDialog(80, 60)
    qtbot.addWidget(dialog)
    dialog.set_picture(noise(80, 60))
    dialog.render_anew.setChecked(True)
    dialog.render_button.click()
    with qtbot.waitSignal(dialog.render_abandoned):
        dialog.sizes.button(2).setChecked(True)
    assert dialog.save_button.isEnabled()
    dialog.render_anew.setChecked(True)
    dialog.render_button.click()
    with qtbot.waitSignal(dialog.render_abandoned):
        dialog.reject()


def test_export_says_why_a_render_failed(qtbot):
    dialog = ExportDialog(80, 60)
    qtbot.addWidget(dialog)
    dialog.set_picture(noise(80, 60))
    dialog.render_anew.setChecked(True)
    dialog.render_button.click()
    dialog.set_failed("not enough memory: choose a smaller size")
    assert "smaller size" in dialog.note.text()
    assert dialog.render_button.isEnabled()
    assert not dialog.save_button.isEnabled()


def test_export_offers_no_size_beyond_the_limit(qtbot):
    dialog = ExportDialog(4000, 100)
    qtbot.addWidget(dialog)
    assert dialog.sizes.button(2).isEnabled()
    assert not dialog.sizes.button(4).isEnabled()


def test_label_map_kinds(qtbot):
    dialog = LabelsDialog()
    qtbot.addWidget(dialog)
    assert dialog.kind is LabelKind.INDEXED
    dialog.buttons[LabelKind.MASKS].click()
    assert dialog.kind is LabelKind.MASKS


@pytest.mark.parametrize(
    ("text", "ratio"), [("", None), ("2", 2.0), ("1,5", 1.5), ("16:9", 16 / 9)]
)
def test_reference_form(qtbot, text, ratio):
    dialog = ModelDialog("/models/latest_net_G.pth")
    qtbot.addWidget(dialog)
    dialog.upsampling.setCurrentIndex(2)
    dialog.crop_size.setEditText("512")
    dialog.aspect.setText(text)
    expected = ModelSource("/models/latest_net_G.pth", "more", 512, ratio)
    assert dialog.source == expected
    with qtbot.waitSignal(dialog.accepted):
        dialog.accept()


@pytest.mark.parametrize("text", ["wide", "0", "1:0", "nan", "-2", "1e9"])
def test_reference_form_refuses_a_bad_ratio(qtbot, text):
    dialog = ModelDialog("g.pth")
    qtbot.addWidget(dialog)
    dialog.aspect.setText(text)
    with qtbot.assertNotEmitted(dialog.accepted):
        dialog.accept()
    assert text in dialog.error.text()


@pytest.mark.parametrize("text", ["big", "0", "-4", "12.5", "99999"])
def test_reference_form_refuses_a_bad_crop_size(qtbot, text):
    dialog = ModelDialog("g.pth")
    qtbot.addWidget(dialog)
    dialog.crop_size.setEditText(text)
    with qtbot.assertNotEmitted(dialog.accepted):
        dialog.accept()
    assert text in dialog.error.text()


def test_reference_form_comes_back_as_it_was_with_the_reason(qtbot):
    tried = ModelSource("g.pth", "more", 128, 2.0)
    dialog = ModelDialog("g.pth", tried=tried, problem="crop_size 256 would fit")
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.source == tried
    assert dialog.error.isVisible()
    assert dialog.error.text() == "crop_size 256 would fit"


def test_preferences_are_stored_at_once(qtbot):
    preferences = Preferences()
    dialog = PreferencesDialog(preferences)
    qtbot.addWidget(dialog)
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
    dialog.live.setChecked(False)
    assert dialog.device_note.isHidden()
    dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
    assert not dialog.device_note.isHidden()  # only from the next start on
    assert (preferences.theme, preferences.live, preferences.device) == ("light", False, "cpu")
    preferences.flush()


def test_shortcuts_are_found_by_typing(qtbot):
    dialog = ShortcutsDialog()
    qtbot.addWidget(dialog)
    assert dialog.table.rowCount() == len(shortcut_rows())
    dialog.search.setText("undo")
    shown = [r for r in range(dialog.table.rowCount()) if not dialog.table.isRowHidden(r)]
    assert [dialog.table.item(r, 0).text().strip() for r in shown] == ["Ctrl+Z"]


def test_about_shows_licence_and_attribution(qtbot):
    dialog = AboutDialog(model_info(), "Photo by A. Person, CC BY 4.0")
    qtbot.addWidget(dialog)
    texts = [dialog.tabs.widget(i).toPlainText() for i in range(dialog.tabs.count())]
    assert "research and personal use" in texts[1]
    assert "A. Person" in texts[2]


def test_a_model_without_licence_says_what_to_do(qtbot):
    dialog = ModelInfoDialog(model_info(licence=""))
    qtbot.addWidget(dialog)
    about = AboutDialog(model_info(licence=" "), "")
    qtbot.addWidget(about)
    assert NO_LICENCE in about.tabs.widget(1).toPlainText()


def test_licence_dialog_goes_on_only_when_understood(qtbot):
    calls = []
    dialog = LicenceDialog(model_info(), lambda: calls.append(1))
    qtbot.addWidget(dialog)
    dialog.open()
    dialog.reject()
    assert not calls
    dialog.open()
    dialog.accept()
    assert calls == [1]


def test_unsaved_question(qtbot, window):
    calls = []
    box = ask_unsaved(window, "lake", lambda: calls.append("save"), lambda: calls.append("drop"))
    assert "lake" in box.text()
    click(qtbot, box, "Don't save")
    box = ask_unsaved(window, "lake", lambda: calls.append("save"), lambda: calls.append("drop"))
    click(qtbot, box, "Cancel")
    box = ask_unsaved(window, "lake", lambda: calls.append("save"), lambda: calls.append("drop"))
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    box = ask_unsaved(window, "lake", lambda: calls.append("save"), lambda: calls.append("drop"))
    click(qtbot, box, "Save")
    assert calls == ["drop", "save"]


def test_nearest_colour_question_tells_how_many(qtbot, window):
    calls = []
    box = ask_nearest(
        window, "map.png", 1234, 10000, lambda: calls.append("use"), lambda: calls.append("style")
    )
    assert "1,234 of 10,000 pixels (12.3 %)" in box.text()
    assert box.defaultButton().text() == "Change 1,234 pixels"
    click(qtbot, box, "Change 1,234 pixels")
    box = ask_nearest(
        window, "map.png", 9990, 10000, lambda: calls.append("use"), lambda: calls.append("style")
    )
    assert box.defaultButton().text() == "Use it as a style"
    click(qtbot, box, "Use it as a style")
    assert calls == ["use", "style"]


def test_a_pictures_image_owns_its_pixels(qapp):
    rgb = noise(13, 7)
    image, height, width = to_image(rgb), *rgb.shape[:2]
    expected = [[tuple(pixel) for pixel in row] for row in rgb.tolist()]
    rgb[:] = 0
    colors = [[image.pixelColor(x, y).getRgb()[:3] for x in range(width)] for y in range(height)]
    assert colors == expected


@pytest.mark.parametrize(
    ("filters", "kind"), [(PHOTO_FILTER, "photo_folder"), (PALETTE_FILTER, "model_folder")]
)
def test_a_dialog_begins_where_the_last_one_of_its_kind_ended(qtbot, tmp_path, filters, kind):
    parent = QWidget()
    qtbot.addWidget(parent)
    preferences = Preferences()
    choosers = Choosers(preferences)
    chosen: list[Path] = []
    choosers.open_file(parent, "Which?", filters, None, chosen.append)
    (dialog,) = parent.findChildren(QFileDialog)
    assert dialog.directory().path() == str(Path.home())
    dialog.fileSelected.emit(str(tmp_path / "photo.jpg"))
    dialog.reject()
    assert chosen == [tmp_path / "photo.jpg"]
    assert getattr(preferences, kind) == str(tmp_path)
    preferences.flush()
    again = Choosers(Preferences())
    again.open_file(parent, "And now?", filters, None, chosen.append)
    again.open_file(parent, "Elsewhere?", filters, tmp_path.parent, chosen.append)
    dialogs = {d.windowTitle(): d for d in parent.findChildren(QFileDialog)}
    assert dialogs["And now?"].directory().path() == str(tmp_path)
    assert dialogs["Elsewhere?"].directory().path() == str(tmp_path.parent)
    dialogs["Elsewhere?"].fileSelected.emit("/elsewhere/photo.jpg")
    assert getattr(Preferences(), kind) == str(tmp_path)
    for dialog in dialogs.values():
        dialog.reject()


@pytest.mark.parametrize("has_picture", [True, False])
def test_export_asks_about_the_style_picture_if_there_is_one(qtbot, has_picture):
    dialog = ExportDialog(80, 60, has_style_picture=has_picture)
    qtbot.addWidget(dialog)
    dialog.set_picture(noise(80, 60))
    assert dialog.with_style.isVisibleTo(dialog) is has_picture
    assert dialog.choice.with_style
    dialog.with_style.setChecked(False)
    assert not dialog.choice.with_style
    assert "own style" in dialog.format_note.text()
    dialog.format.setCurrentIndex(1)
    assert not dialog.with_style.isEnabled()
