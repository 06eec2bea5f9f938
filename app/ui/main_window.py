"""The window: three areas, and who talks to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QEvent, QMargins, QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QToolBar,
    QWidget,
)

from app.core.palette_search import NUMBER_KEYS
from app.state.document import Document
from app.state.folders import state_dir
from app.state.preferences import Preferences
from app.state.tool_settings import ToolSettings
from app.state.view_state import ViewState
from app.ui.actions import BEFORE_KEY, Actions
from app.ui.banner import Banner
from app.ui.canvas.preview_controller import PreviewController
from app.ui.canvas.workspace import Workspace
from app.ui.canvas_commands import CanvasCommands
from app.ui.dialogs.choosers import Choosers
from app.ui.files.export_controller import ExportController
from app.ui.files.file_controller import FileController, first_sample
from app.ui.files.recovery import Autosave
from app.ui.files.segment_controller import SegmentController
from app.ui.first_steps import FirstSteps
from app.ui.look.icons import app_icon, icon
from app.ui.model_controller import ModelController
from app.ui.palette.palette_panel import PalettePanel
from app.ui.segment_action import SegmentAction
from app.ui.status_bar import StatusBar
from app.ui.styles.style_controller import StyleController
from app.ui.styles.style_gallery import StyleGallery
from app.ui.styles.style_properties import StyleProperties
from app.ui.styles.tile_controller import TileController
from app.ui.tool_bar import ToolBar
from app.ui.tool_options import ToolOptions
from app.ui.window_commands import WindowCommands

if TYPE_CHECKING:
    from app.ui.training.training_action import TrainingAction
    from app.ui.training.training_controller import TrainingController
    from app.workers.dataset_worker import DatasetWorker  # workers are handed in by app.main
    from app.workers.file_worker import FileWorker
    from app.workers.preview_worker import PreviewWorker
    from app.workers.training_worker import TrainingWorker

LAYOUT_VERSION = 1
FIRST_SIZE = QSize(1280, 800)
FRAME = QMargins(8, 40, 8, 8)  # about what a window manager draws around the window
FIRST_CLASSES = ("water", "tree", "grass")
DOCK_WIDTHS = [212, 288]


@dataclass(frozen=True)
class Services:
    """What the window uses and doesn't make; it stops the workers when it closes.

    ``photos``: the gallery's pictures; None: the bundled ones. ``training`` makes the workers
    of training, once the window is on the screen; None: there is no training here.
    """

    preferences: Preferences
    files: FileWorker
    worker: PreviewWorker
    choosers: Choosers
    photos: tuple[Path, ...] | None = None
    training: Callable[[], tuple[DatasetWorker, TrainingWorker]] | None = None


class MainWindow(QMainWindow):
    """One document with its views. Controllers do the work; this is where they are wired."""

    def __init__(self, document: Document, services: Services) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowIcon(app_icon())
        self.document = document
        self.services = services
        self.tools = ToolSettings(document.background, self)
        self.tools.class_id = first_class(document)
        self.view = ViewState(self)
        self.actions_table = Actions(self)
        self._gallery_jobs: list[tuple[Any, ...]] | None = []
        self._build_views()
        self._build_controllers()
        self._build_frame()
        SegmentAction(self.segments, self.actions_table, self.workspace, self.banner)
        self.training: TrainingController | None = None
        self.training_action: TrainingAction | None = None
        self.actions_table["train"].setVisible(services.training is not None)
        self.commands = WindowCommands(self)
        self._wire_panels()
        self._default_layout = self.saveState(LAYOUT_VERSION)
        self._restore_layout()
        self._show_title()
        self._may_close = self._is_shut_down = False

    # -- construction

    def _build_views(self) -> None:
        document, tools, view = self.document, self.tools, self.view
        self.workspace = Workspace(document, tools, view)
        self.banner = Banner(self.workspace)
        self.palette_panel = PalettePanel(document, tools)
        self.gallery = StyleGallery(
            self._submit_later,
            state_dir() / "styles",
            photos=self.services.photos,
            choosers=self.services.choosers,
        )
        self.properties = StyleProperties(document, view)
        self.tool_bar = ToolBar(tools)
        self.tool_options = ToolOptions(tools, view)
        self.status = StatusBar(document, view)
        self.setStatusBar(self.status)
        self.setCentralWidget(self.workspace)
        self.first_steps = FirstSteps(self.workspace)
        self.first_steps.hide()

    def _build_controllers(self) -> None:
        document, services = self.document, self.services
        files, choosers, worker = services.files, services.choosers, services.worker
        self.preview = PreviewController(document, self.view, worker, self.workspace, parent=self)
        self.files = FileController(
            document, self.view, self.preview, services.preferences, files, choosers, self
        )
        self.exports = ExportController(
            document,
            self.preview,
            worker,
            self.files,
            services.preferences,
            files,
            choosers,
            self,
        )
        self.models = ModelController(document, worker, self.preview, files, choosers, self)
        self.segments = SegmentController(
            document, worker, self.files, self.models, files, choosers, self
        )
        self.styles = StyleController(
            self.properties.choose, self.properties.surprise, files, choosers, self
        )
        self.canvas_commands = CanvasCommands(document, self.preview, files, choosers, self)
        self.tiles = TileController(document, self.preview, worker, self.gallery, self)
        self.autosave = Autosave(document, files, self.files.project, self)

    def _build_frame(self) -> None:
        actions = self.actions_table
        actions.fill(self.menuBar())
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self._top_bar())
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_bar)
        self.tool_bar.setMovable(False)
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        docks = (
            self._dock("palette", "Classes", self.palette_panel, left),
            self._dock("gallery", "Styles", self.gallery, right),
            self._dock("properties", "Look", self.properties, right),
        )
        for corner, area in (
            (Qt.Corner.BottomLeftCorner, left),
            (Qt.Corner.BottomRightCorner, right),
        ):
            self.setCorner(corner, area)
        self._docks = docks
        for dock in docks:
            actions.menus["panels"].addAction(dock.toggleViewAction())

    def _build_training(self) -> None:
        """After the start, which has no time for this."""
        services = self.services
        if services.training is None or self.training is not None:
            return
        from app.ui.training.training_action import TrainingAction
        from app.ui.training.training_controller import TrainingController

        datasets, trainings = services.training()
        datasets.setParent(self)
        trainings.setParent(self)
        self.training = TrainingController(
            self.document,
            datasets,
            trainings,
            services.files,
            self.files,
            self.models,
            services.preferences,
            services.choosers,
            self,
        )
        self.workspace.trains = True
        self.workspace.train_dropped.connect(self.training.open_data)
        self.training_action = TrainingAction(
            self.training, self.models, self.actions_table, self.status, self.banner
        )

    def _top_bar(self) -> QToolBar:
        actions = self.actions_table
        bar = QToolBar("Options")
        bar.setObjectName("top_bar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.addActions([actions["undo"], actions["redo"]])
        bar.addSeparator()
        self.tool_options.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        bar.addWidget(self.tool_options)
        bar.addSeparator()
        bar.addActions([actions[name] for name in ("view_side", "view_picture", "view_overlay")])
        bar.addSeparator()
        bar.addActions([actions["live"], actions["render"]])
        bar.addSeparator()
        self.export_button = QPushButton(icon("image-move", "on_accent"), "Export")
        self.export_button.setProperty("kind", "primary")
        self.export_button.setToolTip(actions["export_picture"].toolTip())
        self.export_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.export_button.clicked.connect(lambda: actions["export_picture"].trigger())
        bar.addWidget(self.export_button)
        margin = QWidget()
        margin.setFixedWidth(6)
        bar.addWidget(margin)
        bar.toggleViewAction().setEnabled(False)
        return bar

    def _dock(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock_{name}")
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _wire_panels(self) -> None:
        document, gallery, styles = self.document, self.gallery, self.styles
        self.workspace.hovered.connect(lambda x, y, _class_id: self.status.set_pointer((x, y)))
        self.workspace.hover_left.connect(lambda: self.status.set_pointer(None))
        self.workspace.style_dropped.connect(styles.use)
        self.workspace.open_dropped.connect(self.files.open_path)
        self.workspace.scene_dropped.connect(self.segments.use)
        self.workspace.drop_refused.connect(
            lambda text: self.banner.show_error(text.replace("\n", " "))
        )
        self.palette_panel.focus_canvas.connect(self.focus_canvas)
        gallery.focus_canvas.connect(self.focus_canvas)
        gallery.style_chosen.connect(self.properties.choose)
        gallery.second_chosen.connect(self.properties.choose_second)
        self.properties.trace_requested.connect(self.canvas_commands.trace)
        self.properties.second_requested.connect(gallery.pick_second)
        gallery.surprise_requested.connect(styles.surprise)
        for used in (styles.picture_used, self.segments.style_used):
            used.connect(lambda source: gallery.add_pictures([source], choose=False))
        document.style_changed.connect(lambda: gallery.set_current(document.style))
        document.canvas_replaced.connect(lambda: gallery.set_current(document.style))
        document.path_changed.connect(self._show_title)
        document.modified_changed.connect(lambda _modified: self._show_title())
        self.files.title_changed.connect(self._show_title)
        self.first_steps.dismissed.connect(self._hint_seen)
        self.first_steps.covers.connect(self.workspace.set_foot)
        for shortcut_key in NUMBER_KEYS:
            shortcut = QShortcut(QKeySequence(shortcut_key), self)
            shortcut.activated.connect(lambda key=shortcut_key: self.palette_panel.pick_key(key))
        # Tab keeps its usual meaning in the panels; on the canvas it cycles the views.
        cycle = QShortcut(QKeySequence(Qt.Key.Key_Tab), self.workspace)
        cycle.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        cycle.activated.connect(self.view.cycle)

    def _submit_later(self, *job: Any) -> None:
        """The gallery's files come after the first scene, which is what one looks at."""
        if self._gallery_jobs is None:
            self.services.files.submit(*job)
        else:
            self._gallery_jobs.append(job)

    def _let_gallery_read(self) -> None:
        jobs, self._gallery_jobs = self._gallery_jobs, None
        for job in jobs or ():
            self.services.files.submit(*job)

    # -- what others ask of the window

    def focus_canvas(self) -> None:
        """Give the keyboard to the canvas, or to the picture if that is what is shown."""
        canvas = self.workspace.canvas
        (canvas if canvas.isVisible() else self.workspace.preview).setFocus()

    def reset_layout(self) -> None:
        """Every panel back where it was at first."""
        self.restoreState(self._default_layout, LAYOUT_VERSION)
        self._size_docks()

    def show_first_steps(self) -> None:
        """Show the card of three steps."""
        self.first_steps.show()

    def open_first(self, path: Path | None) -> None:
        """Begin to read the first scene: a sample, and then ``path``. May precede ``show``.

        So there is something to see if ``path`` can't be read, or is a photo.
        """
        sample = first_sample()
        if sample is not None:
            self.files.open_sample_now(sample)
        if path is not None:
            self.files.open_path(path)
        self._let_gallery_read()

    def start(self) -> None:
        """To be called once the window is shown: the renderer, its model, autosave."""
        self.commands.start()
        self._let_gallery_read()
        self._build_training()
        if self.training is not None:
            self.training.start()

    def close_now(self) -> None:
        """Close without a question, and join the workers."""
        self._may_close = True
        self.close()
        self.shut_down()

    def shut_down(self) -> None:
        """Finish what is being written and join the workers, once the window is closed."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        self.gallery.finish()
        if self.training is not None:
            self.training.shut_down()
        self.autosave.close()
        self.services.worker.stop()
        self.services.files.stop()
        self.services.preferences.flush()

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._sized:
            self._sized = True  # sizes asked for before the first layout have no effect
            self._size_docks()
        QTimer.singleShot(0, self._raise_floating)

    def _raise_floating(self) -> None:
        """Panels restored as windows of their own were shown before this one: show them again,
        or the window manager does not know that they belong to it and lie above it."""
        for dock in self._docks:
            if dock.isFloating() and dock.isVisible():
                dock.hide()
                dock.windowHandle().setTransientParent(self.windowHandle())
                dock.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == BEFORE_KEY and not event.modifiers():
            if not event.isAutoRepeat():
                self.view.show_before = True
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == BEFORE_KEY:
            if not event.isAutoRepeat():
                self.view.show_before = False
            return
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.view.show_before = False  # the release may go to another window

    def closeEvent(self, event: QCloseEvent) -> None:
        self.document.commit_stroke()
        trains = self.training is not None and self.training.is_running
        if (self.document.modified or trains) and not self._may_close:
            event.ignore()
            self.files.unless_unsaved(self._unless_training)
            return
        preferences = self.services.preferences
        preferences.geometry = _text(self.saveGeometry())
        preferences.layout = _text(self.saveState(LAYOUT_VERSION))
        event.accept()
        # The window is gone at once; joining the workers may take a moment.
        QTimer.singleShot(0, self.shut_down)

    def _unless_training(self) -> None:
        if self.training is None:
            self.close_now()
        else:
            self.training.unless_running(self.close_now)

    def _restore_layout(self) -> None:
        preferences = self.services.preferences
        if not preferences.geometry or not self.restoreGeometry(_bytes(preferences.geometry)):
            screen = self.screen().availableGeometry().size()
            self.resize(FIRST_SIZE.boundedTo(screen))
            framed = FIRST_SIZE.grownBy(FRAME)
            if framed.boundedTo(screen) != framed:
                self.setWindowState(Qt.WindowState.WindowMaximized)
        layout = _bytes(preferences.layout)
        self._sized = not layout.isEmpty() and self.restoreState(layout, LAYOUT_VERSION)

    def _size_docks(self) -> None:
        palette, gallery, _properties = self._docks
        self.resizeDocks([palette, gallery], DOCK_WIDTHS, Qt.Orientation.Horizontal)

    def _hint_seen(self) -> None:
        self.services.preferences.hint_seen = True

    def _show_title(self) -> None:
        self.setWindowModified(self.document.modified)
        self.setWindowTitle(f"{self.files.title}[*] – Spadework")


def first_class(document: Document) -> int:
    """What the brush paints at first: something that shows on the background."""
    palette = document.palette
    named = [entry.id for name in FIRST_CLASSES if (entry := palette.find(name)) is not None]
    others = [class_id for class_id in (*named, *palette.ids) if class_id != document.background]
    return others[0] if others else document.background


def _text(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode("ascii")


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(QByteArray(text.encode("ascii", "ignore")))
