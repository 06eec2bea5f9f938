"""``spadework`` and ``python -m spade``: a command, or the application."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from spade.cli import COMMANDS, run_command, usage


def console(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says and return the exit code.

    Without arguments, or with a file, the application opens. A command exits with 0, with
    2 on bad input, with 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else ""
    if first in ("-h", "--help"):
        print(usage())
        return 0
    if first == "--version":
        from spade import __version__

        print(f"spadework {__version__}")
        return 0
    if first in COMMANDS:
        return run_command(first, given[1:])
    if first and not first.startswith("-") and not Path(first).exists() and not _is_path(first):
        print(
            f"spadework: error: no command {first!r} (there are {', '.join(COMMANDS)}) and no "
            "such file to open",
            file=sys.stderr,
        )
        return 2
    return _open_application(given)


def _is_path(text: str) -> bool:
    """Whether ``text`` can only be meant as a file, even if it is not there."""
    return bool(Path(text).suffix) or "/" in text or "\\" in text


def _open_application(arguments: list[str]) -> int:
    # By name, so that nothing in spade depends on the application.
    return int(importlib.import_module("app.main").main(arguments))


if __name__ == "__main__":
    sys.exit(console())
