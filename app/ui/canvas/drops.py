"""What a drop means: a style, a scene to open or to make, data to train on, or nothing."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QUrl
from PySide6.QtGui import QImage

PROJECT_SUFFIX = ".ora"
SCENE_SUFFIXES = frozenset({".png"})  # a label map, an exported picture, or any photo
PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"}
    | {".jp2", ".ppm", ".pgm", ".tga", ".ico"}
)
_DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,([A-Za-z0-9+/=\s%]+)")
_REMOTE_IMAGE = re.compile(r"<img[^>]+src=[\"']?(https?:)?//", re.IGNORECASE)
_REMOTE = (
    "Only the picture's web address was dropped, and Spadework doesn't go online.",
    "Save the picture first and drop the file, or copy it in the browser and paste it.",
)


class Use(Enum):
    """Where a drop may go."""

    STYLE = "style"
    OPEN = "open"
    SCENE = "scene"
    TRAIN = "train"


@dataclass(frozen=True)
class Drop:
    """``uses``: what the drop may mean, best guess first. Empty if it can't be used; then
    ``refusal`` says why and what to do. ``path``: the file, or None if the drag itself
    carries the picture (see ``picture_bytes``).
    """

    uses: tuple[Use, ...] = ()
    path: Path | None = None
    refusal: str = ""


def offers_something(data: QMimeData) -> bool:
    """True if the drag carries files, a picture or an address: something to answer to."""
    return data.hasUrls() or data.hasImage() or _html_has_image(data)


def read_drop(data: QMimeData) -> Drop:
    """What is in ``data``. Files are told by their name; nothing is read or decoded."""
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    drops = [_file_drop(path) for path in files]
    usable = [drop for drop in drops if drop.uses]
    if usable:
        return usable[0]
    if data.hasImage() or _embedded(data) is not None:
        return Drop((Use.STYLE, Use.SCENE))
    if drops:
        return drops[0]
    return Drop(refusal="\n".join(_REMOTE))


def training_data(data: QMimeData) -> Path | None:
    """The first folder or zip in ``data``, which may be one to train on; None if there is none."""
    for url in data.urls():
        if url.isLocalFile():
            path = Path(url.toLocalFile())
            if path.suffix.lower() == ".zip" or path.is_dir():
                return path
    return None


def picture_bytes(data: QMimeData) -> bytes:
    """The picture itself in ``data``, encoded; empty if it can't be had."""
    embedded = _embedded(data)
    if embedded is not None:
        return embedded
    image = data.imageData()
    if not isinstance(image, QImage) or image.isNull():
        return b""
    storage = QByteArray()
    buffer = QBuffer(storage)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG", 100)  # fast, hardly compressed: it is read back at once
    buffer.close()
    return bytes(storage.data())


def _file_drop(path: Path) -> Drop:
    suffix = path.suffix.lower()
    if path.is_dir():
        return Drop(refusal=f"{path.name} is a folder.\nDrop a picture or a project file.")
    if suffix == PROJECT_SUFFIX:
        return Drop((Use.OPEN,), path)
    if suffix in SCENE_SUFFIXES:
        return Drop((Use.STYLE, Use.OPEN, Use.SCENE), path)
    if suffix in PHOTO_SUFFIXES:
        return Drop((Use.STYLE, Use.SCENE), path)
    return Drop(
        refusal=f"{path.name} can't be used here.\n"
        "Drop a photo as style, or a label map (PNG) or project (.ora) to open."
    )


def _embedded(data: QMimeData) -> bytes | None:
    """A picture written out in the address itself ("data:image/png;base64,…")."""
    texts = [url.toString(QUrl.ComponentFormattingOption.FullyEncoded) for url in data.urls()]
    texts += [data.html()] if data.hasHtml() else []
    for text in texts:
        found = _DATA_URL.search(text)
        if found is not None:
            encoded = QUrl.fromPercentEncoding(found.group(1).encode())
            try:
                return base64.b64decode(encoded, validate=False) or None
            except binascii.Error:
                continue
    return None


def _html_has_image(data: QMimeData) -> bool:
    if not data.hasHtml():
        return False
    return _REMOTE_IMAGE.search(data.html()) is not None or _embedded(data) is not None
