"""Samples over time: the newest follows, the slider goes back, a cell can be seen large."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import grid
from PySide6.QtCore import QPointF, Qt

from app.ui.training.sample_levels import columns_of, levels_of
from app.ui.training.sample_scrubber import SampleScrubber, step_of

NAMES = tuple(f"step-{step:07d}.png" for step in (0, 500, 1000, 1500))


@pytest.fixture
def scrubber(qtbot) -> SampleScrubber:
    scrubber = SampleScrubber()
    qtbot.addWidget(scrubber)
    scrubber.resize(500, 420)
    with qtbot.waitExposed(scrubber):
        scrubber.show()
    return scrubber


def wanted(scrubber: SampleScrubber) -> list[str]:
    names: list[str] = []
    scrubber.wanted.connect(names.append)
    return names


def test_grids_with_and_without_an_encoder() -> None:
    assert columns_of(5 * 128, 8 * 128) == 5
    assert columns_of(3 * 128, 8 * 128) == 3
    assert columns_of(3 * 64, 64) == 3
    assert columns_of(640, 479) == 0


def test_levels_are_means_of_the_grid() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2 * 128, 3 * 128, 3), np.uint8)
    levels = levels_of(pixels)
    assert (levels.columns, levels.rows) == (3, 2)
    assert [image.width() for image in levels.images] == [384, 192]
    exact = pixels[:2, :2].reshape(-1, 3).astype(float).mean(axis=0)
    found = levels.images[1].pixelColor(0, 0)
    assert [found.red(), found.green(), found.blue()] == pytest.approx(exact, abs=1)
    assert levels.for_cell(60).width() == 192
    assert levels.for_cell(65).width() == 384
    assert levels.for_cell(1000).width() == 384


def test_the_newest_is_followed(scrubber):
    names = wanted(scrubber)
    scrubber.set_names(NAMES[:1])
    assert names == [NAMES[0]]
    scrubber.set_sample(NAMES[0], grid())
    assert scrubber.shown == NAMES[0]
    scrubber.set_names(NAMES[:2])
    assert scrubber.name == NAMES[1]
    assert scrubber.shown == NAMES[0]  # until the newer one is read
    scrubber.set_sample(NAMES[1], grid(seed=1))
    assert scrubber.shown == NAMES[1]


def test_scrubbing_back_stays_there_while_newer_ones_come(scrubber, qtbot):
    scrubber.set_names(NAMES[:3])
    scrubber.set_sample(NAMES[2], grid())
    names = wanted(scrubber)
    scrubber.slider.setValue(0)
    assert names == [NAMES[0]]
    assert not scrubber.follows
    assert scrubber.step.text() == "Step 0…"  # the one before is still seen
    scrubber.set_sample(NAMES[0], grid(seed=2))
    scrubber.set_names(NAMES)
    scrubber.set_sample(NAMES[3], grid(seed=3))
    assert scrubber.shown == NAMES[0]
    assert scrubber.step.text() == "Step 0"
    qtbot.mouseClick(scrubber.newest_button, Qt.MouseButton.LeftButton)
    assert scrubber.shown == NAMES[3]
    assert scrubber.follows


def test_answers_in_any_order(scrubber):
    scrubber.set_names(NAMES)
    for value in (0, 1, 2):
        scrubber.slider.setValue(value)
    for name in (NAMES[1], NAMES[0], NAMES[2]):
        scrubber.set_sample(name, grid(seed=step_of(name)))
    assert scrubber.shown == NAMES[2]


def test_a_sample_is_read_once(scrubber):
    scrubber.set_names(NAMES[:2])
    scrubber.set_sample(NAMES[1], grid())
    names = wanted(scrubber)
    scrubber.slider.setValue(0)
    scrubber.set_sample(NAMES[0], grid())
    scrubber.slider.setValue(1)
    scrubber.slider.setValue(0)
    assert names == [NAMES[0]]


def test_samples_of_another_training_are_dropped(scrubber):
    scrubber.set_names(NAMES)
    scrubber.clear()
    scrubber.set_sample(NAMES[3], grid())
    assert scrubber.view.is_empty
    assert scrubber.shown == ""


def test_a_training_that_went_back_takes_samples_away(scrubber):
    scrubber.set_names(NAMES)
    scrubber.slider.setValue(2)
    scrubber.set_names(NAMES[:2])
    assert scrubber.name == NAMES[1]
    assert scrubber.follows


def test_a_click_shows_a_cell_large_and_another_all(scrubber, qtbot):
    scrubber.set_names(NAMES[:1])
    scrubber.set_sample(NAMES[0], grid(rows=2))
    view = scrubber.view
    place = QPointF(view.width() * 0.5, 22 + 40)
    assert view.cell_at(place) == (2, 0)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert view.large == (2, 0)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.large == (2, 1)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert view.large == (2, 1)
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert view.large is None


def test_what_is_painted_is_the_cell(scrubber):
    """The picture of row 1, column 3 is where it belongs, scaled down or not."""
    pixels = np.zeros((8 * 64, 5 * 64, 3), np.uint8)
    pixels[64:128, 3 * 64 : 4 * 64] = (250, 10, 10)
    scrubber.set_names(NAMES[:1])
    scrubber.set_sample(NAMES[0], pixels)
    view = scrubber.view
    image = view.grab().toImage()
    cell = view._cell(3, 1)
    assert image.pixelColor(cell.center().toPoint()).name() == "#fa0a0a"
    for column, row in ((2, 1), (4, 1), (3, 0), (3, 2)):
        assert image.pixelColor(view._cell(column, row).center().toPoint()).name() == "#000000"
