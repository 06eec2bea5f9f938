"""The photo under the labels, for tracing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TraceImage:
    """``pixels``: uint8 ``(H, W, 3)``, read-only, of the canvas' size.

    ``opacity`` in [0, 1] is that of the photo. ``photo`` is the picture as it was given,
    at its own size: from it the pixels are made anew when they no longer fit.
    """

    pixels: Pixels = field(repr=False)
    opacity: float
    photo: Pixels = field(repr=False)

    @classmethod
    def fitted(cls, photo: Pixels, width: int, height: int, opacity: float) -> TraceImage:
        """``photo``, uint8 ``(h, w, 3)``, scaled to cover the canvas, its middle in the middle."""
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise ValueError(f"a trace photo is uint8 (H, W, 3), not {photo.dtype} {photo.shape}")
        return cls(_read_only(_covering(photo, width, height)), opacity, _read_only(photo))

    def with_pixels(self, pixels: Pixels) -> TraceImage:
        """The same photo at another place: ``pixels`` are those of the new canvas."""
        return replace(self, pixels=_read_only(pixels))

    def with_opacity(self, opacity: float) -> TraceImage:
        """The same, more or less translucent; clamped to [0, 1]."""
        return replace(self, opacity=min(max(float(opacity), 0.0), 1.0))


def _covering(photo: Pixels, width: int, height: int) -> Pixels:
    if photo.shape[:2] == (height, width):
        return photo
    rows, columns = photo.shape[:2]
    scale = max(width / columns, height / rows)
    box_width, box_height = min(width / scale, columns), min(height / scale, rows)
    left, top = (columns - box_width) / 2, (rows - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    # reducing_gap keeps a large photo from taking long, without a visible difference
    image = Image.fromarray(photo).resize(
        (width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0
    )
    return np.asarray(image)


def _read_only(pixels: Pixels) -> Pixels:
    copy = np.array(pixels)
    copy.setflags(write=False)
    return copy
