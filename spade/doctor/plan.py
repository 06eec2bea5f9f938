"""How the numbers and colours of a data set's label maps become class ids.

Decided once for the whole set, from the facts of all maps: which classes there are, whether
ids count from 1, whether 0 and 255 are two classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spade.doctor.case import LabelFacts, Plan
from spade.doctor.class_lists import from_names
from spade.doctor.layouts import Layout
from spade.formats.palette import MAX_CLASSES, UNKNOWN_COLOR, UNKNOWN_ID, Palette, PaletteClass

BLACK, WHITE = 0x000000, 0xFFFFFF
_MASKS = 0.9  # share of maps that are black and white in a set of masks
_SOLID = 0.0005  # share of all pixels that a colour fills flat to count as a class
_NEAR = 48  # in RGB: colours of a lossy file that are one
_CLEARLY = 0.1  # of a map's height

_ABOVE = {"sky", "cloud", "clouds", "ceiling", "sky-other"}
_BELOW = {"floor", "ground", "road", "grass", "sidewalk", "street", "path", "field", "sand"} | {
    "water",
    "sea",
    "lake",
    "river",
    "dirt",
    "earth",
    "pavement",
    "carpet",
    "rug",
}


def decide(layout: Layout, maps: Sequence[LabelFacts]) -> Plan:
    """The plan for ``maps``, all of them readable."""
    listed = layout.classes.palette
    colored = listed is not None and layout.classes.colored
    if listed is not None and colored and maps and all(_in_colors(m, listed) for m in maps):
        return Plan(listed, by_color=True)
    masks = sum(is_mask(facts, listed) for facts in maps)
    if masks and masks >= _MASKS * len(maps):
        return Plan(_two_classes(listed), binary=True)
    if listed is None:
        return Plan(_from_maps(maps))
    return Plan(listed, shift=_shift(layout, listed, maps))


def odd_masks(maps: Sequence[LabelFacts], plan: Plan) -> set[int]:
    """Which of ``maps`` are masks in a set that has more than two classes.

    A grey map of 0 and 255 alone may be one of class 0 and unknown: it counts as a mask only
    if most others are stored otherwise, or have nothing unknown.
    """
    if plan.binary:
        return set()
    masks = {index for index, facts in enumerate(maps) if is_mask(facts, plan.palette)}
    others = [facts for index, facts in enumerate(maps) if index not in masks]
    alike = [facts for facts in others if facts.storage == "grey"]
    if 2 * len(alike) < len(others):
        return masks
    unknown = any(facts.values is not None and (facts.values == 255).any() for facts in alike)
    return {
        index
        for index in masks
        if maps[index].bits == 1 or maps[index].storage == "colour" or not unknown
    }


def is_mask(facts: LabelFacts, palette: Palette | None) -> bool:
    """Black and white, both, and neither is a colour of ``palette``. Lossy formats have greys
    near both.
    """
    if facts.bits == 1:
        return True
    if facts.values is not None and facts.storage == "grey":
        values = facts.values
    elif facts.grey_colors and facts.colors is not None:
        values = facts.colors & 255
        known = ids_by_color(palette) if palette is not None else {}
        if BLACK in known and WHITE in known:
            return False
    else:
        return False
    if not values.size or values.min() > 32 or values.max() < 223:
        return False
    if facts.lossy:
        return bool(((values < 64) | (values > 191)).all())
    return bool(((values == 0) | (values == 255)).all())


def stated_ids(facts: LabelFacts) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Ids that a map holds and their pixels; None for one in colours.

    Grey stored as RGB holds ids as grey itself does.
    """
    if facts.values is not None and facts.counts is not None:
        return facts.values, facts.counts
    if facts.grey_colors and facts.colors is not None and facts.counts is not None:
        return (facts.colors & 255).astype(np.int64), facts.counts
    return None


def holds_ids(facts: LabelFacts, palette: Palette) -> bool:
    """Whether a map in equal channels holds ids rather than the palette's own greys."""
    if facts.values is not None:
        return True
    if not facts.grey_colors or facts.colors is None:
        return False
    known = ids_by_color(palette)
    listed = sum(int(code) in known for code in facts.colors)
    ids = sum(int(code) & 255 in palette.ids or int(code) == WHITE for code in facts.colors)
    return ids > listed


def ids_by_color(palette: Palette) -> dict[int, int]:
    """Class ids by colour as a number 0xrrggbb, and 255 by that of unknown."""
    codes = {int(entry.color[1:], 16): entry.id for entry in palette.classes}
    return codes | {int(UNKNOWN_COLOR[1:], 16): UNKNOWN_ID}


def _two_classes(listed: Palette | None) -> Palette:
    if listed is not None and len(listed.classes) == 2:
        first, second = listed.classes
        return from_names(listed.name, [first.name, second.name], [first.color, second.color])
    if listed is not None and len(listed.classes) == 1:
        only = listed.classes[0]
        return from_names(listed.name, ["background", only.name], ["#303030", only.color])
    return from_names("mask", ["background", "object"], ["#303030", "#e0a040"])


def _in_colors(facts: LabelFacts, palette: Palette) -> bool:
    """An indexed map all of whose colours are the palette's, or one stored as colours."""
    if facts.storage == "colour":
        return True
    if facts.palette is None:
        return False
    return set(_codes(facts.palette)) <= set(ids_by_color(palette))


def _codes(colors: NDArray[np.uint8]) -> list[int]:
    wide = colors.astype(np.int64)
    codes: list[int] = (wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).tolist()
    return codes


def _from_maps(maps: Sequence[LabelFacts]) -> Palette:
    """Classes of a set that states none: the ids in its maps, or else their colours."""
    in_ids = [facts for facts in maps if stated_ids(facts) is not None]
    if 2 * len(in_ids) >= len(maps):
        return _from_ids(in_ids)
    return _from_colors([facts for facts in maps if stated_ids(facts) is None])


def _from_ids(maps: Sequence[LabelFacts]) -> Palette:
    held: Counter[int] = Counter()
    colors: dict[int, str] = {}
    for facts in maps:
        stated = stated_ids(facts)
        assert stated is not None
        for place, value in enumerate(stated[0].tolist()):
            if 0 <= value < UNKNOWN_ID:
                held[value] += 1
                if facts.palette is not None and value not in colors:
                    colors[value] = "#{:02x}{:02x}{:02x}".format(*facts.palette[place].tolist())
    used = sorted(held) or [0]
    named = from_names(
        "classes", [f"class {value}" for value in used], [colors.get(value, "") for value in used]
    )
    return Palette(
        "classes",
        tuple(
            PaletteClass(value, entry.name, entry.color)
            for value, entry in zip(used, named.classes, strict=True)
        ),
    )


def _from_colors(maps: Sequence[LabelFacts]) -> Palette:
    """Colours that fill areas, the most frequent first; near ones of lossy files are one."""
    flat: Counter[int] = Counter()
    total, lossy = 0, False
    for facts in maps:
        assert facts.colors is not None
        assert facts.flat is not None
        total += facts.pixels
        lossy = lossy or facts.lossy
        for code, area in zip(facts.colors.tolist(), facts.flat.tolist(), strict=True):
            if area:
                flat[code] += area
    chosen: list[int] = []
    for code, area in flat.most_common():
        if area < max(9, _SOLID * total) or len(chosen) == MAX_CLASSES:
            break
        if not (lossy and any(_distance(code, other) < _NEAR for other in chosen)):
            chosen.append(code)
    colors = [f"#{code:06x}" for code in chosen if code != int(UNKNOWN_COLOR[1:], 16)]
    return from_names(
        "classes", [f"class {index}" for index in range(len(colors))] or ["class 0"], colors or None
    )


def _distance(one: int, other: int) -> float:
    return float(
        sum(((one >> shift & 255) - (other >> shift & 255)) ** 2 for shift in (16, 8, 0)) ** 0.5
    )


def _shift(layout: Layout, palette: Palette, maps: Sequence[LabelFacts]) -> int:
    """1 if ids count from 1 and 0 is unknown, else 0."""
    counts = np.zeros(257, np.int64)
    heights = np.zeros(257, np.float64)
    for facts in maps:
        stated = stated_ids(facts)
        if stated is None:
            continue
        values = stated[0].clip(-1, 256)
        values[values < 0] = 256
        np.add.at(counts, values, stated[1])
        if facts.rows is not None:
            np.add.at(heights, values, facts.rows * stated[1])
    top = len(palette.ids)
    if set(palette.ids) != set(range(top)) or counts[top + 1 : 255].any() or counts[256]:
        return 0
    if layout.shifted:  # SceneParse knows no 255; maps that have it are numbered anew
        return int(not counts[255])
    if top >= UNKNOWN_ID:
        return 0
    if counts[top] and not counts[0]:
        return 1
    return int(not counts[255] and _fits_better(palette, counts, heights))


def _fits_better(palette: Palette, counts: NDArray[np.int64], heights: NDArray[np.float64]) -> bool:
    """Whether skies are above and grounds below only if all ids are one less.

    If 0 is used, the list may as well lack a class; and in few pictures the highest id may
    be missing, so that nothing but sky and ground tells: then they must be upside down as is.
    """

    def order(shift: int) -> float | None:
        above, below = (
            [entry.id + shift for entry in palette.classes if entry.name.lower() in names]
            for names in (_ABOVE, _BELOW)
        )
        if not counts[above].sum() or not counts[below].sum():
            return None
        return float(
            heights[below].sum() / counts[below].sum() - heights[above].sum() / counts[above].sum()
        )

    as_is, shifted = order(0), order(1)
    if shifted is None or (as_is is None and not counts[len(palette.ids)]):
        return False
    if not counts[len(palette.ids)]:
        return (as_is or 0.0) < 0 and shifted > 2 * _CLEARLY
    return shifted > (as_is or 0.0) + _CLEARLY
