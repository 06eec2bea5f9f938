"""Dropping things onto the workspace: styles, scenes, either, and what can't be used."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hands import Hand, Studio
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QImage,
)
from PySide6.QtWidgets import QApplication

from app.core.tools import ViewMode
from app.ui.canvas.drops import Use
from app.ui.canvas.workspace import Workspace
from spade.formats.photo import read_photo

Modifier, Button = Qt.KeyboardModifier, Qt.MouseButton


def files(*names: str) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(f"/somewhere/{name}") for name in names])
    return data


class Drag:
    """A drag over ``workspace``; the child under the pointer passes its events on to it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.styles: list[object] = []
        self.opened: list[object] = []
        self.refused: list[str] = []
        workspace.style_dropped.connect(self.styles.append)
        workspace.open_dropped.connect(self.opened.append)
        workspace.drop_refused.connect(self.refused.append)

    def enter(self, data: QMimeData, x: int = 100, y: int = 100) -> bool:
        event = QDragEnterEvent(
            QPoint(x, y), Qt.DropAction.CopyAction, data, Button.LeftButton, Modifier.NoModifier
        )
        event.ignore()
        QApplication.sendEvent(self.workspace, event)
        return event.isAccepted()

    def drop(self, data: QMimeData, x: int = 100, y: int = 100) -> None:
        if not self.enter(data, x, y):
            return
        move = QDragMoveEvent(
            QPoint(x, y), Qt.DropAction.CopyAction, data, Button.LeftButton, Modifier.NoModifier
        )
        QApplication.sendEvent(self.workspace, move)
        event = QDropEvent(
            QPointF(x, y), Qt.DropAction.CopyAction, data, Button.LeftButton, Modifier.NoModifier
        )
        QApplication.sendEvent(self.workspace, event)
        assert event.isAccepted()
        assert self.workspace._targets.isHidden()

    @property
    def outcome(self) -> tuple[int, int, int]:
        return len(self.styles), len(self.opened), len(self.refused)


@pytest.fixture
def drag(workspace: Workspace) -> Drag:
    return Drag(workspace)


@pytest.mark.parametrize("name", ["sea.jpg", "SEA.JPEG", "a b.webp", "x.tif", "x.gif", "x.avif"])
def test_a_photo_becomes_the_style(drag: Drag, name: str) -> None:
    drag.drop(files(name), 700, 100)
    assert drag.styles == [Path("/somewhere") / name]
    assert drag.outcome == (1, 0, 0)


def test_a_project_is_opened(drag: Drag) -> None:
    drag.drop(files("lake.ORA"))
    assert drag.opened == [Path("/somewhere/lake.ORA")]
    assert drag.outcome == (0, 1, 0)


def test_a_png_may_mean_both_so_the_place_decides(drag: Drag, workspace: Workspace) -> None:
    drag.enter(files("map.png"))
    areas = workspace._targets.areas()
    assert list(areas) == [Use.STYLE, Use.OPEN]
    assert areas[Use.STYLE].width() + areas[Use.OPEN].width() == workspace.width()
    drag.drop(files("map.png"), 399, 290)
    assert drag.outcome == (1, 0, 0)
    drag.drop(files("map.png"), 400, 5)
    assert drag.opened == [Path("/somewhere/map.png")]
    assert drag.outcome == (1, 1, 0)


def test_both_targets_are_there_in_a_narrow_workspace(drag: Drag, workspace: Workspace) -> None:
    workspace.resize(250, 500)
    drag.drop(files("map.png"), 100, 100)
    drag.drop(files("map.png"), 100, 400)
    assert drag.outcome == (1, 1, 0)


@pytest.mark.parametrize("mode", list(ViewMode))
def test_drops_work_in_every_mode(drag: Drag, workspace: Workspace, mode: ViewMode) -> None:
    workspace.view.mode = mode
    drag.drop(files("sea.jpg"))
    assert drag.outcome == (1, 0, 0)
    assert not workspace.canvas.acceptDrops()  # else they'd swallow what is dropped on them
    assert not workspace.preview.acceptDrops()


def test_the_first_usable_of_several_files_counts(drag: Drag) -> None:
    drag.drop(files("notes.txt", "sea.jpg", "hill.jpg"))
    assert drag.styles == [Path("/somewhere/sea.jpg")]
    assert drag.refused == []


def test_an_image_from_a_browser(drag: Drag) -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(QColor(200, 100, 50))
    image.setPixelColor(2, 0, QColor(1, 2, 3))
    data = QMimeData()
    data.setImageData(image)
    data.setUrls([QUrl("https://example.org/sea.jpg")])
    data.setHtml('<img src="https://example.org/sea.jpg">')
    drag.drop(data)
    assert drag.outcome == (1, 0, 0)
    pixels = read_photo(drag.styles[0])
    assert pixels.shape == (2, 3, 3)
    assert pixels[0, 2].tolist() == [1, 2, 3]
    assert pixels[1, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("as_html", [True, False])
def test_an_image_written_out_in_its_address(drag: Drag, as_html: bool) -> None:
    png = base64.b64encode(b"\x89PNG the bytes as they are").decode()
    data = QMimeData()
    if as_html:
        data.setHtml(f'<img alt="x" src="data:image/png;base64,{png}">')
    else:
        data.setUrls([QUrl(f"data:image/png;base64,{png}")])
    drag.drop(data)
    assert drag.styles == [b"\x89PNG the bytes as they are"]


def remote_url() -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl("https://example.org/sea.jpg")])
    return data


def remote_html() -> QMimeData:
    data = QMimeData()
    data.setHtml('<p><img class="a" src="https://example.org/sea.jpg" width=3></p>')
    return data


@pytest.mark.parametrize("make", [remote_url, remote_html])
def test_a_web_address_alone_is_refused_with_a_remedy(drag: Drag, make) -> None:
    drag.drop(make())
    assert drag.outcome == (0, 0, 1)
    assert "Save the picture first" in drag.refused[0]


@pytest.mark.parametrize("name", ["notes.txt", "model.pth", "noending"])
def test_other_files_are_refused_by_name(drag: Drag, name: str) -> None:
    drag.drop(files(name))
    assert drag.outcome == (0, 0, 1)
    assert name in drag.refused[0]


def test_a_folder_is_refused(drag: Drag, tmp_path: Path) -> None:
    folder = tmp_path / "photos.png"
    folder.mkdir()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(folder))])
    drag.drop(data)
    assert drag.outcome == (0, 0, 1)
    assert "folder" in drag.refused[0]


def test_an_empty_image_is_refused(drag: Drag) -> None:
    data = QMimeData()
    data.setImageData(QImage())
    drag.drop(data)
    assert drag.styles == []


def test_plain_text_is_none_of_our_business(drag: Drag, workspace: Workspace) -> None:
    data = QMimeData()
    data.setText("hello")
    assert not drag.enter(data)
    assert workspace._targets.isHidden()


def test_the_targets_go_when_the_drag_leaves(drag: Drag, workspace: Workspace) -> None:
    drag.enter(files("map.png"))
    assert workspace._targets.isVisible()
    assert workspace._targets.size() == workspace.size()
    workspace.resize(700, 350)
    assert workspace._targets.size() == workspace.size()
    QApplication.sendEvent(workspace, QDragLeaveEvent())
    assert workspace._targets.isHidden()
    assert drag.outcome == (0, 0, 0)


def test_a_drag_ends_an_open_stroke(studio: Studio, drag: Drag, workspace: Workspace) -> None:
    Hand(workspace.canvas).press(5, 5)
    assert studio.document.stroke_active
    drag.enter(files("sea.jpg"))
    assert not studio.document.stroke_active


@pytest.fixture
def makes_scenes(workspace: Workspace) -> None:
    """The model has a segmenter."""
    workspace.makes_scenes = True


@pytest.mark.usefixtures("makes_scenes")
def test_a_photo_is_a_style_or_a_scene_as_the_place_says(drag: Drag, workspace: Workspace) -> None:
    scenes: list[object] = []
    workspace.scene_dropped.connect(scenes.append)
    drag.enter(files("sea.jpg"))
    areas = workspace._targets.areas()
    assert list(areas) == [Use.STYLE, Use.SCENE]
    assert areas[Use.STYLE].right() + 1 == areas[Use.SCENE].left() == 400
    drag.drop(files("sea.jpg"), 399, 5)
    assert (drag.styles, scenes) == ([Path("/somewhere/sea.jpg")], [])
    drag.drop(files("sea.jpg"), 400, 290)
    assert (len(drag.styles), scenes) == (1, [Path("/somewhere/sea.jpg")])
    assert drag.opened == drag.refused == []


@pytest.mark.usefixtures("makes_scenes")
@pytest.mark.parametrize("size", [(800, 300), (301, 500), (397, 389)])
def test_a_png_has_three_targets_that_fill_the_workspace(
    drag: Drag, workspace: Workspace, size: tuple[int, int]
) -> None:
    workspace.resize(*size)
    drag.enter(files("map.png"))
    areas = workspace._targets.areas()
    assert list(areas) == [Use.STYLE, Use.OPEN, Use.SCENE]
    room = workspace.width() * workspace.height()
    assert sum(area.width() * area.height() for area in areas.values()) == room
    for use, area in areas.items():
        for corner in (area.topLeft(), area.bottomRight()):
            assert workspace._targets.use_at(QPointF(corner)) is use


@pytest.mark.usefixtures("makes_scenes")
def test_a_project_has_one_target(drag: Drag, workspace: Workspace) -> None:
    drag.enter(files("lake.ora"))
    assert list(workspace._targets.areas()) == [Use.OPEN]


@pytest.mark.usefixtures("makes_scenes")
def test_an_image_without_a_file_may_become_a_scene(drag: Drag, workspace: Workspace) -> None:
    scenes: list[bytes] = []
    workspace.scene_dropped.connect(scenes.append)
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(QColor(1, 2, 3))
    data = QMimeData()
    data.setImageData(image)
    drag.drop(data, 700, 100)
    assert read_photo(scenes[0])[0, 0].tolist() == [1, 2, 3]
    assert drag.outcome == (0, 0, 0)


def test_without_a_segmenter_a_photo_is_a_style_wherever_it_falls(
    drag: Drag, workspace: Workspace
) -> None:
    drag.enter(files("sea.jpg"))
    assert list(workspace._targets.areas()) == [Use.STYLE]
    drag.enter(files("map.png"))
    assert list(workspace._targets.areas()) == [Use.STYLE, Use.OPEN]
