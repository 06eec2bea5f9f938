"""The big target of an empty data page: drop a folder or a zip upon it, or choose one."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.ui.canvas.drops import training_data
from app.ui.look.icons import paint_glyph
from app.ui.look.theme import color, notifier, tokens

TITLE: Final = "Drop a folder or zip of photos and label maps, or of photos alone"
DETAIL: Final = (
    "Folders of images and labels, COCO-Stuff, ADE20K, Cityscapes, CVAT and labelme exports are "
    "recognised. Photos without label maps are labelled by the segmenter. Nothing in your folder "
    "is ever changed."
)
ICON: Final = 44
TEXT_WIDTH: Final = 620


class DropZone(QWidget):
    """``chosen``: a folder or zip. The buttons ask for one: ``folder_wanted``, ``zip_wanted``."""

    chosen = Signal(object)  # Path
    refused = Signal(str)
    folder_wanted = Signal()
    zip_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hot = False
        self.setAcceptDrops(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Drop target for training data")
        self.title = _label(TITLE, "heading")
        self.detail = _label(DETAIL, "caption")
        self.detail.setFixedWidth(TEXT_WIDTH)
        self.folder_button = QPushButton("&Choose folder…")
        self.folder_button.setProperty("kind", "primary")
        self.folder_button.clicked.connect(self.folder_wanted)
        self.zip_button = QPushButton("Choose &zip…")
        self.zip_button.clicked.connect(self.zip_wanted)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(self.folder_button)
        buttons.addWidget(self.zip_button)
        buttons.addStretch(1)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self.detail)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 24, 32, 24)
        layout.setSpacing(10)
        layout.addStretch(1)
        layout.addSpacing(ICON + 12)
        layout.addWidget(self.title)
        layout.addLayout(middle)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        layout.addStretch(1)
        notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(560, 300)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not event.mimeData().hasUrls():
            event.ignore()
            return
        self._light(True)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._light(False)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        path = training_data(event.mimeData())
        if path is None:
            self.refused.emit("That is neither a folder nor a zip: drop the folder of the photos.")
        else:
            self.chosen.emit(path)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(QColor(t.accent if self._hot else t.border_strong), 2)
        pen.setStyle(Qt.PenStyle.SolidLine if self._hot else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(color(t.selection, 0.9) if self._hot else color(t.surface, 0.6))
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, t.radius_large, t.radius_large)
        place = QRectF(box.center().x() - ICON / 2, self.title.y() - ICON - 14, ICON, ICON)
        paint_glyph(painter, place, "folder-image", t.accent)
        painter.end()

    def _light(self, hot: bool) -> None:
        self._hot = hot
        self.update()


def _label(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(True)
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    return label
