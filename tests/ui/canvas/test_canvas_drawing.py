"""What the views look like on the screen, and how little of them a dab repaints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hands import COLORS, PALETTE, Hand, Repaints, Studio, pixels
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter

from app.core.brush import Brush
from app.core.tools import ViewMode
from app.ui.canvas.canvas_view import CanvasView
from app.ui.canvas.preview_view import PreviewView
from app.ui.canvas.pyramid import Pyramid
from app.ui.canvas.scene_paint import draw_layer
from app.ui.canvas.view_transform import ViewTransform
from app.ui.look import theme
from spade.formats.palette import palette_from_classes
from spade.formats.rect import Rect

REPOSITORY = Path(__file__).parents[3]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scatter(studio: Studio, seed: int = 0) -> np.ndarray:
    """Random classes all over the canvas; returns the picture of it, uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    document = studio.document
    whole = Rect(0, 0, document.width, document.height)
    labels = rng.integers(0, 5, (document.height, document.width))
    for class_id in range(5):
        document.paint_mask(whole, labels == class_id, class_id, "scatter")
    return PALETTE.lut()[document.labels]


@pytest.fixture
def preview(qtbot, studio: Studio) -> PreviewView:
    widget = PreviewView(studio.document, studio.tools, studio.view)
    qtbot.addWidget(widget)
    widget.resize(400, 300)
    with qtbot.waitExposed(widget):
        widget.show()
    widget.pointer = None
    return widget


def rest(view: CanvasView | PreviewView) -> None:
    """No pointer over it, so no outline in the picture."""
    view.pointer = None
    view.look_changed()


def test_every_canvas_pixel_is_a_sharp_square(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    expected = scatter(studio)
    rest(canvas)
    seen = pixels(canvas)[30 : 30 + 240, 40 : 40 + 320]
    assert (seen == expected.repeat(8, axis=0).repeat(8, axis=1)).all()


def test_fractional_zoom_samples_pixel_middles(studio: Studio, canvas: CanvasView) -> None:
    expected = scatter(studio)
    studio.view.set_transform(3.7, (20.0, 15.0))
    rest(canvas)
    seen = pixels(canvas)
    left, top = round(200 - 20 * 3.7), round(150 - 15 * 3.7)
    for x, y in [(left, top), (200, 150), (217, 133), (150, 170), (273, 204)]:
        column, row = int((x + 0.5 - left) / 3.7), int((y + 0.5 - top) / 3.7)
        assert (seen[y, x] == expected[row, column]).all()


@pytest.mark.parametrize("zoom", [8.0, 5.3, 1.0, 0.6, 0.21])
def test_a_partial_repaint_looks_like_a_whole_one(
    qtbot, studio: Studio, canvas: CanvasView, zoom: float
) -> None:
    scatter(studio)
    studio.view.set_transform(zoom, (18.0, 13.0))
    rest(canvas)
    canvas.grab()
    studio.tools.brush_size = 4
    studio.document.begin_stroke(4, Brush(4), x=8.0, y=9.0)
    studio.document.extend_stroke(25.0, 20.0)
    studio.document.commit_stroke()
    shown = QImage(canvas.size(), QImage.Format.Format_RGB32)
    canvas.render(shown)
    fresh = CanvasView(studio.document, studio.tools, studio.view)
    qtbot.addWidget(fresh)
    fresh.keeps_fit = False
    fresh.resize(canvas.size())
    rest(fresh)
    difference = np.abs(pixels(canvas).astype(int) - pixels(fresh))
    assert difference.max() <= (0 if zoom >= 1 else 3)


def test_a_dab_repaints_little(qtbot, studio: Studio, canvas: CanvasView) -> None:
    studio.document.new(2048, 2048, 0, PALETTE, "test")
    studio.view.fit = True
    rest(canvas)
    qtbot.wait(1)
    repaints = Repaints(canvas)
    studio.document.begin_stroke(3, Brush(40), x=1000.0, y=1000.0)
    qtbot.waitUntil(lambda: bool(repaints.areas))
    studio.document.commit_stroke()
    scale = studio.view.zoom
    assert sum(repaints.areas) <= (40 * scale + 16) ** 2
    assert sum(repaints.areas) < 0.01 * 400 * 300


def test_moving_a_large_brush_repaints_its_rim_only(
    qtbot, studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    studio.tools.brush_size = 25
    hand.move(20, 15)
    qtbot.wait(1)
    repaints = Repaints(canvas)
    hand.move(20.125, 15)
    qtbot.waitUntil(lambda: bool(repaints.areas))
    assert sum(repaints.areas) < 0.75 * 206 * 206


def test_the_outline_is_where_the_dab_will_be(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    studio.tools.brush_size = 5
    hand.move(10, 7)
    bounds = canvas._outline.boundingRect()
    assert bounds.toRect() == QRect(40 + 8 * 8, 30 + 8 * 5, 40, 40)
    clean = pixels(canvas)
    hand.click(10, 7)
    rest(canvas)
    rows, columns = np.nonzero(studio.document.labels)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (8, 12, 5, 9)
    assert (clean != pixels(canvas)).any()


def test_the_outline_is_seen_on_any_colour(qtbot, studio: Studio) -> None:
    """Next to each other there are a light and a dark line."""
    for color in ("#ffffff", "#000000", "#808080"):
        palette = palette_from_classes("one", [(0, "only", color, ""), (1, "x", "#ff0000", "")])
        studio.document.new(40, 30, 0, palette, "test")
        canvas = CanvasView(studio.document, studio.tools, studio.view)
        qtbot.addWidget(canvas)
        canvas.resize(400, 300)
        studio.view.set_transform(8.0, (20.0, 15.0))
        studio.tools.brush_size = 20
        Hand(canvas).move(20, 15)
        ring = pixels(canvas)[120:180, 110:130].astype(int)
        assert ring.max() - ring.min() > 90


def test_zoomed_out_colours_are_averaged(studio: Studio, canvas: CanvasView) -> None:
    studio.document.new(400, 400, 0, PALETTE, "test")
    checks = np.indices((400, 400)).sum(axis=0) % 2 == 1
    studio.document.paint_mask(Rect(0, 0, 400, 400), checks, 3, "checks")
    studio.view.set_transform(0.5, (200.0, 200.0))
    rest(canvas)
    mean = (np.array(COLORS[0]) + np.array(COLORS[3])) / 2
    seen = pixels(canvas)[120:180, 170:230].astype(int)
    assert np.abs(seen - mean).max() <= 3


def test_the_surround_is_the_themes_backdrop(studio: Studio, canvas: CanvasView) -> None:
    studio.view.set_transform(2.0, (20.0, 15.0))
    rest(canvas)
    backdrop = QColor(theme.tokens().backdrop)
    assert pixels(canvas)[5, 5].tolist() == [backdrop.red(), backdrop.green(), backdrop.blue()]


def test_the_trace_photo_lies_under_the_labels(
    studio: Studio, canvas: CanvasView, hand: Hand
) -> None:
    photo = np.full((30, 40, 3), (200, 40, 10), np.uint8)
    rest(canvas)
    studio.document.set_trace(photo)
    for opacity in (0.0, 0.25, 1.0):
        studio.document.set_trace_opacity(opacity)
        seen = pixels(canvas)[150, 200].astype(int)
        expected = opacity * photo[0, 0] + (1 - opacity) * np.array(COLORS[0])
        assert np.abs(seen - expected).max() <= 2
    studio.document.set_trace(None)
    assert (pixels(canvas)[150, 200] == COLORS[0]).all()


def test_another_palette_recolours(studio: Studio, canvas: CanvasView, hand: Hand) -> None:
    palette = palette_from_classes("other", [(0, "sky", "#ff8000", ""), (3, "rock", "#001020", "")])
    studio.document.set_model("other", palette)
    rest(canvas)
    assert pixels(canvas)[150, 200].tolist() == [255, 128, 0]


def test_without_a_picture_the_labels_stand_in_faintly(
    studio: Studio, preview: PreviewView
) -> None:
    seen = pixels(preview)[150, 200].astype(int)
    backdrop = QColor(theme.tokens().backdrop)
    expected = 0.3 * np.array(COLORS[0]) + 0.7 * np.array(
        [backdrop.red(), backdrop.green(), backdrop.blue()]
    )
    assert np.abs(seen - expected).max() <= 2


def test_the_picture_is_shown_pixel_by_pixel(studio: Studio, preview: PreviewView) -> None:
    picture = noise(30, 40)
    preview.set_picture(picture, studio.document.revision)
    studio.view.set_transform(8.0, (20.0, 15.0))
    expected = picture.repeat(8, axis=0).repeat(8, axis=1)
    assert (pixels(preview)[30:270, 40:360] == expected).all()
    studio.view.set_transform(1.0, (20.0, 15.0))
    assert (pixels(preview)[135:165, 180:220] == picture).all()


def test_overlay_mixes_labels_and_picture(studio: Studio, preview: PreviewView) -> None:
    picture = np.full((30, 40, 3), (10, 200, 30), np.uint8)
    preview.set_picture(picture, studio.document.revision)
    studio.view.mode = ViewMode.OVERLAY
    for opacity in (0.0, 0.4, 1.0):
        studio.view.overlay_opacity = opacity
        seen = pixels(preview)[150, 200].astype(int)
        expected = opacity * np.array(COLORS[0]) + (1 - opacity) * picture[0, 0]
        assert np.abs(seen - expected).max() <= 2
    studio.view.show_before = True
    assert (pixels(preview)[150, 200] == picture[0, 0]).all()


def test_what_is_painted_on_the_picture_is_seen_until_the_picture_shows_it(
    studio: Studio, preview: PreviewView
) -> None:
    picture = np.full((30, 40, 3), (10, 200, 30), np.uint8)
    studio.view.mode = ViewMode.PICTURE
    studio.view.set_transform(8.0, (20.0, 15.0))
    preview.set_picture(picture, studio.document.revision)
    hand = Hand(preview)
    hand.drag((5, 5), (9, 5))
    first = studio.document.revision
    hand.drag((30, 20), (33, 22))
    rest(preview)

    def seen(x: int, y: int) -> np.ndarray:
        return pixels(preview)[30 + 8 * y + 4, 40 + 8 * x + 4].astype(int)

    painted = 0.8 * np.array(COLORS[3]) + 0.2 * picture[0, 0]
    assert np.abs(seen(7, 5) - painted).max() <= 2
    assert (seen(7, 6) == picture[0, 0]).all()
    newer = np.full((30, 40, 3), (90, 90, 90), np.uint8)
    preview.set_picture(newer, first)
    assert (seen(7, 5) == 90).all()
    assert np.abs(seen(30, 20) - (0.8 * np.array(COLORS[3]) + 18)).max() <= 2
    preview.set_picture(picture, studio.document.revision)
    assert (seen(30, 20) == picture[0, 0]).all()
    assert preview.pending.empty


def test_a_new_canvas_forgets_the_picture(studio: Studio, preview: PreviewView) -> None:
    preview.set_picture(noise(30, 40), studio.document.revision)
    studio.document.resize_canvas(60, 30)
    assert not preview.has_picture


def test_an_enlarged_picture_is_smooth_until_its_pixels_matter(
    studio: Studio, preview: PreviewView
) -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    picture[:, 20:] = 255
    preview.set_picture(picture, studio.document.revision)
    studio.view.set_transform(2.5, (20.0, 15.0))
    assert len(np.unique(pixels(preview)[150, 190:210])) > 2
    studio.view.set_transform(4.0, (20.0, 15.0))
    assert np.unique(pixels(preview)[150, 190:210]).tolist() == [0, 255]


@pytest.mark.parametrize("shape", [(7, 5), (64, 64), (1, 9), (33, 100)])
def test_halved_copies_follow_edits(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    array = rng.integers(0, 2**24, shape, dtype=np.uint32) | np.uint32(0xFF000000)
    pyramid, levels = Pyramid(array), 4
    levels = min(levels, pyramid.level_for(1e-3))
    pyramid.image(levels)
    for _ in range(30):
        y, x = (int(rng.integers(0, side)) for side in shape)
        rect = Rect(x, y, *(int(n) for n in rng.integers(1, 6, 2))).clipped(shape[1], shape[0])
        pyramid.pixels[rect.slices] = rng.integers(0, 2**24) | 0xFF000000
        pyramid.touch(rect)
    fresh = Pyramid(pyramid.pixels.copy())
    for level in range(levels + 1):
        assert pyramid.image(level) == fresh.image(level)


def test_a_layer_of_another_size_is_stretched() -> None:
    layer = Pyramid.from_rgb(np.full((8, 8, 3), 77, np.uint8))
    image = QImage(100, 60, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    view = ViewTransform(40, 20, 100, 60, 2.0, (20, 10))
    draw_layer(painter, view, layer, QRect(0, 0, 100, 60), smooth=True)
    painter.end()
    assert image.pixelColor(11, 11).red() == 77
    assert image.pixelColor(88, 48).red() == 77
    assert image.pixelColor(92, 30).red() == 0


TWO_TO_A_POINT = """
import sys
sys.path.insert(0, {here!r})
import numpy as np
from PySide6.QtWidgets import QApplication
app = QApplication([])
from hands import Hand, Studio, image_pixels
from app.ui.canvas.canvas_view import CanvasView
studio = Studio(40, 30)
canvas = CanvasView(studio.document, studio.tools, studio.view)
canvas.resize(401, 301)
canvas.show()
studio.view.set_transform(2.0, (20.0, 15.0))
assert canvas.devicePixelRatioF() == 2.0
hand = Hand(canvas)
hand.at = lambda x, y: (x, y)
left, top = canvas.transform().origin
hand.click((left + 4 * 7 + 1) / 2, (top + 4 * 2 + 3) / 2)
assert studio.painted == {{(7, 2)}}, studio.painted
canvas.pointer = None
canvas.look_changed()
seen = image_pixels(canvas.grab().toImage())
assert seen.shape == (602, 802, 3)
rock = (seen == studio.document.palette.by_id(3).rgb).all(axis=2)
rows, columns = np.nonzero(rock)
assert rock.sum() == 16, rock.sum()
assert (columns.min() - left, rows.min() - top) == (28, 8)
"""


def test_a_screen_with_two_pixels_to_a_point() -> None:
    script = TWO_TO_A_POINT.format(here=str(Path(__file__).parent))
    environment = {
        **os.environ,
        "QT_SCALE_FACTOR": "2",
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
