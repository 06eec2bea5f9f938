"""A training folder from outside: what training says, and what it is asked, through files.

    RUN/status.json    how far training is, written anew about twice a second
    RUN/control.json   what it is asked to do next; looked at before every step
    RUN/events.jsonl   a line for each notice: "out of memory: ...", "back to step 400 ..."
    RUN/stats.jsonl    a line a step with its losses
    RUN/judged.jsonl   a line for each evaluation
    RUN/log.txt        what a trainer that was started by the application prints
    RUN/samples/       step-0000500.png: the same fixed maps again and again
    RUN/early/         step-0000500/: models to try before training is done
    RUN/model/         the model of the last checkpoint
    RUN/state.pt       everything a run goes on from;  RUN/run.json  its settings
    RUN/lock           held by the one process that trains there

Files, not a pipe: whoever looks may come and go. Training goes on when the application is
closed or crashes, and a run that was started on the command line can be watched all the same.
Neither torch nor Qt here.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError

PROTOCOL = 1
"""Of status.json and control.json; a reader refuses other numbers."""

Phase = Literal[
    "starting", "reading", "training", "paused", "saving", "judging", "done", "stopped", "failed"
]
"""What a trainer is at. The last three are said once, when it ends."""

Ask = Literal["go on", "pause", "stop", "try"]
"""go on: out of a pause. stop: save and end. try: write a model of the present step to early/."""

_ENDS: tuple[Phase, ...] = ("done", "stopped", "failed")


@dataclass(frozen=True)
class Status:
    """How far training is.

    seconds_left: to the end of the schedule, None while nobody knows. memory_bytes: the most
    the trainer has held so far, of memory_limit there (0: unknown), of the device it trains on.
    micro_batch: pictures at once; less than batch_size once memory ran out. rate_scale: what
    the learning rates were lowered by. checkpoint_step: of the last good checkpoint, 0 if
    there is none. sample, early: names of the newest file in samples/ and folder in early/.
    message: the last notice, or why it failed. answered: the number of the last request that
    was obeyed. time: when it was written, seconds since 1970.
    """

    phase: Phase
    pid: int
    step: int = 0
    steps: int = 0
    images_per_second: float = 0.0
    seconds_left: float | None = None
    memory_bytes: int = 0
    memory_limit: int = 0
    device: str = ""
    batch_size: int = 0
    micro_batch: int = 0
    rate_scale: float = 1.0
    checkpoint_step: int = 0
    sample: str = ""
    early: str = ""
    message: str = ""
    answered: int = 0
    reading: tuple[int, int] = (0, 0)
    time: float = 0.0

    @property
    def ended(self) -> bool:
        """The trainer has said its last word."""
        return self.phase in _ENDS


@dataclass(frozen=True)
class Request:
    """What training is asked; ``number`` grows with each."""

    number: int
    ask: Ask


@dataclass(frozen=True)
class RunFolder:
    """The paths of a training folder, and its two mailboxes."""

    path: Path

    @property
    def state(self) -> Path:
        """Everything a run goes on from."""
        return self.path / "state.pt"

    @property
    def model(self) -> Path:
        """The model folder of the last checkpoint."""
        return self.path / "model"

    @property
    def samples(self) -> Path:
        """Sample grids, a PNG each."""
        return self.path / "samples"

    @property
    def early(self) -> Path:
        """Models written on request, a folder each."""
        return self.path / "early"

    @property
    def stats(self) -> Path:
        """Losses, a JSON line a step."""
        return self.path / "stats.jsonl"

    @property
    def judged(self) -> Path:
        """Evaluations, a JSON line each."""
        return self.path / "judged.jsonl"

    @property
    def events(self) -> Path:
        """Notices, a JSON line each: {"time", "step", "text"}."""
        return self.path / "events.jsonl"

    @property
    def settings(self) -> Path:
        """The settings of the run, in the sections of a configuration file."""
        return self.path / "run.json"

    @property
    def log(self) -> Path:
        """What a trainer started by the application prints."""
        return self.path / "log.txt"

    @property
    def lock(self) -> Path:
        """Held (by the filelock library) while a process trains here."""
        return self.path / "lock"

    def write_status(self, status: Status) -> None:
        """Say how far training is. Raises InputError, for a full disk say."""
        value = {"protocol": PROTOCOL, **asdict(status), "time": time.time()}
        write_atomically(self.path / "status.json", json.dumps(value).encode(), durable=False)

    def read_status(self) -> Status | None:
        """What training said last; None if it never said anything.

        Raises InputError for a file of another protocol.
        """
        value = _read(self.path / "status.json")
        if value is None:
            return None
        known = {field.name for field in fields(Status)}
        try:
            reading = value.get("reading", (0, 0))
            said = {key: found for key, found in value.items() if key in known}
            return Status(**{**said, "reading": (int(reading[0]), int(reading[1]))})
        except (TypeError, ValueError, IndexError) as error:
            raise InputError(f"{self.path / 'status.json'}: damaged ({error}); remove it") from None

    def ask(self, ask: Ask) -> Request:
        """Ask the trainer for something; it obeys before its next step.

        Returns the request: it was obeyed once ``Status.answered`` is its number or higher.
        """
        before = self.read_request()
        request = Request(1 if before is None else before.number + 1, ask)
        value = {"protocol": PROTOCOL, **asdict(request)}
        write_atomically(self.path / "control.json", json.dumps(value).encode(), durable=False)
        return request

    def read_request(self) -> Request | None:
        """The last request, whether obeyed or not; None if there never was one.

        Raises InputError for a file of another protocol.
        """
        path = self.path / "control.json"
        value = _read(path)
        if value is None:
            return None
        number, ask = value.get("number"), value.get("ask")
        if not isinstance(number, int) or ask not in get_args(Ask):
            raise InputError(f"{path}: asks for {ask!r}; known: {', '.join(get_args(Ask))}")
        return Request(number, cast(Ask, ask))

    @property
    def last_number(self) -> int:
        """The number of the last request; 0 if there is none that can be read."""
        try:
            request = self.read_request()
        except InputError:
            return 0
        return 0 if request is None else request.number


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except ValueError:
        return None  # a power cut may leave it empty
    if not isinstance(value, dict) or value.get("protocol") != PROTOCOL:
        said = value.get("protocol") if isinstance(value, dict) else None
        raise InputError(
            f"{path}: of protocol {said}, this program speaks {PROTOCOL}; use one version of "
            "Spadework for training and watching"
        )
    return value
