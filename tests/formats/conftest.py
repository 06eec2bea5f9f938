"""Hand-made PNG files: what no well-behaved writer would produce."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from spade.formats.palette import Palette, palette_from_classes

MakePng = Callable[..., bytes]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _make_png(
    width: int,
    height: int,
    depth: int,
    color_type: int,
    rows: bytes,
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """``rows``: the filtered scan lines (each begins with a 0 byte)."""
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *(_chunk(kind, data) for kind, data in extra)]
    chunks += [_chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.fixture(scope="session")
def make_png() -> MakePng:
    return _make_png


@pytest.fixture(scope="session")
def palette() -> Palette:
    """Three classes with a gap between the ids."""
    return palette_from_classes(
        "three",
        [(0, "sky", "#80c0f0", ""), (1, "grass", "#208020", ""), (9, "sea", "#103070", "water")],
    )


@pytest.fixture
def labels() -> np.ndarray:
    """An asymmetric 5x7 map with every class and unknown."""
    array = np.zeros((5, 7), np.uint8)
    array[3:, :2] = 1
    array[4, 5] = 9
    array[0, 6] = 255
    return array
