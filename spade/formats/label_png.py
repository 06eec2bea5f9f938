"""Label maps as image files: reading (exact first), writing, colouring.

A label-map PNG is 8-bit palettised; the index is the class id and 255 is unknown. The
colours in the file are for people: reading an indexed file takes the indices and nothing
else.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.images import Source, open_image, source_name, upright
from spade.formats.limits import check_size
from spade.formats.palette import UNKNOWN_ID, Palette

Labels = NDArray[np.uint8]

_BAND = 512  # rows coloured at once, to bound the memory
_BIT_DEPTH, _COLOR_TYPE = 24, 25  # byte offsets in a PNG file


@dataclass(frozen=True)
class LabelImage:
    """A label map as read from a file.

    ``labels``: uint8 ``(H, W)`` class ids. ``kind``: "indexed", "grey" or "rgb".
    ``palette_colors``: the colours an indexed file carries, by index, else None.
    ``inexact_pixels``: how many pixels were given the nearest class because their colour is
    not in the palette.
    """

    labels: Labels
    kind: str
    palette_colors: tuple[tuple[int, int, int], ...] | None = None
    inexact_pixels: int = 0


class InexactColors(InputError):  # noqa: N818  (a question to the user before it is an error)
    """Some pixels state no class exactly: ``pixels`` of ``total``.

    Reading again with ``nearest=True`` gives each of them the class of the nearest colour
    (half transparent ones are unknown if less than half opaque).
    """

    def __init__(self, message: str, pixels: int, total: int) -> None:
        super().__init__(message)
        self.pixels = pixels
        self.total = total


def read_label_map(
    source: Source,
    palette: Palette | None = None,
    *,
    nearest: bool = False,
    name: str | None = None,
) -> LabelImage:
    """Read a label map from a path or from bytes (then ``name`` is used in messages).

    Indexed files and grey ones of 8 bits (or of 16 with values up to 255) hold class ids.
    RGB files and GIFs hold colours of ``palette``; transparent pixels, and those of the
    unknown colour, are unknown. EXIF orientation is applied.

    Raises:
        InexactColors: an RGB file with other colours, or half transparent pixels, unless
            ``nearest``.
        InputError: not an image, damaged, animated, too large, a kind of pixel that can't
            hold class ids, or RGB without a palette.
    """
    label = source_name(source, name)
    with open_image(source, check_size, name) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{label}: has several frames; save one of them as PNG")
        few_bits = image.mode == "1" or (image.format == "PNG" and _stretched_grey(source))
        grey_jpeg = image.format in ("JPEG", "MPO") and image.mode == "L"
        colors = _palette_colors(image)
        image.load()
        upright_image = upright(image)
        if image.format == "GIF" and image.mode == "P":
            # GIF writers renumber the palette, so only the colours can be trusted.
            upright_image = upright_image.convert("RGB")
        mode = upright_image.mode
        pixels = np.asarray(upright_image)
    if few_bits:
        raise InputError(
            f"{label}: is a mask or a grey picture of under 8 bits, not a label map; "
            "save class ids as 8-bit indexed or grey PNG"
        )
    if grey_jpeg:
        raise InputError(f"{label}: is a grey JPEG, which blurs class ids; save it as PNG")
    if mode == "P":
        return LabelImage(pixels.astype(np.uint8), "indexed", colors)
    if mode == "L":
        return LabelImage(pixels.astype(np.uint8), "grey")
    if mode.startswith("I"):
        return LabelImage(_ids_of_wide_grey(pixels, label), "grey")
    if mode == "LA":
        return _read_grey_alpha(pixels, label, nearest)
    if mode in ("RGB", "RGBA"):
        return _read_colors(pixels, palette, label, nearest)
    raise InputError(f"{label}: pixels of the kind {mode} hold no class ids; save an indexed PNG")


def colorize(labels: Labels, palette: Palette) -> NDArray[np.uint8]:
    """Class colours of ``labels`` ``(H, W)``: uint8 ``(H, W, 3)``."""
    return palette.lut()[labels]


def encode_label_map(labels: Labels, palette: Palette) -> bytes:
    """``labels`` uint8 ``(H, W)`` as the bytes of an indexed PNG with the palette's colours."""
    image = Image.fromarray(_checked(labels))
    image.putpalette(palette.lut().tobytes())
    return _png(image)


def write_label_map(path: str | os.PathLike[str], labels: Labels, palette: Palette) -> None:
    """Write an indexed label-map PNG, atomically. Raises InputError if it can't be written."""
    write_atomically(path, encode_label_map(labels, palette))


def write_label_rgb(path: str | os.PathLike[str], labels: Labels, palette: Palette) -> None:
    """Write the class colours as an RGB PNG, atomically; it reads back exactly."""
    write_atomically(path, _png(Image.fromarray(colorize(_checked(labels), palette))))


def write_masks(folder: str | os.PathLike[str], labels: Labels, palette: Palette) -> list[Path]:
    """Write one 1-bit PNG per class present, ``007-water.png`` and so on; white is the class.

    The folder is made if it is missing. Unknown pixels are in no mask.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{target}: the folder cannot be made ({error}); choose another"
        ) from error
    paths = []
    for class_id in np.unique(_checked(labels)).tolist():
        if class_id == UNKNOWN_ID:
            continue
        entry = palette.by_id(class_id)
        slug = re.sub(r"[^\w]+", "-", entry.name.lower()).strip("-") if entry else "class"
        path = target / f"{class_id:03d}-{slug}.png"
        write_atomically(path, _png(Image.fromarray(labels == class_id)))
        paths.append(path)
    return paths


def _checked(labels: Labels) -> Labels:
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f"labels must be uint8 (H, W), not {labels.dtype} {labels.shape}")
    height, width = labels.shape
    check_size(width, height, "label map")
    return np.ascontiguousarray(labels)


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()


def _stretched_grey(source: Source) -> bool:
    """Whether a PNG is grey with under 8 bits: Pillow stretches those values over 0..255."""
    if isinstance(source, bytes):
        head = source[:32]
    else:
        with Path(source).open("rb") as file:
            head = file.read(32)
    return head[_COLOR_TYPE] == 0 and head[_BIT_DEPTH] < 8


def _palette_colors(image: Image.Image) -> tuple[tuple[int, int, int], ...] | None:
    if image.mode != "P":
        return None
    flat = image.getpalette("RGB") or []
    return tuple(zip(flat[0::3], flat[1::3], flat[2::3], strict=False))


def _ids_of_wide_grey(pixels: NDArray[np.generic], label: str) -> Labels:
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > UNKNOWN_ID:
        raise InputError(
            f"{label}: is a 16-bit picture with values {low} to {high}; "
            f"class ids are 0 to {UNKNOWN_ID}, save it with 8 bits"
        )
    return pixels.astype(np.uint8)


def _read_grey_alpha(pixels: NDArray[np.uint8], label: str, nearest: bool) -> LabelImage:
    grey, alpha = pixels[..., 0], pixels[..., 1]
    partial = int(np.count_nonzero((alpha > 0) & (alpha < 255)))
    if partial and not nearest:
        raise InexactColors(
            f"{label}: {partial} of {grey.size} pixels are half transparent; "
            "save it without transparency, or take them as they are",
            partial,
            grey.size,
        )
    return LabelImage(np.where(alpha < 128, np.uint8(UNKNOWN_ID), grey), "grey", None, partial)


def _read_colors(
    pixels: NDArray[np.uint8], palette: Palette | None, label: str, nearest: bool
) -> LabelImage:
    if palette is None:
        raise InputError(f"{label}: is an RGB picture; a palette is needed to read its classes")
    height, width = pixels.shape[:2]
    lut = palette.lut()
    # One entry per possible colour: the id, and whether it is exact.
    ids = np.full(1 << 24, UNKNOWN_ID, np.uint8)
    known = np.zeros(1 << 24, np.bool_)
    ids[_codes(lut)] = np.arange(256)
    known[_codes(lut)] = True
    labels = np.empty((height, width), np.uint8)
    count = 0
    for top in range(0, height, _BAND):
        band = pixels[top : top + _BAND]
        codes = _codes(band[..., :3])
        inexact = ~known[codes]
        if nearest and inexact.any():
            strange = np.unique(codes[inexact])
            ids[strange] = _nearest_ids(strange, palette)
        part = ids[codes]
        if band.shape[2] == 4:
            alpha = band[..., 3]
            part[alpha < 128] = UNKNOWN_ID
            inexact = (inexact & (alpha > 0)) | ((alpha > 0) & (alpha < 255))
        labels[top : top + _BAND] = part
        count += int(np.count_nonzero(inexact))
    if count and not nearest:
        raise InexactColors(
            f"{label}: {count} of {labels.size} pixels have colours that the palette "
            f"{palette.name} does not; save it without smoothing, or take the nearest colours",
            count,
            labels.size,
        )
    return LabelImage(labels, "rgb", None, count)


def _codes(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """``(..., 3)`` colours as numbers 0..2^24-1."""
    red, green, blue = (colors[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _nearest_ids(codes: NDArray[np.int32], palette: Palette) -> Labels:
    """The class of the nearest colour (squared RGB distance, first class wins a tie)."""
    class_ids = np.array(palette.ids, np.uint8)
    colors = palette.lut()[class_ids].astype(np.float32)
    found = np.empty(len(codes), np.uint8)
    for start in range(0, len(codes), 1 << 16):
        part = codes[start : start + (1 << 16)]
        pixels = np.stack([part >> 16, part >> 8 & 255, part & 255], axis=1).astype(np.float32)
        # |p - c|^2 without the |p|^2 that is the same for all c; exact below 2^24.
        distance = (colors**2).sum(axis=1) - 2 * pixels @ colors.T
        found[start : start + len(part)] = class_ids[distance.argmin(axis=1)]
    return found
