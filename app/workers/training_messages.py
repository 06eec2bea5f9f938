"""What the window and those who check data and train say to each other: frozen values.

No torch, no Qt. The files of a training folder are :mod:`spade.formats.run_folder`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spade.formats.run_folder import Status

Severity = Literal["unusable", "fixed", "explained"]
"""unusable: nothing can be trained like this. fixed: the import mends it. explained: the
user decides what to do, or nothing."""


@dataclass(frozen=True)
class Finding:
    """One kind of problem of a data set. ``kind``: a slug such as "rgb-labels"; ``title``: for
    people ("Label maps in colour"); ``text``: what was found, with figures; ``remedy``: what
    the import does about it, or what to do.

    examples: paths relative to the data's folder; thumbnails: uint8 ``(H, W, 3)`` of the first
    few of them, sides at most 96 pixels.
    """

    kind: str
    title: str
    text: str
    remedy: str
    count: int
    severity: Severity
    examples: tuple[str, ...] = ()
    thumbnails: tuple[NDArray[np.uint8], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class FoundClass:
    """A class of a data set. share: of all known pixels; pictures: how many hold it."""

    id: int
    name: str
    color: str
    group: str
    share: float
    pictures: int


@dataclass(frozen=True)
class DataReport:
    """What the dataset doctor says of ``folder``. ``layout``: for people ("Cityscapes").

    pictures: usable pairs, of which ``validation`` are held out. photos_alone: there are no
    label maps; the segmenter makes them on import. size: the training size in pixels that
    the pictures are good for. needs_import: training reads a clean copy, not the folder.
    """

    folder: str
    layout: str
    pictures: int
    validation: int
    size: int
    photos_alone: bool
    needs_import: bool
    findings: tuple[Finding, ...]
    classes: tuple[FoundClass, ...]

    @property
    def usable(self) -> bool:
        """Something can be trained on it."""
        return not any(found.severity == "unusable" for found in self.findings)


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
class ImportRequest:
    """Make a clean copy of ``folder`` in ``out``, which must not exist or be empty."""

    folder: str
    out: str
    choices: tuple[ClassChoice, ...] = ()


@dataclass(frozen=True)
class RecipeTime:
    """How long a recipe takes on the device, by estimate. ``recipe``: its name.

    seconds: of a step with the perceptual loss; plain_seconds: without.
    """

    recipe: str
    steps: int
    seconds: float
    plain_seconds: float


@dataclass(frozen=True)
class SizePreset:
    """A size of model. ``name``: what ``--preset`` takes; ``title``, ``detail``: for people.

    bytes: what training takes on the device at its batch size, estimated; fits: less than
    what is there. parameters: of the generator. times: from scratch, by recipe.
    """

    name: str
    title: str
    detail: str
    size: int
    ngf: int
    batch_size: int
    parameters: int
    bytes: int
    fits: bool
    times: tuple[RecipeTime, ...] = ()


@dataclass(frozen=True)
class TrainingOptions:
    """What can be chosen here. device: "cpu", "cuda", "mps"; device_name: for people.

    available: bytes of memory on it. models: (path or name, title) of those that can be
    fine-tuned. vgg: a file of VGG weights that is there already, or "". model_times: of each
    model's path or name, how long fine-tuning it takes, by recipe; () where nobody knows.
    """

    device: str
    device_name: str
    available: int
    presets: tuple[SizePreset, ...]
    models: tuple[tuple[str, str], ...]
    vgg: str
    model_times: dict[str, tuple[RecipeTime, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingChoice:
    """What the second page says. ``init``: a model to fine-tune, or "" for from scratch.

    preset: a size's name, of no importance with ``init``, which keeps that model's sizes.
    style: with an encoder. recipe: "quick", "balanced" or "thorough". vgg: a file, "" for
    training without, or "download". minutes: 0: until the schedule ends.
    judge_minutes: evaluate that often; 0: never.
    """

    name: str
    data: str
    out: str
    preset: str
    init: str = ""
    style: bool = True
    recipe: str = "balanced"
    vgg: str = ""
    device: str = "auto"
    steps: int = 0
    batch_size: int = 0
    minutes: float = 0.0
    judge_minutes: float = 10.0
    overrides: dict[str, Any] = field(default_factory=dict)


RunState = Literal["running", "paused", "done", "stopped", "failed", "interrupted"]
"""interrupted: the trainer is gone without a last word (a crash, a power cut)."""


@dataclass(frozen=True)
class RunNews:
    """What is new in a training folder since the last look. ``losses``: new lines of the
    statistics, as {"step": ..., name: value}; ``judged``: new evaluations; ``notices``: new
    lines for people; ``sample``: the newest grid if it is new, uint8 ``(H, W, 3)``.

    samples: the names of all grids, oldest first, the one shown last. ``restarted``: what was
    heard before is void and this is all there is: the first news of a folder, or training went
    back to an earlier step. ``status.message`` says how a training that is over ended.
    """

    folder: str
    state: RunState
    status: Status | None
    losses: tuple[dict[str, float], ...] = ()
    judged: tuple[dict[str, float], ...] = ()
    notices: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    sample: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    restarted: bool = False


@dataclass(frozen=True)
class KnownRun:
    """A training folder the application knows, for "go on with ..."."""

    folder: str
    name: str
    state: RunState
    step: int
    steps: int
