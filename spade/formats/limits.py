"""How large a canvas or a picture may be."""

from __future__ import annotations

from spade.formats.errors import InputError

MIN_SIDE = 1
MAX_SIDE = 8192
"""Longest side of a canvas, label map or exported picture, in pixels."""
MAX_PHOTO_PIXELS = 120_000_000
"""Most pixels of a photo that is read (it is reduced afterwards)."""
MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest image file that is read."""


def check_size(width: int, height: int, what: str = "canvas") -> None:
    """Raise :class:`InputError` unless both sides lie in ``MIN_SIDE..MAX_SIDE`` pixels."""
    for name, side in (("width", width), ("height", height)):
        if not MIN_SIDE <= side <= MAX_SIDE:
            raise InputError(
                f"{what}: {name} {side} is out of range; use {MIN_SIDE} to {MAX_SIDE} pixels"
            )


def check_photo_size(width: int, height: int, what: str = "photo") -> None:
    """Raise :class:`InputError` if a photo is empty or has over ``MAX_PHOTO_PIXELS`` pixels."""
    if width < 1 or height < 1:
        raise InputError(f"{what}: has no pixels ({width}x{height}); choose another picture")
    if width * height > MAX_PHOTO_PIXELS:
        raise InputError(
            f"{what}: {width}x{height} pixels are too many; "
            f"reduce it to at most {MAX_PHOTO_PIXELS // 1_000_000} megapixels"
        )
