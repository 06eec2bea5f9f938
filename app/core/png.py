"""Pixels as PNG bytes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """``pixels``, uint8 ``(H, W, 3)``, as the bytes of an RGB PNG.

    Compressed quickly rather than well: saving must not take long.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"a picture is uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
