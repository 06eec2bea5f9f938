"""Page 2: what to start from, how large, how long."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.ui.training.advice import TINY, Advice, advise, too_slow
from app.ui.training.cards import Bar, ChoiceCard
from app.ui.training.choice_row import ChoiceRow
from app.ui.training.message_card import MessageCard
from app.ui.training.places import free, slug
from app.ui.training.scroll_column import ScrollColumn
from app.ui.training.texts import about_text, bytes_text, millions
from app.ui.training.vgg_choice import VggChoice
from app.ui.widgets.text import ElidedLabel, heading
from app.workers.training_messages import (
    DataReport,
    RecipeTime,
    SizePreset,
    TrainingChoice,
    TrainingOptions,
)

MODEL, SCRATCH = "model", "scratch"
RECIPES: Final = (
    (
        "quick",
        "Quick",
        "A first impression: colours and rough shapes. Are these the right brushes?",
    ),
    ("balanced", "Balanced", "What suits most: pictures to work with."),
    ("thorough", "Thorough", "Several times as long, for the finest detail. Best left overnight."),
)
STYLE_TIP: Final = (
    "An encoder learns to take the light and colours of any photo, as the styles on the right do. "
    "Without it the label map alone decides the picture; training is a little quicker."
)
WIDEST: Final = 1100
WAITING: Final = "Looking at what this computer can train…"


class ModelPage(QWidget):
    """``start_wanted``: a TrainingChoice. The page waits for ``set_options``."""

    start_wanted = Signal(object)
    back_wanted = Signal()
    device_wanted = Signal(str)  # other options: of this device
    vgg_file_wanted = Signal()
    out_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report: DataReport | None = None
        self._options: TrainingOptions | None = None
        self._advice: Advice | None = None
        self._touched: set[str] = set()  # what the user has chosen, advice leaves alone
        self._own_out = False
        self._trainings = self._out = Path()
        self._fast_device: tuple[str, str] | None = None  # to go back to from the processor
        self.name = QLineEdit()
        self.name.setMaxLength(60)
        self.name.setAccessibleName("Name of the model")
        self.out = ElidedLabel("", "caption")
        self.out_button = QPushButton("C&hange…")
        self.out_button.setAccessibleName("Change where the training is kept")
        self.advice = QLabel()
        self.advice.setProperty("role", "caption")
        self.advice.setWordWrap(True)
        self.starts = ChoiceRow(2)
        self.models = QComboBox()
        self.models.setAccessibleName("Model to start from")
        self.sizes = ChoiceRow(5)
        self.recipes = ChoiceRow(3)
        self.style_box = QCheckBox("Learn st&yles: pictures can take on the light of a photo")
        self.style_box.setChecked(True)
        self.style_box.setToolTip(STYLE_TIP)
        self.device = QComboBox()
        self.device.setAccessibleName("Device")
        self.vgg = VggChoice()
        self.error = MessageCard()
        self.back_button = QPushButton("&Back")
        self.start_button = QPushButton("&Start training")
        self.start_button.setProperty("kind", "primary")
        self.area = ScrollColumn(WIDEST)
        self._arrange()
        self._bind()
        self._show()

    # -- for the controller

    def set_data(self, report: DataReport, name: str, trainings: Path) -> None:
        """The data that page 1 has come to. ``name``: a proposal; ``trainings``: the folder
        that the training's own folder is made in."""
        self._report, self._trainings, self._own_out = report, trainings, False
        self._touched = set()
        self.name.setText(name)
        self.error.say("")
        self._take_advice()

    def set_options(self, options: TrainingOptions) -> None:
        """What can be chosen on this computer."""
        first = self._options is None
        self._options = options
        self._fill_models(options)
        self._fill_sizes(options)
        self._fill_devices(options)
        if first or not self.vgg.value:
            self.vgg.set_found(options.vgg)
        self._take_advice()

    def set_out(self, path: Path) -> None:
        """The training's folder, chosen by the user."""
        self._own_out = True
        self._out = path
        self._show()

    @property
    def options(self) -> TrainingOptions | None:
        """What can be chosen; None until it is known."""
        return self._options

    @property
    def folder(self) -> Path:
        """Where the training will be kept."""
        return (
            self._out
            if self._own_out
            else free(self._trainings / (slug(self.name.text()) or "model"))
        )

    @property
    def choice(self) -> TrainingChoice:
        """What the page says; only valid while the start button is enabled."""
        report, options = self._report, self._options
        if report is None or options is None:
            raise RuntimeError("nothing to train on yet")
        fine_tune = self.starts.key == MODEL
        device = str(self.device.currentData() or "auto")
        return TrainingChoice(
            name=" ".join(self.name.text().split()),
            data=report.folder,
            out=str(self.folder),
            preset="" if fine_tune else self.sizes.key,
            init=str(self.models.currentData()) if fine_tune else "",
            style=self.style_box.isChecked(),
            recipe=self.recipes.key,
            vgg=self.vgg.value,
            device=device,
        )

    def take_focus(self) -> None:
        """Give the keyboard to the name."""
        self.name.setFocus()
        self.name.selectAll()

    # -- building

    def _arrange(self) -> None:
        column = self.area.column
        name_line = QHBoxLayout()
        name_line.setSpacing(8)
        label = QLabel("&Name")
        label.setBuddy(self.name)
        self.name.setMaximumWidth(280)
        self._device_label = QLabel("&Train on")
        self._device_label.setBuddy(self.device)
        self.device.setMinimumWidth(220)
        name_line.addWidget(label)
        name_line.addWidget(self.name, 1)
        name_line.addSpacing(16)
        name_line.addWidget(self._device_label)
        name_line.addWidget(self.device)
        name_line.addStretch(1)
        column.addLayout(name_line)
        column.addWidget(_section("Start from"))
        column.addWidget(self.advice)
        self.starts.show_cards(
            {
                MODEL: ChoiceCard(
                    "A model that is there (fine-tune)",
                    "It keeps what it knows and learns your classes: far fewer pictures and "
                    "far less time.",
                ),
                SCRATCH: ChoiceCard(
                    "From scratch",
                    "All it knows comes from your pictures: for thousands of them, and classes "
                    "that no model has.",
                ),
            }
        )
        column.addWidget(self.starts)
        model_line = QHBoxLayout()
        model_line.setSpacing(8)
        self._model_label = QLabel("&Model")
        self._model_label.setBuddy(self.models)
        self.models.setMinimumWidth(260)
        model_line.addWidget(self._model_label)
        model_line.addWidget(self.models)
        model_line.addStretch(1)
        column.addLayout(model_line)
        self._size_head = _section("Size")
        column.addWidget(self._size_head)
        column.addWidget(self.sizes)
        column.addWidget(self.style_box)
        column.addWidget(_section("How long"))
        self.recipes.show_cards(
            {name: ChoiceCard(title, detail) for name, title, detail in RECIPES}
        )
        column.addWidget(self.recipes)
        column.addWidget(_section("Perceptual loss"))
        column.addWidget(self.vgg)
        column.addStretch(1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.back_button)
        foot.addSpacing(8)
        foot.addWidget(self.out, 1)
        foot.addWidget(self.out_button)
        foot.addSpacing(8)
        foot.addWidget(self.start_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.error)
        layout.addLayout(foot)

    def _bind(self) -> None:
        self.name.textChanged.connect(lambda _text: self._show())
        self.starts.chosen.connect(lambda _key: self._touch("start"))
        self.sizes.chosen.connect(lambda _key: self._touch("size"))
        self.recipes.chosen.connect(lambda _key: self._touch("recipe"))
        self.models.activated.connect(lambda _index: self._touch("model"))
        self.vgg.changed.connect(self._show_times)
        self.device.activated.connect(
            lambda _index: self.device_wanted.emit(str(self.device.currentData()))
        )
        self.vgg.file_wanted.connect(self.vgg_file_wanted)
        self.back_button.clicked.connect(self.back_wanted)
        self.out_button.clicked.connect(self.out_wanted)
        self.start_button.clicked.connect(self._start)
        self.recipes.choose("balanced")

    def _fill_models(self, options: TrainingOptions) -> None:
        before = self.models.currentData()
        self.models.clear()
        for path, title in options.models:
            self.models.addItem(f"The {title} model" if title == path else title, path)
            self.models.setItemData(self.models.count() - 1, path, Qt.ItemDataRole.ToolTipRole)
        self.models.setCurrentIndex(max(self.models.findData(before), 0))
        card = self.starts.cards[MODEL]
        card.set_obstacle("" if options.models else "There is no model here to start from.")

    def _fill_sizes(self, options: TrainingOptions) -> None:
        before = self.sizes.key
        self.sizes.show_cards(
            {preset.name: size_card(preset, options) for preset in options.presets}
        )
        self.sizes.choose(before)

    def _fill_devices(self, options: TrainingOptions) -> None:
        self.device.clear()
        self.device.addItem(options.device_name or options.device.upper(), options.device)
        if options.device != "cpu":
            self.device.addItem("This computer's processor (slow)", "cpu")
            self._fast_device = (options.device, options.device_name)
        elif self._fast_device is not None:
            self.device.addItem(self._fast_device[1], self._fast_device[0])
        self.device.setEnabled(self.device.count() > 1)

    # -- what follows from what

    def _touch(self, what: str) -> None:
        self._touched.add(what)
        self._show()

    def _take_advice(self) -> None:
        """Choose what suits, except where the user has chosen."""
        if self._report is None or self._options is None:
            self._show()
            return
        self._advice = advise(self._report, self._options)
        if "start" not in self._touched or not self.starts.key:
            self.starts.choose(MODEL if self._advice.fine_tune else SCRATCH)
        if "size" not in self._touched or not self.sizes.key:
            self.sizes.choose(self._advice.preset)
        if not self.sizes.key:
            self.sizes.choose_first()
        for key, card in self.sizes.cards.items():
            fits = key == self._advice.preset and key != TINY
            card.set_badge("recommended" if fits else "")
        suits = MODEL if self._advice.fine_tune else SCRATCH
        for key, card in self.starts.cards.items():
            card.set_badge("recommended" if key == suits else "")
        self._show()

    def _show(self) -> None:
        fine_tune = self.starts.key == MODEL
        self.advice.setText(self._advice.text if self._advice else WAITING)
        for widget in (self._model_label, self.models):
            widget.setVisible(fine_tune)
        for part in (self._size_head, self.sizes):
            part.setVisible(not fine_tune)
        self._show_times()
        self.out.setText(f"Kept in {self.folder}")
        self.out.setToolTip(str(self.folder))
        for widget in (self._device_label, self.device):
            widget.setVisible(self._options is not None)
        self.start_button.setEnabled(not self.obstacle)
        self.start_button.setToolTip(self.obstacle)

    @property
    def _times(self) -> tuple[RecipeTime, ...]:
        """How long the recipes take, as the rest of the page is chosen."""
        options = self._options
        if options is None:
            return ()
        if self.starts.key == MODEL:
            return options.model_times.get(str(self.models.currentData()), ())
        chosen = [preset for preset in options.presets if preset.name == self.sizes.key]
        return chosen[0].times if chosen else ()

    def _show_times(self) -> None:
        times = {each.recipe: each for each in self._times}
        for name, _, detail in RECIPES:
            if name in times:
                detail += f"\n{time_text(times[name], bool(self.vgg.value))}"
            self.recipes.cards[name].set_detail(detail)

    @property
    def obstacle(self) -> str:
        """Why training can't be started; "" if it can."""
        if self._report is None or self._options is None:
            return WAITING
        if not slug(self.name.text()):
            return "Give the model a name."
        if self.starts.key == SCRATCH and not self.sizes.key:
            return "No size fits this device: train on another one, or fine-tune a model."
        return ""

    def _start(self) -> None:
        if not self.obstacle:
            self.error.say("")
            self.start_wanted.emit(self.choice)


def time_text(times: RecipeTime, with_vgg: bool) -> str:
    """ "3,000 steps, about 40 min here"."""
    seconds = times.seconds if with_vgg else times.plain_seconds
    return f"{times.steps:,} steps, {about_text(times.steps * seconds)} here"


def size_card(preset: SizePreset, options: TrainingOptions) -> ChoiceCard:
    """A preset as a card, disabled where it doesn't fit the device."""
    bar = None
    if options.available:
        share, available = preset.bytes / options.available, bytes_text(options.available)
        bar = Bar(share, f"about {bytes_text(preset.bytes)} of {available}")
    detail = f"{preset.detail}\n{millions(preset.parameters)} parameters"
    if bar is None:
        detail += f"\nabout {bytes_text(preset.bytes)} of memory"
    card = ChoiceCard(preset.title, detail, bar=bar)
    if preset.fits and too_slow(preset, options):
        card.set_detail(f"{detail}\nvery slow without a graphics card")
    if not preset.fits:
        card.set_obstacle(
            "Too large for this device.",
            f"Needs about {bytes_text(preset.bytes)}; {options.device_name} has "
            f"{bytes_text(options.available)}",
        )
    return card


def _section(text: str) -> QLabel:
    label = heading(text, "heading")
    label.setContentsMargins(0, 8, 0, 0)
    return label
