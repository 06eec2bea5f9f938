"""Every command of the window in one table: menus, shortcuts and the README's list come from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.core.tools import Tool, ViewMode
from app.ui.look.icons import icon


@dataclass(frozen=True)
class ActionSpec:
    """One command. ``keys`` are portable key sequences, the first is shown in the menu.

    ``group`` makes the action checkable and exclusive with the others of that group.
    """

    id: str
    text: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    tip: str = ""
    checkable: bool = False
    group: str = ""


@dataclass(frozen=True)
class Submenu:
    """A menu inside a menu. Without ``items`` the window fills it (recent files, models …)."""

    id: str
    text: str
    items: tuple[str | Submenu | None, ...] = ()


ACTIONS: tuple[ActionSpec, ...] = (
    # File
    ActionSpec("new", "&New…", ("Ctrl+N",), "file-plus-outline", "Start an empty scene"),
    ActionSpec(
        "open",
        "&Open…",
        ("Ctrl+O",),
        "folder-open-outline",
        "Open a project, a label map, or a picture exported from Spadework",
    ),
    ActionSpec(
        "segment_photo",
        "Segment &photo…",
        ("Ctrl+Shift+N",),
        "image-auto-adjust",
        "Make a new scene of a photo: what is where in it, and its light as the style",
    ),
    ActionSpec("save", "&Save", ("Ctrl+S",), "content-save-outline", "Save the project"),
    ActionSpec(
        "save_as",
        "Save &as…",
        ("Ctrl+Shift+S",),
        "content-save-edit-outline",
        "Save the project under another name",
    ),
    ActionSpec(
        "export_picture",
        "&Export picture…",
        ("Ctrl+E",),
        "image-move",
        "Write the picture as PNG, JPEG or WebP",
    ),
    ActionSpec(
        "export_labels",
        "Export &label map…",
        ("Ctrl+Shift+E",),
        "layers-outline",
        "Write the label map: indexed, in colours, or one mask a class",
    ),
    ActionSpec("clear_recent", "&Clear this list", (), "", "Forget the recent files"),
    ActionSpec("quit", "&Quit", ("Ctrl+Q",), "exit-to-app", "Close the window"),
    # Edit
    ActionSpec("undo", "&Undo", ("Ctrl+Z",), "undo", "Take back the last change"),
    ActionSpec("redo", "&Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Make the undone change again"),
    ActionSpec(
        "copy_picture",
        "&Copy picture",
        ("Ctrl+C",),
        "content-copy",
        "Put the rendered picture on the clipboard",
    ),
    ActionSpec(
        "paste_style",
        "&Paste picture as style",
        ("Ctrl+V",),
        "content-paste",
        "Restyle the scene with the picture on the clipboard",
    ),
    ActionSpec("swap", "S&wap the last two classes", ("X",), "swap-horizontal"),
    ActionSpec("smaller", "Brush s&maller", ("[",), "minus"),
    ActionSpec("larger", "Brush &larger", ("]",), "plus"),
    ActionSpec("find_class", "&Find class…", ("Ctrl+F",), "magnify", "Type a class' name"),
    ActionSpec("preferences", "Prefere&nces…", ("Ctrl+,",), "cog-outline"),
    ActionSpec("tool_brush", "&Brush", ("B",), "brush", group="tool"),
    ActionSpec("tool_eraser", "&Eraser", ("E",), "eraser", group="tool"),
    ActionSpec("tool_line", "&Line", ("L",), "vector-line", group="tool"),
    ActionSpec("tool_rectangle", "&Rectangle", ("R",), "rectangle-outline", group="tool"),
    ActionSpec("tool_ellipse", "Ell&ipse", ("O",), "ellipse-outline", group="tool"),
    ActionSpec("tool_polygon", "&Polygon", ("P",), "vector-polygon", group="tool"),
    ActionSpec("tool_lasso", "L&asso fill", ("Shift+L",), "lasso", group="tool"),
    ActionSpec("tool_fill", "&Flood fill", ("G",), "format-color-fill", group="tool"),
    ActionSpec("tool_replace", "Replace &class", ("Shift+G",), "find-replace", group="tool"),
    ActionSpec("tool_eyedropper", "Eye&dropper", ("I",), "eyedropper", group="tool"),
    ActionSpec("tool_pan", "Pa&n", ("H",), "hand-back-right-outline", group="tool"),
    # Image
    ActionSpec(
        "resize",
        "&Resize canvas…",
        ("Ctrl+Alt+C",),
        "resize",
        "Make the canvas larger or smaller, or scale the scene",
    ),
    ActionSpec("crop", "&Crop…", ("Ctrl+Alt+X",), "crop", "Keep a part of the canvas"),
    ActionSpec(
        "trace",
        "Lay a &photo under the labels…",
        ("Ctrl+T",),
        "image-filter-hdr",
        "A photo to trace; it is not part of the picture",
    ),
    ActionSpec("trace_remove", "Take the tracing photo &away", (), "image-off-outline"),
    # View
    ActionSpec("view_side", "&Side by side", (), "view-split-vertical", group="mode"),
    ActionSpec("view_picture", "&Picture only", (), "image-outline", group="mode"),
    ActionSpec("view_overlay", "Labels &over the picture", (), "layers", group="mode"),
    ActionSpec("view_cycle", "&Next of the three", ("`",), "rotate-3d-variant", "Cycle the views"),
    ActionSpec("zoom_in", "Zoom &in", ("Ctrl++", "Ctrl+="), "magnify-plus-outline"),
    ActionSpec("zoom_out", "Zoom o&ut", ("Ctrl+-",), "magnify-minus-outline"),
    ActionSpec("fit", "&Fit in the window", ("Ctrl+0",), "fit-to-page-outline"),
    ActionSpec("actual", "One &to one", ("Ctrl+1",), "numeric-1-box-outline"),
    ActionSpec("light", "&Light theme", (), "theme-light-dark", checkable=True),
    ActionSpec("reset_layout", "&Reset the panels", (), "view-dashboard-outline"),
    ActionSpec("fullscreen", "Full s&creen", ("F11",), "fullscreen", checkable=True),
    # Style
    ActionSpec(
        "style_image",
        "&Open a style picture…",
        ("Ctrl+Shift+O",),
        "image-plus-outline",
        "Restyle the scene with a photo from disk",
    ),
    ActionSpec("surprise", "S&urprise me", ("Ctrl+R",), "dice-5-outline", "Draw a style at random"),
    ActionSpec("style_default", "The &model's own style", (), "backup-restore"),
    ActionSpec(
        "live",
        "&Live preview",
        ("Ctrl+L",),
        "lightning-bolt-outline",
        "Render while you paint",
        checkable=True,
    ),
    ActionSpec("render", "&Render now", ("F5",), "refresh", "Render the picture again"),
    # Model
    ActionSpec(
        "model_folder",
        "&Open model folder…",
        (),
        "folder-cog-outline",
        "A folder with model.json and generator.safetensors",
    ),
    ActionSpec(
        "model_file",
        "Open &reference checkpoint…",
        (),
        "file-cog-outline",
        "A latest_net_G.pth of the reference implementation",
    ),
    ActionSpec(
        "train",
        "&Train on your own pictures…",
        ("Ctrl+Shift+T",),
        "school-outline",
        "From a folder of photos and label maps, or of photos alone, to brushes of your own",
    ),
    ActionSpec("model_info", "&About this model…", (), "information-outline"),
    # Help
    ActionSpec("first_steps", "&First steps", (), "numeric-1-box-multiple-outline"),
    ActionSpec("shortcuts", "&Keyboard and mouse…", ("F1",), "keyboard-outline"),
    ActionSpec("about", "&About Spadework…", (), "shovel"),
)

MENUS: tuple[Submenu, ...] = (
    Submenu(
        "file",
        "&File",
        (
            "new",
            "open",
            Submenu("recent", "Open &recent"),
            Submenu("samples", "Sample s&cenes"),
            "segment_photo",
            None,
            "save",
            "save_as",
            None,
            "export_picture",
            "export_labels",
            None,
            "quit",
        ),
    ),
    Submenu(
        "edit",
        "&Edit",
        (
            "undo",
            "redo",
            None,
            "copy_picture",
            "paste_style",
            None,
            Submenu(
                "tools",
                "&Tool",
                (
                    "tool_brush",
                    "tool_eraser",
                    None,
                    "tool_line",
                    "tool_rectangle",
                    "tool_ellipse",
                    "tool_polygon",
                    "tool_lasso",
                    None,
                    "tool_fill",
                    "tool_replace",
                    "tool_eyedropper",
                    "tool_pan",
                ),
            ),
            "swap",
            "smaller",
            "larger",
            "find_class",
            None,
            "preferences",
        ),
    ),
    Submenu("image", "&Image", ("resize", "crop", None, "trace", "trace_remove")),
    Submenu(
        "view",
        "&View",
        (
            "view_side",
            "view_picture",
            "view_overlay",
            "view_cycle",
            None,
            "zoom_in",
            "zoom_out",
            "fit",
            "actual",
            None,
            Submenu("panels", "P&anels"),
            "reset_layout",
            "light",
            "fullscreen",
        ),
    ),
    Submenu(
        "style",
        "&Style",
        ("style_image", "surprise", "style_default", None, "live", "render"),
    ),
    Submenu(
        "model",
        "&Model",
        (
            Submenu("models", "&Models"),
            "model_folder",
            "model_file",
            None,
            Submenu("palettes", "&Palette"),
            None,
            "train",
            None,
            "model_info",
        ),
    ),
    Submenu("help", "&Help", ("first_steps", "shortcuts", None, "about")),
)

GESTURES: tuple[tuple[str, str], ...] = (
    ("1 … 9, 0", "Pick the class with that key in the palette"),
    ("Tab or `", "Cycle: side by side, picture only, labels over the picture"),
    ("Hold C", "See the picture before the last change"),
    ("Space + drag, middle button", "Pan"),
    ("Wheel", "Zoom at the pointer"),
    ("Ctrl + wheel", "Brush size"),
    ("Shift + click", "Straight line from the last point"),
    ("Alt + click", "Pick the class under the pointer"),
    ("Esc", "Give up the shape being drawn"),
)
"""Keys and mouse moves that are not menu commands: (what you do, what happens)."""

BEFORE_KEY = Qt.Key.Key_C

TOOL_ACTIONS: dict[str, Tool] = {f"tool_{tool.value}": tool for tool in Tool}
MODE_ACTIONS: dict[str, ViewMode] = {
    "view_side": ViewMode.SIDE_BY_SIDE,
    "view_picture": ViewMode.PICTURE,
    "view_overlay": ViewMode.OVERLAY,
}


def plain_text(text: str) -> str:
    """A menu text without its mnemonic mark and dots."""
    return text.replace("&", "").removesuffix("…")


def shortcut_rows() -> list[tuple[str, str]]:
    """(keys, what they do) of every command with a key, then the gestures."""
    rows = [(" or ".join(spec.keys), plain_text(spec.text)) for spec in ACTIONS if spec.keys]
    return rows + list(GESTURES)


def shortcuts_markdown() -> str:
    """The README's shortcuts table."""
    lines = ["| Key | What it does |", "| --- | --- |"]
    lines += [f"| {keys.replace('`', '&#96;')} | {text} |" for keys, text in shortcut_rows()]
    return "\n".join(lines) + "\n"


class Actions(QObject):
    """The QActions of one window, by id. They are added to ``window``, so keys work at once."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._by_id: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        self.menus: dict[str, QMenu] = {}
        for spec in ACTIONS:
            self._by_id[spec.id] = self._make(spec, window)

    def __getitem__(self, action_id: str) -> QAction:
        return self._by_id[action_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def on(self, action_id: str, call: Callable[[], object]) -> None:
        """Call ``call()`` when the command is chosen (not when it is checked by program)."""
        self._by_id[action_id].triggered.connect(lambda _checked=False: call())

    def fill(self, bar: QMenuBar) -> None:
        """Build the menus; ``menus[id]`` holds every menu, also those the window fills."""
        for menu in MENUS:
            self._fill_menu(bar.addMenu(menu.text), menu)

    def _make(self, spec: ActionSpec, window: QWidget) -> QAction:
        action = QAction(spec.text, window)
        action.setObjectName(spec.id)
        if spec.icon:
            action.setIcon(icon(spec.icon))
        if spec.keys:
            action.setShortcuts([QKeySequence(keys) for keys in spec.keys])
        tip = spec.tip or plain_text(spec.text)
        action.setStatusTip(tip)
        keys = f" ({spec.keys[0]})" if spec.keys else ""
        action.setToolTip(f"{tip}{keys}")
        # Holding a key must not repeat an undoable command by accident, but size keys repeat.
        action.setAutoRepeat(
            spec.id in ("undo", "redo", "smaller", "larger", "zoom_in", "zoom_out")
        )
        if spec.group:
            action.setCheckable(True)
            group = self._groups.setdefault(spec.group, QActionGroup(self))
            group.addAction(action)
        elif spec.checkable:
            action.setCheckable(True)
        window.addAction(action)
        return action

    def _fill_menu(self, menu: QMenu, spec: Submenu) -> None:
        self.menus[spec.id] = menu
        menu.setObjectName(f"menu_{spec.id}")
        for item in spec.items:
            if item is None:
                menu.addSeparator()
            elif isinstance(item, Submenu):
                self._fill_menu(menu.addMenu(item.text), item)
            else:
                menu.addAction(self._by_id[item])
