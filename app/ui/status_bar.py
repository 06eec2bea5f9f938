"""What the status bar tells: the pointer, the canvas, the device, and how rendering goes."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QStatusBar, QToolButton, QWidget

from app.state.document import Document
from app.state.view_state import ViewState
from app.ui.palette.class_combo import UNKNOWN, swatch
from app.ui.widgets.text import ElidedLabel, SteadyLabel
from app.workers.messages import ModelInfo, Progress, RenderResult, WorkDone

MESSAGE_SECONDS = 6

_WORK_TIP = (
    "What the last picture took, and what had to be done for it:\n"
    "live – while you paint: the change and a little around it\n"
    "edit – all that the change reaches: exact\n"
    "style – another style for the same scene\n"
    "full – the whole picture\n"
    "same – nothing: the picture was still there\n"
    "The size is that of the box around the pixels whose class has changed."
)


class StatusBar(QStatusBar):
    """Left: class and coordinates under the pointer, then messages. Right: the rest."""

    training_clicked = Signal()

    def __init__(self, document: Document, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._view = document, view
        self._pointer: tuple[int, int] | None = None
        self._class: int | None = None  # whose swatch and name are shown
        self._class_name = ""
        self.setSizeGripEnabled(False)
        self.swatch = QLabel()
        self.pointer = SteadyLabel()
        self.message = ElidedLabel()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(110)
        self.progress.hide()
        self.training = QToolButton()
        self.training.setToolTip("Show the training")
        self.training.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.training.clicked.connect(self.training_clicked)
        self.training.hide()
        self.work = SteadyLabel(Qt.AlignmentFlag.AlignRight)
        self.device = QLabel()
        self.canvas = QLabel()
        self.zoom = QLabel()
        self.work.setToolTip(_WORK_TIP)
        self.device.setToolTip("Where pictures are rendered")
        self.canvas.setToolTip("Size of the canvas")
        self.zoom.setToolTip("Zoom")
        self.addWidget(self.swatch)
        self.addWidget(self.pointer)
        self.addWidget(self.message, 1)
        for widget in (
            self.training,
            self.progress,
            self.work,
            self.device,
            self.canvas,
            self.zoom,
        ):
            self.addPermanentWidget(widget)
        self._timer = QTimer(self, singleShot=True, interval=MESSAGE_SECONDS * 1000)
        self._timer.timeout.connect(lambda: self.message.setText(""))
        document.canvas_replaced.connect(self._show_canvas)
        document.labels_changed.connect(lambda _rect: self._show_pointer())
        document.palette_changed.connect(self._show_class)
        view.transform_changed.connect(self._show_zoom)
        self._show_canvas()
        self._show_zoom()
        self.set_pointer(None)

    def set_pointer(self, pixel: tuple[int, int] | None) -> None:
        """The canvas pixel under the pointer; None if there is none."""
        self._pointer = pixel
        self._show_pointer()

    def say(self, text: str) -> None:
        """A line for some seconds."""
        self.message.setText(text)
        self.message.setToolTip(text)
        self._timer.start()

    def set_model(self, info: ModelInfo) -> None:
        """A model was loaded."""
        self.device.setText(device_text(info.device))

    def set_rendered(self, result: RenderResult) -> None:
        """A picture came."""
        self.device.setText(device_text(result.device))
        self.work.setText(work_text(result.work, result.seconds))

    def set_progress(self, progress: Progress | None) -> None:
        """Something takes long enough to show a bar; None: it is over."""
        self.progress.setVisible(progress is not None)
        if progress is None:
            return
        self.progress.setToolTip(progress.text)
        self.progress.setRange(0, 0 if progress.fraction is None else 100)
        if progress.fraction is not None:
            self.progress.setValue(round(100 * progress.fraction))

    def set_training(self, text: str) -> None:
        """How a training goes; "" if there is none."""
        self.training.setVisible(bool(text))
        if text != self.training.text():
            self.training.setText(text)
            self.training.setAccessibleName(text)

    def _show_pointer(self) -> None:
        """Called for every movement: does no more than what differs."""
        document, text = self._document, ""
        class_id = None
        if self._pointer is not None:
            x, y = self._pointer
            text = f"{x}, {y}"
            if 0 <= x < document.width and 0 <= y < document.height:
                class_id = document.class_at(x, y)
        if class_id != self._class:
            self._class = class_id
            self._class_name = "" if class_id is None else self._name(class_id)
            if class_id is None:
                self.swatch.clear()
            else:
                red, green, blue = (int(value) for value in document.palette.lut()[class_id])
                self.swatch.setPixmap(swatch((red, green, blue), 14).pixmap(14, 14))
        self.pointer.setText(f"{self._class_name}   {text}" if self._class_name else text)

    def _show_class(self) -> None:
        """Another palette: the same class may have another name and colour."""
        self._class = -1
        self._show_pointer()

    def _name(self, class_id: int) -> str:
        entry = self._document.palette.by_id(class_id)
        if entry is not None:
            return entry.name
        return "unknown" if class_id == UNKNOWN else f"class {class_id}, not in this palette"

    def _show_canvas(self) -> None:
        self.canvas.setText(f"{self._document.width} × {self._document.height}")
        self._show_pointer()

    def _show_zoom(self) -> None:
        percent = 100 * self._view.zoom
        self.zoom.setText(f"{percent:.0f} %" if percent >= 10 else f"{percent:.1f} %")


def device_text(device: str) -> str:
    """ "cuda:0" -> "CUDA 0"."""
    return device.upper().replace(":", " ")


def work_text(work: WorkDone, seconds: float) -> str:
    """What was done for a picture, and its time: "edit 48×51 px: 31 ms"."""
    rect = work.rect
    size = f" {rect.width}×{rect.height} px" if rect is not None and not rect.empty else ""
    return f"{work.kind}{size}: {seconds_text(seconds)}"


def seconds_text(seconds: float) -> str:
    """A render's time, with as many digits as mean something."""
    return f"{1000 * seconds:.0f} ms" if seconds < 0.25 else f"{seconds:.1f} s"
