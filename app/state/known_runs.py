"""The training folders that the application knows, newest first.

A small JSON file beside the autosaves: ``{"runs": [folder, ...]}``. It is read anew each time,
so that two windows do not forget each other's trainings.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from app.state.folders import state_dir
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError

FILE_NAME = "trainings.json"
MAX_RUNS = 50


class KnownRuns:
    """Reads and writes the list, on the calling thread (off the GUI thread, please).

    A damaged list counts as empty: the folders themselves are not touched by it, and adding
    one writes a new list. Any thread may call.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or state_dir()) / FILE_NAME
        self._lock = threading.Lock()

    def folders(self) -> tuple[Path, ...]:
        """Those that are still there, newest first."""
        with self._lock:
            return self._read()

    def add(self, folder: Path) -> None:
        """Put ``folder`` first. Raises InputError if the list can't be written."""
        with self._lock:
            folder = folder.absolute()
            others = (known for known in self._read() if known != folder)
            self._write((folder, *others)[:MAX_RUNS])

    def forget(self, folder: Path) -> None:
        """Take ``folder`` off the list; its files stay. Raises InputError as ``add`` does."""
        with self._lock:
            folder = folder.absolute()
            self._write(tuple(known for known in self._read() if known != folder))

    def _read(self) -> tuple[Path, ...]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))["runs"]
            paths = [Path(entry) for entry in found if isinstance(entry, str)]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return ()
        return tuple(dict.fromkeys(path for path in paths if path.is_dir()))

    def _write(self, folders: tuple[Path, ...]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self._path.parent}: can't make the folder of the list of trainings "
                f"({error.strerror}); check its permissions"
            ) from error
        data = {"runs": [str(folder) for folder in folders]}
        write_atomically(self._path, json.dumps(data, indent=1).encode())
