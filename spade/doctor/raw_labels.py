"""Reading any file that is meant as a label map, however it was stored.

:func:`spade.formats.label_png.read_label_map` refuses what is in doubt; here everything is
taken as it is and described, so that the doubt can be named and settled.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.formats.errors import InputError
from spade.formats.images import open_image, upright
from spade.formats.limits import MAX_PHOTO_PIXELS, check_photo_size

Storage = Literal["indexed", "grey", "colour"]
Fault = Literal["", "unreadable", "truncated"]

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*", b"BM")


@dataclass(frozen=True, eq=False)
class RawLabels:
    """A label map as stored. One of ``ids``, uint8 or int32 ``(H, W)``, and ``colors``, uint8
    ``(H, W, 3)``, is there; ``alpha``, uint8 ``(H, W)``, if the file has transparency.

    bits: of a sample, 1 to 32. palette: an indexed file's colours, uint8 ``(n, 3)``. lossy:
    the format has changed values. format: what Pillow calls it ("PNG").
    """

    storage: Storage
    format: str
    bits: int
    ids: NDArray[np.uint8] | NDArray[np.int32] | None
    colors: NDArray[np.uint8] | None = None
    alpha: NDArray[np.uint8] | None = None
    palette: NDArray[np.uint8] | None = None
    interlaced: bool = False
    lossy: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        pixels = self.colors if self.ids is None else self.ids
        assert pixels is not None
        return int(pixels.shape[0]), int(pixels.shape[1])


def read_raw_labels(
    source: Path | bytes,
    name: str,
    check_size: Callable[[int, int, str], None] = check_photo_size,
) -> RawLabels:
    """Read a file that is meant as a label map; EXIF orientation is applied.

    ``check_size(width, height, name)`` sees the size before any pixel is decoded.
    Raises InputError if it can't be decoded to the end or has several frames.
    """
    with open_image(source, check_size, name) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            raise InputError(f"{name}: has several frames; save one of them as PNG")
        head = _head(source)
        form = image.format or ""
        bits, interlaced = 8, False
        if form == "PNG" and len(head) >= 29:
            bits, interlaced = head[24], head[28] == 1
        indexed = image.mode in ("P", "PA") and form != "GIF"
        stretched = form == "PNG" and head[25:26] == b"\0" and bits < 8
        palette = _palette(image) if indexed else None
        image.load()
        lossy = form in ("JPEG", "MPO", "JPEG2000", "AVIF") or (
            form == "WEBP" and not _lossless_webp(head)
        )
        image = upright(image)
        mode = image.mode
        if image.mode == "1":
            return RawLabels("grey", form, 1, np.asarray(image).astype(np.uint8), lossy=lossy)
        if indexed:
            alpha = image.getchannel("A") if mode == "PA" else None
            ids = image.getchannel("P") if mode == "PA" else image
            return RawLabels(
                "indexed",
                form,
                8,
                np.array(ids, np.uint8),
                alpha=None if alpha is None else np.array(alpha),
                palette=palette,
                interlaced=interlaced,
            )
        if mode in ("L", "LA"):
            grey = np.array(image.getchannel("L") if mode == "LA" else image)
            if stretched:
                grey //= np.uint8(255 // (2**bits - 1))
            return RawLabels(
                "grey",
                form,
                bits,
                grey,
                alpha=np.array(image.getchannel("A")) if mode == "LA" else None,
                interlaced=interlaced,
                lossy=lossy,
            )
        if mode.startswith("I") or mode == "F":
            wide = np.asarray(image)
            deep = 16 if mode.startswith("I;16") else (bits if bits == 16 else 32)
            values = np.nan_to_num(np.asarray(wide, np.float64)).clip(-1, 2**31 - 1)
            return RawLabels("grey", form, deep, values.astype(np.int32), interlaced=interlaced)
        alpha_channel = None
        if mode in ("RGBA", "RGBa", "La") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            alpha_channel = np.array(rgba.getchannel("A"))
            image = rgba
        return RawLabels(
            "colour",
            form,
            bits,
            None,
            np.array(image.convert("RGB")),
            alpha_channel,
            interlaced=interlaced,
            lossy=lossy,
        )


def fault_of(source: Path | bytes) -> Fault:
    """Why a file failed: "truncated" if it begins as a picture does, else "unreadable"."""
    try:
        head = _head(source)
    except OSError:
        return "unreadable"
    known = head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
    return "truncated" if known and not _absurd(head) else "unreadable"


def _absurd(head: bytes) -> bool:
    """A PNG that states more pixels than are ever read is refused, not cut off."""
    if not head.startswith(_SIGNATURES[0]) or len(head) < 24:
        return False
    width, height = struct.unpack(">II", head[16:24])
    return bool(width * height > MAX_PHOTO_PIXELS)


def _head(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:32]
    with source.open("rb") as file:
        return file.read(32)


def _lossless_webp(head: bytes) -> bool:
    # A VP8X container may hold either; such files are rare, and mostly lossy photos.
    return head[12:16] == b"VP8L"


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    flat = image.getpalette("RGB") or []
    return np.array(flat, np.uint8).reshape(-1, 3)


def png_bytes(pixels: NDArray[np.uint8]) -> bytes:
    """``(H, W, 3)`` as the bytes of a PNG: lossless."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=4)
    return stream.getvalue()
