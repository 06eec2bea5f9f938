"""Pictures that are written: PNG, JPEG, WebP; a PNG remembers the scene it was made from."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.formats.images import Source, open_image, source_name
from spade.formats.label_png import read_label_map
from spade.formats.limits import check_photo_size, check_size

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

_MODEL = "spadework:model"
_STYLE = "spadework:style"
_SEED = "spadework:seed"
_LABELS = "spadework:labels"


@dataclass(frozen=True)
class PictureInfo:
    """What a picture was rendered from.

    ``model``: name or path. ``style``: JSON text. ``seed``: of a sampled style.
    ``labels``: the label map as an indexed PNG (``encode_label_map``), of any size.
    """

    model: str = ""
    style: str = ""
    seed: int | None = None
    labels: bytes | None = None


def write_picture(
    path: str | os.PathLike[str],
    pixels: NDArray[np.uint8],
    info: PictureInfo | None = None,
    quality: int = 92,
) -> None:
    """Write uint8 ``(H, W, 3)`` as PNG, JPEG or WebP by ``path``'s suffix, atomically.

    ``quality`` 1..100 is for JPEG and WebP. A PNG carries ``info`` in text chunks.

    Raises:
        InputError: another suffix, a size out of range, or the file can't be written.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"picture must be uint8 (H, W, 3), not {pixels.dtype} {pixels.shape}")
    check_size(pixels.shape[1], pixels.shape[0], "picture")
    if not 1 <= quality <= 100:
        raise InputError(f"{path}: quality {quality} is out of range; use 1 to 100")
    suffix = Path(path).suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise InputError(
            f"{path}: pictures are written as .png, .jpg or .webp, not {suffix or 'without suffix'}"
        )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    with atomic_path(path) as temporary:
        if suffix == ".png":
            image.save(temporary, format="PNG", pnginfo=_text_chunks(info))
        elif suffix == ".webp":
            image.save(temporary, format="WEBP", quality=quality, method=4)
        else:
            subsampling = 0 if quality >= 90 else 2
            image.save(temporary, format="JPEG", quality=quality, subsampling=subsampling)


def read_scene(
    source: Source, *, name: str | None = None
) -> tuple[NDArray[np.uint8], PictureInfo] | None:
    """The label map uint8 ``(H, W)`` and the settings that a picture was rendered from.

    Returns None for a picture that carries no scene.

    Raises:
        InputError: not a picture, damaged, or the scene in it is damaged.
    """
    label = source_name(source, name)
    with open_image(source, check_photo_size, name) as image:
        if image.format != "PNG":
            return None
        chunks = _strings(image.info)
        if _LABELS not in chunks:
            # Some programs move text behind the pixels, where only decoding finds it.
            image.load()
            chunks = _strings(image.info)
    if _LABELS not in chunks:
        return None
    try:
        labels_png = base64.b64decode(chunks[_LABELS], validate=True)
        seed = int(chunks[_SEED]) if _SEED in chunks else None
    except (binascii.Error, ValueError) as error:
        raise InputError(
            f"{label}: the scene in it is damaged ({error}); open it as a photo"
        ) from error
    labels = read_label_map(labels_png, name=f"{label} (label map in it)").labels
    info = PictureInfo(chunks.get(_MODEL, ""), chunks.get(_STYLE, ""), seed, labels_png)
    return labels, info


def _text_chunks(info: PictureInfo | None) -> PngInfo:
    chunks = PngInfo()
    chunks.add_text("Software", "Spadework")
    if info is None:
        return chunks
    if info.model:
        chunks.add_text(_MODEL, info.model)
    if info.style:
        chunks.add_text(_STYLE, info.style)
    if info.seed is not None:
        chunks.add_text(_SEED, str(info.seed))
    if info.labels is not None:
        # The PNG inside is compressed already. A zTXt chunk around it would save a little, but
        # readers (Pillow among them) refuse the whole file if one inflates to over 1 MB.
        chunks.add_text(_LABELS, base64.b64encode(info.labels).decode("ascii"))
    return chunks


def _strings(info: Mapping[Any, Any]) -> dict[str, str]:
    return {
        key: str(value)
        for key, value in info.items()
        if isinstance(key, str) and isinstance(value, str)
    }
