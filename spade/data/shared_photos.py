"""Decoded photos that the processes of one machine have in common: read once, kept once.

The first process of the machine writes them one after the other into a file in the folder for
temporary files (TMPDIR chooses it), and all map it into their memory. Its pages are the
system's to keep or to read again. Once all have it the file loses its name: nothing is left
behind when they end.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spade.formats.errors import InputError

Arrays = tuple[NDArray[Any] | None, ...]
"""Of one photo."""

_ALIGNMENT = 64


class Machine(Protocol):
    """The processes of one machine, which all call ``hand_over`` equally often."""

    @property
    def goes_ahead(self) -> bool:
        """Whether this is the first of them."""

    def hand_over(self, value: Any) -> Any:
        """What the first of them gives; what the others give is ignored."""


_Place = tuple[int, str, tuple[int, ...]]
"""Where an array is: offset in bytes, dtype, shape."""


def shared(photos: Iterable[Arrays], machine: Machine) -> list[Arrays]:
    """The arrays of ``photos``, which are read only where the machine's first process is.

    What is returned can't be written to. Raises InputError if there is no room for the file
    or another process can't open it, and what ``photos`` raise.
    """
    if not machine.goes_ahead:
        name, places = machine.hand_over(None)
        found = _mapped(Path(name), places)
        machine.hand_over(None)
        return found
    try:
        descriptor, name = tempfile.mkstemp(prefix="spadework-photos-")
    except OSError as error:
        raise _no_room(error) from None
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            places = [tuple(_written(file, array) for array in arrays) for arrays in photos]
        machine.hand_over((str(path), places))
        found = _mapped(path, places)
        machine.hand_over(None)  # by now the others have it, too
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    return found


def _written(file: IO[bytes], array: NDArray[Any] | None) -> _Place | None:
    if array is None:
        return None
    try:
        file.write(bytes(-file.tell() % _ALIGNMENT))
        place = file.tell(), array.dtype.str, array.shape
        file.write(np.ascontiguousarray(array).data)
        # A full disk is told by the write that meets it, not by a later one.
        file.flush()
    except OSError as error:
        raise _no_room(error) from None
    return place


def _mapped(path: Path, places: list[tuple[_Place | None, ...]]) -> list[Arrays]:
    try:
        if os.path.getsize(path) == 0:
            return []
        whole = np.memmap(path, np.uint8, "r").view(np.ndarray)
    except OSError as error:
        raise InputError(
            f"{path}: this process can't open the photos that another of its machine has read "
            f"({error.strerror}); start the processes with torchrun"
        ) from None
    return [tuple(_array(whole, place) for place in part) for part in places]


def _array(whole: NDArray[np.uint8], place: _Place | None) -> NDArray[Any] | None:
    if place is None:
        return None
    offset, kind, shape = place
    dtype = np.dtype(kind)
    size = int(np.prod(shape)) * dtype.itemsize
    array: NDArray[Any] = whole[offset : offset + size].view(dtype).reshape(shape)
    return array


def _no_room(error: OSError) -> InputError:
    return InputError(
        f"{tempfile.gettempdir()}: no room for the decoded photos, which the processes share "
        f"there ({error.strerror}); let TMPDIR name a folder with more"
    )
