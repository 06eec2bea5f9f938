"""Imports go one way: spade.formats <- core <- state <- ui, and only workers know torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

NUMBERS = {"numpy", "PIL"}
DRAWING = {"PySide6.QtCore", "PySide6.QtGui", "PySide6.QtWidgets", "PySide6.QtSvg", "shiboken6"}

# Room -> what its modules may import beside the standard library. A module belongs to the
# most exact name here. "app.workers?" allows it for annotations alone: such objects are
# handed in by app.main.
ROOMS = {
    "spade": {"torch", "safetensors", "tensorboard", "platformdirs", "filelock", *NUMBERS, "spade"},
    "spade.__main__": {"spade", "app.main"},
    "spade.formats": {*NUMBERS, "spade.formats"},
    "app": set(),
    "app.core": {*NUMBERS, "spade.formats", "app.core"},
    "app.state": {
        *NUMBERS,
        "platformdirs",
        "PySide6.QtCore",
        "spade.formats",
        "app.core",
        "app.state",
    },
    "app.workers": {
        *NUMBERS,
        "PySide6.QtCore",
        "torch",
        "filelock",
        "spade",
        "app.core",
        "app.state",
        "app.workers",
    },
    "app.workers.messages": {*NUMBERS, "spade.formats", "app.core"},
    "app.workers.training_messages": {*NUMBERS, "spade.formats"},
    "app.ui": {
        *NUMBERS,
        *DRAWING,
        "qtawesome",
        "spade.formats",
        "app.core",
        "app.state",
        "app.ui",
        "app.workers.messages",
        "app.workers.training_messages",
        "app.workers?",
    },
    "app.main": {"PySide6", "spade.formats", "app"},
    "app.__main__": {"app.main"},
}

NETWORK = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "urllib.request",
    "urllib3",
    "webbrowser",
    "xmlrpc",
    "PySide6.QtNetwork",
    "PySide6.QtWebEngineCore",
}


def within(module: str, name: str) -> bool:
    """``module`` is ``name`` or lies in it."""
    return module == name or module.startswith(name + ".")


def room_of(module: str) -> str:
    return max((room for room in ROOMS if within(module, room)), key=len)


def allowed(module: str, typing_only: bool, permitted: set[str]) -> bool:
    if module.split(".")[0] in sys.stdlib_module_names:
        return True
    if any(within(module, name) for name in permitted):
        return True
    return typing_only and any(
        within(module, name[:-1]) for name in permitted if name.endswith("?")
    )


def test_every_import_goes_the_right_way(imports) -> None:
    wrong = [
        f"{found.where} imports {found.module} (room {room_of(module)})"
        for module, all_found in imports.items()
        for found in all_found
        if not allowed(found.module, found.typing_only, ROOMS[room_of(module)])
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_talks_to_the_network(imports) -> None:
    wrong = [
        f"{found.where} imports {found.module}"
        for all_found in imports.values()
        for found in all_found
        if any(within(found.module, name) for name in NETWORK)
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_weights_for_training_are_fetched_and_only_there(root) -> None:
    fetching = [
        path.relative_to(root).as_posix()
        for room in ("app", "spade")
        for path in (root / room).rglob("*.py")
        if "torch.hub" in path.read_text("utf-8")
    ]
    assert fetching == ["spade/vgg_weights.py"]


def test_modules_that_every_rule_names_exist(imports) -> None:
    for room in ROOMS:
        assert any(within(module, room) for module in imports), f"no module in {room}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch.nn as nn", [("torch.nn", False)]),
        ("from app import core", [("app.core", False)]),
        ("from app.core import fill, Thing", [("app.core.fill", False), ("app.core", False)]),
        ("from . import fill", [("app.core.fill", False)]),
        ("from .fill import x", [("app.core.fill", False)]),
        ("from ..core.fill import x", [("app.core.fill", False)]),
        ("from .. import core", [("app.core", False)]),
        ("def f():\n    import torch", [("torch", False)]),
        ("importlib.import_module('torch')", [("torch", False)]),
        (
            "if TYPE_CHECKING:\n    import torch\nelse:\n    import numpy",
            [("torch", True), ("numpy", False)],
        ),
        ("x = 'import torch'", []),
    ],
)
def test_imports_are_found_in_every_form(read_imports, source, expected) -> None:
    known = frozenset({"app", "app.core", "app.core.fill"})
    found = read_imports(source, "app/core/a.py", "app.core", known)
    assert [(one.module, one.typing_only) for one in found] == expected


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after ``statement``."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_import_spade_loads_no_torch() -> None:
    loaded = loaded_by("import spade")
    assert "spade" in loaded
    assert not {"torch", "PySide6", "app"} & loaded


def test_formats_load_neither_torch_nor_qt() -> None:
    loaded = loaded_by("import spade.formats.label_png, spade.formats.photo, spade.formats.picture")
    assert not {"torch", "PySide6", "app"} & loaded


def test_the_core_loads_neither_torch_nor_qt(imports) -> None:
    modules = ", ".join(module for module in imports if within(module, "app.core"))
    assert not {"torch", "PySide6"} & loaded_by(f"import {modules}")


@pytest.mark.parametrize("module", ["app.ui.main_window", "app.main", "spade.__main__"])
def test_the_window_opens_without_torch(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    heavy = {name for name in loaded if within(name, "torch") or within(name, "safetensors")}
    assert not heavy
    assert not {"spade.model", "spade.generator", "spade.engine"} & loaded


def test_command_line_help_needs_neither_torch_nor_qt() -> None:
    silently = "import contextlib, io; from spade.__main__ import console"
    with_help = "with contextlib.redirect_stdout(io.StringIO()): console(['--help'])"
    assert not {"torch", "PySide6"} & loaded_by(f"{silently}\n{with_help}")
