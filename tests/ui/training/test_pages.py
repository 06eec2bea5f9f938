"""The pages by themselves: what they say, and what they let through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import CLASSES, GIGA, finding, grid, known, losses, news, options, report
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel

from app.ui.training.advice import advise
from app.ui.training.data_page import DataPage
from app.ui.training.finding_card import FindingCard
from app.ui.training.known_runs_list import KnownRunsList
from app.ui.training.model_page import SCRATCH, ModelPage
from app.ui.training.places import free, slug, title_of
from app.ui.training.report_view import ReportView
from app.ui.training.run_page import WRITING, RunPage
from app.ui.training.run_state import short_text
from app.ui.training.texts import about_text, breakable, bytes_text, duration_text, share_text
from app.workers.training_messages import FoundClass, ImportRequest

OUT = Path("/copies/my-garden")


def show(qtbot, page, size=(900, 700)):
    qtbot.addWidget(page)
    page.resize(*size)
    with qtbot.waitExposed(page):
        page.show()
    return page


def test_numbers_are_readable():
    assert [bytes_text(n) for n in (5e6, 640e6, 3.24e9, 139e9)] == [
        "5 MB",
        "640 MB",
        "3.2 GB",
        "139 GB",
    ]
    assert [duration_text(s) for s in (12, 700, 7500, 4e5)] == [
        "12 s",
        "12 min",
        "2 h 05 min",
        "5 days",
    ]
    assert [share_text(s) for s in (0.34, 0.021, 0.0003, 1e-6, 0)] == [
        "34 %",
        "2.1 %",
        "0.03 %",
        "< 0.01 %",
        "0 %",
    ]
    spans = (0.2, 12, 58, 400, 2500, 5990, 10_000, 4e5, 1e7, 1e9)
    assert [about_text(s) for s in spans] == [
        "about 1 s",
        "about 10 s",
        "about 1 min",
        "about 7 min",
        "about 40 min",
        "about 2 h",
        "about 3 h",
        "about 5 days",
        "about 120 days",
        "over a year",
    ]
    assert breakable("a short one") == "a short one"
    assert breakable("x" * 60).replace("\u200b", "") == "x" * 60


def test_places(tmp_path):
    assert slug("My Garden, at night!") == "my-garden-at-night"
    assert slug("  ") == ""
    assert title_of(Path("/a/my-garden.zip")) == "My garden"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert free(tmp_path / "a") == tmp_path / "a-3"


# -- page 1


def drop(widget, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    at, copy, left = widget.rect().center(), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QDragEnterEvent(at, copy, data, left, none))
    QApplication.sendEvent(widget, QDropEvent(QPointF(at), copy, data, left, none))


def test_a_folder_or_a_zip_can_be_dropped_and_nothing_else(qtbot, tmp_path):
    page = show(qtbot, DataPage())
    chosen: list[Path] = []
    page.start.data_chosen.connect(chosen.append)
    drop(page.start.drop_zone, tmp_path)
    drop(page.start.drop_zone, tmp_path / "data.ZIP")
    assert chosen == [tmp_path, tmp_path / "data.ZIP"]
    assert page.start.error.isHidden()
    drop(page.start.drop_zone, tmp_path / "photo.jpg")
    assert len(chosen) == 2
    assert "folder" in page.start.error.text.text()


@pytest.fixture
def view(qtbot) -> ReportView:
    return show(qtbot, ReportView())


def test_clean_data_go_on_as_they_are(view, qtbot):
    view.show_report(report(), OUT)
    assert view.next_button.text() == "&Continue"
    assert not view.out.isVisible()
    assert view.findings_head.text() == "No problems"
    with qtbot.waitSignal(view.continued):
        view.next_button.click()


def test_findings_are_sorted_and_told_whole(view, qtbot):
    found = (
        finding("a", "explained", 400),
        finding("b", "fixed", 3),
        finding("c", "fixed", 30),
        finding("d", "unusable", 1),
    )
    with qtbot.waitSignal(view.complete):
        view.show_report(report(findings=found, needs_import=True), OUT)
    assert [card.finding.kind for card in view.cards] == ["d", "c", "b", "a"]
    shown = [view.area.column.itemAt(i).widget() for i in range(4)]
    assert shown == view.cards
    texts = [label.text() for label in view.cards[1].findChildren(QLabel)]
    assert "Label maps in colour" in texts
    assert "30" in texts
    assert any("stray colours" in text for text in texts)
    assert any("nearest colour" in text for text in texts)
    assert view.findings_head.text() == "4 findings, 1 to mend first, 2 fixed on import"


def test_many_findings_come_in_slices_and_those_of_before_no_more(view, qtbot):
    complete: list[int] = []
    view.complete.connect(lambda: complete.append(len(view.cards)))
    many = tuple(finding(f"a{number}") for number in range(40))
    others = tuple(finding(f"b{number}", count=number) for number in range(30))
    view.show_report(report(findings=many), OUT)
    assert 1 <= len(view.cards) < 40
    assert not view.is_complete
    view.show_report(report(findings=others), OUT)
    before = view.cards
    qtbot.waitUntil(lambda: bool(complete))
    assert complete == [30]
    assert view.is_complete
    assert view.cards is before
    kinds = [card.finding.kind for card in view.area.widget().findChildren(FindingCard)]
    assert sorted(kinds) == sorted(found.kind for found in others)
    view.show_report(report(findings=many), OUT)
    view.show_report(report(), OUT)  # nothing is wrong: what was pending is dropped
    QApplication.processEvents()
    assert view.cards == []
    assert view.area.widget().findChildren(FindingCard) == []


def test_thumbnails_tell_their_file(view):
    pictures = tuple(np.full((48, 96, 3), value, np.uint8) for value in (10, 200))
    one = finding("a", count=9, thumbnails=pictures)
    view.show_report(report(findings=(one,)), OUT)
    labels = [x for x in view.cards[0].findChildren(QLabel) if not x.pixmap().isNull()]
    tips = [label.toolTip() for label in labels if label.toolTip().endswith(".png")]
    assert tips == ["labels/a-0.png", "labels/a-1.png"]
    assert any(x.text() == "and 7 more" for x in view.cards[0].findChildren(QLabel))


def test_one_click_imports_a_clean_copy(view):
    asked: list[ImportRequest] = []
    view.import_wanted.connect(asked.append)
    view.show_report(report(findings=(finding(),), needs_import=True), OUT)
    assert view.next_button.text() == "&Import a clean copy and continue"
    view.next_button.click()
    assert asked == [ImportRequest("/data/my-garden", str(OUT), ())]
    view.out.setText("")
    assert not view.next_button.isEnabled()


def test_edits_of_clean_data_need_a_copy_and_travel_with_it(view):
    asked: list[ImportRequest] = []
    view.import_wanted.connect(asked.append)
    view.show_report(report(), OUT)
    view.classes.class_model.rename(0, "grass")
    view.classes.class_model.merge([4], 2)
    assert view.next_button.text().startswith("&Import")
    assert view.out.isVisible()
    view.next_button.click()
    choices = {choice.id: choice for choice in asked[0].choices}
    assert choices[0].name == "grass"
    assert choices[4].merge_into == 2
    view.classes.class_model.reset()
    assert view.next_button.text() == "&Continue"


def test_unusable_data_can_not_go_on(view):
    view.show_report(report(findings=(finding("d", "unusable"),), needs_import=True), OUT)
    assert not view.next_button.isEnabled()
    assert "check again" in view.why.text()
    view.show_report(report(pictures=0, classes=()), OUT)
    assert not view.next_button.isEnabled()
    assert not view.right.isVisible()  # no classes, no table


def test_photos_alone_are_explained(view):
    view.show_report(report(photos_alone=True, needs_import=True), OUT)
    assert "the segmenter makes them" in view.summary.text()


def test_known_runs_can_be_opened_and_forgotten(qtbot):
    runs = (known("garden"), known("night", "running", 3), known("old", "done"))
    page = show(qtbot, KnownRunsList())
    page.show_runs(runs)
    opened: list[str] = []
    page.opened.connect(opened.append)
    page.buttons["/garden"].click()
    assert opened == ["/garden"]
    assert page.buttons["/night"].text() == "Watch"
    page.show_runs(())
    assert page.isHidden()


# -- page 2


@pytest.fixture
def page(qtbot) -> ModelPage:
    page = show(qtbot, ModelPage(), (900, 760))
    page.set_data(report(pictures=60), "My garden", Path("/runs"))
    return page


def test_nothing_starts_before_the_computer_is_known(page):
    assert not page.start_button.isEnabled()
    page.set_options(options())
    assert page.start_button.isEnabled()
    page.name.setText(" ")
    assert not page.start_button.isEnabled()


def test_few_pictures_begin_with_a_model(page):
    page.set_options(options())
    choice = page.choice
    assert (choice.init, choice.preset, choice.recipe) == ("landscape", "", "balanced")
    assert (choice.name, choice.out) == ("My garden", "/runs/my-garden")
    assert choice.data == "/data/my-garden"
    assert not page.sizes.isVisible()
    page.models.setCurrentIndex(1)
    assert page.choice.init == "/runs/meadow/model"


def foreign(count: int) -> tuple[FoundClass, ...]:
    return tuple(FoundClass(i, f"gadget {i}", f"#{i:06x}", "", 0.1, 9) for i in range(count))


def test_many_pictures_of_other_things_begin_from_scratch(page):
    page.set_data(report(pictures=6000, classes=foreign(9)), "x", Path("/runs"))
    page.set_options(options())
    assert (page.choice.init, page.choice.preset) == ("", "medium")
    assert page.sizes.isVisible()


def test_what_the_user_chose_stays_when_other_options_come(page, qtbot):
    page.set_options(options())
    page.starts.cards[SCRATCH].click()
    page.sizes.cards["small"].click()
    page.set_options(options(device="cpu"))
    assert (page.choice.init, page.choice.preset) == ("", "small")


def test_too_large_sizes_can_not_be_chosen(page, qtbot):
    page.set_options(options(7 * GIGA))
    page.starts.cards[SCRATCH].click()
    large = page.sizes.cards["large"]
    assert not large.isEnabled()
    assert "12.4 GB" in large.toolTip()
    assert "7.0 GB" in large.toolTip()
    qtbot.mouseClick(large, Qt.MouseButton.LeftButton)
    page.sizes.choose("large")
    assert page.choice.preset == "medium"
    # a smaller device takes the choice away
    page.sizes.cards["medium"].click()
    page.set_options(options(2 * GIGA))
    assert page.choice.preset == "small"
    page.set_options(options(GIGA // 10))
    assert not page.start_button.isEnabled()
    assert "fine-tune" in page.start_button.toolTip()


def test_without_a_model_only_scratch_is_left(page):
    from dataclasses import replace

    page.set_options(replace(options(), models=()))
    assert page.starts.key == SCRATCH
    assert "no model here" in page.starts.cards["model"].obstacle


def test_perceptual_loss(page, qtbot):
    page.set_options(options())
    assert page.choice.vgg == ""
    assert not page.vgg.found_button.isVisible()
    page.vgg.download_button.click()
    assert page.choice.vgg == "download"
    assert "548 MB" in page.vgg.note.text()
    with qtbot.waitSignal(page.vgg_file_wanted):
        page.vgg.file_button.click()
    assert page.choice.vgg == ""  # no file was chosen: nothing is promised
    page.vgg.set_file(Path("/x/vgg16.pth"))
    assert page.choice.vgg == "/x/vgg16.pth"


def said(page: ModelPage) -> list[str]:
    """How long, by recipe: the last lines of the cards."""
    return [card.detail.splitlines()[-1] for card in page.recipes.cards.values()]


def test_recipes_say_how_long_they_take_here(page):
    words = said(page)
    assert not any("steps" in line for line in words)  # before the computer is known
    page.set_options(options())
    assert said(page) == [
        "400 steps, about 3 min here",
        "3,000 steps, about 20 min here",
        "12,000 steps, about 80 min here",
    ]
    page.vgg.set_file(Path("/x/vgg16.pth"))  # a loss more: twice as long
    assert said(page)[1] == "3,000 steps, about 40 min here"
    page.models.setCurrentIndex(1)
    page.models.activated.emit(1)
    assert said(page) == words  # of this model nobody knows
    page.starts.cards[SCRATCH].click()
    page.sizes.cards["small"].click()
    assert said(page)[0] == "3,000 steps, about 6 min here"
    page.sizes.cards["medium"].click()
    assert said(page)[2] == "80,000 steps, about 15 h here"
    assert "15 h" in page.recipes.cards["thorough"].accessibleDescription()


def test_weights_that_are_there_are_used(page):
    page.set_options(options(vgg="/cache/vgg19.pth"))
    assert page.choice.vgg == "/cache/vgg19.pth"
    assert not page.vgg.download_button.isVisible()
    page.vgg.without_button.click()
    assert page.choice.vgg == ""


def test_the_processor_can_be_chosen_and_left_again(page, qtbot):
    page.set_options(options())
    assert page.choice.device == "cuda"
    asked: list[str] = []
    page.device_wanted.connect(asked.append)
    page.device.setCurrentIndex(1)
    page.device.activated.emit(1)
    assert asked == ["cpu"]
    page.set_options(options(device="cpu"))
    assert page.choice.device == "cpu"
    page.device.setCurrentIndex(1)
    assert page.choice.device == "cuda"


def test_a_folder_that_is_taken_gets_a_number(page, tmp_path):
    (tmp_path / "my-garden").mkdir()
    page.set_data(report(), "My garden", tmp_path)
    page.set_options(options())
    assert page.choice.out == str(tmp_path / "my-garden-2")
    page.set_out(tmp_path / "elsewhere")
    assert page.choice.out == str(tmp_path / "elsewhere")


def test_advice_counts_the_classes_the_model_knows():
    names = [entry.name for entry in CLASSES]
    assert "pond" in names  # none of which the landscape model has
    known_by = tuple(
        FoundClass(i, name, f"#{i:06x}", "", 0.3, 9)
        for i, name in enumerate(("sky", "Tree", "water"))
    )
    advice = advise(report(pictures=5000, classes=known_by), options())
    assert advice.fine_tune
    assert "3 of your 3 classes" in advice.text
    assert advise(report(pictures=30), options(GIGA)).preset == "tiny"
    # what fits a processor's memory may still take weeks
    assert advise(report(), options(64 * GIGA)).preset == "large"
    assert advise(report(), options(64 * GIGA, device="cpu")).preset == "small"


# -- page 3


@pytest.fixture
def run(qtbot) -> RunPage:
    page = show(qtbot, RunPage(), (900, 700))
    page.clear("garden")
    return page


def buttons(page: RunPage) -> set[str]:
    return {
        name
        for name in ("pause", "go_on", "try", "stop", "resume", "paint", "another")
        if getattr(page, f"{name}_button").isVisible()
    }


def test_each_state_offers_what_helps(run):
    assert buttons(run) == set()
    for state, step, checkpoint, expected in (
        ("running", 0, 0, {"pause", "stop"}),
        ("running", 5, 0, {"pause", "try", "stop"}),
        ("paused", 5, 0, {"go_on", "try", "stop"}),
        ("stopped", 5, 5, {"resume", "paint", "another"}),
        ("failed", 5, 0, {"resume", "another"}),
        ("interrupted", 5, 3, {"resume", "paint", "another"}),
        ("done", 9, 9, {"paint", "another"}),
    ):
        run.take(news("/r", state, step, checkpoint=checkpoint))
        assert buttons(run) == expected, state
    run.take(news("/r", "running", 0, phase="reading", status={"reading": (3, 60)}))
    assert buttons(run) == {"stop"}
    assert run.headline.text() == "Reading pictures, 3 of 60…"


def test_figures_say_what_happens(run):
    run.take(news("/r", "running", 400, checkpoint=300))
    assert run.progress.text() == "Step 400 of 1,000, 40 %"
    assert run.figures.left.value.text() == "6 min"
    assert run.figures.speed.value.text() == "12.3 pictures/s"
    assert run.figures.memory.value.text() == "3.0 GB of 8.0 GB"
    assert run.figures.safe.value.text() == "Step 300"
    assert run.figures.safe.note.text() == "100 steps since"
    run.take(news("/r", "paused", 400))
    assert run.figures.left.value.text() == "–"
    run.take(news("/r", "done", 1000, checkpoint=1000))
    assert not run.figures.isVisible()


def test_out_of_memory_is_told(run):
    from dataclasses import replace

    told = news(
        "/r",
        "running",
        40,
        notices=("Out of memory: 4 pictures at a time from step 38 on.",),
    )
    run.take(replace(told, status=replace(told.status, micro_batch=4, rate_scale=0.5)))
    assert run.notices.isVisible()
    assert "Out of memory" in run.notices.item(0).text()
    assert run.figures.speed.note.text() == "8 a step, 4 at a time, rates × 0.5"


def test_endings_say_what_is_kept_and_what_to_do(run):
    run.take(news("/r", "failed", 40, checkpoint=30, message="The disk is full: free 1.2 GB."))
    assert "The disk is full" in run.ending.text.text()
    assert "step 30 is kept" in run.ending.text.text()
    run.take(news("/r", "interrupted", 40))
    assert "begins anew" in run.ending.text.text()
    run.take(news("/r", "running", 41))
    assert not run.ending.isVisible()


def test_going_back_begins_the_curves_anew(run):
    run.take(news("/r", "running", 100, losses=losses(0, 100)))
    run.take(news("/r", "running", 50, losses=losses(0, 50), restarted=True))
    assert run.losses.chart.readout(200) is not None
    assert run.losses.chart._series["gan"].bins.step[-1] == 49


def test_evaluations_get_a_face_of_their_own(run):
    run.take(news("/r", "running", 100, losses=losses(0, 100)))
    assert not run.faces.isVisible()
    run.take(
        news("/r", "running", 101, judged=({"step": 100.0, "agreement": 0.5, "frechet": 9.0},))
    )
    assert run.faces.isVisible()
    assert run.losses.isVisible()
    run.faces.buttons["judged"].click()
    assert run.judged.isVisible()
    assert not run.losses.isVisible()


def test_samples_come_with_the_news(run):
    asked: list[str] = []
    run.sample_wanted.connect(asked.append)
    names = ("step-0000000.png", "step-0000050.png")
    run.take(news("/r", "running", 60, samples=names, sample=grid()))
    assert run.samples.shown == names[1]
    run.samples.slider.setValue(0)
    assert asked == [names[0]]


def test_a_model_is_asked_for_once(run):
    run.take(news("/r", "running", 60))
    run.set_asked(WRITING)
    assert not run.try_button.isEnabled()
    run.take(news("/r", "running", 61))
    assert not run.try_button.isEnabled()
    run.set_asked("")
    assert run.try_button.isEnabled()


def test_the_status_line():
    told = news("/r", "running", 430)
    assert short_text("garden", "running", told.status) == "Training garden 43 %, 6 min left"
    assert short_text("garden", "paused", told.status) == "Training garden: paused"
    assert short_text("garden", None, None) == "Training garden: starting"
