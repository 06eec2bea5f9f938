"""What a training's state means in words, and what can be done in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.ui.training.texts import duration_text, plural
from app.workers.training_messages import RunState
from spade.formats.run_folder import Status

STARTING: Final = "Starting…"


@dataclass(frozen=True)
class Abilities:
    """Which buttons help now."""

    pause: bool = False
    go_on: bool = False
    try_now: bool = False
    stop: bool = False
    resume: bool = False
    paint: bool = False
    another: bool = False


def abilities(state: RunState | None, status: Status | None) -> Abilities:
    """What can be done; nothing while nothing is known."""
    if state is None:
        return Abilities()
    has_model = status is not None and (status.checkpoint_step > 0 or state == "done")
    if state in ("running", "paused"):
        under_way = status is not None and status.phase in (
            "training",
            "paused",
            "saving",
            "judging",
        )
        return Abilities(
            pause=state == "running" and under_way,
            go_on=state == "paused",
            try_now=under_way and status is not None and status.step > 0,
            stop=True,
        )
    return Abilities(resume=state != "done", paint=has_model, another=True)


def headline(state: RunState | None, status: Status | None) -> str:
    """One line: what training is at."""
    if state is None or status is None:
        return STARTING
    ended = {
        "done": "Training is done.",
        "stopped": f"Stopped at step {status.step:,}.",
        "failed": f"Training failed at step {status.step:,}.",
        "interrupted": f"Training was interrupted at step {status.step:,}.",
        "paused": "Paused.",
    }
    if state in ended:
        return ended[state]
    done, total = status.reading
    phases = {
        "starting": STARTING,
        "reading": f"Reading pictures, {done:,} of {total:,}…" if total else "Reading pictures…",
        "training": f"Training on {device_name(status.device)}" if status.device else "Training",
        "saving": "Saving a checkpoint…",
        "judging": "Evaluating…",
        "paused": "Paused.",
    }
    return phases.get(status.phase, STARTING)


def device_name(device: str) -> str:
    """ "cpu" -> "the processor", "cuda:0" -> "CUDA 0"; names stay as they are."""
    if device == "cpu":
        return "the processor"
    return device.upper().replace(":", " ") if device.startswith(("cuda", "mps")) else device


def story(state: RunState | None, status: Status | None) -> tuple[str, bool]:
    """(what to know of how it ended, whether it is bad); ("", False) while it goes on."""
    if status is None or state in (None, "running", "paused"):
        return "", False
    checkpoint = status.checkpoint_step
    kept = f"The model of step {checkpoint:,} is kept." if checkpoint else ""
    if state == "done":
        return "The model is in the Model menu; its classes are the brushes.", False
    if state == "stopped":
        return f"{kept} Resume goes on exactly where it stopped.".strip(), False
    if state == "failed":
        message = status.message or "It ended without saying why; log.txt in its folder may tell."
        rest = f"{kept} Resume goes on from there." if checkpoint else "Resume tries again."
        return f"{message}\n{rest}", True
    lost = max(status.step - checkpoint, 0)
    since = f"{plural(lost, 'step')} after the last checkpoint will be done again." if lost else ""
    begin = "There was no checkpoint yet: it begins anew."
    message = status.message or (f"{kept} Resume goes on from there." if checkpoint else "")
    return f"{message}\n{since if checkpoint else begin}".strip(), True


def progress_text(status: Status | None) -> str:
    """ "Step 1,240 of 20,000, 6 %"."""
    if status is None or not status.steps:
        return ""
    percent = int(100 * status.step / status.steps)
    return f"Step {status.step:,} of {status.steps:,}, {percent} %"


def short_text(name: str, state: RunState | None, status: Status | None) -> str:
    """For the status bar: "Training garden 43 %, 12 min left"."""
    if state == "paused":
        return f"Training {name}: paused"
    if status is None or not status.steps or status.phase in ("starting", "reading"):
        return f"Training {name}: starting"
    text = f"Training {name} {int(100 * status.step / status.steps)} %"
    if status.seconds_left is not None:
        text += f", {duration_text(status.seconds_left)} left"
    return text
