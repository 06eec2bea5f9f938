"""What the canvas shows: classes as colours, a photo under them, all translucent if wished."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.core.label_map import Labels

Pixels = NDArray[np.uint8]


def compose_rgba(
    labels: Labels,
    lut: Pixels,
    opacity: float = 1.0,
    trace: Pixels | None = None,
    trace_opacity: float = 0.0,
) -> Pixels:
    """Colours of a piece of the label map, straight (not premultiplied) alpha.

    ``labels``: uint8 ``(h, w)``. ``lut``: colours by class id, uint8 ``(256, 3)``.
    ``opacity`` in [0, 1] becomes the alpha of every pixel (255 is opaque).
    ``trace``: the same piece of the photo, uint8 ``(h, w, 3)``; with ``trace_opacity`` 0 only
    the classes are seen, with 1 only the photo. Both are mixed in whole 256ths.

    Returns uint8 ``(h, w, 4)``, C-contiguous: red, green, blue, alpha.
    """
    if lut.shape != (256, 3) or lut.dtype != np.uint8:
        raise ValueError(f"colours must be uint8 (256, 3), not {lut.dtype} {lut.shape}")
    share = 0 if trace is None else round(256 * min(max(trace_opacity, 0.0), 1.0))
    table = np.empty((256, 4), np.uint8)
    table[:, 3] = round(255 * min(max(opacity, 0.0), 1.0))
    table[:, :3] = lut
    if trace is None or share == 0:
        return _looked_up(table, labels)
    if trace.shape != (*labels.shape, 3) or trace.dtype != np.uint8:
        raise ValueError(f"photo of {trace.dtype} {trace.shape} does not fit {labels.shape}")
    out = _looked_up(table, labels)
    weighted = (lut.astype(np.uint16) * np.uint16(256 - share) + np.uint16(128))[labels]
    weighted += np.multiply(trace, np.uint16(share), dtype=np.uint16)
    out[..., :3] = weighted >> np.uint16(8)
    return out


def _looked_up(table: Pixels, labels: Labels) -> Pixels:
    # Four bytes taken as one word are looked up some times faster than as four.
    words = table.view(np.uint32).ravel()
    return np.take(words, labels).view(np.uint8).reshape(*labels.shape, 4)
