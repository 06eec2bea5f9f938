"""Photos: style images, traced pictures, training pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.formats.errors import InputError
from spade.formats.images import Source, open_image, source_name, upright
from spade.formats.limits import check_photo_size, check_size

RGB = NDArray[np.uint8]


def read_photo(source: Source, *, max_side: int | None = None, name: str | None = None) -> RGB:
    """Read any picture that Pillow knows, from a path or from bytes.

    EXIF orientation is applied, transparency is laid over white, grey and 16-bit pixels are
    brought to 8-bit RGB, of an animation the first frame is taken. With ``max_side``, a
    larger picture is reduced so that its longest side has that many pixels.

    Returns:
        uint8 ``(H, W, 3)``, C-contiguous and writable.

    Raises:
        InputError: missing, not a picture, damaged, or over ``MAX_PHOTO_PIXELS``.
    """
    label = source_name(source, name)
    with open_image(source, check_photo_size, name) as image:
        if max_side is not None and image.format in ("JPEG", "MPO"):
            # Decodes at 1/2, 1/4 or 1/8, still at least twice as large as needed.
            image.draft("RGB", (2 * max_side, 2 * max_side))
        image.load()
        if image.mode == "F":
            raise InputError(f"{label}: has floating-point pixels; save it as 8-bit PNG or JPEG")
        image = _to_rgb(upright(image))
        if max_side is not None and max(image.size) > max_side:
            scale = max_side / max(image.size)
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.LANCZOS)
        return np.array(image)


def resize_photo(pixels: RGB, width: int, height: int) -> RGB:
    """``pixels`` uint8 ``(H, W, 3)`` resampled to ``(height, width, 3)``.

    Raises:
        InputError: the size is out of range.
    """
    check_size(width, height, "picture")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(image.resize((width, height), Image.Resampling.LANCZOS))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _wide_grey_to_rgb(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _wide_grey_to_rgb(image: Image.Image) -> Image.Image:
    """16-bit grey: Pillow's own conversion would cut at 255 instead of scaling."""
    values = np.asarray(image).astype(np.int64)
    if values.max() > 255:
        values = values * 255 // 65535
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")
