"""Palettes: what each class id is called and which colour shows it."""

from __future__ import annotations

import colorsys
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spade.formats.errors import InputError
from spade.formats.resources import bundled, bundled_palettes

UNKNOWN_ID = 255
"""The id of "unknown" (ignore) in every label map."""
UNKNOWN_COLOR = "#8c748c"
"""The colour that stands for unknown; no class may use it."""
MAX_CLASSES = 255

_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class PaletteClass:
    """One class: ``id`` in 0..254, ``color`` as "#rrggbb", ``group`` such as "water"."""

    id: int
    name: str
    color: str
    group: str = ""

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three values in 0..255."""
        return _rgb(self.color)


@dataclass(frozen=True)
class Palette:
    """Classes in the order in which they are shown; ids, names and colours are unique.

    Raises:
        InputError: an id out of 0..254, an empty name, a malformed colour, or a duplicate;
            the message names the palette and the classes.
    """

    name: str
    classes: tuple[PaletteClass, ...]
    ignore: int = UNKNOWN_ID

    def __post_init__(self) -> None:
        if not self.classes:
            raise InputError(f"palette {self.name}: has no classes; list at least one")
        if self.ignore != UNKNOWN_ID:
            raise InputError(
                f"palette {self.name}: ignore id {self.ignore} is not supported; use {UNKNOWN_ID}"
            )
        ids: dict[object, PaletteClass] = {}
        names: dict[object, PaletteClass] = {}
        colors: dict[object, PaletteClass] = {}
        for entry in self.classes:
            self._check(entry)
            for seen, key, what in (
                (ids, entry.id, "id"),
                (names, entry.name, "name"),
                (colors, entry.color, "colour"),
            ):
                other = seen.setdefault(key, entry)
                if other is not entry:
                    raise InputError(
                        f"palette {self.name}: {what} {key} is used twice (class {other.id} "
                        f"{other.name!r} and class {entry.id} {entry.name!r}); change one"
                    )

    def _check(self, entry: PaletteClass) -> None:
        where = f"palette {self.name}: class {entry.id} {entry.name!r}"
        if not 0 <= entry.id < UNKNOWN_ID:
            raise InputError(f"{where}: ids must be 0 to {UNKNOWN_ID - 1}; renumber it")
        if not entry.name.strip():
            raise InputError(f"{where}: has no name; give it one")
        if not _COLOR.fullmatch(entry.color):
            raise InputError(f"{where}: colour {entry.color!r} must look like #1f5fa8")
        if entry.color == UNKNOWN_COLOR:
            raise InputError(f"{where}: colour {entry.color} stands for unknown; choose another")

    @property
    def ids(self) -> tuple[int, ...]:
        """The class ids in the order of ``classes``."""
        return tuple(entry.id for entry in self.classes)

    def by_id(self, class_id: int) -> PaletteClass | None:
        """The class of that id, or None."""
        return next((entry for entry in self.classes if entry.id == class_id), None)

    def find(self, name: str) -> PaletteClass | None:
        """The class of that name, whatever its case, or None."""
        wanted = name.strip().casefold()
        return next((entry for entry in self.classes if entry.name.casefold() == wanted), None)

    def lut(self) -> NDArray[np.uint8]:
        """Colours by id: uint8 ``(256, 3)``, all different.

        Ids without a class get generated colours, 255 gets ``UNKNOWN_COLOR``.
        """
        return np.frombuffer(_lut_bytes(self.classes), np.uint8).reshape(256, 3).copy()


def load_palette(source: str | os.PathLike[str]) -> Palette:
    """Read a palette: a bundled name ("landscape"), a JSON file, or a folder's classes.json.

    Raises:
        InputError: no such palette, not JSON, or a field that is missing or wrong.
    """
    if isinstance(source, str) and source in bundled_palettes():
        path = bundled(f"palettes/{source}.json")
    else:
        path = Path(source)
        try:
            if path.is_dir():
                path /= "classes.json"
            found = path.is_file()
        except (OSError, ValueError):
            found = False
        if not found:
            raise InputError(
                f"{path}: no such palette; give a JSON file or one of "
                f"{', '.join(bundled_palettes())}"
            )
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid JSON ({error}); correct it") from error
    return palette_from_json(data, str(path))


def palette_from_json(data: Any, where: str) -> Palette:
    """A palette from parsed JSON ``{"name", "ignore", "classes": [...]}``.

    ``where`` names the file in messages. A colour may be missing: one is generated.
    """
    if not isinstance(data, dict) or not isinstance(data.get("classes"), list):
        raise InputError(f'{where}: is not a palette; it needs {{"name", "classes": [...]}}')
    name = data.get("name", Path(where).stem)
    ignore = data.get("ignore", UNKNOWN_ID)
    if not isinstance(name, str) or not _is_int(ignore):
        raise InputError(f'{where}: "name" must be text and "ignore" a number')
    rows: list[tuple[int, str, str, str]] = []
    for index, entry in enumerate(data["classes"]):
        if not isinstance(entry, dict) or not _is_int(entry.get("id")):
            raise InputError(f'{where}: class number {index + 1} needs a whole number as "id"')
        texts = [entry.get("name"), entry.get("color", ""), entry.get("group", "")]
        if not all(isinstance(text, str) for text in texts):
            raise InputError(
                f'{where}: class {entry["id"]} needs "name", "color" and "group" as text'
            )
        rows.append((entry["id"], texts[0], texts[1], texts[2]))
    try:
        return Palette(name, palette_from_classes(name, rows).classes, ignore)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def palette_from_classes(name: str, classes: Iterable[tuple[int, str, str, str]]) -> Palette:
    """A palette from rows ``(id, name, color, group)``; an empty colour is generated."""
    rows = [
        (id_, label.strip(), color.strip().lower(), group) for id_, label, color, group in classes
    ]
    taken = {color for _, _, color, _ in rows if color}
    fresh = (color for color in _generated_colors() if color not in taken)
    return Palette(
        name,
        tuple(
            PaletteClass(id_, label, color or next(fresh), group)
            for id_, label, color, group in rows
        ),
    )


def numbered_palette(count: int) -> Palette:
    """``count`` classes named "class 0", "class 1", … for a model that states no names."""
    if not 1 <= count <= MAX_CLASSES:
        raise InputError(f"palette: {count} classes are out of range; use 1 to {MAX_CLASSES}")
    return palette_from_classes(
        f"{count} classes", ((index, f"class {index}", "", "") for index in range(count))
    )


def palette_to_json(palette: Palette) -> dict[str, Any]:
    """What :func:`palette_from_json` reads."""
    return {
        "name": palette.name,
        "ignore": palette.ignore,
        "classes": [
            {"id": entry.id, "name": entry.name, "color": entry.color}
            | ({"group": entry.group} if entry.group else {})
            for entry in palette.classes
        ],
    }


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _generated_colors() -> Iterator[str]:
    """An endless row of different colours: hues a golden angle apart, three lightnesses."""
    seen = {UNKNOWN_COLOR}
    index = 0
    while True:
        hue = (0.1 + index * 0.618033988749895) % 1.0
        saturation = 0.45 + 0.15 * (index % 4)
        value = (0.9, 0.7, 0.5)[index // 4 % 3]
        channels = colorsys.hsv_to_rgb(hue, saturation, value)
        color = "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
        index += 1
        if color not in seen:
            seen.add(color)
            yield color


@lru_cache(maxsize=16)
def _lut_bytes(classes: tuple[PaletteClass, ...]) -> bytes:
    by_id = {entry.id: entry.color for entry in classes}
    taken = set(by_id.values())
    fresh = (color for color in _generated_colors() if color not in taken)
    by_id[UNKNOWN_ID] = UNKNOWN_COLOR
    colors = [by_id.get(index) or next(fresh) for index in range(256)]
    return bytes(channel for color in colors for channel in _rgb(color))
