"""Screenshots of the running application, made by driving it like a user does.

    python tests/bench/screenshots.py OUT [--model NAME|PATH] [--only 1280x800]

Starts the real application once for each window size (1280 x 800, 1920 x 1080, and 1280 x 800
on a screen at 200 %) and saves what a user sees: first start, painting a lake, restyling by a
drop, the labels over the picture, the export dialog, an error, and the training window on a
data set with planted faults (with ``--train`` also some steps of a training). Needs no display;
under a display set QT_QPA_PLATFORM. The README's picture is ``OUT/1280x800/2-painting.png``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

SETTINGS = {"1280x800": (1280, 800, 1), "1920x1080": (1920, 1080, 1), "200%": (1280, 800, 2)}
PATIENCE = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", help="a bundled name or a model folder")
    parser.add_argument("--only", choices=SETTINGS)
    parser.add_argument("--light", action="store_true", help="in the light theme")
    parser.add_argument("--train", action="store_true", help="train some steps, too")
    parser.add_argument("--child", choices=SETTINGS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return photograph(arguments)
    for name in [arguments.only] if arguments.only else SETTINGS:
        with tempfile.TemporaryDirectory() as state:
            environment = os.environ | {
                "SPADEWORK_STATE_DIR": state,
                "QT_SCALE_FACTOR": str(SETTINGS[name][2]),
            }
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
            command = [sys.executable, __file__, *sys.argv[1:], "--child", name]
            subprocess.run(command, env=environment, check=True)
    return 0


class Photographer:
    """One window, and the means to act on it and to take its picture."""

    def __init__(self, folder: Path, model: str | None, size: tuple[int, int]) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtWidgets import QApplication

        from app.main import make_window
        from app.workers.messages import ModelSource

        self.app = QApplication.instance() or QApplication(["spadework"])
        self.window = make_window(self.app)
        if model:
            self.window.models.open_default = lambda: self.window.models.open(ModelSource(model))
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.window.setWindowState(Qt.WindowState.WindowNoState)  # however small the screen
        self.window.resize(*size)
        self.window.open_first(None)
        self.window.show()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Let the application run until ``condition()``."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not happen; {self.window.banner.text.text()}")
            self.app.processEvents()
            time.sleep(0.005)

    def settle(self) -> None:
        """Wait until the picture is the scene's and nothing is under way."""
        preview, services = self.window.preview, self.window.services
        self.wait(lambda: preview.is_current, "the picture")
        self.wait(lambda: not services.files.busy, "the files")
        self.pause(0.4)

    def pause(self, seconds: float) -> None:
        """Let the application run for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, "time")

    def shoot(self, name: str) -> None:
        """The window with the dialogs over it, as on a screen."""
        from PySide6.QtGui import QPainter
        from PySide6.QtWidgets import QDialog

        self.pause(0.2)
        picture = self.window.grab()
        painter = QPainter(picture)
        for dialog in self.window.findChildren(QDialog):
            if dialog.isVisible():
                place = dialog.rect()
                place.moveCenter(self.window.rect().center())
                painter.fillRect(place.adjusted(-1, -1, 1, 1), dialog.palette().mid())
                painter.drawPixmap(place.topLeft(), dialog.grab())
        painter.end()
        path = self.folder / f"{name}.png"
        picture.save(str(path))
        print(path)

    def shoot_window(self, name: str, window: QWidget) -> None:
        """Another window of the application."""
        self.pause(0.2)
        path = self.folder / f"{name}.png"
        window.grab().save(str(path))
        print(path)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Press, move or release the left button at a place in canvas pixels, on the canvas."""
        from PySide6.QtCore import QEvent, QPointF, Qt
        from PySide6.QtGui import QMouseEvent

        workspace = self.window.workspace
        view = workspace.canvas if workspace.canvas.isVisible() else workspace.preview
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        event_type = {
            "press": QEvent.Type.MouseButtonPress,
            "move": QEvent.Type.MouseMove,
            "hover": QEvent.Type.MouseMove,
            "release": QEvent.Type.MouseButtonRelease,
        }[kind]
        at = QPointF(*view.transform().to_view(x, y))
        event = QMouseEvent(
            event_type,
            at,
            QPointF(view.mapToGlobal(at.toPoint())),
            none if kind in ("move", "hover") else left,
            none if kind in ("release", "hover") else left,
            Qt.KeyboardModifier.NoModifier,
        )
        self.app.sendEvent(view, event)

    def stroke(self, points: list[tuple[float, float]], *, release: bool = True) -> None:
        """Draw through ``points``, slowly enough for pictures to come in between."""
        self.mouse("press", *points[0])
        for (x0, y0), (x1, y1) in pairwise(points):
            for step in range(1, 9):
                self.mouse("move", x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8)
                self.pause(0.01)
        if release:
            self.mouse("release", *points[-1])

    def drop(self, path: Path, where: float) -> None:
        """Drop a file upon the workspace, ``where`` of its width from the left edge."""
        from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
        from PySide6.QtGui import QDragEnterEvent, QDropEvent

        workspace = self.window.workspace
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        at = QPoint(round(workspace.width() * where), workspace.height() // 2)
        copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        none = Qt.KeyboardModifier.NoModifier
        self.app.sendEvent(workspace, QDragEnterEvent(at, copy, data, left, none))
        self.shoot(f"3-dropping-{path.suffix[1:]}-at-{where:g}")
        self.app.sendEvent(workspace, QDropEvent(QPointF(at), copy, data, left, none))

    def shoot_menu(self, name: str) -> None:
        """A menu of the menu bar, opened."""
        from PySide6.QtGui import QPainter

        bar, menu = self.window.menuBar(), self.window.actions_table.menus[name]
        below = bar.actionGeometry(menu.menuAction()).bottomLeft()
        menu.popup(bar.mapToGlobal(below))
        self.pause(0.2)
        picture = self.window.grab()
        painter = QPainter(picture)
        painter.drawPixmap(bar.mapTo(self.window, below), menu.grab())
        painter.end()
        menu.close()
        path = self.folder / f"2-menu-{name}.png"
        picture.save(str(path))
        print(path)

    def close_dialogs(self) -> None:
        """Close what stands open."""
        from PySide6.QtWidgets import QDialog

        for dialog in self.window.findChildren(QDialog):
            dialog.reject()


def photograph(arguments: argparse.Namespace) -> int:
    """Go through the program once, at one window size."""
    width, height, _scale = SETTINGS[arguments.child]
    sys.path.insert(0, str(Path(__file__).parents[2]))
    camera = Photographer(arguments.out / arguments.child, arguments.model, (width, height))
    window = camera.window
    if arguments.light:
        window.services.preferences.theme = "light"
    window.start()
    camera.wait(lambda: window.workspace.message, "the loading notice")
    camera.pause(0.3)
    camera.shoot("0-loading")
    camera.settle()
    camera.shoot("1-first-start")
    window.first_steps.dismiss()
    paint_a_lake(camera)
    camera.shoot_menu("file")
    restyle(camera)
    segment(camera)
    other_views(camera)
    dialogs(camera)
    errors(camera)
    training(camera, train=arguments.train)
    window.close_now()
    return 0


def paint_a_lake(camera: Photographer) -> None:
    """A lake in the meadow, photographed in mid-stroke, moving and resting, and when it is done."""
    from spade.formats.resources import bundled_scenes

    window = camera.window
    meadow = next(path for path in bundled_scenes() if path.stem == "flower-meadow")
    window.files.open_sample_now(meadow)
    camera.wait(lambda: window.files.title == "Flower meadow", "the sample")
    camera.settle()
    water = window.document.palette.find("water")
    assert water is not None
    window.tools.class_id = water.id
    window.tools.brush_size = window.document.width // 10
    columns, rows = window.document.width, window.document.height
    line = [(0.30, 0.80), (0.45, 0.76), (0.60, 0.78), (0.72, 0.83), (0.55, 0.87), (0.38, 0.86)]
    points = [(columns * x, rows * y) for x, y in line]
    camera.stroke(points, release=False)
    camera.shoot("2-live")
    camera.pause(1.0)
    camera.shoot("2-mid-stroke")
    camera.mouse("release", *points[-1])
    camera.settle()
    camera.shoot("2-painting")


def restyle(camera: Photographer) -> None:
    """Drop a photo upon the picture."""
    from spade.formats.resources import bundled_gallery

    photo = next(path for path in bundled_gallery() if "sunset" in path.stem)
    before = camera.window.document.style
    camera.drop(photo, 0.25)
    camera.wait(lambda: camera.window.document.style != before, "the style")
    camera.settle()
    camera.shoot("3-restyled")
    camera.window.gallery.show_scene(True)
    camera.pause(8.0)
    camera.shoot("3-scene-in-each-style")
    camera.window.gallery.show_scene(False)


def segment(camera: Photographer) -> None:
    """Turn photos into scenes, one chosen, one dropped; only if the model has a segmenter."""
    from spade.formats.resources import bundled_gallery

    window = camera.window
    if not window.workspace.makes_scenes:
        return
    for words in ("alpine", "forest-stream"):
        photo = next(path for path in bundled_gallery() if words in path.stem)
        window.document.mark_saved(Path("before.ora"))
        camera.drop(photo, 0.75)
        camera.shoot("3-segmenting")
        camera.wait(lambda photo=photo: window.files.title == photo.stem, "the scene")
        camera.settle()
        camera.shoot(f"3-scene-of-{words}")


def other_views(camera: Photographer) -> None:
    """Picture only, then the labels over the picture."""
    from app.core.tools import ViewMode

    for mode, name in ((ViewMode.PICTURE, "4-picture"), (ViewMode.OVERLAY, "4-overlay")):
        camera.window.view.mode = mode
        camera.pause(0.3)
        camera.mouse("hover", camera.window.document.width * 0.6, 40)
        camera.shoot(name)
    camera.window.view.mode = ViewMode.SIDE_BY_SIDE


def dialogs(camera: Photographer) -> None:
    """The licence before the first export, the export dialog, and the other forms."""
    window = camera.window
    window.actions_table["export_picture"].trigger()
    camera.shoot("5-licence")
    camera.close_dialogs()
    window.services.preferences.licence_seen = True
    window.actions_table["export_picture"].trigger()
    camera.shoot("5-export")
    for name in ("new", "resize", "crop", "export_labels", "preferences", "shortcuts"):
        camera.close_dialogs()
        if name == "new":
            window.document.mark_saved(Path("meadow.ora"))
        window.actions_table[name].trigger()
        camera.shoot(f"6-{name}")
    camera.close_dialogs()
    window.actions_table["about"].trigger()
    camera.pause(0.5)
    camera.shoot("6-about")
    camera.close_dialogs()


def errors(camera: Photographer) -> None:
    """A file that can't be opened, and the question about unsaved work."""
    window = camera.window
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\nthis is cut off")
        window.files._open_now(path)
        camera.wait(lambda: window.banner.is_error, "the error")
        camera.shoot("7-error")
    window.banner.dismiss()
    window.document.flood_fill(2, 2, window.tools.class_id)
    window.close()
    camera.shoot("7-unsaved")
    camera.close_dialogs()


def training(camera: Photographer, *, train: bool) -> None:
    """The training window: empty, with findings, choosing a model, and if ``train`` at work."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "spade"))
    from faulty_data import ALL, plant

    window = camera.window
    window.actions_table["train"].trigger()
    assert window.training is not None
    room = window.training.room
    pages = room.window
    camera.shoot_window("8-training", pages)
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder) / "my-garden", ALL, 90)
        room.check(Path(folder) / "my-garden")
        camera.wait(lambda: pages.data_page.view is pages.data_page.report, "the report")
        camera.wait(lambda: pages.data_page.report.is_complete, "all findings")
        camera.shoot_window("8-training-report", pages)
        pages.data_page.report.next_button.click()
        camera.wait(lambda: pages.model_page.options is not None, "the sizes")
        camera.shoot_window("8-training-model", pages)
        pages.model_page.starts.cards["scratch"].click()
        pages.model_page.sizes.cards["tiny"].click()
        camera.shoot_window("8-training-sizes", pages)
        if train:
            pages.model_page.recipes.cards["quick"].click()
            pages.model_page.start_button.click()
            run = pages.run_page
            camera.wait(lambda: run.status is not None and run.status.step > 40, "steps")
            camera.shoot_window("8-training-run", pages)
            run.stop_button.click()
            camera.wait(lambda: run.state == "stopped", "the end of training")
            camera.shoot_window("8-training-stopped", pages)


if __name__ == "__main__":
    sys.exit(main())
