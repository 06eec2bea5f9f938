"""The README lists the program's own shortcuts. To rewrite: python tests/ui/test_readme.py"""

from __future__ import annotations

import re
from pathlib import Path

from app.ui.actions import shortcut_rows

README = Path(__file__).parents[2] / "README.md"
BETWEEN = re.compile(r"(<!-- shortcuts -->\n).*?(<!-- end of shortcuts -->)", re.DOTALL)


def with_shortcuts(text: str) -> str:
    """The README's text with the table made anew."""

    def cell(words: str) -> str:
        return words.replace("|", "\\|")

    rows = [f"| {cell(keys)} | {cell(what)} |" for keys, what in shortcut_rows()]
    table = "\n".join(["| key | what it does |", "|---|---|", *rows, ""])
    return BETWEEN.sub(lambda found: found[1] + table + found[2], text)


def test_the_readme_lists_the_shortcuts_there_are() -> None:
    text = README.read_text(encoding="utf-8")
    assert BETWEEN.search(text)
    assert with_shortcuts(text) == text, "run: python tests/ui/test_readme.py"


if __name__ == "__main__":
    README.write_text(with_shortcuts(README.read_text(encoding="utf-8")), encoding="utf-8")
