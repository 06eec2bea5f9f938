"""A backend that paints plain colours, choosers that answer by themselves, and a hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from app.core.style import ImageStyle, SampledStyle
from app.ui.dialogs.choosers import Choosers
from app.workers.backend import Cancelled, Report
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    RenderRequest,
    RenderResult,
    SegmenterInfo,
    SegmentRequest,
    SegmentResult,
    WorkDone,
)
from spade.formats.errors import InputError
from spade.formats.palette import Palette, load_palette

sys.path.insert(0, str(Path(__file__).parents[2] / "workers"))

from fake_backend import SEGMENTS, FakeBackend

LANDSCAPE = load_palette("landscape")


def picture_of(request: RenderRequest) -> np.ndarray:
    """What the fake model paints: the classes' colours, shifted by the style."""
    source = request.style.source
    shift = 0
    if isinstance(source, SampledStyle):
        shift = source.seed % 200 + 1
    elif isinstance(source, ImageStyle):
        shift = int(source.digest[:2], 16) % 200 + 1
    rgb = (LANDSCAPE.lut()[request.labels].astype(int) + shift) % 256
    picture = rgb.astype(np.uint8)
    if request.size is not None:
        picture = np.array(Image.fromarray(picture).resize(request.size, 0))
    picture.setflags(write=False)
    return picture


class PaintBackend(FakeBackend):
    """A FakeBackend whose pictures depend on the request. ``models`` it can open, by path."""

    def __init__(self, **options: bool) -> None:
        super().__init__(**options)
        self.models: dict[str, Palette] = {"landscape": LANDSCAPE}
        self.has_encoder = self.has_dont_care = True
        self.segmenter: SegmenterInfo | None = SegmenterInfo(
            ModelSource("landscape"), tuple(name for _, name, _, _ in SEGMENTS), is_own=True
        )
        self.photos: list[SegmentRequest] = []
        self.requests: list[RenderRequest] = []

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        self._pass_gate(f"load {source.path}", cancelled)
        if source.path not in self.models:
            raise InputError(f"{source.path}: no such model; choose another folder")
        palette = self.models[source.path]
        classes = tuple((c.id, c.name, c.color, c.group) for c in palette.classes)
        return ModelInfo(
            source,
            source.path,
            len(classes),
            self.has_dont_care,
            True,
            self.has_encoder,
            256,
            "cpu",
            classes,
            "research and personal use",
            segmenter=self.segmenter,
        )

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        self.requests.append(request)
        for value in self.reports:
            report(value)
        name = request.key or str(request.revision)
        self._pass_gate(f"{request.purpose.value} {name}", cancelled)
        work = WorkDone("live" if request.live else "full")
        seconds = 0.01 if request.live else 0.4
        return RenderResult(request, picture_of(request), seconds, "cpu", work)

    def segment(
        self, request: SegmentRequest, report: Report, cancelled: Cancelled
    ) -> SegmentResult:
        self.photos.append(request)
        return super().segment(request, report, cancelled)


class Answers(Choosers):
    """Chooses ``open_path`` or ``save_path`` at once; None: the dialog is cancelled."""

    def __init__(self) -> None:
        self.open_path: Path | None = None
        self.save_path: Path | None = None
        self.asked: list[str] = []
        self.proposals: list[Path] = []

    def open_file(self, parent, title, filters, folder, on_path) -> None:
        self._answer(title, self.open_path, on_path)

    def open_folder(self, parent, title, folder, on_path) -> None:
        self._answer(title, self.open_path, on_path)

    def save_file(self, parent, title, filters, proposal, on_path) -> None:
        self.proposals.append(proposal)
        self._answer(title, self.save_path, on_path)

    def _answer(self, title: str, path: Path | None, on_path: Callable[[Path], object]) -> None:
        self.asked.append(title)
        if path is not None:
            on_path(path)


def view_point(view: QWidget, x: float, y: float) -> QPoint:
    """Where the canvas point (x, y) is in a view."""
    return QPointF(*view.transform().to_view(x, y)).toPoint()


def drag(view: QWidget, *points: tuple[float, float], release: bool = True) -> None:
    """Draw through canvas points with the left button."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (len(points) - 1)]
    for kind, (x, y) in zip(kinds, points, strict=True):
        button = left if kind == QEvent.Type.MouseButtonPress else none
        _mouse(view, kind, x, y, button, left)
    if release:
        lift(view, *points[-1])


def move(view: QWidget, x: float, y: float) -> None:
    """Move on with the left button down."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    _mouse(view, QEvent.Type.MouseMove, x, y, none, left)


def lift(view: QWidget, x: float, y: float) -> None:
    """Release the left button."""
    _mouse(
        view,
        QEvent.Type.MouseButtonRelease,
        x,
        y,
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.NoButton,
    )


def _mouse(view, kind, x, y, button, buttons) -> None:
    local = QPointF(view_point(view, x, y))
    event = QMouseEvent(
        kind,
        local,
        QPointF(view.mapToGlobal(local.toPoint())),
        button,
        buttons,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(view, event)


def drop(widget: QWidget, path: Path, position: QPoint | None = None) -> None:
    """Drop a file on a widget: on its left, where photos are styles, if nothing is said."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    drop_data(widget, data, position)


def drop_data(widget: QWidget, data: QMimeData, position: QPoint | None = None) -> None:
    """Drop anything on a widget."""
    at = position or QPoint(widget.width() // 8, widget.height() // 2)
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QDragEnterEvent(at, copy, data, left, none))
    QApplication.sendEvent(widget, QDropEvent(QPointF(at), copy, data, left, none))


def question(window: QWidget, name: str) -> QMessageBox | None:
    """The question of that name that stands open."""
    found = [
        box
        for box in window.findChildren(QMessageBox, name)
        if box.isVisible() and box.result() == 0
    ]
    return found[0] if found else None


def answer(window: QWidget, name: str, text: str) -> None:
    """Click the button ``text`` of a question."""
    box = question(window, name)
    assert box is not None, f"nobody asks {name}"
    button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
    button.click()


def settle(qtbot, window) -> None:
    """Wait until the picture shown is the document's and no file is being written."""
    qtbot.waitUntil(lambda: window.preview.is_current and not window.services.files.busy)
