"""What the user prefers, kept as a small JSON file of overrides.

Only what differs from the defaults is written, so that a better default reaches everyone
who never chose. Changes are written a moment later by ``submit`` (in the app the file
worker's thread), all of them at once; ``flush`` writes at exit what is still waiting.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from PySide6.QtCore import QObject, QTimer, Signal

from app.state.folders import config_dir
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError

FILE_NAME = "preferences.json"
WRITE_DELAY_MS = 500
MAX_RECENT_FILES = 10
THEMES = ("dark", "light")
DEVICES = ("auto", "cuda", "mps", "cpu")

T = TypeVar("T")
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]], None]


class _Preference(Generic[T]):
    """An attribute stored in the overrides; ``accepts`` tells a usable value from JSON."""

    def __init__(self, default: T, accepts: Callable[[Any], bool]) -> None:
        self.default = default
        self.accepts = accepts

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> _Preference[T]: ...

    @overload
    def __get__(self, instance: Preferences, owner: type) -> T: ...

    def __get__(self, instance: Preferences | None, owner: type) -> T | _Preference[T]:
        if instance is None:
            return self
        value: T = instance._overrides.get(self._name, self.default)
        return value

    def __set__(self, instance: Preferences, value: T) -> None:
        if not self.accepts(value):
            raise ValueError(f"{value!r} is no value for the preference {self._name}")
        instance._set(self._name, value, self.default)


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: value in values


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(item, str) for item in value)


class Preferences(QObject):
    """Attributes with defaults; assigning one emits ``changed(name)`` and saves in a moment.

    A file that can't be read gives the defaults and one line in ``notice``; it is kept
    beside the new one as ``preferences.json.damaged``. Entries that this version does not
    know are kept. ``submit(fn, on_done, on_error)`` runs ``fn`` wherever it likes; without
    it, writing happens on the calling thread.
    """

    changed = Signal(str)
    write_failed = Signal(str)  # one line for the status bar

    theme = _Preference("dark", _one_of(*THEMES))
    device = _Preference("auto", _one_of(*DEVICES))
    live = _Preference(True, _truth)  # render while painting
    hint_seen = _Preference(False, _truth)
    licence_seen = _Preference(False, _truth)
    geometry = _Preference("", _text)  # base64 of QMainWindow.saveGeometry
    layout = _Preference("", _text)  # base64 of QMainWindow.saveState
    scene_folder = _Preference("", _text)  # where dialogs begin; "": at home
    photo_folder = _Preference("", _text)
    model_folder = _Preference("", _text)
    recent_files: _Preference[tuple[str, ...]] = _Preference((), _texts)  # newest first

    def __init__(
        self,
        folder: Path | None = None,
        submit: Submit | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._path = (folder or config_dir()) / FILE_NAME
        self._submit = submit
        self._overrides: dict[str, Any] = {}
        self._unwritten = False
        self._submitted = 0
        self._written = 0  # guarded by _lock, like the file itself
        self._lock = threading.Lock()
        self._timer = QTimer(self, singleShot=True, interval=WRITE_DELAY_MS)
        self._timer.timeout.connect(self._write_later)
        self.notice: str | None = None
        self._read()

    @property
    def path(self) -> Path:
        """The JSON file; it exists once something was written."""
        return self._path

    def add_recent_file(self, path: Path) -> None:
        """Put ``path`` first; the list holds ``MAX_RECENT_FILES``."""
        entry = str(Path(path).absolute())
        others = (recent for recent in self.recent_files if recent != entry)
        self.recent_files = (entry, *others)[:MAX_RECENT_FILES]

    def remove_recent_file(self, path: Path) -> None:
        """Forget ``path``, for instance because it is gone."""
        entry = str(Path(path).absolute())
        self.recent_files = tuple(recent for recent in self.recent_files if recent != entry)

    def flush(self) -> None:
        """Write now, on this thread, what was changed since the last write (at exit)."""
        self._timer.stop()
        if self._written < self._submitted:
            self._unwritten = True  # a write that was handed over may never run
        if not self._unwritten:
            return
        try:
            self._writer()()
        except InputError as error:
            self.write_failed.emit(str(error))

    def _set(self, name: str, value: Any, default: Any) -> None:
        if value == self._overrides.get(name, default):
            return
        if value == default:
            del self._overrides[name]
        else:
            self._overrides[name] = value
        self._unwritten = True
        self._timer.start()
        self.changed.emit(name)

    def _write_later(self) -> None:
        write = self._writer()
        if self._submit is not None:
            self._submit(write, lambda _: None, self._failed)
            return
        try:
            write()
        except InputError as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.write_failed.emit(str(error))

    def _writer(self) -> Callable[[], None]:
        """A function that writes the present values, unless newer ones were written."""
        data = json.dumps(self._overrides, indent=1, sort_keys=True).encode()
        self._submitted += 1
        number = self._submitted
        self._unwritten = False

        def write() -> None:
            with self._lock:
                if number <= self._written:
                    return
                try:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise InputError(
                        f"{self._path.parent}: can't make the folder of the preferences "
                        f"({error.strerror}); check its permissions"
                    ) from error
                write_atomically(self._path, data)
                self._written = number

        return write

    def _read(self) -> None:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("not a JSON object")
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            self.notice = f"{self._path}: unreadable ({_one_line(error)}); using the defaults"
            self._keep_damaged()
            return
        refused = []
        for name, value in found.items():
            preference = type(self).__dict__.get(name)
            if isinstance(value, list):
                value = tuple(value)
            if isinstance(preference, _Preference) and not preference.accepts(value):
                refused.append(name)
            else:
                self._overrides[name] = value
        if refused:
            names = ", ".join(sorted(refused))
            self.notice = f"{self._path}: unusable value for {names}; using the default"

    def _keep_damaged(self) -> None:
        try:
            os.replace(self._path, self._path.with_name(FILE_NAME + ".damaged"))
        except OSError:
            self.notice = f"{self.notice}; it could not be moved aside"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
