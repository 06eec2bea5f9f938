"""Which class of another model stands for which of ours: by name."""

from __future__ import annotations

from spade.formats.palette import UNKNOWN_ID, Palette


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
