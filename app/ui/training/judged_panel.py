"""Evaluations over the steps: a small chart for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.training.chart_panel import ChartPanel
from app.ui.training.loss_chart import CurveName

MEASURES: Final = (
    CurveName(
        "agreement",
        "Label agreement (more is better)",
        "How much of a picture the segmenter sees as what was painted there",
    ),
    CurveName(
        "frechet",
        "Fréchet distance (less is better)",
        "How far the pictures as a whole are from the photos",
    ),
)
"""In the order in which they are shown; other numbers of an evaluation are left out."""
PHOTOS: Final = "_photos"
"""Behind the name of a measure: its value for the photos, which no generator betters."""
WAITING: Final = "Comes with the first evaluation."


class JudgedPanel(QWidget):
    """Charts appear with the first value of their measure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for name in MEASURES:
            curves = (
                CurveName(name.key, "Pictures", name.tip),
                CurveName(name.key + PHOTOS, "Photos", "The photos themselves, for comparison"),
            )
            panel = ChartPanel(name.title, curves, tip=name.tip)
            panel.chart.waiting = WAITING
            panel.raw_button.hide()
            panel.log_button.hide()
            panel.chart.set_smooth(False)
            panel.hide()
            self.panels[name.key] = panel
            layout.addWidget(panel, 1)

    @property
    def is_empty(self) -> bool:
        """There is no evaluation yet."""
        return all(panel.chart.is_empty for panel in self.panels.values())

    def clear(self) -> None:
        """Forget all evaluations."""
        for panel in self.panels.values():
            panel.chart.clear()
            panel.hide()

    def add(self, rows: Sequence[dict[str, float]]) -> None:
        """More evaluations, {"step": ..., measure: value}."""
        for key, panel in self.panels.items():
            wanted = ("step", key, key + PHOTOS)
            points = [{k: row[k] for k in wanted if k in row} for row in rows if key in row]
            panel.chart.add(points)
            panel.setVisible(not panel.chart.is_empty)
