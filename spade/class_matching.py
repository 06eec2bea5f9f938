"""Which classes of a model stand for the classes of somebody's data: by name. No torch.

A class is matched with one of the same name, whatever its case, number or qualifiers
("Trees", "sky-other", "mountain, mount"); else with classes that mean much the same ("lake"
and "water"); else with all of the same group; else with none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from spade.formats.palette import PaletteClass

How = Literal["same name", "alike", "same group", "nothing"]

ALIKE: tuple[tuple[str, ...], ...] = (
    ("cloud", "fog", "mist", "haze", "smoke"),
    ("mountain", "mount", "hill", "peak", "ridge", "solid"),
    ("rock", "stone", "boulder", "cliff", "crag"),
    ("snow", "ice", "glacier", "frost"),
    ("sea", "ocean", "bay"),
    ("water", "lake", "river", "pond", "stream", "creek", "canal", "sea", "ocean", "pool"),
    ("waterfall", "fall", "cascade"),
    ("sand", "beach", "dune", "desert"),
    ("dirt", "earth", "soil", "mud", "gravel", "ground", "land", "terrain"),
    ("grass", "lawn", "meadow", "pasture", "moss"),
    ("field", "farmland", "cropland", "crop", "meadow"),
    ("bush", "shrub", "hedge", "plant", "vegetation"),
    ("flower", "blossom"),
    ("tree", "forest", "woodland", "vegetation", "palm", "conifer", "leaf", "branch"),
    ("road", "street", "highway", "lane", "track", "runway", "path", "trail"),
    ("pavement", "sidewalk", "path", "trail"),
    ("building", "house", "skyscraper", "tower", "hut", "cabin", "hovel", "barn", "church"),
    ("wall", "fence", "railing", "bannister", "guard rail"),
    ("bridge", "pier"),
    ("car", "truck", "bus", "van", "vehicle", "caravan"),
    ("bicycle", "bike", "minibike", "motorcycle", "motorbike"),
    ("boat", "ship"),
    ("person", "human", "pedestrian", "rider"),
    ("animal", "bird", "cat", "dog", "horse", "sheep", "cow"),
    ("sofa", "couch"),
    ("television", "tv", "monitor", "screen"),
)
"""Words that mean much the same thing to look at, each as :func:`words` has it."""

_ALIKE_GROUPS: tuple[tuple[str, ...], ...] = (
    ("sky", "air"),
    ("land", "ground", "solid", "flat", "earth", "terrain"),
    ("plant", "nature", "vegetation"),
    ("built", "building", "construction", "structural", "street"),
    ("living", "person", "human", "animal"),
)
_QUALIFIERS = {"other", "stuff", "merged"}
_IRREGULAR = {
    "people": "person",
    "leaves": "leaf",
    "shelves": "shelf",
    "gras": "grass",
    "buses": "bus",
}


@dataclass(frozen=True)
class Origin:
    """The classes of the model (none or more) whose mean a class of the data starts from."""

    entry: PaletteClass
    sources: tuple[PaletteClass, ...]
    how: How


def match_classes(known: Sequence[PaletteClass], wanted: Sequence[PaletteClass]) -> list[Origin]:
    """For each class of the data (``wanted``) those of the model (``known``) that it is like."""
    return [_origin(entry, known) for entry in wanted]


def describe(origins: Sequence[Origin], *, unknown: bool = True) -> list[str]:
    """What was matched with what, in lines for people.

    unknown: the model has a "don't care" channel, from which new classes may start.
    """
    lines = []
    same = [origin.entry.name for origin in origins if origin.how == "same name"]
    if same:
        lines.append(f"classes that the model knows by name ({len(same)}): {', '.join(same)}")
    for origin in origins:
        names = [source.name for source in origin.sources]
        if origin.how == "alike":
            lines.append(f"class {origin.entry.name!r} starts from the model's {_mean(names)}")
        elif origin.how == "same group":
            lines.append(
                f"class {origin.entry.name!r} is new to the model: starts from {_mean(names)} "
                f"(group {origin.entry.group!r})"
            )
        elif origin.how == "nothing":
            lines.append(
                f"class {origin.entry.name!r} is new to the model, which has nothing like it: "
                f"starts from {'its unknown area' if unknown else 'the mean of all its classes'}"
            )
    return lines


def words(name: str) -> list[str]:
    """The names that a class's name stands for, the likeliest first: lower case, singular,
    without qualifiers. "Mountain, mount" stands for "mountain" and "mount".
    """
    found = []
    for part in re.split(r"[,;/()&]|\band\b", name.casefold()):
        split = [word for word in re.split(r"[\s_\-.]+", part) if word]
        kept = [word for word in split if word not in _QUALIFIERS] or split
        if kept:
            found.append(" ".join([*kept[:-1], _singular(kept[-1])]))
    return list(dict.fromkeys(found))


def _origin(entry: PaletteClass, known: Sequence[PaletteClass]) -> Origin:
    exact = [other for other in known if other.name.casefold() == entry.name.casefold()]
    if exact:
        return Origin(entry, (exact[0],), "same name")
    by_word: dict[str, PaletteClass] = {}
    for other in known:
        for word in words(other.name):
            by_word.setdefault(word, other)
    own = words(entry.name)
    for word in own:
        if word in by_word:
            return Origin(entry, (by_word[word],), "same name")
    # "pine tree" is a tree, "wall-brick" a wall.
    heads = [word for word in _heads(entry.name) if word not in own]
    for word in [*own, *heads]:
        alike = _sources(by_word, (other for row in ALIKE if word in row for other in (word, *row)))
        if word in by_word:  # a head of that very name
            alike = (by_word[word],)
        if alike:
            return Origin(entry, alike, "alike")
    group = _group_names(entry.group)
    kin = tuple(other for other in known if group & _group_names(other.group))
    return Origin(entry, kin, "same group" if kin else "nothing")


def _sources(by_word: dict[str, PaletteClass], like: Iterable[str]) -> tuple[PaletteClass, ...]:
    """The nearest one: rows of :data:`ALIKE` begin with the commonest name."""
    return next(((by_word[word],) for word in like if word in by_word), ())


def _heads(name: str) -> Iterator[str]:
    for part in re.split(r"[,;/()&]|\band\b", name.casefold()):
        split = [word for word in re.split(r"[\s_\-.]+", part) if word not in {"", *_QUALIFIERS}]
        if len(split) > 1:
            # Hyphens put the kind first, as in COCO-Stuff; plain English last.
            yield _singular(split[0] if "-" in part else split[-1])


def _group_names(group: str) -> frozenset[str]:
    names = set(words(group))
    return frozenset(names.union(*(row for row in _ALIKE_GROUPS if names & set(row))))


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "sses", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _mean(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"the mean of {', '.join(quoted)}"
