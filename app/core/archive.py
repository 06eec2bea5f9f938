"""Reading a zip archive that may come from anywhere: bounded, checked, nothing on the disk."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from types import TracebackType

from spade.formats.errors import InputError

MAX_ENTRIES = 1000
MAX_ENTRY_BYTES = 512 * 1024 * 1024
_MAX_NAME = 255
_SMALL, _MAX_RATIO = 16 * 1024 * 1024, 100


class ArchiveReader:
    """A zip file opened for reading; a context manager.

    ``names`` maps each entry's name to its stated size. InputError if the file is missing or
    no whole zip archive, or if an entry's name is given twice or leads out of the archive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            if not path.is_file():
                raise InputError(f"{path}: no such file; check the name")
            self._file = zipfile.ZipFile(path)
        except InputError:
            raise
        except PermissionError as error:
            raise InputError(f"{path}: may not be read; check its permissions") from error
        except Exception as error:  # zipfile on bytes that are no archive raises nearly anything
            raise InputError(
                f"{path}: is not a project file or is cut off; choose another or an older copy"
            ) from error
        try:
            self.names = self._checked_names()
        except InputError:
            self._file.close()
            raise

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, name: str, limit: int = MAX_ENTRY_BYTES) -> bytes:
        """The bytes of an entry, checksum verified.

        InputError if it is missing, encrypted, damaged, or swells to over ``limit`` bytes
        or, unless small, to over a hundred times its size in the archive.
        """
        if name not in self.names:
            raise InputError(
                f"{self._path}: is damaged ({name[:60]} is missing); use an older copy"
            )
        packed = self._file.getinfo(name).compress_size
        # zipfile unpacks no more than the stated size, so a false statement fails on its own.
        if self.names[name] > min(limit, max(_SMALL, _MAX_RATIO * packed)):
            raise InputError(
                f"{self._path}: {name[:60]} swells to {self.names[name]} bytes, "
                "which is unsafe; do not trust this file"
            )
        try:
            return self._file.read(name)
        except Exception as error:  # zlib, lzma, struct, zipfile: each has its own
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{self._path}: is damaged at {name[:60]} ({reason}); use an older copy"
            ) from error

    def _checked_names(self) -> dict[str, int]:
        entries = self._file.infolist()
        if len(entries) > MAX_ENTRIES:
            raise InputError(
                f"{self._path}: has {len(entries)} entries, this is no project file; choose another"
            )
        names: dict[str, int] = {}
        for entry in entries:
            name = entry.orig_filename
            if not _stays_inside(name):
                raise InputError(
                    f"{self._path}: has an entry named {name[:60]!r}, which is unsafe; "
                    "do not trust this file"
                )
            if name in names:
                raise InputError(f"{self._path}: is damaged ({name[:60]} occurs twice)")
            names[name] = entry.file_size
        return names


def _stays_inside(name: str) -> bool:
    """True for a plain relative path with forward slashes."""
    if not name or len(name) > _MAX_NAME or any(c in name for c in "\\:\0") or name[0] == "/":
        return False
    return os.pardir not in name.split("/")
