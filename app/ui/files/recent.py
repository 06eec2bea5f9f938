"""Menus whose entries come from lists: recent files, samples, models, palettes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.state.preferences import Preferences
from app.ui.files.file_controller import sample_name
from spade.formats.resources import bundled_models, bundled_palettes, bundled_scenes

OnPath = Callable[[Path], object]
OnName = Callable[[str], object]


def fill_recent(menu: QMenu, preferences: Preferences, open_: OnPath, clear: QAction) -> None:
    """The files used last, newest first, with keys for the first nine."""
    menu.clear()
    for number, entry in enumerate(preferences.recent_files, 1):
        path = Path(entry)
        mark = f"&{number} " if number < 10 else ""
        action = menu.addAction(mark + path.name.replace("&", "&&"))
        action.setStatusTip(entry)
        action.triggered.connect(lambda _checked=False, path=path: open_(path))
    if not preferences.recent_files:
        menu.addAction("Nothing yet").setEnabled(False)
        return
    menu.addSeparator()
    menu.addAction(clear)


PALETTE_NAMES = {"ade20k": "ADE20K", "coco-stuff": "COCO-Stuff"}
"""As the datasets write themselves; the others only begin with a capital."""


def fill_samples(menu: QMenu, open_: OnPath) -> None:
    """The bundled scenes."""
    menu.clear()
    for path in bundled_scenes():
        action = menu.addAction(sample_name(path))
        action.triggered.connect(lambda _checked=False, path=path: open_(path))


def fill_models(menu: QMenu, current: str, open_: OnName) -> None:
    """The bundled models, the one in use marked."""
    menu.clear()
    for name in bundled_models():
        action = menu.addAction(name.replace("_", " ").capitalize())
        action.setCheckable(True)
        action.setChecked(name == current)
        action.triggered.connect(lambda _checked=False, name=name: open_(name))
    if menu.isEmpty():
        menu.addAction("No model is bundled").setEnabled(False)


def fill_palettes(
    menu: QMenu,
    current: str,
    use: OnName,
    use_own: Callable[[], object],
    open_: Callable[[], object],
) -> None:
    """The model's own palette, the bundled ones, and a file."""
    menu.clear()
    menu.addAction("The model's own").triggered.connect(lambda _checked=False: use_own())
    menu.addSeparator()
    for name in bundled_palettes():
        action = menu.addAction(PALETTE_NAMES.get(name, name.capitalize()))
        action.setCheckable(True)
        action.setChecked(name.casefold() == current.casefold())
        action.triggered.connect(lambda _checked=False, name=name: use(name))
    menu.addSeparator()
    menu.addAction("Open palette…").triggered.connect(lambda _checked=False: open_())
