"""New, open, save, export, samples, autosave and recovery, through the window."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from painter import LANDSCAPE, PaintBackend, answer, drag, picture_of, question, settle
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from app.core.style import ImageStyle, SampledStyle, Style
from app.core.tools import ViewMode
from app.state.folders import state_dir
from app.state.preferences import Preferences
from app.ui.canvas.badges import State
from app.ui.dialogs.about_dialog import LicenceDialog
from app.ui.dialogs.export_dialog import ExportDialog
from app.ui.dialogs.labels_dialog import LabelsDialog
from app.ui.dialogs.new_dialog import NewDialog
from app.ui.files.recovery import find_lost, open_session, write_autosave
from app.ui.files.scene_files import LabelKind
from spade.formats.label_png import read_label_map, write_label_map, write_label_rgb
from spade.formats.palette import load_palette, numbered_palette
from spade.formats.picture import read_scene
from spade.formats.resources import bundled_scenes

WATER = LANDSCAPE.find("water").id
SKY = LANDSCAPE.find("sky").id
TREE = LANDSCAPE.find("tree").id


def scene(width=48, height=32):
    labels = np.full((height, width), SKY, np.uint8)
    labels[height // 2 :] = WATER
    labels[:, : width // 4] = TREE
    return labels


def photo(path, seed=0, width=60, height=40):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def dialog(window, kind):
    found = [d for d in window.findChildren(kind) if d.isVisible()]
    assert found, f"no {kind.__name__}"
    return found[-1]


def save_as(window, qtbot, path):
    window.services.choosers.save_path = path
    window.actions_table["save_as"].trigger()
    qtbot.waitUntil(lambda: not window.services.files.busy)


def open_file(window, qtbot, path):
    window.services.choosers.open_path = path
    window.actions_table["open"].trigger()
    qtbot.waitUntil(lambda: not window.services.files.busy)


def test_new_scene(window, qtbot):
    window.actions_table["new"].trigger()
    form = dialog(window, NewDialog)
    form.sizes.setCurrentIndex(1)
    form.background.setCurrentIndex(form.background.findData(WATER))
    form.accept()
    document = window.document
    assert (document.width, document.height) == (384, 256)
    assert (document.labels == WATER).all()
    assert document.background == WATER
    assert not document.modified
    assert window.windowTitle() == "Untitled[*] – Spadework"
    settle(qtbot, window)
    assert window.preview.picture.shape == (256, 384, 3)


def test_new_asks_before_it_throws_work_away(window, qtbot):
    window.document.flood_fill(3, 3, WATER)
    window.actions_table["new"].trigger()
    answer(window, "ask_unsaved", "Cancel")
    assert not window.findChildren(NewDialog)
    assert (window.document.labels == WATER).all()


def test_save_and_reopen_gives_the_same_scene(window, qtbot, tmp_path):
    window.tools.class_id = WATER
    drag(window.workspace.canvas, (10, 10), (80, 50))
    style = ImageStyle(np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8), "noise")
    window.document.set_style(Style(style, SampledStyle(5), 0.25, 0.5))
    window.view.mode = ViewMode.OVERLAY
    settle(qtbot, window)
    labels, shown = window.document.snapshot(), window.preview.picture
    path = tmp_path / "my lake.ora"
    save_as(window, qtbot, path)
    assert not window.document.modified
    assert window.windowTitle() == "my lake.ora[*] – Spadework"
    with zipfile.ZipFile(path) as archive:
        assert archive.read("mimetype") == b"image/openraster"
    assert str(path) in window.services.preferences.recent_files
    window.document.new(20, 20, SKY, LANDSCAPE, "landscape")
    window.view.mode = ViewMode.SIDE_BY_SIDE
    open_file(window, qtbot, path)
    assert np.array_equal(window.document.labels, labels)
    assert window.document.style == Style(style, SampledStyle(5), 0.25, 0.5)
    assert window.document.path == path
    assert not window.document.modified
    assert window.view.mode is ViewMode.OVERLAY
    assert np.array_equal(window.preview.picture, shown)  # kept in the file, before any render
    settle(qtbot, window)
    assert np.array_equal(window.preview.picture, shown)


def test_save_adds_the_suffix_and_saves_again_without_asking(window, qtbot, tmp_path):
    save_as(window, qtbot, tmp_path / "scene")
    assert window.document.path == tmp_path / "scene.ora"
    window.document.flood_fill(3, 3, WATER)
    asked = len(window.services.choosers.asked)
    window.actions_table["save"].trigger()
    qtbot.waitUntil(lambda: not window.document.modified)
    assert len(window.services.choosers.asked) == asked


def test_what_is_painted_while_saving_stays_unsaved(window, qtbot, tmp_path):
    window.services.choosers.save_path = tmp_path / "a.ora"
    window.document.flood_fill(3, 3, WATER)
    window.actions_table["save"].trigger()
    window.document.flood_fill(3, 3, TREE)
    qtbot.waitUntil(lambda: not window.services.files.busy)
    assert window.document.modified
    assert window.document.path == tmp_path / "a.ora"


def test_saving_into_a_missing_folder_loses_nothing(window, qtbot, tmp_path):
    window.document.flood_fill(3, 3, WATER)
    save_as(window, qtbot, tmp_path / "missing" / "a.ora")
    assert window.banner.is_error
    assert "missing" in window.banner.text.text()
    assert window.document.modified
    assert window.document.path is None


@pytest.mark.parametrize("kind", ["indexed", "grey", "rgb"])
def test_open_label_maps(window, qtbot, tmp_path, kind):
    labels, path = scene(), tmp_path / f"{kind}.png"
    if kind == "indexed":
        write_label_map(path, labels, LANDSCAPE)
    elif kind == "grey":
        Image.fromarray(labels).save(path)
    else:
        write_label_rgb(path, labels, LANDSCAPE)
    open_file(window, qtbot, path)
    assert np.array_equal(window.document.labels, labels)
    assert window.document.path is None  # saving makes a project of it, beside it
    assert window.files.stem == kind
    assert window.files.folder == tmp_path
    assert not window.document.modified


def test_colours_that_are_no_class_are_asked_about(window, qtbot, tmp_path):
    labels = scene()
    rgb = LANDSCAPE.lut()[labels]
    rgb[:4, :5] += 1
    path = tmp_path / "almost.png"
    Image.fromarray(rgb).save(path)
    before = window.document.snapshot()
    open_file(window, qtbot, path)
    box = question(window, "ask_nearest")
    assert "20 of 1,536 pixels" in box.text()
    assert np.array_equal(window.document.labels, before)
    answer(window, "ask_nearest", "Cancel")
    assert np.array_equal(window.document.labels, before)
    open_file(window, qtbot, path)
    answer(window, "ask_nearest", "Change 20 pixels")
    qtbot.waitUntil(lambda: np.array_equal(window.document.labels, labels))
    assert "20 pixels" in window.status.message.text()


def test_a_photo_that_is_opened_becomes_a_style(window, qtbot, tmp_path):
    before = window.document.snapshot()
    open_file(window, qtbot, photo(tmp_path / "beach.jpg"))
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    open_file(window, qtbot, photo(tmp_path / "noise.png", 2))
    answer(window, "ask_unsaved", "Don't save")
    qtbot.waitUntil(lambda: question(window, "ask_nearest") is not None)
    assert question(window, "ask_nearest").defaultButton().text() == "Use it as a style"
    answer(window, "ask_nearest", "Use it as a style")
    qtbot.waitUntil(lambda: window.document.style.source.name == "Noise")
    assert np.array_equal(window.document.labels, before)


def damaged(tmp_path, what):
    if what == "truncated":
        write_label_map(tmp_path / "whole.png", scene(), LANDSCAPE)
        path = tmp_path / "cut.png"
        path.write_bytes((tmp_path / "whole.png").read_bytes()[:60])
        return path
    if what == "project":
        path = tmp_path / "bad.ora"
        path.write_bytes(b"PK\x03\x04 this is no archive")
        return path
    if what == "foreign":
        path = tmp_path / "krita.ora"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "image/openraster")
        return path
    if what == "text":
        path = tmp_path / "notes.txt"
        path.write_text("hello")
        return path
    return tmp_path / "gone.ora"


@pytest.mark.parametrize("what", ["truncated", "project", "foreign", "text", "missing"])
def test_a_file_that_cant_be_read_leaves_the_document_alone(window, qtbot, tmp_path, what):
    window.document.flood_fill(3, 3, WATER)
    window.document.undo()
    labels, style = window.document.snapshot(), window.document.style
    path = damaged(tmp_path, what)
    open_file(window, qtbot, path)
    assert window.banner.is_error
    assert path.name in window.banner.text.text()
    assert np.array_equal(window.document.labels, labels)
    assert window.document.style == style
    assert window.document.can_redo
    assert window.document.path is None


def test_open_asks_first_and_again_if_one_paints_meanwhile(window, qtbot, tmp_path):
    path = tmp_path / "map.png"
    write_label_map(path, scene(), LANDSCAPE)
    window.document.flood_fill(3, 3, WATER)
    window.services.choosers.open_path = path
    window.actions_table["open"].trigger()
    answer(window, "ask_unsaved", "Don't save")
    window.document.flood_fill(3, 3, TREE)  # the file is being read
    qtbot.waitUntil(lambda: question(window, "ask_unsaved") is not None)
    answer(window, "ask_unsaved", "Cancel")
    assert (window.document.labels == TREE).all()


def test_recent_files_menu_opens_and_forgets_what_is_gone(window, qtbot, tmp_path):
    path = tmp_path / "map.png"
    write_label_map(path, scene(), LANDSCAPE)
    open_file(window, qtbot, path)
    window.document.new(20, 20, SKY, LANDSCAPE, "landscape")
    menu = window.actions_table.menus["recent"]
    menu.aboutToShow.emit()
    assert menu.actions()[0].text() == "&1 map.png"
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: window.document.width == 48)
    path.unlink()
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert window.services.preferences.recent_files == ()


def test_sample_scenes(window, qtbot):
    menu = window.actions_table.menus["samples"]
    menu.aboutToShow.emit()
    assert len(menu.actions()) == len(bundled_scenes())
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: window.document.width == 384)
    assert window.windowTitle() == "Alpine lake[*] – Spadework"
    assert window.document.path is None
    assert not window.document.modified


def test_a_sample_kept_with_its_picture_is_seen_before_the_model_is_there(
    make_window, qtbot, tmp_path
):
    write_label_map(tmp_path / "dale.png", scene(), LANDSCAPE)
    photo(tmp_path / "dale.webp", width=48, height=32)
    backend = PaintBackend()
    window = make_window(backend)
    assert "Loading model" in window.workspace.message
    window.files.open_sample(tmp_path / "dale.png")
    qtbot.waitUntil(lambda: window.preview.picture is not None)
    assert window.workspace.message == ""
    assert "Loading model" in window.status.message.text()
    qtbot.waitUntil(lambda: window.workspace.state is State.UPDATING)
    backend.let(10)
    settle(qtbot, window)
    assert np.array_equal(window.preview.picture, LANDSCAPE.lut()[scene()])
    assert window.workspace.state is State.CURRENT


def export(window, qtbot, path, fill=lambda form: None):
    window.services.choosers.save_path = path
    window.actions_table["export_picture"].trigger()
    form = dialog(window, ExportDialog)
    qtbot.waitUntil(form.save_button.isEnabled)
    fill(form)
    form.save_button.click()
    qtbot.waitUntil(lambda: not window.services.files.busy)


def test_export_png_holds_the_pixels_and_the_scene(window, qtbot, tmp_path):
    window.document.flood_fill(3, 3, WATER)
    window.document.set_style(Style(SampledStyle(7)))
    settle(qtbot, window)
    shown, labels = window.preview.picture, window.document.snapshot()
    path = tmp_path / "out.png"
    export(window, qtbot, path)
    assert np.array_equal(np.array(Image.open(path)), shown)
    found, info = read_scene(path)
    assert np.array_equal(found, labels)
    assert (info.model, info.seed) == ("landscape", 7)
    window.document.new(20, 20, SKY, LANDSCAPE, "landscape")
    open_file(window, qtbot, path)
    assert np.array_equal(window.document.labels, labels)
    assert window.document.style == Style(SampledStyle(7))
    settle(qtbot, window)
    assert np.array_equal(window.preview.picture, shown)


@pytest.mark.parametrize("second", [True, False])
def test_the_style_picture_stays_at_home_if_one_likes(window, qtbot, tmp_path, second):
    noise = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    image = ImageStyle(noise, "grandma's garden")
    style = Style(SampledStyle(4), image, 0.5) if second else Style(image)
    window.document.set_style(style)
    settle(qtbot, window)
    labels = window.document.snapshot()
    with_it, without = tmp_path / "with.png", tmp_path / "without.png"
    export(window, qtbot, with_it)
    export(window, qtbot, without, lambda form: form.with_style.setChecked(False))
    assert b"grandma" in with_it.read_bytes()
    assert b"grandma" not in without.read_bytes()
    assert len(without.read_bytes()) < len(with_it.read_bytes()) - noise.size / 2
    assert window.document.style == style
    window.document.new(20, 20, SKY, LANDSCAPE, "landscape")
    open_file(window, qtbot, without)
    assert np.array_equal(window.document.labels, labels)
    assert window.document.style == Style()


def test_where_scenes_were_opened_and_saved_is_known_next_time(window, qtbot, tmp_path):
    assert window.files.folder == Path.home()
    (tmp_path / "maps").mkdir()
    path = tmp_path / "maps" / "map.png"
    write_label_map(path, scene(), LANDSCAPE)
    open_file(window, qtbot, path)
    assert window.files.folder == path.parent
    save_as(window, qtbot, tmp_path / "saved.ora")
    window.document.new(20, 20, SKY, LANDSCAPE, "landscape")
    assert window.files.folder == tmp_path
    window.services.preferences.flush()
    assert Preferences().scene_folder == str(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_export_enlarged(window, qtbot, tmp_path, suffix):
    def fill(form):
        form.format.setCurrentIndex(form.format.findData(suffix))
        form.sizes.button(2).setChecked(True)

    export(window, qtbot, tmp_path / "out", fill)
    with Image.open(tmp_path / f"out{suffix}") as picture:
        assert picture.size == (192, 128)


def test_export_rendered_anew(window, qtbot, tmp_path):
    window.services.choosers.save_path = tmp_path / "big.png"
    window.actions_table["export_picture"].trigger()
    form = dialog(window, ExportDialog)
    form.render_anew.setChecked(True)
    form.width_box.setValue(120)
    assert not form.save_button.isEnabled()
    form.render_button.click()
    qtbot.waitUntil(form.save_button.isEnabled)
    form.save_button.click()
    qtbot.waitUntil(lambda: (tmp_path / "big.png").is_file())
    request = window.backend.requests[-1]
    assert request.size == (120, 80)
    assert np.array_equal(np.array(Image.open(tmp_path / "big.png")), picture_of(request))


def test_export_never_writes_an_old_picture(make_window, qtbot, tmp_path):
    backend = PaintBackend()
    backend.let(2)
    window = make_window(backend)
    settle(qtbot, window)
    window.document.flood_fill(3, 3, WATER)
    window.services.choosers.save_path = tmp_path / "out.png"
    window.actions_table["export_picture"].trigger()
    form = dialog(window, ExportDialog)
    assert not form.save_button.isEnabled()
    backend.let(3)
    qtbot.waitUntil(form.save_button.isEnabled)
    form.save_button.click()
    qtbot.waitUntil(lambda: (tmp_path / "out.png").is_file())
    expected = LANDSCAPE.lut()[np.full((64, 96), WATER)]
    assert np.array_equal(np.array(Image.open(tmp_path / "out.png")), expected)


def test_the_licence_is_shown_once_before_the_first_export(window, qtbot, tmp_path):
    window.services.preferences.licence_seen = False
    window.actions_table["export_picture"].trigger()
    licence = dialog(window, LicenceDialog)
    licence.reject()
    assert not window.findChildren(ExportDialog)
    window.actions_table["export_picture"].trigger()
    dialog(window, LicenceDialog).accept()
    dialog(window, ExportDialog).reject()
    window.actions_table["export_picture"].trigger()
    assert not [d for d in window.findChildren(LicenceDialog) if d.isVisible()]
    dialog(window, ExportDialog).reject()


def test_export_without_a_model_says_what_to_do(make_window, qtbot):
    backend = PaintBackend(open_gate=True)
    backend.models.clear()
    window = make_window(backend)
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "landscape" in window.banner.text.text()
    assert "No model" in window.workspace.message
    window.actions_table["export_picture"].trigger()
    assert "Model menu" in window.banner.text.text()
    assert not window.findChildren(ExportDialog)


@pytest.mark.parametrize("kind", list(LabelKind))
def test_export_label_maps(window, qtbot, tmp_path, kind):
    window.document.flood_fill(3, 3, WATER)
    window.services.choosers.save_path = tmp_path / "labels.png"
    window.services.choosers.open_path = tmp_path
    window.actions_table["export_labels"].trigger()
    form = dialog(window, LabelsDialog)
    form.buttons[kind].click()
    form.accept()
    qtbot.waitUntil(lambda: not window.services.files.busy)
    if kind is LabelKind.MASKS:
        masks = list(tmp_path.rglob("*.png"))
        assert len(masks) == 1
        assert np.array(Image.open(masks[0])).all()
    else:
        found = read_label_map(tmp_path / "labels.png", LANDSCAPE)
        assert np.array_equal(found.labels, window.document.labels)
        assert found.kind == ("indexed" if kind is LabelKind.INDEXED else "rgb")


def test_autosave_writes_what_is_unsaved_and_a_proper_end_removes_it(make_window, qtbot):
    window = make_window()
    settle(qtbot, window)
    folder = window.autosave.folder
    window.autosave.save_now()
    qtbot.waitUntil(lambda: not window.services.files.busy)
    assert not (folder / "autosave.ora").exists()
    window.document.flood_fill(3, 3, WATER)
    with qtbot.waitSignal(window.autosave.saved):
        window.autosave.save_now()
    assert (folder / "autosave.ora").is_file()
    window.document.undo()
    qtbot.waitUntil(lambda: not window.services.files.busy)
    assert not (folder / "autosave.ora").exists()
    window.close_now()
    assert not folder.exists()


CRASH = """
import os, sys
import numpy as np
from app.core.project_file import Project
from app.ui.files.recovery import open_session, write_autosave
from pathlib import Path
from spade.formats.palette import load_palette
folder, lock = open_session()
palette = load_palette("landscape")
labels = np.full((20, 30), int(sys.argv[1]), np.uint8)
write_autosave(folder, Project(labels, palette, model="landscape"), Path("/somewhere/lake.ora"))
os._exit(9)
"""


def crash(class_id):
    """A process that saves by itself and dies without closing."""
    run = subprocess.run([sys.executable, "-c", CRASH, str(class_id)], cwd=Path.cwd())
    assert run.returncode == 9


def test_after_a_crash_the_work_is_offered_and_recovered(make_window, qtbot):
    crash(WATER)
    window = make_window()
    qtbot.waitUntil(lambda: question(window, "ask_recover") is not None)
    assert "lake.ora" in question(window, "ask_recover").informativeText()
    answer(window, "ask_recover", "Recover")
    qtbot.waitUntil(lambda: window.document.width == 30 and not window.services.files.busy)
    assert (window.document.labels == WATER).all()
    assert window.document.modified
    assert window.document.path == Path("/somewhere/lake.ora")
    # saved anew by this session, and only then is the old one gone
    assert (window.autosave.folder / "autosave.ora").is_file()
    assert list((state_dir() / "sessions").iterdir()) == [window.autosave.folder]


def test_recovery_can_be_put_off_or_thrown_away(make_window, qtbot):
    crash(WATER)
    window = make_window()
    qtbot.waitUntil(lambda: question(window, "ask_recover") is not None)
    answer(window, "ask_recover", "Ask again later")
    window.close_now()
    window = make_window()
    qtbot.waitUntil(lambda: question(window, "ask_recover") is not None)
    answer(window, "ask_recover", "Throw away")
    qtbot.waitUntil(lambda: not window.services.files.busy)
    assert find_lost(window.autosave.folder) == []


def test_a_running_session_is_not_taken_for_a_crash(make_window, qtbot, window):
    window.document.flood_fill(3, 3, WATER)
    with qtbot.waitSignal(window.autosave.saved):
        window.autosave.save_now()
    code = "from app.ui.files.recovery import find_lost; print(len(find_lost(None)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "0", run.stderr


def test_a_damaged_autosave_is_reported_and_changes_nothing(make_window, qtbot, state_folder):
    folder = state_dir() / "sessions" / "old"
    folder.mkdir(parents=True)
    (folder / "autosave.ora").write_bytes(b"junk")
    (folder / "about.json").write_text("{")
    window = make_window()
    qtbot.waitUntil(lambda: question(window, "ask_recover") is not None)
    answer(window, "ask_recover", "Recover")
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert (window.document.width, window.document.height) == (96, 64)
    assert (folder / "autosave.ora").is_file()


def test_a_state_folder_that_cant_be_used_is_said(make_window, qtbot, state_folder):
    (state_folder / "state").write_text("a file where a folder should be")
    window = make_window()
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "saved by itself" in window.banner.text.text()
    settle(qtbot, window)


def test_another_model_switches_the_palette_and_asks_what_becomes_of_the_classes(
    make_window, qtbot, tmp_path
):
    backend = PaintBackend(open_gate=True)
    ade = load_palette("ade20k")
    backend.models[str(tmp_path)] = ade
    window = make_window(backend)
    settle(qtbot, window)
    snow = LANDSCAPE.find("snow")
    assert ade.find("snow") is None
    window.document.flood_fill(3, 3, WATER)
    window.document.paint_mask(*patch(10), snow.id, "Snow")
    window.services.choosers.open_path = tmp_path
    window.actions_table["model_folder"].trigger()
    qtbot.waitUntil(lambda: question(window, "ask_remap") is not None)
    box = question(window, "ask_remap")
    assert "snow (2 %)" in box.informativeText()
    assert window.document.palette.ids == ade.ids
    answer(window, "ask_remap", "Match by name")
    labels = window.document.labels
    assert labels[40, 40] == ade.find("water").id
    assert labels[5, 5] == 255
    assert window.document.model == str(tmp_path)
    settle(qtbot, window)
    assert window.backend.requests[-1].model.path == str(tmp_path)


def patch(side):
    from spade.formats.rect import Rect

    return Rect(0, 0, side, side), np.ones((side, side), bool)


def test_a_model_that_shares_no_class_name_leaves_the_ids_unasked(make_window, qtbot, tmp_path):
    backend = PaintBackend(open_gate=True)
    backend.models[str(tmp_path)] = numbered_palette(12)
    window = make_window(backend)
    settle(qtbot, window)
    labels = window.document.snapshot()
    window.services.choosers.open_path = tmp_path
    window.actions_table["model_folder"].trigger()
    qtbot.waitUntil(lambda: window.document.palette.ids == numbered_palette(12).ids)
    assert question(window, "ask_remap") is None
    assert np.array_equal(window.document.labels, labels)


def test_an_error_of_a_render_goes_when_the_next_one_succeeds(window, qtbot):
    window.preview.failed.emit("class 200 is painted")
    assert window.banner.is_error
    window.document.flood_fill(3, 3, WATER)
    settle(qtbot, window)
    assert window.banner.isHidden()


def test_another_error_stays_when_a_render_succeeds(window, qtbot):
    window.files.failed.emit("a.png: can't be read")
    window.document.flood_fill(3, 3, WATER)
    settle(qtbot, window)
    assert window.banner.is_error


def test_keeping_the_ids_says_which_are_foreign(make_window, qtbot, tmp_path):
    backend = PaintBackend(open_gate=True)
    backend.models[str(tmp_path)] = load_palette("cityscapes")
    window = make_window(backend)
    settle(qtbot, window)
    window.document.paint_mask(*patch(20), 200, "Foreign")
    window.services.choosers.open_path = tmp_path
    window.actions_table["model_folder"].trigger()
    qtbot.waitUntil(lambda: question(window, "ask_remap") is not None)
    answer(window, "ask_remap", "Keep the ids")
    assert "200" in window.banner.text.text()
    assert (window.document.labels == 200).sum() == 400


def test_a_map_with_ids_of_no_class_is_opened_and_says_so(window, qtbot, tmp_path):
    labels = scene()
    labels[:8] = 200
    Image.fromarray(labels).save(tmp_path / "foreign.png")
    open_file(window, qtbot, tmp_path / "foreign.png")
    qtbot.waitUntil(lambda: "Class 200 (25 %" in window.banner.text.text())
    assert question(window, "ask_remap") is None
    assert np.array_equal(window.document.labels, labels)


def test_a_model_that_cant_be_opened_leaves_everything(window, qtbot, tmp_path):
    palette, labels = window.document.palette, window.document.snapshot()
    window.services.choosers.open_path = tmp_path / "nothing"
    window.actions_table["model_folder"].trigger()
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "nothing" in window.banner.text.text()
    assert window.models.info.name == "landscape"
    assert window.document.palette == palette
    window.document.flood_fill(3, 3, WATER)
    settle(qtbot, window)
    assert not np.array_equal(window.preview.picture, LANDSCAPE.lut()[labels])


def test_a_project_of_another_model_loads_that_model(make_window, qtbot, tmp_path):
    backend = PaintBackend(open_gate=True)
    backend.models[str(tmp_path)] = load_palette("cityscapes")
    window = make_window(backend)
    settle(qtbot, window)
    window.services.choosers.open_path = tmp_path
    window.actions_table["model_folder"].trigger()
    qtbot.waitUntil(lambda: window.models.info.name == str(tmp_path))
    qtbot.waitUntil(lambda: question(window, "ask_remap") is not None)
    answer(window, "ask_remap", "Match by name")
    settle(qtbot, window)
    save_as(window, qtbot, tmp_path / "street.ora")
    window.actions_table.menus["models"].aboutToShow.emit()
    window.models.open_default()
    window.close_now()
    second = make_window(backend)
    settle(qtbot, second)
    open_file(second, qtbot, tmp_path / "street.ora")
    qtbot.waitUntil(lambda: second.models.info.name == str(tmp_path))
    settle(qtbot, second)
    assert question(second, "ask_remap") is None
    assert second.document.palette.ids == load_palette("cityscapes").ids
    assert not second.document.modified


def test_palette_menu(window, qtbot):
    menu = window.actions_table.menus["palettes"]
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if a.text() == "ADE20K").trigger()
    qtbot.waitUntil(lambda: window.document.palette.name == "ADE20K")
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: window.document.palette.name == "landscape")


def test_reference_form_goes_to_the_worker(window, qtbot, tmp_path):
    window.services.choosers.open_path = tmp_path / "latest_net_G.pth"
    window.actions_table["model_file"].trigger()
    form = next(d for d in window.findChildren(QDialog) if d.isVisible())
    form.crop_size.setEditText("640")
    qtbot.keyClick(form, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.banner.is_error)  # the fake knows no such model
    assert "latest_net_G.pth" in window.banner.text.text()
    window.banner.button.click()  # the form again, as it was, with the reason
    again = next(d for d in window.findChildren(QDialog) if d.isVisible() and d is not form)
    assert again.source.crop_size == 640
    assert "latest_net_G.pth" in again.error.text()


def test_sessions_have_folders_of_their_own(qapp):
    first, lock = open_session()
    second, other = open_session()
    assert first != second
    write_autosave(first, project(), None)
    assert find_lost(second) == []
    lock.unlock()
    other.unlock()
    assert [lost.folder for lost in find_lost(second)] == [first]


def project():
    from app.core.project_file import Project

    return Project(scene(), LANDSCAPE)
