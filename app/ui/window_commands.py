"""What each command does, what is enabled when, and what the window says about it all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QDialog

from app.core.tools import Tool, ViewMode
from app.ui.actions import MODE_ACTIONS, TOOL_ACTIONS
from app.ui.dialogs.about_dialog import AboutDialog, ModelInfoDialog
from app.ui.dialogs.preferences_dialog import PreferencesDialog
from app.ui.dialogs.questions import ask_recover
from app.ui.dialogs.shortcuts_dialog import ShortcutsDialog
from app.ui.files.recent import fill_models, fill_palettes, fill_recent, fill_samples
from app.ui.files.recovery import Lost, discard
from app.ui.files.scene_files import Opened, Origin
from app.ui.look import theme
from app.ui.look.pictures import to_image
from app.workers.messages import ModelInfo, ModelSource, Notice, RenderResult
from spade.formats.resources import bundled

if TYPE_CHECKING:
    from app.ui.main_window import MainWindow

ZOOM_STEP = 1.25


class WindowCommands(QObject):
    """Connects the table of actions with the controllers of one window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self._render_problem = ""  # what the banner says of the last render
        self._loaded_name = ""  # of the model being loaded
        self._bind_actions()
        self._bind_menus()
        self._bind_state()
        self._bind_messages()
        self._show_history()
        self._show_tool(window.tools.tool)
        self._show_mode(window.view.mode)
        self._show_trace()
        self._preference_changed("live")
        self._preference_changed("theme")

    def start(self) -> None:
        """Renderer, model, autosave: what can wait until the window is on the screen."""
        w = self._w
        w.services.worker.start()
        w.models.open_default()
        if not w.services.preferences.hint_seen:
            w.show_first_steps()
        w.autosave.start()
        if w.services.preferences.notice:
            w.banner.show_error(w.services.preferences.notice)
        w.focus_canvas()

    # -- actions

    def _bind_actions(self) -> None:
        w, on = self._w, self._w.actions_table.on
        files, styles, canvas, tools, view = (
            w.files,
            w.styles,
            w.canvas_commands,
            w.tools,
            w.view,
        )
        for name, call in {
            "new": files.new,
            "open": files.open,
            "save": files.save,
            "save_as": files.save_as,
            "export_picture": w.exports.export_picture,
            "export_labels": w.exports.export_labels,
            "clear_recent": self._clear_recent,
            "quit": w.close,
            "undo": w.document.undo,
            "redo": w.document.redo,
            "copy_picture": self._copy_picture,
            "paste_style": styles.paste,
            "swap": tools.swap_classes,
            "smaller": partial(tools.grow_brush, -1),
            "larger": partial(tools.grow_brush, 1),
            "find_class": self._find_class,
            "preferences": lambda: self._show(PreferencesDialog(w.services.preferences, w)),
            "resize": canvas.resize,
            "crop": canvas.crop,
            "trace": canvas.trace,
            "trace_remove": canvas.remove_trace,
            "view_cycle": view.cycle,
            "zoom_in": partial(self._zoom, ZOOM_STEP),
            "zoom_out": partial(self._zoom, 1 / ZOOM_STEP),
            "fit": lambda: setattr(view, "fit", True),
            "actual": lambda: setattr(view, "zoom", 1.0),
            "reset_layout": w.reset_layout,
            "style_image": styles.open_picture,
            "surprise": styles.surprise,
            "style_default": w.properties.reset,
            "render": w.preview.render_now,
            "model_folder": w.models.open_folder,
            "model_file": w.models.open_checkpoint,
            "model_info": self._model_info,
            "first_steps": w.show_first_steps,
            "shortcuts": lambda: self._show(ShortcutsDialog(w)),
            "about": self._about,
        }.items():
            on(name, call)
        for name, tool in TOOL_ACTIONS.items():
            on(name, partial(setattr, tools, "tool", tool))
        for name, mode in MODE_ACTIONS.items():
            on(name, partial(setattr, view, "mode", mode))
        table, preferences = w.actions_table, w.services.preferences
        table["live"].triggered.connect(lambda checked: setattr(preferences, "live", checked))
        table["light"].triggered.connect(
            lambda checked: setattr(preferences, "theme", "light" if checked else "dark")
        )
        table["fullscreen"].triggered.connect(
            lambda checked: w.showFullScreen() if checked else w.showNormal()
        )

    def _bind_menus(self) -> None:
        w, menus = self._w, self._w.actions_table.menus
        menus["recent"].aboutToShow.connect(
            lambda: fill_recent(
                menus["recent"],
                w.services.preferences,
                w.files.open_path,
                w.actions_table["clear_recent"],
            )
        )
        menus["samples"].aboutToShow.connect(
            lambda: fill_samples(menus["samples"], w.files.open_sample)
        )
        menus["models"].aboutToShow.connect(self._fill_models)
        menus["palettes"].aboutToShow.connect(
            lambda: fill_palettes(
                menus["palettes"],
                w.document.palette.name,
                w.models.use_palette,
                w.models.use_model_palette,
                w.models.open_palette,
            )
        )

    def _fill_models(self) -> None:
        w, menu = self._w, self._w.actions_table.menus["models"]
        current = w.models.info.source.path if w.models.info else ""
        fill_models(menu, current, lambda name: w.models.open(ModelSource(name)))
        if w.training_action is not None:
            w.training_action.fill_models(menu)

    def _show(self, dialog: QDialog) -> None:
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _clear_recent(self) -> None:
        self._w.services.preferences.recent_files = ()

    def _copy_picture(self) -> None:
        picture = self._w.preview.picture
        if picture is None:
            self._w.banner.show_error("There is no picture to copy yet.")
            return
        QApplication.clipboard().setImage(to_image(picture))
        self._w.status.say("The picture is on the clipboard.")

    def _find_class(self) -> None:
        dock = self._w.palette_panel.parentWidget()
        if dock is not None:
            dock.show()
        self._w.palette_panel.focus_search()

    def _zoom(self, factor: float) -> None:
        x, y = self._w.view.center
        self._w.view.zoom_at(factor, x, y)

    def _model_info(self) -> None:
        info = self._w.models.info
        if info is None:
            self._w.banner.show_error("No model is loaded: open one from the Model menu.")
            return
        self._show(ModelInfoDialog(info, self._w))

    def _about(self) -> None:
        """The attribution is a file: read it first."""

        def read() -> str:
            return bundled("assets/gallery/ATTRIBUTION.md").read_text(encoding="utf-8")

        def show(text: str) -> None:
            self._show(AboutDialog(self._w.models.info, text, self._w))

        self._w.services.files.submit(read, show, lambda error: show(str(error)))

    # -- state into the window

    def _bind_state(self) -> None:
        w, document = self._w, self._w.document
        document.history_changed.connect(self._show_history)
        document.labels_changed.connect(lambda _rect: self._show_history())
        document.canvas_replaced.connect(self._show_history)
        document.trace_changed.connect(self._show_trace)
        document.canvas_replaced.connect(self._show_trace)
        w.tools.tool_changed.connect(self._show_tool)
        w.view.mode_changed.connect(self._show_mode)
        w.services.preferences.changed.connect(self._preference_changed)
        theme.notifier().changed.connect(w.update)

    def _show_history(self) -> None:
        document, table = self._w.document, self._w.actions_table
        for name, can, what in (
            ("undo", document.can_undo, document.undo_text),
            ("redo", document.can_redo, document.redo_text),
        ):
            table[name].setEnabled(can)
            text = f"{name.capitalize()}: {what}" if what else name.capitalize()
            if table[name].text() != f"&{text}":
                table[name].setText(f"&{text}")
                key = table[name].shortcut().toString()
                table[name].setToolTip(f"{text} ({key})")

    def _show_trace(self) -> None:
        has_trace = self._w.document.trace is not None
        self._w.actions_table["trace_remove"].setEnabled(has_trace)

    def _show_tool(self, tool: Tool) -> None:
        self._w.actions_table[f"tool_{tool.value}"].setChecked(True)

    def _show_mode(self, mode: ViewMode) -> None:
        name = next(name for name, known in MODE_ACTIONS.items() if known is mode)
        self._w.actions_table[name].setChecked(True)

    def _preference_changed(self, name: str) -> None:
        w, preferences = self._w, self._w.services.preferences
        if name == "live":
            w.actions_table["live"].setChecked(preferences.live)
            w.preview.live = preferences.live
        elif name == "theme":
            w.actions_table["light"].setChecked(preferences.theme == "light")
            app = QApplication.instance()
            if isinstance(app, QApplication) and theme.tokens().name != preferences.theme:
                theme.apply_theme(app, preferences.theme)

    # -- messages

    def _bind_messages(self) -> None:
        w, worker = self._w, self._w.services.worker
        for source in (w.files, w.exports, w.models, w.styles, w.canvas_commands, w.preview):
            source.failed.connect(w.banner.show_error)
        w.segments.failed.connect(w.banner.show_error)
        w.gallery.failed.connect(w.banner.show_error)
        w.autosave.failed.connect(w.banner.show_error)
        w.services.preferences.write_failed.connect(w.banner.show_error)
        for source in (w.files, w.exports):
            source.said.connect(w.status.say)
        w.models.said.connect(w.banner.show_info)
        w.models.refused.connect(
            lambda text, tried: w.banner.show_error(
                text, "Change the form…", lambda: w.models.ask_again(tried, text)
            )
        )
        w.models.loading.connect(self._loading)
        w.models.changed.connect(self._model_changed)
        w.files.opened.connect(self._opened)
        w.files.created.connect(lambda: w.models.follow_document(keep_ids=True))
        w.files.photo_opened.connect(w.styles.use)
        w.autosave.lost.connect(self._offer_recovery)
        w.preview.rendered.connect(self._rendered)
        w.preview.failed.connect(self._render_failed)
        worker.notice.connect(self._notice)
        worker.progress.connect(w.status.set_progress)
        worker.busy_changed.connect(lambda busy: busy or w.status.set_progress(None))

    def _loading(self, name: str) -> None:
        self._w.preview.set_loading(bool(name))
        self._loaded_name = name
        self._show_loading()

    def _show_loading(self) -> None:
        """In the middle of the picture; where there is one to look at, in the status bar."""
        w, name = self._w, self._loaded_name
        text = None
        if name and w.preview.picture is None:
            text = f"Loading model…\n{name}. You can paint already."
        elif name:
            w.status.say(f"Loading model {name}…")
        elif w.models.info is None:
            text = "No model\nOpen one from the Model menu."
        if not name:
            w.status.say("")
        w.workspace.set_message(text)

    def _model_changed(self, info: ModelInfo) -> None:
        w = self._w
        w.exports.info = info
        w.files.trained_size = info.trained_size
        w.styles.set_model(info)
        w.status.set_model(info)
        w.properties.set_abilities(has_style=info.has_style)
        w.palette_panel.set_dont_care(info.has_dont_care)
        w.gallery.set_encoder_available(info.has_encoder, w.styles.obstacle, style=info.has_style)

    def _rendered(self, result: RenderResult) -> None:
        self._w.status.set_rendered(result)
        if self._render_problem and self._w.banner.text.text() == self._render_problem:
            self._w.banner.dismiss()  # it is over
        self._render_problem = ""

    def _render_failed(self, problem: str) -> None:
        self._render_problem = problem

    def _notice(self, notice: Notice) -> None:
        self._w.status.say(notice.text)
        self._w.banner.show_info(notice.text)

    def _opened(self, found: Opened) -> None:
        w = self._w
        w.banner.dismiss()
        w.gallery.set_current(w.document.style)
        self._show_loading()
        in_model_ids = (Origin.PICTURE, Origin.SAMPLE, Origin.PHOTO)
        w.models.follow_document(keep_ids=found.origin in in_model_ids)
        w.focus_canvas()

    def _offer_recovery(self, lost: list[Lost]) -> None:
        """The newest first; the next one when that is answered."""
        w, first, rest = self._w, lost[0], lost[1:]

        def go_on() -> None:
            if rest:
                self._offer_recovery(rest)

        def throw_away() -> None:
            w.services.files.submit(lambda: discard(first), lambda _: go_on())

        def recover() -> None:
            def keep_then_discard() -> None:
                w.autosave.save_now()  # written anew before the old one goes
                w.services.files.submit(lambda: discard(first))

            w.files.unless_unsaved(lambda: w.files.open_lost(first, keep_then_discard))

        ask_recover(w, first.text, recover, throw_away, lambda: None)
