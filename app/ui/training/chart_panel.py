"""A chart with its legend, whose entries switch the curves on and off, and its scale."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from app.ui.look.theme import notifier
from app.ui.training.flow import FlowLayout
from app.ui.training.loss_chart import CurveName, LossChart

LOSSES = (
    CurveName("gan", "Realism", "How little the generator fools the discriminator (adversarial)"),
    CurveName("d", "Discriminator", "How poorly the discriminator tells photos from pictures"),
    CurveName("perceptual", "Likeness", "Distance from the photos in VGG's eyes (perceptual)"),
    CurveName("feature", "Features", "Distance from the photos in the discriminator's eyes"),
    CurveName("color", "Colour", "Distance of the colours from the photos'"),
    # Many times the others, which would lie flat on the ground beside it.
    CurveName("kld", "Style spread", "How far styles are from a normal distribution (KL)", False),
    CurveName("labelmix", "Label mix", "Consistency of the discriminator (OASIS)"),
)


class ChartPanel(QWidget):
    """``chart`` under a line with ``title``, the legend and a switch for logarithmic heights."""

    def __init__(
        self,
        title: str,
        names: Sequence[CurveName] = LOSSES,
        *,
        tip: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.chart = LossChart(names)
        self.chart.setAccessibleName(title)
        self.title = QLabel(title)
        self.title.setProperty("role", "section")
        self.title.setToolTip(tip)
        self.buttons: dict[str, QToolButton] = {}
        self.log_button = QCheckBox("Log")
        self.log_button.setToolTip("Logarithmic heights: small losses show as well")
        self.log_button.setAccessibleName("Logarithmic heights")
        self.log_button.toggled.connect(self.chart.set_log)
        self.raw_button = QCheckBox("Smooth")
        self.raw_button.setToolTip("Off: the raw values")
        self.raw_button.setChecked(True)
        self.raw_button.toggled.connect(self.chart.set_smooth)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.title)
        top.addStretch(1)
        top.addWidget(self.raw_button)
        top.addWidget(self.log_button)
        self._legend_part = QWidget()
        self._legend = FlowLayout(self._legend_part, spacing=2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.chart, 1)
        layout.addWidget(self._legend_part)
        self.chart.keys_changed.connect(self._fill_legend)
        notifier().changed.connect(self._color_legend)
        self._fill_legend()

    def _fill_legend(self) -> None:
        keys = self.chart.keys
        for key in [key for key in self.buttons if key not in keys]:
            button = self.buttons.pop(key)
            self._legend.removeWidget(button)
            button.deleteLater()
        for key in keys:
            if key in self.buttons:
                continue
            name = self.chart.names.get(key)
            button = _switch(self.chart.title(key), name.tip if name else "")
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setChecked(not self.chart.is_hidden(key))
            button.toggled.connect(partial(self._switched, key))
            self.buttons[key] = button
        for key in keys:  # a curve that begins late still has its place
            self._legend.removeWidget(self.buttons[key])
            self._legend.addWidget(self.buttons[key])
        self._legend_part.setVisible(len(keys) > 1)
        self._color_legend()

    def _switched(self, key: str, shown: bool) -> None:
        self.chart.set_hidden(key, not shown)
        self._color_legend()

    def _color_legend(self) -> None:
        for key, button in self.buttons.items():
            button.setIcon(_dot(self.chart.ink(key), hollow=not button.isChecked()))


def _switch(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(True)
    button.setProperty("role", "legend")
    button.setIconSize(QSize(12, 12))
    return button


def _dot(ink: str, *, hollow: bool) -> QIcon:
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(ink))
    painter.setBrush(Qt.BrushStyle.NoBrush if hollow else QColor(ink))
    painter.drawEllipse(QRectF(2, 2, 8, 8))
    painter.end()
    return QIcon(pixmap)
