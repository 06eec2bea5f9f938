"""The lines that a growing file has got since the last look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BLOCK = 1 << 20
"""Bytes read at once."""


class Tail:
    """Follows a file of JSON lines that another process appends to.

    Half a line at the end waits for its rest; a whole line that is no JSON object (a power cut
    leaves such) is skipped. A file that was cut, removed or written anew is noticed by the
    last line that was read, which is no longer where it was: then all is read again.

    most: as many lines a look at most; of more, every second, fourth ... is given, and the last.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        self._offset = 0
        self._last = b""  # the last line read, up to _offset

    def rewind(self) -> None:
        """Read all again next time."""
        self._offset, self._last = 0, b""

    def read(self) -> tuple[list[dict[str, Any]], bool]:
        """(new values, whether they are the whole file anew). Raises OSError."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            anew = self._offset > 0
            self.rewind()
            return [], anew
        with file:
            anew = False
            if self._offset:
                file.seek(self._offset - len(self._last))
                anew = file.read(len(self._last)) != self._last
                if anew:
                    self.rewind()
            file.seek(self._offset)
            lines = _Thinned(self._most)
            rest = b""
            while block := file.read(BLOCK):
                whole, newline, after = block.rpartition(b"\n")
                if not newline:
                    rest += block
                    continue
                found = (rest + whole).split(b"\n")
                rest = after
                lines.extend(found)
                self._offset += sum(map(len, found)) + len(found)
                self._last = found[-1] + b"\n"
        return [value for line in lines.kept() if (value := _parsed(line)) is not None], anew


class _Thinned:
    """At most twice ``most`` of the lines put in, evenly spread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[bytes] = []
        self._stride = 1
        self._count = 0
        self._last = b""

    def extend(self, lines: list[bytes]) -> None:
        first = -self._count % self._stride
        self._kept += lines[first :: self._stride]
        self._count += len(lines)
        self._last = lines[-1]
        while len(self._kept) > self._most:
            self._kept = self._kept[::2]
            self._stride *= 2

    def kept(self) -> list[bytes]:
        if not self._count or (self._count - 1) % self._stride == 0:
            return self._kept
        return [*self._kept, self._last]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
