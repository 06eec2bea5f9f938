"""What is decided about the classes of a dataset: names, colours, merges. No widgets here.

Every function takes the choices and returns new ones, so undo is keeping the old.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from app.workers.training_messages import ClassChoice, FoundClass
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID

Choices = tuple[ClassChoice, ...]

_COLOR = re.compile(r"#[0-9a-f]{6}")


def as_found(found: Iterable[FoundClass]) -> Choices:
    """Every class as it was found."""
    return tuple(ClassChoice(entry.id, entry.name, entry.color) for entry in found)


def choice_of(choices: Choices, class_id: int) -> ClassChoice:
    """The choice about that class. KeyError if there is none."""
    for choice in choices:
        if choice.id == class_id:
            return choice
    raise KeyError(class_id)


def kept(choices: Choices) -> Choices:
    """The classes that stay classes."""
    return tuple(choice for choice in choices if choice.merge_into is None)


def rename(choices: Choices, class_id: int, name: str) -> Choices:
    """Another name. Raises InputError if it is empty or another class has it."""
    name = " ".join(name.split())
    if not name:
        raise InputError("A class needs a name: it is what the brush will be called.")
    for other in kept(choices):
        if other.id != class_id and other.name.casefold() == name.casefold():
            raise InputError(
                f"“{other.name}” is a class already: merge the two if they mean the same."
            )
    return _with(choices, replace(choice_of(choices, class_id), name=name))


def recolor(choices: Choices, class_id: int, color: str) -> Choices:
    """Another colour, "#rrggbb". Raises InputError if another class has it, or unknown."""
    color = color.lower()
    if not _COLOR.fullmatch(color):
        raise InputError(f"{color} is no colour; write it like #1f5fa8.")
    if color == UNKNOWN_COLOR:
        raise InputError("This colour stands for unknown: choose another one.")
    for other in kept(choices):
        if other.id != class_id and other.color.lower() == color:
            raise InputError(f"“{other.name}” has this colour already: choose another one.")
    return _with(choices, replace(choice_of(choices, class_id), color=color))


def merge(choices: Choices, ids: Iterable[int], target: int) -> Choices:
    """Put classes into another one, or with ``target`` 255 into unknown; what was merged into
    them before goes along.

    Raises InputError if no class would be left.
    """
    ids = {class_id for class_id in ids if class_id != target}
    if target != UNKNOWN_ID:
        into = choice_of(choices, target).merge_into
        if into is not None:
            target = into  # its new place is meant
            ids.discard(target)
    merged = tuple(
        replace(choice, merge_into=target)
        if choice.id in ids or (choice.merge_into is not None and choice.merge_into in ids)
        else choice
        for choice in choices
    )
    if not kept(merged):
        raise InputError("One class at least must be left to paint with.")
    return merged


def separate(choices: Choices, ids: Iterable[int]) -> Choices:
    """Make merged classes classes of their own again, under a name and colour still free."""
    ids = set(ids)
    result = choices
    for choice in choices:
        if choice.id not in ids or choice.merge_into is None:
            continue
        others = kept(result)
        names = {other.name.casefold() for other in others}
        colors = {other.color.lower() for other in others}
        free = choice
        if choice.name.casefold() in names:
            free = replace(free, name=f"{choice.name} {choice.id}")
        if choice.color.lower() in colors:
            free = replace(free, color=_free_color(colors))
        result = _with(result, replace(free, merge_into=None))
    return result


def shares(found: Iterable[FoundClass], choices: Choices) -> dict[int, float]:
    """The share of each class with what is merged into it, by id; 255 for unknown."""
    places = {choice.id: choice.merge_into for choice in choices}
    total: dict[int, float] = {}
    for entry in found:
        into = places.get(entry.id)
        place = entry.id if into is None else into
        total[place] = total.get(place, 0.0) + entry.share
    return total


def _with(choices: Choices, changed: ClassChoice) -> Choices:
    return tuple(changed if choice.id == changed.id else choice for choice in choices)


def _free_color(taken: set[str]) -> str:
    value = 0x6A9FB5
    while f"#{value:06x}" in taken or f"#{value:06x}" == UNKNOWN_COLOR:
        value = (value + 0x35A7C1) % 0x1000000
    return f"#{value:06x}"
