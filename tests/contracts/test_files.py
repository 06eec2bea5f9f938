"""What the repository and the package hold."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

# In pieces, so that this file passes its own test.
MACHINE_PATHS = re.compile(
    rb"(?<![\w.:~/$}*-])/(?:"
    + b"|".join([b"work", b"root", b"home", b"Users", b"tmp", b"mnt"])
    + rb")/(?!\.\.\.)[\w.-]+|[A-Z]:\\{1,2}Users\\"
)
BINARY = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".ico", ".ora", ".pth", ".npz"}
MAX_BYTES = 80 * 1024 * 1024

IMPORT_NAMES = {"pillow": "PIL", "pyside6-essentials": "PySide6"}


def test_no_committed_file_names_a_path_of_some_machine(committed: list[Path], root: Path) -> None:
    found = [
        f"{path.relative_to(root)}: {match.group().decode(errors='replace')}"
        for path in committed
        if path.suffix not in BINARY
        for match in MACHINE_PATHS.finditer(path.read_bytes())
    ]
    assert not found, "\n".join(found)


def test_the_pattern_finds_paths_and_leaves_addresses_alone() -> None:
    for text in ("open('/{}/main/a.py')", "see /{}/b", '"C:\\\\Users\\\\me"'):
        assert MACHINE_PATHS.search(text.format("work").encode())
    for text in ("https://example.org/home/a", "../{}/a", "a/tmp/b", "/usr/lib/x", "tmp/b"):
        assert not MACHINE_PATHS.search(text.format("work").encode())


def test_no_committed_file_is_too_large(committed: list[Path], root: Path) -> None:
    large = [str(path.relative_to(root)) for path in committed if path.stat().st_size > MAX_BYTES]
    assert not large


def test_no_committed_file_is_pickled_or_compiled(committed: list[Path], root: Path) -> None:
    # Reference checkpoints for the parity tests are torch's own format, by nature.
    wrong = [
        str(path.relative_to(root))
        for path in committed
        if path.suffix in {".pyc", ".pkl", ".pickle", ".so", ".whl"}
        or (path.suffix in {".pth", ".pt"} and "tests/data" not in path.as_posix())
    ]
    assert not wrong


def test_source_files_stay_small(root: Path) -> None:
    long = {
        path.relative_to(root).as_posix(): lines
        for room in ("app", "spade")
        for path in (root / room).rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert not long


def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def test_a_wheel_has_app_and_spade_at_the_top_and_carries_the_assets(root: Path) -> None:
    wheel = project(root)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(wheel["packages"]) == ["app", "spade"]
    assert {target.split("/")[0] for target in wheel["force-include"].values()} == {"spade"}
    for source in wheel["force-include"]:
        assert (root / source).exists()


def test_every_package_folder_is_a_package(root: Path) -> None:
    bare = [
        path.parent.relative_to(root).as_posix()
        for room in ("app", "spade")
        for path in (root / room).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert not sorted(set(bare))


def test_what_is_imported_is_declared(imports, root: Path) -> None:
    settings = project(root)["project"]
    listed = [*settings["dependencies"], *settings["optional-dependencies"]["train"]]
    declared = {re.split(r"[<>=!~\[ ;]", entry)[0].lower() for entry in listed}
    names = {IMPORT_NAMES.get(name, name) for name in declared}
    names |= {"shiboken6"}  # comes with PySide6
    used = {found.module.split(".")[0] for all_found in imports.values() for found in all_found} - {
        *sys.stdlib_module_names,
        "app",
        "spade",
    }
    assert used <= names, f"not declared: {sorted(used - names)}"
    # of qtawesome only the font is read: importing it would load all of Qt (app/ui/look/icons.py)
    unseen = {"tensorboard", "shiboken6", "qtawesome"}
    assert names - used <= unseen, f"not used: {sorted(names - used)}"


def test_no_source_imports_the_tests(imports) -> None:
    tests = {"tests", "pytest", "hypothesis", "pytestqt"}
    wrong = [
        found.where
        for all_found in imports.values()
        for found in all_found
        if found.module.split(".")[0] in tests
    ]
    assert not wrong
