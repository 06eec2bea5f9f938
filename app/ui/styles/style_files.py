"""The gallery's files: functions to be run off the GUI thread, and their results.

A picture of the user's is kept in the gallery's folder as a PNG of at most 512 pixels, so
that the style it gives is the same, bit by bit, after a restart.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.core.style import ImageStyle
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.photo import read_photo

STYLE_SIDE: Final = 512  # longest side of a style image
_THUMB: Final = (384, 256)  # twice the largest tile, for screens at 200 %
_NAME = re.compile(r"(?P<title>.*)-[0-9a-f]{10}")


@dataclass(frozen=True)
class Credit:
    """Whose photo it is and under which licence; ``mood`` describes it in a few words."""

    title: str
    author: str
    licence: str
    mood: str


@dataclass(frozen=True)
class StyleFile:
    """A style image read from ``path``. ``thumb``: uint8 (h, w, 3) with the tile's 3 : 2."""

    path: Path
    title: str
    style: ImageStyle
    thumb: NDArray[np.uint8] = field(repr=False)


def read_style(path: Path) -> StyleFile:
    """Reads one picture of the gallery. Raises InputError as ``read_photo`` does."""
    found = _NAME.fullmatch(path.stem)
    title = title_of(found["title"] if found else path.stem)
    pixels = read_photo(path, max_side=STYLE_SIDE)
    return StyleFile(path, title, ImageStyle(pixels, name=title), thumb_of(pixels))


def read_folder(folder: Path) -> tuple[list[StyleFile], list[str]]:
    """All pictures kept in ``folder``, oldest first, and a line for each that can't be read."""
    if not folder.is_dir():
        return [], []
    try:
        paths = sorted(folder.glob("*.png"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    except OSError as error:
        return [], [f"{folder}: can't be listed ({error.strerror}); check its permissions"]
    styles, problems = [], []
    for path in paths:
        try:
            styles.append(read_style(path))
        except InputError as error:
            problems.append(str(error))
    return styles, problems


def keep_style(folder: Path, source: Path | bytes | NDArray[np.uint8], name: str = "") -> StyleFile:
    """Copies a picture into ``folder``: a file, an encoded one as it was dropped or pasted, or
    a style image's pixels.

    The same picture again gives the file that is there. Raises InputError: not a picture,
    too big, or the folder can't be written.
    """
    if isinstance(source, np.ndarray):
        pixels = source
    else:
        pixels = read_photo(source, max_side=STYLE_SIDE, name=_label(source))
    title = name or (title_of(source.stem) if isinstance(source, Path) else "Pasted picture")
    style = ImageStyle(pixels, name=title)
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "picture"
    path = folder / f"{stem}-{style.digest[:10]}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = next(folder.glob(f"*-{style.digest[:10]}.png"), None)
    except OSError as error:
        raise InputError(
            f"{folder}: can't keep the picture ({error.strerror}); check the folder's permissions"
        ) from error
    if known is None:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        write_atomically(path, stream.getvalue())
    return StyleFile(known or path, title, style, thumb_of(pixels))


def forget_style(path: Path) -> None:
    """Deletes a kept picture; one that is gone already is fine."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path}: can't be deleted ({error.strerror}); remove it by hand"
        ) from error


def read_credits(attribution: Path) -> dict[str, Credit]:
    """The table of ATTRIBUTION.md by photo (its file's stem); without the file, nothing."""
    try:
        text = attribution.read_text(encoding="utf-8")
    except OSError:
        return {}
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.lstrip().startswith("|")
    ]
    if len(rows) < 2:
        return {}
    columns = {re.sub(r"\W.*", "", name.lower()): index for index, name in enumerate(rows[0])}
    if not {"slug", "title", "author", "licence", "mood"} <= columns.keys():
        return {}
    found = {}
    for row in rows[2:]:
        if len(row) == len(rows[0]):
            cells = {name: row[index] for name, index in columns.items()}
            found[cells["slug"]] = Credit(
                cells["title"], cells["author"], cells["licence"], cells["mood"]
            )
    return found


def title_of(stem: str) -> str:
    """A file's stem as a title: "pier-blue-hour" -> "Pier blue hour"."""
    words = re.sub(r"[\s_-]+", " ", stem).strip()
    return words[:1].upper() + words[1:]


def thumb_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of uint8 ``(H, W, 3)`` at 3 : 2, at most 384 x 256."""
    height, width = pixels.shape[:2]
    scale = min(width / _THUMB[0], height / _THUMB[1])
    crop_width, crop_height = _THUMB[0] * scale, _THUMB[1] * scale
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    size = _THUMB if scale >= 1 else (max(1, round(crop_width)), max(1, round(crop_height)))
    image = Image.fromarray(pixels).resize(
        size,
        Image.Resampling.LANCZOS,
        box=(left, top, left + crop_width, top + crop_height),
    )
    return np.asarray(image)


def _label(source: Path | bytes) -> str | None:
    return source.name if isinstance(source, Path) else "The picture"
