"""File > Export picture: format, size, and what will be written, seen before it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.ui.dialogs.pixel_box import PixelBox
from app.ui.look.pictures import thumbnail
from spade.formats.limits import MAX_SIDE

Picture = NDArray[np.uint8]
BOX = QSize(440, 400)
FORMATS = (("PNG", ".png"), ("JPEG", ".jpg"), ("WebP", ".webp"))
ABOUT_FORMAT = {
    ".png": "Lossless. It carries the label map, the style, the model and the seed: "
    "Spadework opens it again as this scene.",
    ".jpg": "Small, and opened everywhere. The scene can't be read back from it.",
    ".webp": "Smaller still. The scene can't be read back from it.",
}
WITHOUT_STYLE = (
    "Lossless. It carries the label map and the model: Spadework opens it again as this scene, in "
    "the model's own style."
)
SMALLEST_RENDER = 64
LARGEST_RENDER = 4096


@dataclass(frozen=True)
class ExportChoice:
    """What to write: ``picture`` enlarged ``scale`` times, as ``suffix``.

    ``quality`` (1..100) counts for JPEG and WebP; ``with_style``, whether style pictures go
    into the file, for PNG.
    """

    picture: Picture
    scale: int
    suffix: str
    quality: int
    with_style: bool = True


class ExportDialog(QDialog):
    """The window feeds it: ``set_picture`` with the canvas-size picture, ``set_rendered``
    with what ``render_wanted`` asked for.

    ``has_style_picture``: the scene's style is a picture, which a PNG carries if one likes.
    """

    render_wanted = Signal(int, int)
    render_abandoned = Signal()

    def __init__(
        self,
        width: int,
        height: int,
        parent: QWidget | None = None,
        *,
        has_style_picture: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export picture")
        self._canvas = (width, height)
        self._picture: Picture | None = None
        self._rendered: dict[tuple[int, int], Picture] = {}
        self._waiting_for: tuple[int, int] | None = None
        self._build_picture()
        self._build_choices(width, height)
        self.with_style.setVisible(has_style_picture)
        columns = QHBoxLayout()
        columns.setSpacing(20)
        columns.addLayout(self._left, 1)
        columns.addLayout(self._right)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        layout.addLayout(columns)
        layout.addWidget(self.buttons)
        self.finished.connect(self._abandon)
        self._refresh()

    @property
    def choice(self) -> ExportChoice:
        """What the form says; only valid while the export button is enabled."""
        picture = self._shown()
        if picture is None:
            raise RuntimeError("no picture to export yet")
        scale = 1 if self.render_anew.isChecked() else int(self.sizes.checkedId())
        return ExportChoice(
            picture, scale, self.suffix, self.quality.value(), self.with_style.isChecked()
        )

    @property
    def suffix(self) -> str:
        """ ".png", ".jpg" or ".webp"."""
        return str(self.format.currentData())

    def set_picture(self, picture: Picture) -> None:
        """The picture at canvas size, as it will be written."""
        self._picture = picture
        self._refresh()

    def set_rendered(self, picture: Picture) -> None:
        """The picture that ``render_wanted`` asked for."""
        height, width = picture.shape[:2]
        self._rendered = {(width, height): picture}
        if self._waiting_for == (width, height):
            self._waiting_for = None
        self._refresh()

    def set_progress(self, fraction: float | None) -> None:
        """How far the render under way is; None while that can't be told."""
        self.progress.setRange(0, 0 if fraction is None else 100)
        if fraction is not None:
            self.progress.setValue(round(100 * fraction))

    def set_failed(self, message: str) -> None:
        """The render did not come about."""
        self._waiting_for = None
        self._refresh()
        self.note.setText(message)
        self.note.setProperty("role", "error")
        self._restyle_note()

    def _build_picture(self) -> None:
        self._left = QVBoxLayout()
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.picture.setFrameShape(QFrame.Shape.NoFrame)
        self.picture.setFixedSize(BOX)
        self.picture.setAccessibleName("What will be exported")
        self.caption = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.caption.setProperty("role", "caption")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        keeps_room = self.progress.sizePolicy()
        keeps_room.setRetainSizeWhenHidden(True)  # else the buttons move under the pointer
        self.progress.setSizePolicy(keeps_room)
        self._left.addWidget(self.picture, 1)
        self._left.addWidget(self.caption)
        self._left.addWidget(self.progress)

    def _build_choices(self, width: int, height: int) -> None:
        self.format = QComboBox()
        for name, suffix in FORMATS:
            self.format.addItem(name, suffix)
        self.quality = QSlider(Qt.Orientation.Horizontal)
        self.quality.setRange(50, 100)
        self.quality.setValue(92)
        self.quality_text = QLabel("92")
        self.quality_text.setMinimumWidth(28)
        quality = QHBoxLayout()
        quality.addWidget(self.quality, 1)
        quality.addWidget(self.quality_text)
        form = QFormLayout()
        form.addRow("&Format", self.format)
        form.addRow("Quality", quality)
        self._quality_label = form.labelForField(quality)
        self.format_note = QLabel()
        self.format_note.setWordWrap(True)
        self.format_note.setProperty("role", "caption")
        self.with_style = QCheckBox("The st&yle picture travels with it")
        self.with_style.setChecked(True)
        self.with_style.setToolTip(
            "Off: whoever opens the PNG in Spadework gets the scene in the model's own style, and "
            "can't see the photo that yours came from"
        )
        self.sizes = QButtonGroup(self)
        self._right = QVBoxLayout()
        self._right.setSpacing(8)
        self._right.addLayout(form)
        self._right.addWidget(self.format_note)
        self._right.addWidget(self.with_style)
        self._right.addSpacing(8)
        self._right.addWidget(_section("Size"))
        for scale, text in ((1, "As on the &canvas"), (2, "Enlarged &2×"), (4, "Enlarged &4×")):
            button = QRadioButton(f"{text} – {width * scale} × {height * scale}")
            button.setEnabled(max(width, height) * scale <= MAX_SIDE)
            if scale > 1:
                button.setToolTip("The same picture, resampled (Lanczos)")
            self.sizes.addButton(button, scale)
            self._right.addWidget(button)
        self.sizes.button(1).setChecked(True)
        self.render_anew = QRadioButton("&Rendered anew at")
        self.sizes.addButton(self.render_anew, 0)
        self.width_box, self.height_box = (
            PixelBox(
                min(SMALLEST_RENDER, side),
                max(LARGEST_RENDER, side),
                min(2 * side, max(LARGEST_RENDER, side)),
            )
            for side in (width, height)
        )
        self.render_button = QPushButton("Render it")
        self.render_button.setAutoDefault(False)
        numbers = QHBoxLayout()
        numbers.setContentsMargins(26, 0, 0, 0)
        numbers.addWidget(self.width_box)
        numbers.addWidget(QLabel("×"))
        numbers.addWidget(self.height_box)
        numbers.addWidget(self.render_button)
        numbers.addStretch(1)
        self._right.addWidget(self.render_anew)
        self._right.addLayout(numbers)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setMinimumHeight(3 * self.fontMetrics().lineSpacing() + 4)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._right.addWidget(self.note)
        self._right.addStretch(1)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.save_button = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save_button.setText("Save as…")
        self.save_button.setDefault(True)
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.format.currentIndexChanged.connect(self._refresh)
        self.with_style.toggled.connect(self._refresh)
        self.quality.valueChanged.connect(lambda value: self.quality_text.setText(str(value)))
        self.sizes.buttonToggled.connect(self._size_changed)
        self.width_box.valueChanged.connect(self._follow_width)
        self.height_box.valueChanged.connect(self._follow_height)
        self.render_button.clicked.connect(self._ask_render)

    def _wanted(self) -> tuple[int, int]:
        return self.width_box.value(), self.height_box.value()

    def _shown(self) -> Picture | None:
        if self.render_anew.isChecked():
            return self._rendered.get(self._wanted())
        return self._picture

    def _size_changed(self) -> None:
        if not self.render_anew.isChecked():
            self._abandon()
        self._refresh()

    def _abandon(self) -> None:
        if self._waiting_for is not None:
            self._waiting_for = None
            self.render_abandoned.emit()

    def _ask_render(self) -> None:
        self._abandon()
        self._waiting_for = self._wanted()
        self.render_anew.setFocus()  # the button is disabled now: Enter must not mean Cancel
        self.set_progress(None)
        self._refresh()
        self.render_wanted.emit(*self._wanted())

    def _follow_width(self, width: int) -> None:
        canvas_width, canvas_height = self._canvas
        self._set(self.height_box, round(width * canvas_height / canvas_width))

    def _follow_height(self, height: int) -> None:
        canvas_width, canvas_height = self._canvas
        self._set(self.width_box, round(height * canvas_width / canvas_height))

    def _set(self, box: PixelBox, value: int) -> None:
        box.show_value(value)
        self._abandon()
        self.render_anew.setChecked(True)
        self._refresh()

    def _refresh(self) -> None:
        suffix = self.suffix
        lossy = suffix != ".png"
        bare = not lossy and not self.with_style.isChecked()
        self.format_note.setText(WITHOUT_STYLE if bare else ABOUT_FORMAT[suffix])
        for widget in (self.quality, self.quality_text, self._quality_label):
            widget.setEnabled(lossy)
        self.with_style.setEnabled(not lossy)
        anew, picture = self.render_anew.isChecked(), self._shown()
        waiting = self._waiting_for is not None or (not anew and picture is None)
        self.progress.setVisible(waiting)
        self.render_button.setEnabled(anew and self._waiting_for is None and picture is None)
        self.save_button.setEnabled(picture is not None)
        self.note.setProperty("role", "warning" if anew else "caption")
        if anew:
            self.note.setText(
                "The model paints the scene afresh at this size. That makes another picture, not "
                "a larger copy of this one. Look at it before you save it."
            )
        else:
            self.note.setText(
                "" if self.sizes.checkedId() == 1 else "The same picture, resampled (Lanczos)."
            )
        self._restyle_note()
        self._show_picture(picture, anew)

    def _show_picture(self, picture: Picture | None, anew: bool) -> None:
        if picture is None:
            self.picture.clear()
            self.picture.setText(
                "Rendering…" if self.progress.isVisibleTo(self) else "Not rendered yet"
            )
            self.caption.setText("")
            return
        self.picture.setPixmap(thumbnail(picture, BOX, self.devicePixelRatioF()))
        height, width = picture.shape[:2]
        scale = 1 if anew else self.sizes.checkedId()
        how = "rendered anew" if anew else ("as on the canvas" if scale == 1 else f"{scale}×")
        self.caption.setText(f"{width * scale} × {height * scale} pixels, {how}")

    def _restyle_note(self) -> None:
        self.note.style().unpolish(self.note)
        self.note.style().polish(self.note)


def _section(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "section")
    return label
