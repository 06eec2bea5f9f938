"""The DATA folder that is made: which files are in it, and that all are of one making.

``prepare.json`` states what the label maps depend on; a run that goes on with a folder must
state the same. A label map is written after its photo, so that one that is there is done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spade.data.folder import PHOTO_SUFFIXES
from spade.formats.atomic import remove_leftovers, write_atomically
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map, write_label_map
from spade.formats.palette import Palette, palette_to_json
from spade.formats.picture import write_picture

_MAKING = "prepare.json"
_QUALITY = 95
_PARTS = ("images", "labels", "sheets")


@dataclass(frozen=True)
class DataWriter:
    """Writes into ``folder``, in the classes of ``palette``."""

    folder: Path
    palette: Palette

    def open(self, making: dict[str, Any], resume: bool) -> None:
        """Make the folder, or go on with one that was begun with the same ``making``.

        Raises InputError if it can't be made, holds something else, or differs.
        """
        path = self.folder / _MAKING
        begun = path.exists()
        if begun and resume:
            self._check(path, making)
        elif self.folder.is_dir() and any(self.folder.iterdir()):
            remedy = "use --resume or another --out" if begun else "choose another --out"
            raise InputError(f"{self.folder}: is not empty; {remedy}")
        try:
            for part in _PARTS:
                (self.folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{self.folder}: cannot be made ({error.strerror}); choose another --out"
            ) from None
        for part in (".", *_PARTS):
            remove_leftovers(self.folder / part)
        self.write_json(_MAKING, making)
        self.write_json("classes.json", palette_to_json(self.palette))

    def _check(self, path: Path, making: dict[str, Any]) -> None:
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            differing = [key for key, value in making.items() if before[key] != value]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: not readable ({error}); choose another --out") from None
        if differing:
            raise InputError(
                f"{path}: {', '.join(differing)} differed when this folder was begun; "
                "choose another --out"
            )

    def write_json(self, name: str, data: Any) -> None:
        """Write ``data`` as JSON that people can read."""
        write_atomically(self.folder / name, (json.dumps(data, indent=1) + "\n").encode())

    def image_path(self, name: str) -> Path | None:
        """The photo of that name, if it is there."""
        for suffix in sorted(PHOTO_SUFFIXES):
            path = self.folder / "images" / f"{name}{suffix}"
            if path.is_file():
                return path
        return None

    def finished(self, name: str) -> NDArray[np.uint8] | None:
        """The label map of that name, uint8 ``(H, W)``, if it and its photo are done."""
        path = self.folder / "labels" / f"{name}.png"
        if not path.is_file() or self.image_path(name) is None:
            return None
        try:
            return read_label_map(path, self.palette).labels
        except InputError:
            return None  # damaged from outside: it is made again

    def write_pair(
        self, photo: Path, pixels: NDArray[np.uint8] | None, labels: NDArray[np.uint8]
    ) -> None:
        """Write a photo, ``pixels`` (uint8 ``(H, W, 3)``) or, if None, the file as it is; then
        its label map. Raises InputError if they can't be written.
        """
        images = self.folder / "images"
        if pixels is None:
            name = f"{photo.stem}{photo.suffix.lower()}"
            write_atomically(images / name, photo.read_bytes())
        else:
            write_picture(images / f"{photo.stem}.webp", pixels, quality=_QUALITY)
        write_label_map(self.folder / "labels" / f"{photo.stem}.png", labels, self.palette)

    def keep_only(self, names: set[str]) -> None:
        """Remove the pairs of all other names: those that an earlier run kept."""
        for part in ("images", "labels"):
            for path in (self.folder / part).iterdir():
                if path.stem not in names:
                    path.unlink()
