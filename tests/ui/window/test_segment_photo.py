"""A photo becomes a scene: from the menu, by a drop, and whatever may come in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_backend import SEGMENTS
from painter import LANDSCAPE, PaintBackend, answer, drag, drop, drop_data, question, settle
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint
from PySide6.QtGui import QColor, QImage

from app.core.style import ImageStyle, Style
from app.ui.files.photo_scene import LONGEST, canvas_size, longest_side, read_photo_file
from app.workers.backend import BackendError
from app.workers.messages import ModelSource, SegmenterInfo
from spade.formats.errors import InputError
from spade.formats.palette import load_palette, palette_from_classes
from spade.formats.photo import read_photo

TREE, WATER, SKY = (LANDSCAPE.find(name).id for name in ("tree", "water", "sky"))
REDS = {"tree": 0, "fog": 100, "water": 150, "sky": 250}
"""What the fake segmenter sees by the red of a pixel."""


def photo(path: Path, *bands: str, width: int = 60, height: int = 40) -> Path:
    """A photo of equal vertical bands."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for part, name in zip(np.array_split(np.arange(width), len(bands)), bands, strict=True):
        pixels[:, part, 0] = REDS[name]
    pixels[: height // 2, :, 1] = 90
    Image.fromarray(pixels).save(path)
    return path


def segment(window, path) -> None:
    window.services.choosers.open_path = path
    window.actions_table["segment_photo"].trigger()


def wait_done(qtbot, window) -> None:
    qtbot.waitUntil(lambda: not window.services.files.busy and not window.services.worker.busy)


@pytest.fixture
def lake(tmp_path) -> Path:
    return photo(tmp_path / "my lake.png", "sky", "tree", "water", width=96, height=66)


def test_a_photo_becomes_a_scene_with_its_own_light(window, qtbot, lake):
    segment(window, lake)
    assert window.services.choosers.asked == ["Segment photo"]
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    document = window.document
    assert (document.width, document.height) == (96, 66)
    assert document.labels[0].tolist() == [SKY] * 32 + [TREE] * 32 + [WATER] * 32
    pixels = read_photo(lake)
    assert document.style == Style(ImageStyle(pixels, "My lake"))
    assert document.style.source.name == "My lake"
    assert document.trace.opacity == 0
    assert np.array_equal(document.trace.pixels, pixels)
    assert document.path is None
    assert not document.modified
    assert not document.can_undo
    assert str(lake) not in window.services.preferences.recent_files
    assert window.windowTitle() == "my lake[*] – Spadework"
    assert window.files.folder == lake.parent
    assert "96 × 66" in window.status.message.text()
    settle(qtbot, window)
    assert window.banner.isHidden()
    assert window.preview.picture.shape == (66, 96, 3)
    assert [request.model for request in window.backend.photos] == [ModelSource("landscape")]
    qtbot.waitUntil(lambda: not window.services.files.busy)
    assert any(
        getattr(source, "digest", "") == document.style.source.digest for source in sources(window)
    )


def sources(window):
    """The gallery's styles that are pictures of the user's."""
    tiles = window.gallery._library._model.tiles
    return [tile.source for tile in tiles if isinstance(tile.source, ImageStyle)]


def test_the_scene_can_be_painted_on_and_saved(window, qtbot, lake, tmp_path):
    segment(window, lake)
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    window.tools.class_id = TREE
    drag(window.workspace.canvas, (5, 5), (20, 30))
    assert window.document.modified
    assert window.document.labels[5, 5] == TREE
    window.document.undo()
    assert window.document.labels[5, 5] == SKY
    window.services.choosers.save_path = tmp_path / "saved.ora"
    window.actions_table["save"].trigger()
    wait_done(qtbot, window)
    assert window.services.choosers.proposals[-1] == lake.parent / "my lake.ora"
    labels = window.document.snapshot()
    window.files._open_now(tmp_path / "saved.ora")
    wait_done(qtbot, window)
    assert np.array_equal(window.document.labels, labels)
    assert window.document.trace.opacity == 0


def test_it_says_what_it_does_and_can_be_given_up(make_window, qtbot, lake):
    backend = PaintBackend()
    window = make_window(backend)
    backend.let(2)
    settle(qtbot, window)
    labels = window.document.snapshot()
    segment(window, lake)
    assert window.banner.text.text() == "Segmenting photo my lake.png…"
    assert not window.banner.is_error
    qtbot.waitUntil(lambda: bool(backend.photos))
    qtbot.waitUntil(lambda: window.status.progress.isVisible())
    window.banner.button.click()
    assert window.banner.isHidden()
    backend.let(9)
    wait_done(qtbot, window)
    assert np.array_equal(window.document.labels, labels)
    assert window.files.title == "Untitled"
    assert backend.log[-1] == "segment 1 cancelled"
    assert not window.status.progress.isVisible()
    assert window.banner.isHidden()


def test_given_up_while_the_file_is_read(make_window, qtbot, lake):
    backend = PaintBackend(open_gate=True)
    window = make_window(backend)
    settle(qtbot, window)
    segment(window, lake)
    window.segments.cancel()
    wait_done(qtbot, window)
    assert backend.photos == []
    assert window.files.title == "Untitled"


def test_the_newest_photo_wins(make_window, qtbot, lake, tmp_path):
    backend = PaintBackend()
    window = make_window(backend)
    backend.let(2)
    settle(qtbot, window)
    segment(window, lake)
    qtbot.waitUntil(lambda: bool(backend.photos))
    segment(window, photo(tmp_path / "second.png", "water"))
    segment(window, photo(tmp_path / "third.png", "tree", "sky"))
    assert window.banner.text.text() == "Segmenting photo third.png…"
    backend.let(9)
    qtbot.waitUntil(lambda: window.files.title == "third")
    wait_done(qtbot, window)
    assert window.files.title == "third"
    assert window.document.labels[0, 0] == TREE


@pytest.mark.parametrize(
    "fault", [InputError("photo: no good; take another"), ValueError("x"), BackendError("killed")]
)
def test_a_failure_leaves_the_scene_and_says_why(window, qtbot, lake, fault):
    labels = window.document.snapshot()
    window.backend.outcomes.extend([fault, fault])
    segment(window, lake)
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert window.banner.text.text().startswith("Not segmented. ")
    assert np.array_equal(window.document.labels, labels)
    window.backend.outcomes.clear()
    segment(window, lake)
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    assert window.banner.isHidden()


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 cut off", b"GIF89a", None])
def test_a_photo_that_can_not_be_read(window, qtbot, tmp_path, content):
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    segment(window, path)
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "broken.jpg" in window.banner.text.text()
    assert window.backend.photos == []
    assert window.files.title == "Untitled"


def test_unsaved_work_is_asked_about_first(window, qtbot, lake):
    window.document.flood_fill(3, 3, WATER)
    segment(window, lake)
    assert window.services.choosers.asked == []
    answer(window, "ask_unsaved", "Cancel")
    wait_done(qtbot, window)
    assert (window.document.labels == WATER).all()
    assert window.backend.photos == []
    segment(window, lake)
    answer(window, "ask_unsaved", "Don't save")
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    assert question(window, "ask_unsaved") is None  # once is enough


def test_what_is_painted_meanwhile_is_asked_about_too(make_window, qtbot, lake):
    backend = PaintBackend()
    window = make_window(backend)
    backend.let(2)
    settle(qtbot, window)
    segment(window, lake)
    qtbot.waitUntil(lambda: bool(backend.photos))
    window.document.flood_fill(3, 3, WATER)
    backend.let(99)
    qtbot.waitUntil(lambda: question(window, "ask_unsaved") is not None)
    assert (window.document.labels == WATER).all()
    answer(window, "ask_unsaved", "Don't save")
    assert window.files.title == "my lake"


def test_dropped_on_the_left_a_style_on_the_right_a_scene(window, qtbot, lake):
    workspace = window.workspace
    labels = window.document.snapshot()
    drop(workspace, lake.rename(lake.with_suffix(".jpg")), QPoint(20, 100))
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    assert np.array_equal(window.document.labels, labels)
    assert window.backend.photos == []
    window.document.mark_saved(Path("/somewhere/before.ora"))
    drop(workspace, lake.with_suffix(".jpg"), QPoint(workspace.width() - 20, 100))
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    assert window.document.labels.shape == (66, 96)


def test_a_drop_asks_about_unsaved_work(window, qtbot, lake):
    window.document.flood_fill(3, 3, WATER)
    drop(window.workspace, lake, QPoint(window.workspace.width() - 20, 100))
    answer(window, "ask_unsaved", "Cancel")
    wait_done(qtbot, window)
    assert window.backend.photos == []


def test_a_picture_dropped_without_a_file(window, qtbot):
    image = QImage(80, 70, QImage.Format.Format_RGB32)
    image.fill(QColor(150, 3, 4))
    data = QMimeData()
    data.setImageData(image)
    drop_data(window.workspace, data, QPoint(window.workspace.width() - 20, 100))
    qtbot.waitUntil(lambda: window.files.title == "Dropped picture")
    assert (window.document.labels == WATER).all()
    assert window.document.labels.shape == (70, 80)
    assert window.files.folder == Path.home()


def test_pasting_a_photo_is_still_a_style(window, qtbot, lake, qapp):
    qapp.clipboard().setImage(QImage(str(lake)))
    window.actions_table["paste_style"].trigger()
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    assert window.backend.photos == []
    assert window.files.title == "Untitled"


def test_classes_that_the_model_lacks_become_unknown(window, qtbot, tmp_path):
    segment(window, photo(tmp_path / "mist.png", "sky", "fog", "fog", "tree", width=80, height=64))
    qtbot.waitUntil(lambda: window.files.title == "mist")
    row = window.document.labels[0].reshape(4, 20)[:, 0]
    assert row.tolist() == [SKY, 255, 255, TREE]
    assert "becoming unknown: fog (50 %)" in window.status.message.text()


def test_without_unknown_they_become_a_class(make_window, qtbot, tmp_path):
    backend = PaintBackend(open_gate=True)
    backend.has_dont_care = False
    window = make_window(backend)
    settle(qtbot, window)
    segment(window, photo(tmp_path / "mist.png", "tree", "fog", width=80))
    qtbot.waitUntil(lambda: window.files.title == "mist")
    assert set(np.unique(window.document.labels)) == {TREE, LANDSCAPE.ids[0]}
    settle(qtbot, window)


def test_a_photo_of_nothing_that_the_model_knows(window, qtbot, tmp_path):
    segment(window, photo(tmp_path / "mist.png", "fog"))
    qtbot.waitUntil(lambda: window.banner.is_error)
    assert "shows nothing" in window.banner.text.text()
    assert window.files.title == "Untitled"


def test_without_an_encoder_the_style_is_the_models_own(make_window, qtbot, lake):
    backend = PaintBackend(open_gate=True)
    backend.has_encoder = False
    window = make_window(backend)
    settle(qtbot, window)
    segment(window, lake)
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    assert window.document.style == Style()
    wait_done(qtbot, window)
    assert sources(window) == []


def other_model(backend: PaintBackend, *names: str, own: bool, palette=None) -> None:
    backend.models["landscape"] = palette or LANDSCAPE
    backend.segmenter = SegmenterInfo(ModelSource("landscape"), names, own)


def test_a_model_without_segmenter_says_so(make_window, qtbot, lake):
    backend = PaintBackend(open_gate=True)
    backend.segmenter = None
    window = make_window(backend)
    action = window.actions_table["segment_photo"]
    assert not action.isEnabled()
    assert "No model is loaded" in action.toolTip()
    settle(qtbot, window)
    assert not action.isEnabled()
    assert "has no segmenter" in action.toolTip()
    assert window.actions_table.menus["file"].toolTipsVisible()
    workspace = window.workspace
    drop(workspace, lake, QPoint(workspace.width() // 4, 100))
    qtbot.waitUntil(lambda: isinstance(window.document.style.source, ImageStyle))
    window.segments.use(lake)
    assert "has no segmenter" in window.banner.text.text()
    assert backend.photos == []


def test_the_bundled_segmenter_serves_a_model_with_the_same_classes(make_window, qtbot, lake):
    backend = PaintBackend(open_gate=True)
    names = tuple(entry.name for entry in LANDSCAPE.classes)
    other_model(backend, *names, own=False, palette=load_palette("ade20k"))
    window = make_window(backend)
    qtbot.waitUntil(lambda: len(window.document.palette.classes) == 150)
    action = window.actions_table["segment_photo"]
    assert action.isEnabled()
    assert "photo" in action.toolTip()
    assert not window.actions_table.menus["file"].toolTipsVisible()
    segment(window, lake)
    qtbot.waitUntil(lambda: window.files.title == "my lake")
    ade = load_palette("ade20k")
    assert window.document.labels[0, 95] == ade.find("water").id
    assert window.document.background in ade.ids


def test_it_does_not_serve_a_model_with_others(make_window, qtbot):
    backend = PaintBackend(open_gate=True)
    names = tuple(entry.name for entry in LANDSCAPE.classes)
    streets = palette_from_classes("streets", [(i, f"sign {i}", "", "") for i in range(8)])
    other_model(backend, *names, own=False, palette=streets)
    window = make_window(backend)
    qtbot.waitUntil(lambda: len(window.document.palette.classes) == 8)
    assert not window.actions_table["segment_photo"].isEnabled()
    assert "other classes" in window.actions_table["segment_photo"].statusTip()


def test_closing_meanwhile_ends_everything(make_window, qtbot, lake):
    backend = PaintBackend()
    window = make_window(backend)
    backend.let(2)
    settle(qtbot, window)
    segment(window, lake)
    qtbot.waitUntil(lambda: bool(backend.photos))
    window.close_now()
    assert backend.closed


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((6000, 4000), (512, 341)),
        ((3000, 4000), (384, 512)),
        ((400, 300), (400, 300)),
        ((20, 10), (128, 64)),
        ((1, 1), (64, 64)),
        ((10_000, 500), (1280, 64)),
    ],
)
def test_the_canvas_of_a_photo(size, expected):
    assert canvas_size(*size, 512) == expected


@pytest.mark.parametrize(("trained", "side"), [(128, 384), (256, 384), (320, 480), (1024, 768)])
def test_the_longest_side_goes_by_the_model(trained, side):
    assert longest_side(trained) == side


def test_a_turned_photo_stands_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 400), (250, 0, 0)).save(path, exif=exif)
    found = read_photo_file(path, 512)
    assert found.pixels.shape == (512, 256, 3)
    assert not found.pixels.flags.writeable
    assert found.style.pixels.shape == (512, 256, 3)


def test_a_thread_of_pixels_is_no_scene(tmp_path):
    path = tmp_path / "thread.png"
    Image.new("RGB", (LONGEST, 10)).save(path)
    with pytest.raises(InputError, match="too narrow"):
        read_photo_file(path, 512)


def test_the_fake_segmenter_covers_the_cases():
    known = [LANDSCAPE.find(name) is not None for _, name, _, _ in SEGMENTS]
    assert known == [True, False, True, True]
