"""Samples over time: the newest follows training, the slider goes back to earlier ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.ui.training.sample_levels import Levels, Pixels, levels_of
from app.ui.training.sample_view import SampleView
from app.ui.widgets.labelled_slider import JumpSlider
from app.ui.widgets.text import heading

_STEP = re.compile(r"(\d+)")
KEPT_BYTES: Final = 96 * 2**20

Submit = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Runs the first function somewhere and gives its result to the second, on the GUI thread."""


def at_once(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
    """Here and now."""
    done(work())


def step_of(name: str) -> int:
    """The step in a sample's name, "step-0000500.png"; 0 if there is none."""
    found = _STEP.search(name)
    return int(found[1]) if found else 0


class SampleScrubber(QWidget):
    """``wanted``: the name of a sample that isn't here; answer with ``set_sample``.

    The newest is followed until the slider is moved back, and again once it is at its end.
    ``submit`` scales samples away from the GUI thread.
    """

    wanted = Signal(str)

    def __init__(self, submit: Submit = at_once, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._submit = submit
        self._names: tuple[str, ...] = ()
        self._kept: dict[str, Levels] = {}
        self._shown = self._arriving = ""
        self._follows = True
        self.view = SampleView()
        self.slider = JumpSlider()
        self.slider.setAccessibleName("Step of the samples")
        self.slider.setPageStep(1)
        self.step = QLabel()
        self.step.setProperty("role", "caption")
        self.newest_button = QPushButton("&Newest")
        self.newest_button.setToolTip("Follow training again")
        self.newest_button.clicked.connect(self.follow)
        foot = QHBoxLayout()
        foot.setSpacing(10)
        foot.addWidget(self.slider, 1)
        foot.addWidget(self.step)
        foot.addWidget(self.newest_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading("The same maps over time"))
        layout.addWidget(self.view, 1)
        layout.addLayout(foot)
        self.slider.valueChanged.connect(self._moved)
        self.view.wheeled.connect(lambda steps: self.slider.setValue(self.slider.value() + steps))
        self._show_place()

    @property
    def name(self) -> str:
        """The sample that the slider is at; "" if there is none."""
        return self._names[self.slider.value()] if self._names else ""

    @property
    def shown(self) -> str:
        """The sample that is seen: the one before, until the wanted one is read."""
        return self._shown

    @property
    def follows(self) -> bool:
        """New samples are shown as they come."""
        return self._follows

    def clear(self) -> None:
        """Another training."""
        self._kept, self._shown, self._follows = {}, "", True
        self.view.set_levels(None)
        self.set_names(())

    def set_names(self, names: Sequence[str], arriving: str = "") -> None:
        """All samples there are, oldest first. ``arriving``: one that ``set_sample`` is about
        to bring unasked."""
        names = tuple(names)
        self._arriving = arriving
        if names == self._names:
            return
        current = self.name
        self._names = names
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(len(names) - 1, 0))
        if self._follows or current not in names:
            self._follows = True
            self.slider.setValue(max(len(names) - 1, 0))
        else:
            self.slider.setValue(names.index(current))
        self.slider.blockSignals(False)
        self._show()

    def set_sample(self, name: str, grid: Pixels) -> None:
        """A sample that was read: uint8 ``(H, W, 3)``."""
        self._submit(lambda: levels_of(grid), lambda levels: self._take(name, levels))

    def _take(self, name: str, levels: Levels) -> None:
        if name not in self._names:
            return  # of another training
        self._kept.pop(name, None)
        self._kept[name] = levels
        self._arriving = ""
        while len(self._kept) > 2 and sum(kept.nbytes for kept in self._kept.values()) > KEPT_BYTES:
            oldest = next(key for key in self._kept if key not in (name, self.name))
            del self._kept[oldest]
        if name == self.name:
            self._show()

    def follow(self) -> None:
        """Go to the newest, and on with it."""
        self._follows = True
        self.slider.setValue(self.slider.maximum())
        self._show()

    def _moved(self, value: int) -> None:
        self._follows = value == self.slider.maximum()
        self._show()

    def _show(self) -> None:
        name = self.name
        if name and name != self._shown:
            if name in self._kept:
                self._shown = name
                self.view.set_levels(self._kept[name])
            elif name != self._arriving:
                self.wanted.emit(name)
        self._show_place()

    def _show_place(self) -> None:
        many = len(self._names) > 1
        self.slider.setVisible(many)
        self.newest_button.setVisible(many)
        self.newest_button.setEnabled(not self._follows)
        name = self.name
        self.step.setVisible(bool(name))
        text = f"Step {step_of(name):,}" if name else ""
        text += "…" if name != self._shown else ""  # what is seen is still another
        self.step.setText(text)
        self.slider.setAccessibleDescription(text)
