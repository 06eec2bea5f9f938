"""Messages between the window's process and the renderer's, over a pair of pipes.

A message is a pickled NamedTuple; arrays travel beside it as raw bytes, written from and
read into their own memory without the interpreter's lock. Measured round trip (label map
there, picture back): 0.1 ms at 256x256, 0.4 ms at 512x512, 5 ms at 1024x1024, so shared
memory, which has to be named, counted and unlinked, would gain nothing that shows.

Both ends are the same program on the same machine, started by one of them: pickle is safe.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from app.workers.messages import (
    ModelInfo,
    ModelSource,
    Notice,
    Progress,
    RenderRequest,
    SegmentRequest,
    WorkDone,
)

_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")


class Load(NamedTuple):
    """To the renderer: make this the current model."""

    job: int
    source: ModelSource


class Render(NamedTuple):
    """To the renderer: one picture."""

    job: int
    request: RenderRequest


class Segment(NamedTuple):
    """To the renderer: the label map of a photo."""

    job: int
    request: SegmentRequest


class Cancel(NamedTuple):
    """To the renderer: give this job up, if it is still under way."""

    job: int


class Loaded(NamedTuple):
    """From the renderer: the answer to Load."""

    job: int
    info: ModelInfo


class Rendered(NamedTuple):
    """From the renderer: the answer to Render, without the request itself."""

    job: int
    picture: NDArray[np.uint8]
    seconds: float
    device: str
    work: WorkDone


class Segmented(NamedTuple):
    """From the renderer: the answer to Segment, without the request itself."""

    job: int
    labels: NDArray[np.uint8]
    classes: tuple[tuple[int, str, str, str], ...]
    seconds: float


class Refused(NamedTuple):
    """From the renderer: the job failed; one line for a person."""

    job: int
    message: str


class Dropped(NamedTuple):
    """From the renderer: the job was given up as asked."""

    job: int


class Told(NamedTuple):
    """From the renderer: something to report while the job runs."""

    job: int
    report: Notice | Progress


Order = Load | Render | Segment
Answer = Loaded | Rendered | Segmented | Refused | Dropped | Told


class RawStream(Protocol):
    """The part of io.FileIO that is used here."""

    def write(self, data: Any, /) -> int | None: ...
    def readinto(self, buffer: Any, /) -> int | None: ...


def send(stream: RawStream, message: object) -> None:
    """Write one message, however many writes it takes. Raises OSError if nobody reads."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    lengths = b"".join(_LENGTH.pack(part.nbytes) for part in parts)
    _write(stream, memoryview(_COUNT.pack(len(parts)) + lengths))
    for part in parts:
        _write(stream, part)


def receive(stream: RawStream) -> object:
    """Read one message; its arrays are read-only. Raises EOFError when the writer is gone."""
    (count,) = _COUNT.unpack(_read(stream, _COUNT.size))
    table = _read(stream, _LENGTH.size * count)
    lengths = [length for (length,) in _LENGTH.iter_unpack(table)]
    parts = [_read(stream, length) for length in lengths]
    return pickle.loads(parts[0], buffers=[part.toreadonly() for part in parts[1:]])


def _write(stream: RawStream, data: memoryview) -> None:
    while data.nbytes:
        written = stream.write(data)
        data = data[written:]


def _read(stream: RawStream, length: int) -> memoryview:
    data = memoryview(bytearray(length))
    filled = 0
    while filled < length:
        count = stream.readinto(data[filled:])
        if not count:
            raise EOFError("the other process has closed its end")
        filled += count
    return data
