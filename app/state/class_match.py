"""Which class of another model stands for which of ours: by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spade.formats.palette import UNKNOWN_ID, Palette

NAMES_SHOWN = 4


@dataclass(frozen=True)
class Match:
    """How the classes of a scene find themselves in another palette, by name.

    ``id_map``: new id of every old one. ``used``: how many classes the scene has. ``lost``:
    those without a namesake, as (name, share of the canvas), the largest first; they become
    ``fallback``.
    """

    id_map: dict[int, int]
    used: int
    lost: tuple[tuple[str, float], ...]
    fallback: str
    changes: bool  # a class of the old palette has another id in the new one, or none

    @property
    def lost_text(self) -> str:
        """A sentence with a space before it, "" if nothing is lost."""
        if not self.lost:
            return ""
        shown = self.lost[:NAMES_SHOWN]
        names = ", ".join(f"{name} ({percent(share)})" for name, share in shown)
        more = len(self.lost) - NAMES_SHOWN
        rest = f" and {more} more" if more > 0 else ""
        return f" Not found, and becoming {self.fallback}: {names}{rest}."


def match_classes(old: Palette, new: Palette, fallback: int = UNKNOWN_ID) -> dict[int, int]:
    """The new id of every old one, 0..255, for ``Document.set_model``.

    A class that ``new`` doesn't have by name (whatever the case), and unknown itself, becomes
    ``fallback``: 255 for a model with a "don't care" channel, else one of its classes.
    """
    matched = dict.fromkeys(range(256), fallback)
    for entry in old.classes:
        same = new.find(entry.name)
        if same is not None:
            matched[entry.id] = same.id
    return matched


def match_scene(
    labels: NDArray[np.uint8], old: Palette, new: Palette, *, has_dont_care: bool
) -> Match:
    """Match the classes that occur in ``labels``, uint8 ``(H, W)``."""
    fallback = UNKNOWN_ID if has_dont_care else new.ids[0]
    id_map = match_classes(old, new, fallback)
    counts = np.bincount(labels.ravel(), minlength=256)
    used = [int(value) for value in np.flatnonzero(counts) if int(value) != UNKNOWN_ID]
    lost = []
    for class_id in used:
        known = old.by_id(class_id)
        if known is None or new.find(known.name) is None:
            name = known.name if known is not None else f"class {class_id}"
            lost.append((name, float(counts[class_id]) / labels.size))
    lost.sort(key=lambda entry: -entry[1])
    return Match(
        id_map,
        len(used),
        tuple(lost),
        "unknown" if has_dont_care else new.classes[0].name,
        any(id_map[class_id] != class_id for class_id in used if old.by_id(class_id)),
    )


def percent(share: float) -> str:
    """A share in [0, 1] for a person."""
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"
