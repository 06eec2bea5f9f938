"""What an examination says: frozen values, which may be pickled to another process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from spade.doctor.case import Case

Severity = Literal["unusable", "fixed", "explained"]
"""unusable: nothing can be trained like this. fixed: the clean copy is free of it. explained:
the user decides what to do, or nothing."""

Progress = Callable[[int, int, str], None]
"""Told (done, total, what is done, for people); called in the thread that asked."""

EXAMPLES = 8
"""Most examples of a problem."""


class Cancelled(Exception):  # noqa: N818  (the user's wish, no error)
    """``cancelled()`` said yes. Nothing is left behind."""


@dataclass(frozen=True)
class Problem:
    """One kind of problem. ``kind``: a slug such as "colour-labels"; ``title``: for people;
    ``text``: what was found, with figures; ``remedy``: what the import does about it, or what
    to do. ``count``: files, pairs or classes concerned, as the text says.

    examples: up to ``EXAMPLES`` paths relative to the data set (in a zip: names of members).
    """

    kind: str
    title: str
    text: str
    remedy: str
    count: int
    severity: Severity
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundClass:
    """A class of a data set. ``color``: "#rrggbb". share: of all known pixels; pictures: how
    many hold it.
    """

    id: int
    name: str
    color: str
    group: str
    share: float
    pictures: int


@dataclass(frozen=True)
class ClassChoice:
    """What becomes of class ``id``: a name and colour, or, merged, another class's id.

    merge_into: the id it is merged into; 255 for "unknown"; None: it stays a class.
    """

    id: int
    name: str
    color: str
    merge_into: int | None = None


@dataclass(frozen=True)
class Checkup:
    """What the doctor says of ``folder`` (or zip). ``layout``: for people ("Cityscapes").

    pictures: pairs that can be trained on (photos alone: photos), of which ``validation`` are
    held out. size: the training size in pixels that the pictures are good for, or the one
    asked for. photos_alone: there are no label maps; ``classes`` are then those of the bundled
    segmenter. needs_import: training can't read the folder as it is, or had better not.
    """

    folder: Path
    layout: str
    pictures: int
    validation: int
    size: int
    photos_alone: bool
    needs_import: bool
    problems: tuple[Problem, ...]
    classes: tuple[FoundClass, ...]
    case: Case = field(compare=False, repr=False)
    """All that :func:`spade.doctor.repair` needs to know."""

    @property
    def usable(self) -> bool:
        """Something can be trained on it."""
        return not any(problem.severity == "unusable" for problem in self.problems)

    def problem(self, kind: str) -> Problem | None:
        """The problem of that kind, or None."""
        return next((problem for problem in self.problems if problem.kind == kind), None)
