"""What the status bar says of rendering, and that there is room for it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QLabel

from app.core.style import Style
from app.state.document import Document
from app.state.view_state import ViewState
from app.ui.look import theme
from app.ui.status_bar import StatusBar, work_text
from app.workers.messages import ModelSource, Progress, RenderRequest, RenderResult, WorkDone
from spade.formats.palette import load_palette
from spade.formats.rect import Rect

BOX = Rect(10, 20, 48, 51)


@pytest.mark.parametrize(
    ("work", "seconds", "text"),
    [
        (WorkDone("edit", BOX), 0.031, "edit 48×51 px: 31 ms"),
        (WorkDone("live", BOX), 0.0121, "live 48×51 px: 12 ms"),
        (WorkDone("style"), 0.12, "style: 120 ms"),
        (WorkDone("full"), 0.3, "full: 0.3 s"),
        (WorkDone("full"), 12.34, "full: 12.3 s"),
        (WorkDone("same"), 0.0004, "same: 0 ms"),
    ],
)
def test_what_was_done_and_how_long_it_took(work, seconds, text):
    assert work_text(work, seconds) == text


@pytest.fixture
def bar(qtbot) -> StatusBar:
    theme.apply_theme(QApplication.instance(), "dark")
    document = Document()
    document.new(1024, 1024, 0, load_palette("landscape"), "landscape")
    bar = StatusBar(document, ViewState())
    qtbot.addWidget(bar)
    bar.resize(1280, 26)
    bar.show()
    return bar


def rendered(bar: StatusBar, work: WorkDone, seconds: float) -> None:
    request = RenderRequest(1, np.zeros((4, 4), np.uint8), Style(), ModelSource("m"))
    picture = np.zeros((4, 4, 3), np.uint8)
    bar.set_rendered(RenderResult(request, picture, seconds, "cuda:0", work))
    QApplication.processEvents()


def test_the_tip_says_what_the_words_mean(bar):
    tip = bar.work.toolTip()
    for kind in ("live", "edit", "style", "full", "same"):
        assert f"{kind} – " in tip


def test_nothing_is_cut_off_at_1280(bar):
    """The widest that can be said, with a progress bar and a long class name beside it."""
    bar.set_pointer((1000, 1000))
    bar.pointer.setText("mountain, hill, rock   1023, 1023")
    bar.set_progress(Progress("Rendering", 0.5))
    bar.say("a message that is much too long for the room that is left " * 5)
    rendered(bar, WorkDone("edit", Rect(0, 0, 1024, 1024)), 0.249)
    for label in (bar.pointer, bar.work, bar.device, bar.canvas, bar.zoom):
        assert isinstance(label, QLabel)
        text = label.fontMetrics().horizontalAdvance(label.text())
        assert label.width() >= max(label.sizeHint().width(), text + 8), label.text()
        assert label.geometry().right() <= bar.width()
    assert bar.message.width() > 100


def test_the_whole_text_is_painted(bar):
    """Its first and last columns of ink are as far apart as in a label that is ample."""
    rendered(bar, WorkDone("edit", BOX), 0.031)
    bar.set_pointer((512, 512))
    QApplication.processEvents()
    for label in (bar.work, bar.pointer):
        painted = ink_columns(label)
        label.resize(400, label.height())
        assert painted == ink_columns(label) > 40


def ink_columns(label: QLabel) -> int:
    image = label.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    height, width = image.height(), image.width()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(height, -1)[:, :width]
    columns = np.flatnonzero((pixels != pixels[0, 0]).any(axis=0))
    return int(columns[-1] - columns[0] + 1)


def test_what_stands_beside_it_keeps_its_place(bar):
    rendered(bar, WorkDone("edit", Rect(0, 0, 400, 300)), 0.222)
    places = [label.geometry() for label in (bar.work, bar.device, bar.canvas)]
    rendered(bar, WorkDone("live", BOX), 0.012)
    assert [label.geometry() for label in (bar.work, bar.device, bar.canvas)] == places
