"""Project files: OpenRaster archives (``.ora``) that other painting programs open too.

Beside the standard's entries (https://www.openraster.org: ``mimetype``, ``stack.xml``, layers
under ``data/``, ``mergedimage.png``, ``Thumbnails/thumbnail.png``) the archive holds what the
program reopens from: ``spadework/project.json``, the exact label map ``spadework/labels.png``
(indexed, index = class id) and the style images. The layers, from the top: the rendered
picture, the classes in their colours, the photo for tracing.

A program that saves such a file anew drops ``spadework/``; what it then is, is a picture.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.core.archive import ArchiveReader
from app.core.label_map import Labels
from app.core.png import encode_png
from app.core.style import Style
from app.core.style_json import style_from_value, style_to_value
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.formats.label_png import colorize, encode_label_map, read_label_map
from spade.formats.limits import check_size
from spade.formats.palette import Palette, palette_from_json, palette_to_json
from spade.formats.photo import read_photo, resize_photo

Pixels = NDArray[np.uint8]

MIMETYPE = "image/openraster"
FORMAT = 1
THUMBNAIL_SIDE = 256

_PROJECT, _LABELS = "spadework/project.json", "spadework/labels.png"
_PICTURE, _COLORED, _TRACE = "data/picture.png", "data/labels.png", "data/trace.png"


@dataclass(frozen=True, eq=False)
class Project:
    """Everything that a project file keeps.

    ``labels``: uint8 ``(H, W)``. ``model``: name or path. ``view``: how the window showed it,
    any JSON object. ``picture``: the rendering, uint8 ``(H, W, 3)``, or None; one of another
    size is scaled to the canvas when it is saved. ``trace``: photo uint8 ``(h, w, 3)`` and its
    opacity in [0, 1], or None. ``background``: class id. ``revision``: the document's edit
    count when it was saved, for telling two savings apart.
    """

    labels: Labels = field(repr=False)
    palette: Palette
    style: Style = field(default_factory=Style)
    model: str = ""
    view: Mapping[str, object] = field(default_factory=dict)
    picture: Pixels | None = field(default=None, repr=False)
    trace: tuple[Pixels, float] | None = field(default=None, repr=False)
    background: int = 0
    revision: int = 0


def save_project(path: str | os.PathLike[str], project: Project) -> None:
    """Write ``project`` to ``path``, atomically; the same project gives the same bytes.

    InputError if the file can't be written; the old one then stays as it was.
    """
    height, width = project.labels.shape
    check_size(width, height)
    entries = _entries(project)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in entries.items():
            # PNGs are compressed already; the standard wants "mimetype" plain, and first.
            plain = name == "mimetype" or name.endswith(".png")
            method = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), data, method)


def load_project(path: str | os.PathLike[str]) -> Project:
    """Read a project file. Nothing is unpacked to disk.

    InputError if the file is missing, damaged, unsafe (names that leave the archive, entries
    that swell beyond all measure), from a newer version, or an OpenRaster file without a
    Spadework scene.
    """
    where = os.fspath(path)
    with ArchiveReader(Path(path)) as archive:
        if archive.names.get("mimetype") is None or archive.read("mimetype", 64) != (
            MIMETYPE.encode()
        ):
            raise InputError(f"{where}: is not an OpenRaster project; choose a .ora file")
        if _PROJECT not in archive.names:
            raise InputError(
                f"{where}: holds no Spadework scene, another program wrote it; "
                "open a label map or a project saved by Spadework"
            )
        values = _parsed(archive.read(_PROJECT), where)
        return _project(archive, values, where)


def _entries(project: Project) -> dict[str, bytes]:
    """Names and contents of the archive, in order."""
    height, width = project.labels.shape
    images: dict[str, bytes] = {}

    def keep(png: bytes) -> str:
        name = f"spadework/style-{len(images) + 1}.png"
        images[name] = png
        return name

    values: dict[str, object] = {
        "format": FORMAT,
        "program": "Spadework",
        "model": project.model,
        "palette": palette_to_json(project.palette),
        "background": project.background,
        "style": style_to_value(project.style, keep),
        "picture": project.picture is not None,
        "trace": None if project.trace is None else {"opacity": project.trace[1]},
        "view": dict(project.view),
        "revision": project.revision,
    }
    colored = colorize(project.labels, project.palette)
    merged = colored
    layers = [("Labels", _COLORED, 1.0)]
    data = {_COLORED: encode_png(colored)}
    data["mergedimage.png"] = data[_COLORED]
    if project.picture is not None:
        merged = project.picture
        if merged.shape[:2] != (height, width):
            merged = resize_photo(merged, width, height)
        layers.insert(0, ("Picture", _PICTURE, 1.0))
        data[_PICTURE] = data["mergedimage.png"] = encode_png(merged)
    if project.trace is not None:
        layers.append(("Trace photo", _TRACE, project.trace[1]))
        data[_TRACE] = encode_png(project.trace[0])
    return {
        "mimetype": MIMETYPE.encode(),
        "stack.xml": _stack_xml(width, height, layers),
        _PROJECT: json.dumps(values, indent=1, allow_nan=False).encode(),
        _LABELS: encode_label_map(project.labels, project.palette),
        **images,
        **data,
        "Thumbnails/thumbnail.png": _thumbnail(merged),
    }


def _stack_xml(width: int, height: int, layers: list[tuple[str, str, float]]) -> bytes:
    image = ElementTree.Element("image", version="0.0.5", w=str(width), h=str(height))
    stack = ElementTree.SubElement(image, "stack")
    for name, source, opacity in layers:
        ElementTree.SubElement(
            stack,
            "layer",
            {
                "name": name,
                "src": source,
                "x": "0",
                "y": "0",
                "opacity": f"{opacity:g}",
                "visibility": "visible",
                "composite-op": "svg:src-over",
            },
        )
    ElementTree.indent(image)
    xml: bytes = ElementTree.tostring(image, encoding="UTF-8", xml_declaration=True)
    return xml


def _thumbnail(pixels: Pixels) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()


def _parsed(data: bytes, where: str) -> dict[str, object]:
    try:
        values = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(where, f"{_PROJECT} is not JSON") from error
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise _damaged(where, f"{_PROJECT} states no format")
    if values["format"] > FORMAT:
        raise InputError(
            f"{where}: was saved by a newer Spadework (format {values['format']}, "
            f"this one reads {FORMAT}); update the program"
        )
    return values


def _project(archive: ArchiveReader, values: dict[str, object], where: str) -> Project:
    image = read_label_map(archive.read(_LABELS), name=f"{where}: {_LABELS}")
    if image.kind != "indexed":
        raise _damaged(where, f"{_LABELS} is not indexed")
    model, view, background = values.get("model"), values.get("view"), values.get("background")
    revision, trace = values.get("revision"), values.get("trace")
    if not isinstance(model, str) or not isinstance(view, dict):
        raise _damaged(where, f"model or view is missing in {_PROJECT}")
    if not _whole(background, 255) or not _whole(revision, 2**63):
        raise _damaged(where, f"background or revision is out of range in {_PROJECT}")
    picture = None
    if values.get("picture") is True:
        picture = read_photo(archive.read(_PICTURE), name=f"{where}: {_PICTURE}")
        if picture.shape[:2] != image.labels.shape:
            raise _damaged(where, "picture and label map differ in size")
    return Project(
        labels=image.labels,
        palette=palette_from_json(values.get("palette"), where),
        style=style_from_value(values.get("style"), archive.read, where),
        model=model,
        view=view,
        picture=picture,
        trace=None if trace is None else _trace(archive, trace, where),
        background=background,
        revision=revision,
    )


def _trace(archive: ArchiveReader, value: object, where: str) -> tuple[Pixels, float]:
    opacity = value.get("opacity") if isinstance(value, dict) else None
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
        raise _damaged(where, f"the photo's opacity is not in 0..1 in {_PROJECT}")
    return read_photo(archive.read(_TRACE), name=f"{where}: {_TRACE}"), float(opacity)


def _whole(value: object, last: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= last


def _damaged(where: str, reason: str) -> InputError:
    return InputError(f"{where}: is damaged ({reason}); use an older copy")
