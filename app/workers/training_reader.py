"""What a training folder has to say that it had not said at the last look.

All of it is reading files: it runs on a thread beside the window's. Neither torch nor Qt.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from PIL import Image

from app.workers.child_process import epitaph
from app.workers.training_launch import Launched, read_choice
from app.workers.training_messages import KnownRun, RunNews, RunState
from app.workers.training_tail import Tail
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder, Status

MOST_POINTS = 2000
"""Lines of statistics in one news; a run of a million steps is thinned to it."""

FRESH = 3.0
"""Seconds for which a status counts as a sign of life. Only then is the lock tried, since a
trainer that starts at that very moment would find it taken."""

LOG_END = 8192
"""Bytes of the log in which last words are looked for."""

_CHATTER = ("step ", "reading ", "stopping after ")
"""Lines of the log that say how far training is, not why it ended."""


class RunReader:
    """Follows one training folder. One thread at a time."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.state: RunState | None = None
        self.status: Status | None = None
        self.spoken = False
        """The trainer that is there now has said something, and will hear requests."""
        self._curves = Curves(folder.stats, MOST_POINTS)
        self._judged = Curves(folder.judged, MOST_POINTS)
        self._events = Tail(folder.events, MOST_POINTS)
        self._samples: tuple[str, ...] = ()
        self._shown: tuple[str, int] | None = None
        self._said: tuple[object, ...] = ()

    def look(self, launched: Launched | None) -> RunNews | None:
        """What is new, or None; ``launched``: the trainer there, if we started it.

        Raises InputError if the folder or its files can't be read.
        """
        if not self.folder.path.is_dir():
            raise InputError(f"{self.folder.path}: the training folder is gone; nothing to watch")
        try:
            state, status = tell_state(self.folder, launched, self.status, self.state)
            losses, anew = self._curves.read()
            judged, judged_anew = self._judged.read()
            if anew and not judged_anew:
                judged = self._judged.again(losses[-1]["step"] if losses else 0.0)
            elif judged_anew and not anew:
                losses, anew = self._curves.again(math.inf), True
            events, _ = self._events.read()
            samples, newest = self._look_at_samples(status)
        except OSError as error:
            raise InputError(
                f"{error.filename or self.folder.path}: cannot be read ({error.strerror}); "
                "check the disk"
            ) from None
        self.state, self.status = state, status
        self.spoken = launched is None or launched.spoken(status)
        said = (state, status, samples)
        if said == self._said and not (losses or judged or events or anew or newest is not None):
            return None
        anew = anew or not self._said  # whoever hears it may have followed another folder
        self._said = said
        notices = tuple(str(event["text"]) for event in events if event.get("text"))
        return RunNews(
            str(self.folder.path),
            state,
            status,
            tuple(losses),
            tuple(judged),
            notices,
            samples,
            newest,
            anew,
        )

    def _look_at_samples(
        self, status: Status | None
    ) -> tuple[tuple[str, ...], NDArray[np.uint8] | None]:
        try:
            names = sorted(
                entry.name
                for entry in os.scandir(self.folder.samples)
                if entry.name.endswith(".png") and not entry.name.startswith(".")
            )
        except FileNotFoundError:
            return (), None
        if not names:
            return (), None
        if status is not None and status.sample in names:
            # Later ones are of steps that training went back behind.
            del names[names.index(status.sample) + 1 :]
        name = names[-1]
        path = self.folder.samples / name
        try:
            now = (name, path.stat().st_mtime_ns)
            if now == self._shown:
                return tuple(names), None
            picture = read_picture(path)
        except (FileNotFoundError, InputError):
            return tuple(names), None  # being written anew; the next look finds it whole
        self._shown = now
        return tuple(names), picture


class Curves:
    """A file of lines with a step and numbers, which may go back to an earlier step."""

    def __init__(self, path: Path, most: int) -> None:
        self._tail = Tail(path, most)
        self._step = -math.inf  # of the newest line given

    def read(self) -> tuple[list[dict[str, float]], bool]:
        """(new lines, whether they are all there is and what was given before is void)."""
        values, anew = self._tail.read()
        lines = _in_order(values)
        if not anew and lines and lines[0]["step"] <= self._step:
            self._tail.rewind()
            values, _ = self._tail.read()
            lines, anew = _in_order(values), True
        if lines:
            self._step = lines[-1]["step"]
        elif anew:
            self._step = -math.inf
        return lines, anew

    def again(self, last: float) -> list[dict[str, float]]:
        """All lines up to the step ``last``."""
        self._tail.rewind()
        values, _ = self._tail.read()
        return [line for line in _in_order(values) if line["step"] <= last]


def _in_order(values: Iterable[dict[str, Any]]) -> list[dict[str, float]]:
    """Their numbers; a step that comes again takes the place of itself and all after it."""
    result: list[dict[str, float]] = []
    for value in values:
        line = {
            key: float(found)
            for key, found in value.items()
            if isinstance(found, int | float) and math.isfinite(found)
        }
        if "step" not in line:
            continue
        while result and result[-1]["step"] >= line["step"]:
            result.pop()
        result.append(line)
    return result


def tell_state(
    folder: RunFolder,
    launched: Launched | None,
    before: Status | None = None,
    state_before: RunState | None = None,
) -> tuple[RunState, Status | None]:
    """How a training is, and its status; a message is put into it where the trainer is gone.

    before, state_before: what was told at the last look. Raises InputError for a status of
    another protocol, and if another process trains where the one we started could not.
    """
    status = folder.read_status()
    if launched is not None:
        code = launched.process.poll()
        if status is not None and not launched.spoken(status):
            status = None if code is not None else _starting(status, launched)
        if code is None:
            return _state_of(status, "running"), status
        status = _newer(folder, launched, status)
        if status is not None and status.ended:
            return _state_of(status, "interrupted"), status
        return _ended_with(folder, launched, code, status)
    if status is not None and status.ended:
        return _state_of(status, "interrupted"), status
    if status is not None and abs(time.time() - status.time) < FRESH:
        return _state_of(status, "running"), status
    told = before is not None and status is not None and before.time == status.time
    if (told and state_before == "interrupted") or not is_locked(folder):
        # Its last word may have come between the two looks.
        status = folder.read_status() or status
        if status is not None and status.ended:
            return _state_of(status, "interrupted"), status
        why = "The trainer is gone without a last word (a crash, a power cut?)"
        return "interrupted", _gone(folder, status, why)
    return _state_of(status, "running"), status


def is_locked(folder: RunFolder) -> bool:
    """Whether a process trains in the folder. Where locks can't be tried, nobody does."""
    if not folder.lock.exists():
        return False
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def describe(folder: Path, launched: Launched | None = None) -> KnownRun | None:
    """A folder in one line; None if no training is there, or one this program can't read."""
    run = RunFolder(folder)
    choice = read_choice(folder)
    try:
        if choice is None and not run.settings.is_file() and run.read_status() is None:
            return None
        state, status = tell_state(run, launched)
    except (InputError, OSError):
        return None
    name = folder.name if choice is None else choice.name
    if status is None:
        return KnownRun(str(folder), name, state, 0, 0)
    return KnownRun(str(folder), name, state, status.step, status.steps)


def read_picture(path: Path) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), read-only. Raises InputError, FileNotFoundError."""
    try:
        with Image.open(path) as picture:
            pixels = np.array(picture.convert("RGB"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not readable as a picture ({error})") from None
    pixels.setflags(write=False)
    return pixels


def _state_of(status: Status | None, otherwise: RunState) -> RunState:
    if status is None:
        return otherwise
    if status.phase in ("paused", "done", "stopped", "failed"):
        return status.phase
    return otherwise


def _starting(status: Status, launched: Launched) -> Status:
    """What an earlier trainer said last, until the one that we started speaks."""
    return replace(status, phase="starting", pid=launched.process.pid, message="", early="")


def _newer(folder: RunFolder, launched: Launched, status: Status | None) -> Status | None:
    """The status read again, now that the trainer is surely gone."""
    found = folder.read_status()
    return found if launched.spoken(found) else status


def _ended_with(
    folder: RunFolder, launched: Launched, code: int, status: Status | None
) -> tuple[RunState, Status]:
    words = last_words(folder.log, launched.log_from)
    if code == 0:
        ended = status or Status("stopped", launched.process.pid)
        return "stopped", replace(ended, phase="stopped")
    if code == 2:  # bad input: what it says is for people, and holds for the next time too
        failed = status or folder.read_status() or Status("failed", launched.process.pid)
        message = words or "The trainer can't use what it was given; see log.txt"
        return "failed", replace(failed, phase="failed", message=message)
    why = epitaph("The trainer", code)
    if words and code > 0:
        why += f": {words}"
    return "interrupted", _gone(folder, status, why, launched)


def _gone(
    folder: RunFolder, status: Status | None, why: str, launched: Launched | None = None
) -> Status:
    status = status or folder.read_status() or Status("starting", 0)
    if launched is None:
        words = last_words(folder.log)
        why += f'; it said last: "{words}"' if words else ""
    kept = status.checkpoint_step
    if kept or folder.state.is_file():
        step = f"step {kept}" if kept else "the last checkpoint"
        remedy = f"Resume goes on from {step}."
    else:
        remedy = "There was no checkpoint yet: Resume starts from the beginning."
    return replace(status, message=f"{why}, at step {status.step} of {status.steps}. {remedy}")


def last_words(log: Path, begin: int = 0) -> str:
    """The last line of a log that is no chatter, from byte ``begin`` on; "" if there is none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(begin, size - LOG_END))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = (line.strip() for line in reversed(text.replace("\r", "\n").split("\n")))
    found = next((line for line in lines if line and not line.startswith(_CHATTER)), "")
    before, error, after = found.partition(": error: ")
    return after if error and before.startswith("spadework") else found
