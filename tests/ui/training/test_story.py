"""From a folder to brushes: the whole window with workers that answer as they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import CLASSES, finding, grid, known, losses, options, report
from painter import answer, drop, question
from PySide6.QtCore import Qt

from app.ui.training.training_window import DATA, MODEL, RUN
from spade.formats.palette import load_palette

COPY = "/copies/my-garden"


@pytest.fixture
def room(studio):
    """The training window, opened from the menu."""
    studio.actions_table["train"].trigger()
    return studio.training.room


def has_garden(studio) -> bool:
    """The brushes are the training's classes."""
    return [c.name for c in studio.document.palette.classes] == [c.name for c in CLASSES]


def train(studio, room, tmp_path: Path) -> str:
    """Check, go on and start; returns the run's folder, where a model lies."""
    room.check(tmp_path / "my-garden")
    studio.datasets.answer_check(report())
    room.window.data_page.report.next_button.click()
    studio.datasets.options.emit(options())
    room.window.model_page.set_out(tmp_path / "run")
    room.window.model_page.start_button.click()
    folder = studio.trainings.answer_start()
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    return folder


def test_the_window_is_made_when_it_is_opened(studio):
    assert studio.training._room is None
    studio.actions_table["train"].trigger()
    assert studio.training.room.window.isVisible()
    assert studio.training.room.window.page == DATA
    room = studio.training.room
    studio.actions_table["train"].trigger()
    assert studio.training.room is room


def test_from_a_folder_to_brushes(studio, room, qtbot, tmp_path):
    window, datasets, trainings = room.window, studio.datasets, studio.trainings
    studio.services.choosers.open_path = tmp_path / "my-garden"
    window.data_page.start.drop_zone.folder_button.click()
    assert datasets.checked == [str(tmp_path / "my-garden")]
    assert studio.services.preferences.photo_folder == str(tmp_path)
    working = window.data_page.working
    assert window.data_page.view is working
    datasets.progress.emit("labels/a.png", 0.5)
    assert (working.bar.value(), working.text.text()) == (500, "labels/a.png")
    datasets.answer_check(report(findings=(finding(),), needs_import=True))

    view = window.data_page.report
    assert window.data_page.view is view
    view.classes.class_model.rename(0, "grass")
    view.next_button.click()
    assert datasets.imports[0].choices[0].name == "grass"
    assert datasets.imports[0].out.endswith("my-garden")
    datasets.answer_import(report(COPY))

    page = window.model_page
    assert window.page == MODEL
    assert page.name.text() == "My garden"
    assert datasets.devices == ["auto"]
    datasets.options.emit(options())
    page.set_out(tmp_path / "run")
    page.start_button.click()
    assert trainings.choices[0].data == COPY
    assert trainings.choices[0].name == "My garden"
    assert not page.start_button.isEnabled()
    (tmp_path / "run" / "model").mkdir(parents=True)
    (tmp_path / "run" / "model" / "model.json").write_text("{}")
    folder = trainings.answer_start()

    assert window.page == RUN
    assert window.run_page.title.text() == "My garden"
    trainings.tell(
        "running", 430, losses=losses(0, 430), samples=("step-0000400.png",), sample=grid()
    )
    assert studio.status.training.text() == "Training My garden 43 %, 6 min left"
    qtbot.waitUntil(lambda: window.run_page.samples.shown == "step-0000400.png")

    trainings.tell("done", 1000, checkpoint=1000)
    assert not studio.status.training.isVisible()
    assert "is done" in studio.banner.text.text()
    assert datasets.scenes == [folder]
    datasets.answer_scene()
    qtbot.waitUntil(lambda: has_garden(studio) and studio.preview.is_current)
    assert (studio.document.width, studio.document.height) == (64, 48)
    assert studio.models.info.source.path == str(tmp_path / "run" / "model")
    assert not studio.document.modified
    assert studio.files.title == "My garden"
    assert window.run_page.paint_button.isVisible()

    run = known("My garden", "done", 1000)
    trainings.runs.emit((type(run)(folder, run.name, run.state, run.step, run.steps),))
    menu = studio.actions_table.menus["models"]
    menu.aboutToShow.emit()
    own = next(a for a in menu.actions() if a.text() == "My garden")
    assert own.isChecked()


def test_an_unsaved_scene_is_asked_about_first(studio, room, qtbot, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 999)
    studio.document.flood_fill(2, 2, load_palette("landscape").find("water").id)
    before = studio.document.revision
    studio.trainings.tell("done", 1000, checkpoint=1000)
    studio.datasets.answer_scene()
    assert question(studio, "ask_unsaved") is not None
    answer(studio, "ask_unsaved", "Cancel")
    assert studio.document.revision == before
    assert not has_garden(studio)
    # later, when it suits
    room.window.run_page.paint_button.click()
    studio.datasets.answer_scene()
    answer(studio, "ask_unsaved", "Don't save")
    qtbot.waitUntil(lambda: has_garden(studio))


def test_trying_an_early_model_while_training_goes_on(studio, room, qtbot, tmp_path):
    folder = train(studio, room, tmp_path)
    trainings, page = studio.trainings, room.window.run_page
    trainings.tell("running", 300)
    page.try_button.click()
    assert trainings.asked == ["try"]
    assert not page.try_button.isEnabled()
    early = f"{folder}/early/step-0000300"
    trainings.early_model.emit(early)
    assert page.try_button.isEnabled()
    studio.datasets.answer_scene()
    qtbot.waitUntil(lambda: studio.preview.is_current and studio.models.info.source.path == early)
    assert has_garden(studio)
    assert studio.status.training.isVisible()
    # painted on, then tried again: the scene stays, nobody asks
    studio.document.flood_fill(2, 2, 3)
    painted = studio.document.labels.copy()
    again = f"{folder}/early/step-0000500"
    trainings.early_model.emit(again)
    qtbot.waitUntil(lambda: studio.models.info.source.path == again)
    qtbot.waitUntil(lambda: studio.preview.is_current)
    assert (studio.document.labels == painted).all()
    assert len(studio.datasets.scenes) == 1
    assert question(studio, "ask_unsaved") is None
    assert question(studio, "ask_remap") is None


def test_a_model_written_anew_is_read_anew(studio, room, qtbot, tmp_path):
    """Resumed and done again: the same folder holds other weights."""
    train(studio, room, tmp_path)
    model = str(tmp_path / "run" / "model")
    studio.trainings.tell("stopped", 300, checkpoint=300)
    room.window.run_page.paint_button.click()
    studio.datasets.answer_scene()
    qtbot.waitUntil(lambda: studio.preview.is_current and studio.models.info.source.path == model)
    before = studio.models.info.source
    studio.trainings.tell("running", 301)
    studio.trainings.tell("done", 1000, checkpoint=1000)
    qtbot.waitUntil(lambda: studio.models.info.source != before)
    assert Path(studio.models.info.source.path) == Path(model)


def test_a_scene_that_can_not_be_had_leaves_the_model(studio, room, qtbot, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 999)
    studio.trainings.tell("done", 1000, checkpoint=1000)
    studio.datasets.fail("/data/my-garden: no such folder; choose another")
    model = str(tmp_path / "run" / "model")
    qtbot.waitUntil(lambda: studio.models.info.source.path == model)
    assert room.window.page == RUN


def test_a_folder_dropped_upon_the_scene_is_checked(studio, tmp_path):
    drop(studio.workspace, tmp_path)
    assert studio.datasets.checked == [str(tmp_path)]
    assert studio.training.room.window.isVisible()
    assert studio.banner.isHidden()
    drop(studio.workspace, tmp_path / "notes.txt")
    assert len(studio.datasets.checked) == 1
    assert studio.banner.is_error


def test_cancelling_a_check_and_late_answers(studio, room, tmp_path):
    room.check(tmp_path / "a")
    room.window.data_page.working.cancel_button.click()
    assert studio.datasets.cancels == 1
    assert room.window.data_page.view is room.window.data_page.start
    studio.datasets.answer_check(report())  # it was on its way
    assert room.window.data_page.view is room.window.data_page.start
    assert not room.window.rail.steps[MODEL].isEnabled()


def test_a_folder_that_is_nothing(studio, room, tmp_path):
    room.check(tmp_path / "a")
    studio.datasets.fail("a: holds no pictures; choose the folder of the photos")
    start = room.window.data_page.start
    assert room.window.data_page.view is start
    assert "holds no pictures" in start.error.text.text()
    room.check(tmp_path / "b")
    studio.datasets.answer_check(report())
    room.window.data_page.report.other_button.click()
    assert start.error.isHidden()


def test_a_failing_import_keeps_what_was_edited(studio, room, tmp_path):
    room.check(tmp_path / "a")
    studio.datasets.answer_check(report(needs_import=True))
    view = room.window.data_page.report
    view.classes.class_model.merge([4], 2)
    view.next_button.click()
    studio.datasets.fail("/copies/a: the disk is full; free 2 GB and try again")
    assert room.window.data_page.view is view
    assert "disk is full" in view.error.text.text()
    assert view.classes.choices[4].merge_into == 2
    view.next_button.click()
    assert view.error.isHidden()
    assert len(studio.datasets.imports) == 2
    room.window.data_page.working.cancel_button.click()
    assert room.window.data_page.view is view


def test_a_training_that_can_not_start(studio, room, tmp_path):
    room.check(tmp_path / "a")
    studio.datasets.answer_check(report())
    room.window.data_page.report.next_button.click()
    studio.datasets.options.emit(options())
    page = room.window.model_page
    page.start_button.click()
    studio.trainings.failed.emit("/runs/a: a run is there already; choose another folder")
    assert room.window.page == MODEL
    assert "a run is there already" in page.error.text.text()
    assert page.start_button.isEnabled()


def test_only_one_trains_at_a_time(studio, room, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    room.check(tmp_path / "b")
    studio.datasets.answer_check(report("/data/b"))
    room.window.data_page.report.next_button.click()
    room.window.model_page.start_button.click()
    assert len(studio.trainings.choices) == 1
    assert "is training now" in room.window.model_page.error.text.text()


def test_pause_go_on_stop_resume(studio, room, tmp_path):
    folder = train(studio, room, tmp_path)
    trainings, page = studio.trainings, room.window.run_page
    trainings.tell("running", 5)
    page.pause_button.click()
    trainings.tell("paused", 6)
    assert studio.status.training.text() == "Training My garden: paused"
    page.go_on_button.click()
    trainings.tell("running", 7)
    page.stop_button.click()
    assert trainings.asked == ["pause", "go on", "stop"]
    assert not page.pause_button.isEnabled()
    trainings.tell("stopped", 8, checkpoint=8)
    assert not studio.status.training.isVisible()
    page.resume_button.click()
    assert trainings.resumed == [folder]
    trainings.answer_start()
    trainings.tell("running", 9)
    assert page.pause_button.isEnabled()


def test_a_training_that_fails_is_told_where_one_looks(studio, room, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    room.window.close()
    studio.trainings.tell("failed", 6, checkpoint=4, message="The data folder is gone.")
    assert "The data folder is gone." in studio.banner.text.text()
    assert studio.banner.is_error
    studio.banner.button.click()
    assert room.window.isVisible()
    assert room.window.page == RUN
    assert "The data folder is gone." in room.window.run_page.ending.text.text()


def test_what_was_said_of_the_end_goes_when_training_goes_on(studio, room, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    studio.trainings.tell("interrupted", 5)
    assert "was interrupted" in studio.banner.text.text()
    assert studio.banner.is_error
    room.window.run_page.resume_button.click()
    assert not studio.banner.isHidden()  # it may not be possible
    studio.trainings.answer_start()
    studio.trainings.tell("running", 6)
    assert studio.banner.isHidden()
    studio.banner.show_error("Something else.")
    studio.trainings.tell("running", 7)
    assert studio.banner.is_error


def test_resuming_what_can_not_be_resumed(studio, room, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("interrupted", 5)
    page = room.window.run_page
    page.resume_button.click()
    studio.trainings.failed.emit("/data/b: no such folder; put it back")
    assert "put it back" in page.error.text.text()
    assert page.resume_button.isEnabled()


def test_an_interrupted_training_is_offered_at_the_start(make_studio, qtbot):
    studio = make_studio()
    assert studio.trainings.lists == 1
    qtbot.waitUntil(lambda: studio.preview.is_current)
    studio.trainings.runs.emit((known("garden"), known("old", "done")))
    text = "Training of “garden” was interrupted at step 1,240."
    qtbot.waitUntil(lambda: studio.banner.text.text() == text)
    assert studio.training._room is None  # nothing is made for it
    studio.banner.button.click()
    assert studio.trainings.resumed == ["/garden"]
    room = studio.training.room
    assert room.window.page == RUN
    assert room.window.run_page.title.text() == "garden"
    studio.trainings.answer_start()
    studio.trainings.tell("running", 1241, steps=20000)
    assert studio.status.training.text().startswith("Training garden 6 %")
    # the list is read again later: nothing is offered twice
    studio.banner.dismiss()
    studio.trainings.runs.emit((known("garden"),))
    assert studio.banner.isHidden()


def test_the_offer_outlasts_the_first_scene(make_studio, qtbot):
    studio = make_studio()
    studio.open_first(None)  # read on a thread, as slowly as the disk is
    studio.trainings.runs.emit((known("garden"),))
    qtbot.waitUntil(lambda: studio.files.title != "Untitled" and not studio.services.files.busy)
    assert "was interrupted" in studio.banner.text.text()
    assert studio.banner.isVisible()


def test_a_training_that_went_on_in_the_background_is_watched(make_studio, qtbot):
    studio = make_studio()
    studio.trainings.runs.emit((known("other"), known("garden", "running", 500)))
    assert studio.trainings.folder == "/garden"
    assert studio.banner.isHidden()
    studio.trainings.tell("running", 500)
    assert studio.status.training.isVisible()
    assert studio.training._room is None  # the window costs time that the start doesn't have
    qtbot.mouseClick(studio.status.training, Qt.MouseButton.LeftButton)
    window = studio.training.room.window
    assert window.page == RUN
    assert window.isVisible()
    studio.trainings.tell("running", 501)
    assert window.run_page.title.text() == "garden"
    assert window.run_page.bar.value() == 501


def test_known_trainings_are_listed_and_opened(studio, room):
    studio.trainings.runs.emit((known("garden"), known("old", "done")))
    start = room.window.data_page.start
    assert start.known.isVisible()
    start.known.buttons["/old"].click()
    assert studio.trainings.folder == "/old"
    studio.trainings.tell("done", 1000, checkpoint=1000, losses=losses(0, 100))
    assert room.window.page == RUN
    assert room.window.run_page.title.text() == "old"
    # looking at what was done long ago opens nothing in the painter
    assert studio.datasets.scenes == []
    assert studio.banner.isHidden()


def test_news_of_another_folder_are_dropped(studio, room, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    folder, studio.trainings.folder = studio.trainings.folder, "/else"
    studio.trainings.tell("done", 9)
    studio.trainings.folder = folder
    studio.trainings.tell("running", 6)
    room.window.run_page.clear("x")
    from fakes import news

    studio.trainings.news.emit(news("/else", "done", 9))
    assert room.window.run_page.state is None


def test_esc_closes_and_training_goes_on(studio, room, qtbot, tmp_path):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    assert "goes on" in room.window.rail.hint.text()
    room.window.run_page.pause_button.setFocus()
    qtbot.keyClick(room.window, Qt.Key.Key_Escape)
    assert not room.window.isVisible()
    assert studio.trainings.asked == []
    assert "goes on" in studio.status.message.text()
    assert studio.status.training.isVisible()


@pytest.mark.parametrize(
    ("text", "stop"), [("Go on in the background", False), ("Stop and keep", True)]
)
def test_closing_the_program_asks_what_becomes_of_the_training(
    studio, room, tmp_path, qtbot, text, stop
):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    studio.close()
    assert studio.isVisible()
    answer(studio, "ask_training", "Cancel")
    assert studio.isVisible()
    assert studio.trainings.shut is None
    studio.close()
    answer(studio, "ask_training", text)
    qtbot.waitUntil(lambda: studio.trainings.shut is not None)
    assert studio.trainings.shut is stop
    assert studio.datasets.stopped
    assert not studio.isVisible()
    assert not room.window.isVisible()


def test_unsaved_work_is_asked_about_before_the_training(studio, room, tmp_path, qtbot):
    train(studio, room, tmp_path)
    studio.trainings.tell("running", 5)
    studio.document.flood_fill(2, 2, load_palette("landscape").find("water").id)
    studio.close()
    answer(studio, "ask_unsaved", "Don't save")
    answer(studio, "ask_training", "Go on in the background")
    qtbot.waitUntil(lambda: studio.trainings.shut is False)


def test_closing_without_a_training_asks_nothing(studio, qtbot):
    studio.close()
    qtbot.waitUntil(lambda: studio.trainings.shut is False)
    assert question(studio, "ask_training") is None


def test_the_keyboard_is_where_one_goes_on(studio, room, tmp_path):
    window = room.window
    focus = window.focusWidget
    assert focus() is window.data_page.start.drop_zone.folder_button
    room.check(tmp_path / "a")
    assert focus() is window.data_page.working.cancel_button
    studio.datasets.answer_check(report())
    assert focus() is window.data_page.report.next_button
    window.data_page.report.next_button.click()
    assert focus() is window.model_page.name
    window.rail.steps[DATA].setFocus()
    window.rail.steps[DATA].click()
    assert focus() is window.rail.steps[DATA]  # who goes by the rail stays there


def test_every_control_can_be_reached_by_tab(studio, room, qtbot, tmp_path):
    from PySide6.QtWidgets import QAbstractButton, QApplication

    room.check(tmp_path / "a")
    studio.datasets.answer_check(report(findings=(finding(),), needs_import=True))
    window = room.window
    for page in (window.data_page, window.model_page, window.run_page):
        if page is window.model_page:
            window.data_page.report.next_button.click()
            studio.datasets.answer_import(report(COPY))
            studio.datasets.options.emit(options())
        if page is window.run_page:
            window.model_page.start_button.click()
            studio.trainings.answer_start()
            studio.trainings.tell("running", 5, losses=losses(0, 5))
        window.activateWindow()
        wanted = {
            button
            for button in page.findChildren(QAbstractButton)
            if button.isVisible()
            and button.isEnabled()
            and (button.text() or button.accessibleName())
            and button.group() is None
        }
        seen = set()
        for _ in range(120):
            qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
            seen.add(QApplication.focusWidget())
        missing = {b.text() or b.accessibleName() for b in wanted - seen}
        assert not missing, page
