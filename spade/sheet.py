"""Laying pictures out as a figure: rows and columns with captions, on white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from spade.formats.errors import InputError
from spade.formats.limits import MAX_SIDE

RGB = NDArray[np.uint8]

_GAP = 8
_INK = (24, 24, 28)
_PAPER = (255, 255, 255)


def sheet(
    rows: Sequence[Sequence[RGB | None]],
    columns: Sequence[str] = (),
    captions: Sequence[str] = (),
) -> RGB:
    """Pictures in rows, every cell as large as the largest picture.

    rows: uint8 ``(h, w, 3)`` each, None for an empty cell. columns: a line above each
    column. captions: lines (split at newlines) above each row.
    Returns uint8 ``(H, W, 3)``. Raises InputError if the figure would be over 8192 pixels.
    """
    pictures = [picture for row in rows for picture in row if picture is not None]
    cell_h = max(picture.shape[0] for picture in pictures)
    cell_w = max(picture.shape[1] for picture in pictures)
    size = min(20, max(11, cell_w // 14))
    font = ImageFont.load_default(size)
    line = round(size * 1.4)
    heads = [line * len(text.splitlines()) for text in captions] or [0] * len(rows)
    count = max(map(len, rows))
    width = _GAP + count * (cell_w + _GAP)
    for text in (line for caption in captions for line in caption.splitlines()):
        width = max(width, 2 * _GAP + round(font.getlength(text)))
    height = _GAP + (line if any(columns) else 0) + sum(heads) + len(rows) * (cell_h + _GAP)
    if max(width, height) > MAX_SIDE:
        raise InputError(
            f"the figure would be {width}x{height} pixels, the limit is {MAX_SIDE}: "
            "use fewer or smaller pictures"
        )
    page = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(page)
    y = _GAP
    if any(columns):
        for j, text in enumerate(columns):
            x = _GAP + j * (cell_w + _GAP)
            draw.text((x, y), _shortened(text, font, cell_w), _INK, font=font)
        y += line
    for i, row in enumerate(rows):
        for text in captions[i].splitlines() if captions else ():
            draw.text((_GAP, y), text, _INK, font=font)
            y += line
        for j, picture in enumerate(row):
            if picture is None:
                continue
            x = _GAP + j * (cell_w + _GAP) + (cell_w - picture.shape[1]) // 2
            page.paste(
                Image.fromarray(np.ascontiguousarray(picture)),
                (x, y + (cell_h - picture.shape[0]) // 2),
            )
        y += cell_h + _GAP
    return np.array(page)


def covering(picture: RGB, width: int, height: int) -> RGB:
    """``picture`` scaled to cover width x height, its middle kept."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    scale = max(width / image.width, height / image.height)
    wide, high = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    left, top = (wide - width) // 2, (high - height) // 2
    resized = image.resize((wide, high), Image.Resampling.LANCZOS)
    return np.array(resized.crop((left, top, left + width, top + height)))


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    while len(text) > 1 and font.getlength(text) > width:
        text = text[:-2] + "…" if text.endswith("…") else text[:-1] + "…"
    return text
