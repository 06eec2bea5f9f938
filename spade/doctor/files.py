"""The files of a data set, in a folder or in a zip, by relative names; read only.

Names that lead out of the data set are left aside. Folders reached through symbolic links
count, each once, so that a link to a folder above does no harm.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from spade.doctor.checkup import Cancelled
from spade.formats.errors import InputError
from spade.formats.limits import MAX_FILE_BYTES

MAX_FILES = 2_000_000
_MAX_RATIO, _SMALL = 300, 64 * 2**20  # a small file in a zip may shrink as it likes
_JUNK = {"__MACOSX", ".git", "Thumbs.db", ".DS_Store"}


@dataclass(frozen=True)
class Files:
    """``names``: "train/images/a.jpg" and so on, sorted, of the data set ``root`` (a folder or
    a zip). ``unsafe``: names in a zip that lead out of it.

    Opened zips are shared by threads; use it as a context manager, or call :meth:`close`.
    """

    root: Path
    names: tuple[str, ...]
    unsafe: tuple[str, ...] = ()
    zipped: bool = False
    _members: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    _open: list[zipfile.ZipFile] = field(default_factory=list, compare=False, repr=False)

    def __enter__(self) -> Files:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": []}

    def close(self) -> None:
        """Close the zip, if one is open; it opens itself again where needed."""
        while self._open:
            self._open.pop().close()

    def source(self, name: str) -> Path | bytes:
        """What the readers of :mod:`spade.formats` take: a path, or a member's bytes.

        Raises InputError for a member that is damaged, encrypted or far too large.
        """
        return self.read(name) if self.zipped else self.root / name

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises InputError if it can't be read."""
        try:
            if not self.zipped:
                path = self.root / name
                if path.stat().st_size > MAX_FILE_BYTES:
                    raise InputError(f"{name}: is larger than {MAX_FILE_BYTES // 2**20} MB")
                return path.read_bytes()
            archive = self._archive()
            info = archive.getinfo(self._members[name])
            if info.file_size > min(MAX_FILE_BYTES, max(_SMALL, _MAX_RATIO * info.compress_size)):
                raise InputError(f"{name}: unpacks to {info.file_size // 2**20} MB; too large")
            return archive.read(info)
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({error.strerror or error})") from error
        except Exception as error:  # damaged archives raise nearly anything
            raise InputError(f"{name}: cannot be unpacked ({error})") from error

    def size(self, name: str) -> int:
        """Bytes of a file, 0 if that can't be told."""
        try:
            if self.zipped:
                return self._archive().getinfo(self._members[name]).file_size
            return (self.root / name).stat().st_size
        except (OSError, KeyError, zipfile.BadZipFile):
            return 0

    def _archive(self) -> zipfile.ZipFile:
        if not self._open:
            self._open.append(zipfile.ZipFile(self.root))
        return self._open[0]


def find_files(
    root: Path,
    on_found: Callable[[int], None] = lambda count: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Files:
    """All files of the folder or zip ``root``.

    Raises InputError if there is none, or it is neither, or far too large; Cancelled.
    """
    try:
        if root.is_dir():
            return Files(root, tuple(sorted(_walk(root, on_found, cancelled))))
        if not root.exists():
            raise InputError(f"{root}: no such folder; give one with photos and label maps")
        if not root.is_file():
            raise InputError(f"{root}: is neither a folder nor a zip")
        with zipfile.ZipFile(root) as archive:
            return _zipped(root, archive)
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{root}: is neither a folder nor a whole zip ({error}); give the folder of the data"
        ) from None
    except (OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{root}: cannot be read ({error}); check the name") from error


def _walk(root: Path, on_found: Callable[[int], None], cancelled: Callable[[], bool]) -> list[str]:
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    todo = [""]
    while todo:
        if cancelled():
            raise Cancelled
        prefix = todo.pop()
        folder = root / prefix
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen and status.st_ino:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(folder))
        except OSError:
            if prefix:  # a folder that may not be opened is as good as empty
                continue
            raise
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _JUNK:
                continue
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself
                is_folder = is_file = False
            if is_folder:
                todo.append(name)
            elif is_file or entry.is_symlink():  # a dead link is a file that is missing
                found.append(name)
        if len(found) > MAX_FILES:
            raise InputError(f"{root}: has over {MAX_FILES} files; give the data's own folder")
        on_found(len(found))
    return found


def _zipped(root: Path, archive: zipfile.ZipFile) -> Files:
    members: dict[str, str] = {}
    unsafe = []
    for info in archive.infolist():
        if info.is_dir():
            continue
        name = info.filename.replace("\\", "/")
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or (parts and ":" in parts[0]):
            unsafe.append(info.filename)
        elif not any(part.startswith(".") or part in _JUNK for part in parts):
            members["/".join(part for part in parts if part != ".")] = info.filename
        if len(members) > MAX_FILES:
            raise InputError(f"{root}: has over {MAX_FILES} files; give the data's own zip")
    return Files(root, tuple(sorted(members)), tuple(unsafe), True, members)
