"""Starting trainers: command lines, and processes that outlive the window.

A trainer is ``spadework train`` itself. It gets a session of its own (so neither Ctrl+C in
the terminal nor the end of the window reaches it), writes what it prints to the folder's
log.txt and steps back behind the window and its renderer.

Its number of threads is left alone. Taking a core away from it would cost half of its speed
on two cores, also while nobody paints, and change sums, so that going on from the command
line would not give the same bits. Priorities do better: of a core that both want the window
gets nine tenths and the renderer three quarters, and while nobody paints training has all.
Threads that wait sleep instead of spinning, as the renderer's do.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from app.workers.child_process import SLEEPING_THREADS, boot_command
from app.workers.training_messages import TrainingChoice
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder, Status

NICENESS = 10
"""How far a trainer steps back: behind the renderer too, which has 5."""

CHOICE, CONFIG = "choice.json", "config.json"
"""In the training folder: what was chosen, and those settings that no flag has."""

Command = Callable[[Sequence[str]], list[str]]
"""From the arguments of ``spadework`` to a whole command line."""


def trainer_command(arguments: Sequence[str]) -> list[str]:
    """``spadework`` in this program's own modules, stepping back first."""
    return boot_command(__name__, arguments)


def main(*arguments: str) -> None:
    """What the process runs: a command of ``spadework`` and what it is given."""
    step_back()
    from spade.cli import run_command

    sys.exit(run_command(arguments[0], arguments[1:]))


def step_back() -> None:
    """Leave the processor to others (Windows: by a flag at the start)."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
        # Where Linux groups processes by session, niceness counts within the group alone and
        # a session of its own would get as much as the window's. Its group can step back too.
        with contextlib.suppress(OSError):
            if os.getsid(0) == os.getpid():
                Path("/proc/self/autogroup").write_text(str(NICENESS))


@dataclass(eq=False)
class Launched:
    """A trainer that we started. ``seen``: ``Status.time`` before it, which is not its word;
    log_from: where its part of the log begins."""

    folder: RunFolder
    process: subprocess.Popen[bytes]
    seen: float
    log_from: int

    def spoken(self, status: Status | None) -> bool:
        """Whether ``status`` is its own word."""
        return status is not None and status.time != self.seen

    def stop(self) -> None:
        """Ask it to save and end. Before its first word it has nothing to save, and would take
        a request for one to the trainer before."""
        with contextlib.suppress(InputError):
            if self.spoken(self.folder.read_status()):
                self.folder.ask("stop")
                return
        self.process.terminate()

    def leave(self) -> None:
        """Let it run on without us: nobody waits for it, and Python does not complain."""
        if self.process.poll() is None:
            self.process.returncode = 0


def prepare(choice: TrainingChoice) -> list[str]:
    """Make the training folder and return the arguments of ``spadework`` for a new run there.

    One that ended before it came to anything is replaced.
    Raises InputError if a training is there already, or the folder can't be written.
    """
    folder = RunFolder(Path(choice.out).absolute())
    if folder.state.exists() or folder.settings.exists():
        raise InputError(
            f"{folder.path}: a training is there already; go on with it, or choose another name"
        )
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder.path}: cannot be made ({error.strerror}); choose another place"
        ) from None
    config = {**choice.overrides, "model": {"name": choice.name, **_table(choice, "model")}}
    write_atomically(folder.path / CONFIG, json.dumps(config, indent=1).encode())
    write_atomically(folder.path / CHOICE, json.dumps(asdict(choice), indent=1).encode())
    return new_arguments(choice, folder.path / CONFIG)


def new_arguments(choice: TrainingChoice, config: Path) -> list[str]:
    """The command line of a choice."""
    out = Path(choice.out).absolute()
    result = ["train", str(Path(choice.data).absolute()), "--out", str(out)]
    result += ["--config", str(config), "--device", choice.device]
    result += ["--init", choice.init] if choice.init else ["--preset", choice.preset]
    result += ["--recipe", choice.recipe]
    if not choice.style:
        result.append("--no-style")
    if choice.vgg == "download":
        result.append("--download-vgg")
    else:
        result += ["--vgg", choice.vgg] if choice.vgg else ["--no-vgg"]
    for flag, value in (
        ("--steps", choice.steps),
        ("--batch-size", choice.batch_size),
        ("--minutes", choice.minutes),
        ("--judge-minutes", choice.judge_minutes),
    ):
        if value or flag == "--judge-minutes":
            result += [flag, str(value)]
    return result


def resume_arguments(folder: Path) -> list[str]:
    """The command line that goes on with a run. Raises InputError if the run is not known."""
    choice = read_choice(folder)
    run = RunFolder(folder)
    if not run.state.is_file():  # it ended before its first checkpoint
        if choice is not None:
            return new_arguments(choice, folder / CONFIG)
        if run.settings.is_file():
            return ["train", "--out", str(folder), "--config", str(run.settings)]
        raise InputError(f"{folder}: no training to go on with; start a new one")
    result = ["train"]
    if choice is not None:
        result.append(str(Path(choice.data).absolute()))
    result += ["--out", str(folder), "--resume"]
    return [*result, "--device", choice.device] if choice is not None else result


def read_choice(folder: Path) -> TrainingChoice | None:
    """What was chosen for a run that the application started; None if it did not."""
    try:
        value = json.loads((folder / CHOICE).read_text(encoding="utf-8"))
        known = {field.name for field in fields(TrainingChoice)}
        return TrainingChoice(**{key: found for key, found in value.items() if key in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def launch(folder: RunFolder, arguments: list[str], command: Command) -> Launched:
    """Start a trainer. Raises InputError if the system can't."""
    seen = folder.read_status()
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    try:
        with folder.log.open("ab") as log:
            process = subprocess.Popen(
                command(arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**SLEEPING_THREADS, **os.environ},
                start_new_session=True,
                creationflags=flags,
            )
            log_from = log.tell()
    except OSError as error:
        raise InputError(
            f"{folder.path}: no trainer can be started ({error.strerror}); check the folder and "
            "free some memory"
        ) from None
    return Launched(folder, process, 0.0 if seen is None else seen.time, log_from)


def _table(choice: TrainingChoice, name: str) -> dict[str, Any]:
    found = choice.overrides.get(name, {})
    return dict(found) if isinstance(found, dict) else {}
