"""The training window at work: its pages ask, the workers answer, and here the two meet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from app.ui.training.places import data_out, runs_dir, title_of
from app.ui.training.run_page import STOPPING, WRITING
from app.ui.training.run_state import progress_text
from app.ui.training.texts import plural
from app.ui.training.training_window import DATA, MODEL, RUN, TrainingWindow
from app.workers.training_messages import (
    DataReport,
    ImportRequest,
    KnownRun,
    RunNews,
    TrainingChoice,
    TrainingOptions,
)

if TYPE_CHECKING:
    from app.ui.training.training_controller import TrainingController

ZIP_FILTER: Final = "Zip of a data set (*.zip);;All files (*)"
VGG_FILTER: Final = "VGG16 or VGG19 weights (*.pth *.pt *.safetensors);;All files (*)"
ALIVE: Final = ("running", "paused")


class TrainingRoom(QObject):
    """Made by the controller when the window is first opened."""

    def __init__(self, controller: TrainingController) -> None:
        super().__init__(controller)
        self._c = controller
        self.window = TrainingWindow(controller.submit)
        self._data: Path | None = None  # what is checked, before any copy
        self._name = ""  # of the data, proposed for the model
        self._report: DataReport | None = None  # of what training will read
        self._pending = ""  # "check" or "import"
        self._starting = False
        self._asked_options = False
        self._state = ""
        self._bind()

    def present(self) -> None:
        """Show the window: the training that goes on, if there is one."""
        if not self.window.isVisible() and self._state in ALIVE:
            self.window.show_page(RUN)
        self.window.present()

    def close(self) -> None:
        """For good."""
        self.window.blockSignals(True)
        self.window.close()
        self.window.deleteLater()

    def show_runs(self, runs: tuple[KnownRun, ...]) -> None:
        """The trainings there are."""
        self.window.data_page.start.known.show_runs(runs)

    # -- page 1

    def check(self, path: Path) -> None:
        """Examine the data in a folder or zip."""
        page = self.window.data_page
        self._data, self._name, self._pending = path, title_of(path), "check"
        self._report = None
        self._show_reach()
        self.window.show_page(DATA)
        page.show_working(f"Checking {path.name}")
        self._c.datasets.check(str(path))

    def _checked(self, report: DataReport) -> None:
        if self._pending != "check":
            return
        self._pending = ""
        self.window.data_page.show_report(report, data_out(self._name))
        self._show_reach()

    def _import(self, request: ImportRequest) -> None:
        self._pending = "import"
        self.window.data_page.show_working(f"Making a clean copy of {self._name}")
        self._c.datasets.import_data(request)

    def _imported(self, _folder: str, report: DataReport) -> None:
        if self._pending != "import":
            return
        self._pending = ""
        self.window.data_page.show_report(report, data_out(self._name))
        self._go_on(report)

    def _cancelled(self) -> None:
        pending, self._pending = self._pending, ""
        self._c.datasets.cancel()
        if pending == "import":
            self.window.data_page.back_to_report()
        else:
            self.window.data_page.show_start()

    def _other_data(self) -> None:
        self._report = None
        self._show_reach()
        self.window.data_page.show_start()

    def _check_again(self) -> None:
        if self._data is not None:
            self.check(self._data)

    def _choose_folder(self) -> None:
        self._c.choosers.open_folder(
            self.window, "Folder of photos and label maps", self._start, self._data_chosen
        )

    def _choose_zip(self) -> None:
        self._c.choosers.open_file(
            self.window, "Zip of photos and label maps", ZIP_FILTER, self._start, self._data_chosen
        )

    def _data_chosen(self, path: Path) -> None:
        self._c.preferences.photo_folder = str(path.parent)
        self.check(path)

    @property
    def _start(self) -> Path:
        return Path(self._c.preferences.photo_folder or Path.home())

    def _choose_out(self) -> None:
        report = self.window.data_page.report
        before = Path(report.out.text() or data_out(self._name))

        def take(folder: Path) -> None:
            report.out.setText(str(folder / before.name))

        self._c.choosers.open_folder(
            self.window, "Folder to make the clean copy in", _existing(before.parent), take
        )

    # -- page 2

    def _go_on(self, report: DataReport | None = None) -> None:
        report = report or self.window.data_page.report.report
        if report is None:
            return
        if report != self._report:
            self._report = report
            self.window.model_page.set_data(report, self._name, runs_dir())
        self._ask_options("auto" if self.window.model_page.options is None else self._device)
        self._show_reach()
        self.window.show_page(MODEL)
        self.window.take_focus()

    @property
    def _device(self) -> str:
        options = self.window.model_page.options
        return options.device if options is not None else "auto"

    def _ask_options(self, device: str) -> None:
        self._asked_options = True
        report = self._report
        classes, pictures = (len(report.classes), report.pictures) if report else (0, 0)
        self._c.datasets.ask_options(device, classes, pictures)

    def _options_came(self, options: TrainingOptions) -> None:
        self._asked_options = False
        self.window.model_page.set_options(options)

    def _choose_vgg(self) -> None:
        page = self.window.model_page
        self._c.choosers.open_file(
            self.window, "VGG weights", VGG_FILTER, self._start, page.vgg.set_file
        )

    def _choose_run_folder(self) -> None:
        page = self.window.model_page
        before = page.folder

        def take(folder: Path) -> None:
            page.set_out(folder / before.name)

        self._c.choosers.open_folder(
            self.window, "Folder to keep the training in", _existing(before.parent), take
        )

    def _begin(self, choice: TrainingChoice) -> None:
        if self._c.is_running:
            self.window.model_page.error.say(
                f"“{self._c.name_of(self._c.trainings.folder)}” is training now: stop it first, "
                "or wait until it is done."
            )
            return
        self._starting = True
        self.window.model_page.start_button.setEnabled(False)
        self._c.remember(choice.out, choice.name)
        self._c.trainings.start(choice)

    # -- page 3

    def expect(self, folder: str) -> None:
        """A training is about to be shown."""
        self.window.run_page.clear(self._c.name_of(folder))
        self._state = "running"
        self._show_reach()
        self.window.show_page(RUN)

    def started(self, folder: str) -> None:
        """A trainer runs in ``folder``."""
        self._starting = False
        self.window.model_page.start_button.setEnabled(True)
        self.expect(folder)

    def take(self, news: RunNews) -> None:
        """What is new of the training that is watched."""
        page = self.window.run_page
        if page.state is None:
            page.title.setText(self._c.name_of(news.folder))
        page.take(news)
        self._state = news.state
        self._show_reach()

    def early_model(self) -> None:
        """The model that was asked for is there."""
        self.window.run_page.set_asked("")

    def _open_run(self, folder: str) -> None:
        self.expect(folder)
        self._c.watch(folder)

    def _try(self) -> None:
        self.window.run_page.set_asked(WRITING)
        self._c.trainings.try_now()

    def _stop(self) -> None:
        self.window.run_page.set_asked(STOPPING)
        self._c.trainings.end()

    def _resume(self) -> None:
        page = self.window.run_page
        page.resume_button.setEnabled(False)
        page.error.say("")
        self._c.trainings.resume(self._c.trainings.folder)

    def _another(self) -> None:
        self._other_data()
        self.window.show_page(DATA)

    # -- all pages

    def fail(self, text: str) -> bool:
        """Show a worker's complaint where it belongs; False if it belongs to no page."""
        window = self.window
        pending = self._pending
        if pending and not self._c.datasets.busy and not self._c.painter.waits:
            self._pending = ""
            if pending == "import":
                window.data_page.back_to_report(text)
            else:
                window.data_page.show_start(text)
            return True
        if self._starting:
            self._starting = False
            window.model_page.start_button.setEnabled(True)
            window.model_page.error.say(text)
            return True
        if self._asked_options:
            self._asked_options = False
            window.model_page.error.say(text)
            return True
        if window.page == RUN and not self._c.painter.waits:
            window.run_page.fail(text)
            window.run_page.resume_button.setEnabled(True)
            return window.isVisible()
        return False

    def _show_reach(self) -> None:
        """What the rail says, and where it lets one go."""
        window, steps = self.window, self.window.rail.steps
        report, state = self._report, self._state
        window.set_reach(model=report is not None, run=bool(state))
        if report is not None:
            steps[DATA].set_note(plural(report.pictures, "picture"), done=True)
        else:
            steps[DATA].set_note("", done=False)
        running = state in ALIVE
        chosen = bool(state) and report is not None
        steps[MODEL].set_note(window.model_page.name.text() if chosen else "", done=chosen)
        note = progress_text(window.run_page.status).partition(", ")[2] if running else state
        steps[RUN].set_note(note or state, done=state == "done")
        window.set_running(running)

    def _closed(self) -> None:
        if self._c.is_running:
            self._c.said.emit("Training goes on; a click on the line below shows it again.")

    def _bind(self) -> None:
        window, datasets, trainings = self.window, self._c.datasets, self._c.trainings
        start, report = window.data_page.start, window.data_page.report
        start.data_chosen.connect(self._data_chosen)
        start.drop_zone.folder_wanted.connect(self._choose_folder)
        start.drop_zone.zip_wanted.connect(self._choose_zip)
        start.known.opened.connect(self._open_run)
        start.known.forgotten.connect(trainings.forget)
        window.data_page.cancelled.connect(self._cancelled)
        report.continued.connect(self._go_on)
        report.import_wanted.connect(self._import)
        report.other_wanted.connect(self._other_data)
        report.again_wanted.connect(self._check_again)
        report.out_wanted.connect(self._choose_out)
        datasets.progress.connect(window.data_page.working.set_progress)
        datasets.report.connect(self._checked)
        datasets.imported.connect(self._imported)
        datasets.options.connect(self._options_came)
        model = window.model_page
        model.back_wanted.connect(lambda: window.show_page(DATA))
        model.start_wanted.connect(self._begin)
        model.device_wanted.connect(self._ask_options)
        model.vgg_file_wanted.connect(self._choose_vgg)
        model.out_wanted.connect(self._choose_run_folder)
        run = window.run_page
        run.pause_wanted.connect(trainings.pause)
        run.go_on_wanted.connect(trainings.go_on)
        run.stop_wanted.connect(self._stop)
        run.try_wanted.connect(self._try)
        run.resume_wanted.connect(self._resume)
        run.paint_wanted.connect(self._c.paint_with)
        run.another_wanted.connect(self._another)
        run.sample_wanted.connect(trainings.load_sample)
        trainings.sample.connect(run.samples.set_sample)
        window.closed.connect(self._closed)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that there is."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
