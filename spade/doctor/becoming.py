"""A folder that is not there until it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spade.formats.errors import InputError

MARK = ".unfinished"
"""In a folder that is being made; touched while it is."""
_STALE = 600.0  # seconds after which nobody is making it any more


@contextmanager
def becoming(out: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out`` that takes its name once the block is done.

    If the block raises, the folder is removed. Of a process that was killed it stays, under a
    name of its own, until the next one for the same ``out``. Call :func:`still_at_it` now and
    then.

    Raises InputError if ``out`` is there and not empty, or can't be made.
    """
    out = Path(os.path.abspath(out))
    _check_empty(out)
    temporary = out.parent / f".{out.name}.import-{secrets.token_hex(4)}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(out)
        temporary.mkdir()
        (temporary / MARK).touch()
    except OSError as error:
        raise not_written(out, error) from None
    try:
        yield temporary
        try:
            (temporary / MARK).unlink()
            if hasattr(os, "sync"):  # else a power cut could leave the name without the files
                os.sync()
            _check_empty(out)
            if out.is_dir():
                out.rmdir()
            temporary.rename(out)
        except OSError as error:
            raise not_written(out, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def still_at_it(temporary: Path) -> None:
    """Say that somebody is still making the folder."""
    with contextlib.suppress(OSError):
        os.utime(temporary / MARK)


def not_written(out: Path, error: OSError) -> InputError:
    """What to say if ``out`` can't be written."""
    return InputError(
        f"{out}: cannot be written ({error.strerror or error}); make room or choose another folder"
    )


def _check_empty(out: Path) -> None:
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise InputError(f"{out}: is there and no folder; choose another")
        if out.is_dir() and any(out.iterdir()):
            raise InputError(f"{out}: is not empty; choose another folder")
    except OSError as error:
        raise not_written(out, error) from None


def _remove_stale(out: Path) -> None:
    for path in out.parent.iterdir():
        if path.name.startswith(f".{out.name}.import-") and path.is_dir():
            mark = path / MARK
            with contextlib.suppress(OSError):
                touched = (mark if mark.exists() else path).stat().st_mtime
                if time.time() - touched > _STALE:
                    shutil.rmtree(path, ignore_errors=True)
