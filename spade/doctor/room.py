"""Room in memory for pictures that are decoded at the same time in several threads.

Small ones never wait; of huge ones only as many are decoded at once as there is room for, one
at least.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from spade.formats.limits import check_photo_size

PIXELS = 48_000_000
"""Decoded at once. A label map in colours takes some 25 bytes a pixel while it is examined."""


class Room:
    """``pixels`` to share among threads. A thread takes one :class:`Place` at a time."""

    def __init__(self, pixels: int = PIXELS) -> None:
        self._pixels = pixels
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place that is given back at the end of the block."""
        place = Place(self)
        try:
            yield place
        finally:
            with self._changed:
                self._taken -= place.taken
                self._changed.notify_all()

    def take(self, place: Place, pixels: int) -> None:
        """Wait until ``pixels`` fit, or nobody else is there."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
            place.taken += pixels


class Place:
    """What one thread has of a room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    def check(self, width: int, height: int, name: str) -> None:
        """For :func:`spade.formats.images.open_image`: refuse what is far too large, then wait
        for room.
        """
        check_photo_size(width, height, name)
        self._room.take(self, width * height)


ROOM = Room()
"""Of this process."""
