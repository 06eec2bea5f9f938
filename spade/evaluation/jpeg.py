"""Pictures for a model card: JPEG, never larger than asked."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.formats.atomic import write_atomically

LIMIT = 1_000_000
"""Bytes."""

_QUALITIES = (92, 88, 84, 80, 75, 70)
_SHRINK = 0.85


def write_jpeg(path: Path, pixels: NDArray[np.uint8], limit: int = LIMIT) -> int:
    """Write uint8 ``(H, W, 3)`` atomically in at most ``limit`` bytes; returns how many.

    First the quality falls, to 70; then the picture is reduced.
    Raises InputError if the file can't be written.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, format="JPEG", quality=quality, subsampling=2, optimize=True)
            if buffer.tell() <= limit or min(image.size) <= 8:
                write_atomically(path, buffer.getvalue())
                return buffer.tell()
        size = (max(8, round(image.width * _SHRINK)), max(8, round(image.height * _SHRINK)))
        image = image.resize(size, Image.Resampling.LANCZOS)
