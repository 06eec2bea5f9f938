"""What the main window shows of training: a menu entry, a status line, banners, models."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from app.ui.actions import Actions
from app.ui.banner import Banner
from app.ui.model_controller import ModelController
from app.ui.status_bar import StatusBar
from app.ui.training.painter_bridge import model_of
from app.ui.training.training_controller import TrainingController
from app.workers.messages import ModelSource
from app.workers.training_messages import KnownRun

MOST_MODELS = 12


class TrainingAction(QObject):
    """Keeps menus, status bar and banner up to date."""

    def __init__(
        self,
        training: TrainingController,
        models: ModelController,
        actions: Actions,
        status: StatusBar,
        banner: Banner,
    ) -> None:
        super().__init__(training)
        self._training, self._models, self._banner = training, models, banner
        self._told = ""  # what the banner says of a training that is not going on
        actions.on("train", training.open)
        status.training_clicked.connect(training.open)
        training.status_changed.connect(status.set_training)
        training.said.connect(status.say)
        training.failed.connect(self._failed)
        training.broke_off.connect(self._broke_off)
        training.interrupted.connect(self._interrupted)
        training.status_changed.connect(self._goes_on)
        training.finished.connect(self._finished)

    def fill_models(self, menu: QMenu) -> None:
        """Add the models of trainings to those that are there."""
        found = [(run, model_of(run.folder)) for run in self._training.runs]
        own = [(run, model) for run, model in found if model][:MOST_MODELS]
        if not own:
            return
        info = self._models.info
        current = info.source.path if info is not None else ""
        menu.addSection("Your trainings")
        for run, model in own:
            action = menu.addAction(run.name.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(current == model)
            action.setStatusTip(run.folder)
            action.triggered.connect(
                lambda _checked=False, model=model: self._models.open(ModelSource(model))
            )

    def _failed(self, text: str) -> None:
        self._banner.show_error(text, "Show training", self._training.open)

    def _broke_off(self, text: str) -> None:
        self._told = text
        self._failed(text)

    def _goes_on(self, line: str) -> None:
        """A training is under way again: what was said of its end is over."""
        if line and self._told and self._banner.text.text() == self._told:
            self._banner.dismiss()
            self._told = ""

    def _interrupted(self, run: KnownRun) -> None:
        """After the first scene, which takes the banner away when it opens."""
        at = f" at step {run.step:,}" if run.step else ""
        text = f"Training of “{run.name}” was interrupted{at}."

        def offer(_result: object) -> None:
            self._told = text
            self._banner.show_info(text, "Resume", lambda: self._training.resume(run.folder))

        self._training.submit(lambda: None, offer)

    def _finished(self, name: str) -> None:
        self._banner.show_info(f"Training of “{name}” is done: it opens with a scene of its own.")
