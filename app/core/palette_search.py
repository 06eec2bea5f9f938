"""Finding a class by typing, by number key, and among those used last."""

from __future__ import annotations

from collections.abc import Sequence

from spade.formats.palette import Palette, PaletteClass

NUMBER_KEYS = "1234567890"


def search(palette: Palette, query: str, recent: Sequence[int] = ()) -> list[PaletteClass]:
    """The classes that match ``query``, best first; all in palette order if it is blank.

    Best is the id or the whole name, then the start of the name, the start of a word in it,
    any part of it, the start of its group's name, and last the letters of ``query`` in the
    name in that order ("mtn" finds "mountain"). Among equals those in ``recent`` (ids, latest
    first) come first, then palette order. Upper and lower case are the same.
    """
    wanted = " ".join(query.casefold().split())
    if not wanted:
        return list(palette.classes)
    ranked = []
    for index, entry in enumerate(palette.classes):
        rank = _rank(entry, wanted)
        if rank is not None:
            latest = recent.index(entry.id) if entry.id in recent else len(recent)
            ranked.append((rank, latest, index, entry))
    ranked.sort(key=lambda item: item[:3])
    return [entry for *_, entry in ranked]


def number_keys(palette: Palette) -> dict[str, int]:
    """Which class id each number key picks: the first ten classes, "1" to "9", then "0"."""
    return dict(zip(NUMBER_KEYS, palette.ids, strict=False))


def _rank(entry: PaletteClass, wanted: str) -> int | None:
    name = " ".join(entry.name.casefold().split())
    words = name.replace("-", " ").replace("_", " ").replace("/", " ").split()
    tests = (
        wanted in (str(entry.id), name),
        name.startswith(wanted),
        any(word.startswith(wanted) for word in words),
        wanted in name,
        entry.group.casefold().startswith(wanted),
        _in_order(wanted.replace(" ", ""), name),
    )
    return next((rank for rank, passed in enumerate(tests) if passed), None)


def _in_order(letters: str, name: str) -> bool:
    rest = iter(name)
    return all(letter in rest for letter in letters)
