"""The repository's own files, and what its modules import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """``module`` as it would have to be imported; ``typing_only``: under TYPE_CHECKING."""

    where: str
    module: str
    typing_only: bool


def module_names(path: Path, root: Path = ROOT) -> tuple[str, str]:
    """The dotted name of a file's module, and of the package that it is in."""
    parts = path.relative_to(root).with_suffix("").parts
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), ".".join(parts[:-1])
    return ".".join(parts), ".".join(parts[:-1])


def imports_of(source: str, where: str, package: str, known: frozenset[str]) -> Iterator[Import]:
    """All imports of a module, inside functions too; also those by name at run time.

    ``from package import name`` counts as ``package.name`` if that is a module (``known``).
    """
    tree = ast.parse(source)
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            inner = {f"{base}.{alias.name}" for alias in node.names}
            modules = sorted(inner & known) + ([base] if inner - known else [])
        elif isinstance(node, ast.Call) and node.args:
            function = ast.unparse(node.func)
            name = node.args[0]
            by_name = function.endswith(("import_module", "__import__"))
            if by_name and isinstance(name, ast.Constant) and isinstance(name.value, str):
                modules = [name.value]
        for module in modules:
            yield Import(f"{where}:{node.lineno}", module, id(node) in guarded)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def committed() -> list[Path]:
    """Every file that a commit would hold, by absolute path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture(scope="session")
def imports() -> dict[str, list[Import]]:
    """What each module of ``app`` and ``spade`` imports, by dotted name."""
    files = sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "spade").rglob("*.py")])
    known = frozenset(module_names(path)[0] for path in files)
    found = {}
    for path in files:
        module, package = module_names(path)
        where = path.relative_to(ROOT).as_posix()
        found[module] = list(imports_of(path.read_text("utf-8"), where, package, known))
    return found


@pytest.fixture(scope="session")
def read_imports():
    """``imports_of``, for its own test."""
    return imports_of
