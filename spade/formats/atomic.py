"""Writing a file so that at every moment either the old or the new one is whole."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spade.formats.errors import InputError

_PREFIX, _SUFFIX = ".spadework-", ".tmp"


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` that replaces it if the block succeeds.

    The temporary file is flushed to disk before the replacement and removed if the block
    raises; the old file then stays as it was. A symbolic link is followed, so that its
    target is replaced and not the link; an existing file keeps its permissions. The
    temporary file's suffix is ``.tmp``: give writers that go by the suffix an explicit format.

    Raises:
        InputError: the folder is missing or not writable, the disk is full, ``path`` is a
            folder, and the like.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise InputError(f"{path}: is a folder; give a file name")
        if not target.parent.is_dir():
            raise InputError(
                f"{path}: the folder {target.parent} does not exist; create it or choose another"
            )
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=target.parent)
        os.close(handle)
    except (OSError, ValueError) as error:
        raise _write_error(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            _flush(temporary)
        temporary.chmod(_permissions(target))
        os.replace(temporary, target)
    except OSError as error:
        # An error about another file (a source being copied, say) is not ours to explain.
        if error.filename is not None and os.fspath(error.filename) not in (name, str(target)):
            raise
        raise _write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    if durable:
        _flush_folder(target.parent)


def write_atomically(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path``; see :func:`atomic_path` for the guarantees and errors."""
    with atomic_path(path, durable=durable) as temporary:
        temporary.write_bytes(data)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left unfinished in ``folder``, which nobody else writes to."""
    with contextlib.suppress(OSError):
        for path in Path(folder).glob(f"{_PREFIX}*{_SUFFIX}"):
            path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the system can (Windows can't open folders)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _permissions(target: Path) -> int:
    """Mode of the existing file, else what a new file would get (mkstemp gives 0600)."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        # The umask can only be read by setting it, which would race with other threads.
        return 0o666 & ~_UMASK


def _read_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _read_umask()


def _write_error(path: str | os.PathLike[str], error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"{path}: cannot be written ({reason}); choose another folder or name")
