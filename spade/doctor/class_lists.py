"""The classes of a data set: stated in one of its files, or known of a well-known set."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from spade.doctor.files import Files
from spade.formats.errors import InputError
from spade.formats.palette import (
    MAX_CLASSES,
    UNKNOWN_COLOR,
    UNKNOWN_ID,
    Palette,
    PaletteClass,
    load_palette,
    palette_from_classes,
    palette_from_json,
)

_VOC = (  # in the order of their ids
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse "
    "motorbike person pottedplant sheep sofa train tvmonitor"
)
_COCO_UNUSED = {11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90}  # listed, but in no map of the set
_CITYSCAPES_TRAINED = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)


@dataclass(frozen=True)
class ClassList:
    """palette: None if no file names the classes. stated: by the data set itself, so that a
    class nobody uses is worth a word. colored: label maps in its colours are as they should be.

    source: the file, for people. fault: what is wrong with a file that was meant to state them.
    """

    palette: Palette | None = None
    stated: bool = False
    colored: bool = False
    source: str = ""
    fault: str = ""


def find_classes(files: Files, folders: tuple[str, ...]) -> ClassList:
    """The first class list in one of ``folders`` (names, "" for the top).

    classes.json, labelmap.txt (CVAT), class_names.txt (labelme), or a few names alike.
    """
    fault = ""
    present = set(files.names)
    for folder in folders:
        for file_name, reader in _READERS.items():
            name = f"{folder}/{file_name}" if folder else file_name
            if name not in present:
                continue
            try:
                text = files.read(name).decode("utf-8-sig")
                return replace(reader(text, name), stated=True, source=name)
            except (InputError, UnicodeDecodeError) as error:
                fault = fault or " ".join(str(error).split())
    return ClassList(fault=fault)


def coco_stuff(*, trained_ids: bool = False) -> ClassList:
    """COCO-Stuff: 182 ids, or the 171 that its label maps use, numbered through."""
    palette = load_palette("coco-stuff")
    if trained_ids:
        used = [entry for entry in palette.classes if entry.id not in _COCO_UNUSED]
        palette = _numbered(palette.name, used)
    return ClassList(palette, source="COCO-Stuff")


def ade20k() -> ClassList:
    """The 150 classes of SceneParse, from 0."""
    return ClassList(load_palette("ade20k"), source="ADE20K")


def cityscapes(*, trained_ids: bool = False, colored: bool = False) -> ClassList:
    """Cityscapes: all ids, or the 19 that are trained on, numbered through."""
    palette = load_palette("cityscapes")
    if trained_ids:
        wanted = [palette.by_id(id_) for id_ in _CITYSCAPES_TRAINED]
        palette = _numbered(palette.name, [entry for entry in wanted if entry is not None])
    return ClassList(palette, colored=colored, source="Cityscapes")


def voc() -> ClassList:
    """The 20 classes of Pascal VOC and its background, in its colours."""
    rows = ((id_, name, _voc_color(id_), "") for id_, name in enumerate(_VOC.split()))
    return ClassList(palette_from_classes("Pascal VOC", rows), colored=True, source="Pascal VOC")


def from_names(name: str, names: list[str], colors: list[str] | None = None) -> Palette:
    """A palette of classes numbered from 0; names and colours twice are made different.

    Raises InputError for more than 255 of them, or none.
    """
    if not 1 <= len(names) <= MAX_CLASSES:
        raise InputError(f"{name}: {len(names)} classes; 1 to {MAX_CLASSES} are possible")
    taken: set[str] = set()
    used: set[str] = {UNKNOWN_COLOR}
    rows = []
    for index, text in enumerate(names):
        label = text.strip() or f"class {index}"
        unique, number = label, 2
        while unique in taken:
            unique, number = f"{label} {number}", number + 1
        taken.add(unique)
        color = (colors or [""] * len(names))[index].lower()
        color = "" if color in used else color
        used.add(color)
        rows.append((index, unique, color, ""))
    return palette_from_classes(name, rows)


def _numbered(name: str, entries: list[PaletteClass]) -> Palette:
    return Palette(name, tuple(replace(entry, id=index) for index, entry in enumerate(entries)))


def _voc_color(index: int) -> str:
    """The colour map of Pascal VOC: the bits of the index, spread over the channels."""
    if index == UNKNOWN_ID:
        return UNKNOWN_COLOR
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (index >> channel & 1) << (7 - bit)
        index >>= 3
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _json(text: str, name: str) -> ClassList:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not valid JSON ({error}); correct it") from None
    if isinstance(data, dict):
        return ClassList(palette_from_json(data, name))
    if isinstance(data, list) and data and all(isinstance(entry, str) for entry in data):
        return ClassList(from_names(name, data))
    raise InputError(f'{name}: is not a class list; it needs {{"name", "classes": [...]}}')


def _labelmap(text: str, name: str) -> ClassList:
    """CVAT: ``name:r,g,b:parts:actions``, in the order of the ids."""
    names, colors = [], []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = line.rsplit(":", 3) if line.count(":") >= 3 else line.split(":")
        values = [int(value) for value in re.findall(r"\d+", parts[1] if len(parts) > 1 else "")]
        if len(values) not in (0, 3) or any(value > 255 for value in values):
            raise InputError(f"{name}: {line!r} must look like name:r,g,b:parts:actions")
        names.append(parts[0])
        colors.append("#{:02x}{:02x}{:02x}".format(*values) if values else "")
    return ClassList(from_names(name, names, colors), colored=True)


def _name_lines(text: str, name: str) -> ClassList:
    """labelme: a name a line, in the order of the ids; ``__ignore__`` has none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    names = [line for line in lines if line != "__ignore__"]
    names = ["background" if entry == "_background_" else entry for entry in names]
    palette = from_names(name, names)
    return ClassList(
        palette_from_classes(
            name, ((entry.id, entry.name, _voc_color(entry.id), "") for entry in palette.classes)
        )
    )


_READERS = {
    "classes.json": _json,
    "labelmap.txt": _labelmap,
    "class_names.txt": _name_lines,
    "classes.txt": _name_lines,
    "labels.txt": _name_lines,
}
