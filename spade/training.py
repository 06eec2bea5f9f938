"""Training as a function with two callbacks; the command line and the dialog call the same.

    result = train(run, data, out, on_progress=..., should_stop=...)

The training folder ``out`` holds ``state.pt`` (everything a run goes on from),
``model/`` (the averaged generator and the encoder, ready to open), ``samples/`` (the same
fixed maps again and again), ``stats.jsonl`` (one line a step) and ``run.json`` (the settings).
Each file is whole at every moment; a run that was killed goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spade.checkpoint import save_baseline, save_model
from spade.config import to_dict
from spade.data_folder import DataFolder, Pair, label_channels, open_data
from spade.dataset import PairedPictures, prefetched
from spade.formats.atomic import remove_leftovers, write_atomically
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.sample_grid import write_sample_grid
from spade.trainer import Run, Trainer

__all__ = ["Run", "TrainingProgress", "TrainingResult", "finished_model", "train"]

SAMPLES = 8
"""How many fixed validation maps each sample grid shows."""


@dataclass(frozen=True)
class TrainingProgress:
    """Reported after every step. ``seconds_left`` counts to the last step of the schedule."""

    step: int
    steps: int
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    sample: Path | None = None


@dataclass(frozen=True)
class TrainingResult:
    """The folder of the finished model, and how many steps it was trained for in all.

    ``model`` is None if training was stopped before there was one.
    """

    model: Path | None
    step: int


class _StoppedReading(Exception):  # noqa: N818 - no error
    """Training was asked to stop while photos were read."""


def train(
    run: Run,
    data: Path,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
    minutes: float | None = None,
    provenance: dict[str, Any] | None = None,
    on_reading: Callable[[int, int], None] = lambda read, photos: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train until the schedule ends, ``minutes`` are over or ``should_stop`` says so.

    First all photos are read: ``on_reading`` is told after each how many are, of how many.
    ``should_stop`` is asked before each photo and each step. Stopped while it reads, training
    leaves the last checkpoint and model, if there are any, as they were.

    Raises InputError for data or settings that don't fit, before the work starts where that
    can be told.
    """
    began = time.monotonic()
    folder = open_data(data, run.training.validation_share)
    label_nc = label_channels(folder.palette)
    if label_nc != run.generator.label_nc:
        raise InputError(
            f"{data / 'classes.json'}: its ids need label_nc {label_nc}, but the generator "
            f"is set to {run.generator.label_nc}; make them equal"
        )
    state = out / "state.pt"
    if state.exists() and not resume:
        raise InputError(f"{state}: a run is there already; use --resume or another --out")
    trainer = Trainer(run, device)
    if resume:
        trainer.load(state)
    _prepare(out, trainer)
    samples = _samples(folder)
    photos = len(folder.training) + len(samples)

    def reading(pairs: Sequence[Pair], before: int) -> Iterator[Pair]:
        for count, pair in enumerate(pairs, before + 1):
            if should_stop():
                raise _StoppedReading
            yield pair  # comes back when the pair is read
            on_reading(count, photos)
        if should_stop():
            raise _StoppedReading

    try:
        pictures = PairedPictures(
            reading(folder.training, 0), folder.palette, run.generator, run.training
        )
        shown = PairedPictures(
            reading(samples, len(pictures)), folder.palette, run.generator, run.training
        )
    except _StoppedReading:
        kept = out / "model"
        return TrainingResult(kept if (kept / "model.json").exists() else None, trainer.step)

    def checkpoint() -> None:
        trainer.save(state)
        finished = finished_model(trainer, pictures, folder, provenance)
        if isinstance(finished, Model):
            save_model(out / "model", finished)
        else:
            save_baseline(
                out / "model",
                finished,
                folder.palette.classes,
                name=run.name,
                licence=run.licence,
                provenance=_provenance(trainer, pictures, provenance),
            )

    fixed = shown.fixed(range(len(shown)), run.training.size)

    def sample() -> Path:
        path = out / "samples" / f"step-{trainer.step:07d}.png"
        write_sample_grid(
            path, fixed.labels, folder.palette, trainer.sample_columns(pictures, fixed)
        )
        return path

    config = run.training
    last_checkpoint, saved_at, sampled_at = time.monotonic(), -1, -1
    rate = _Rate()
    with (
        prefetched(pictures, config, trainer.step) as batches,
        (out / "stats.jsonl").open("a", encoding="utf-8") as stats,
    ):
        while trainer.step < config.steps and not should_stop():
            if minutes is not None and time.monotonic() - began > minutes * 60:
                break
            losses = trainer.train_on(next(batches))
            speed = rate.tick(config.batch_size)
            path = None
            if config.sample_steps and trainer.step % config.sample_steps == 0:
                path, sampled_at = sample(), trainer.step
            stats.write(json.dumps({"step": trainer.step, **losses}) + "\n")
            stats.flush()
            left = (config.steps - trainer.step) * config.batch_size / max(speed, 1e-9)
            on_progress(TrainingProgress(trainer.step, config.steps, losses, speed, left, path))
            due = time.monotonic() - last_checkpoint > config.checkpoint_minutes * 60
            if config.checkpoint_steps:
                due = due or trainer.step % config.checkpoint_steps == 0
            if due:
                checkpoint()
                last_checkpoint, saved_at = time.monotonic(), trainer.step
                rate = _Rate()
    # Also where nothing was left to do: the run before may have been killed between the two.
    if saved_at != trainer.step:
        checkpoint()
    if sampled_at != trainer.step:
        sample()
    return TrainingResult(out / "model", trainer.step)


def _prepare(out: Path, trainer: Trainer) -> None:
    """Make the training folder and bring it in line with the step that training starts from."""
    try:
        (out / "samples").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: cannot be made ({error.strerror}); choose another --out"
        ) from None
    for part in (out, out / "samples", out / "model"):
        remove_leftovers(part)
    write_atomically(out / "run.json", json.dumps(to_dict(trainer.run), indent=1).encode())
    stats = out / "stats.jsonl"
    if stats.exists():
        # Steps after the last checkpoint are done again.
        lines = stats.read_bytes().splitlines(keepends=True)[: trainer.step]
        write_atomically(stats, b"".join(lines))


def _samples(folder: DataFolder) -> list[Pair]:
    """A few pairs evenly spread over the validation photos (else the training photos)."""
    pairs = folder.validation or folder.training
    count = min(SAMPLES, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def finished_model(
    trainer: Trainer,
    pictures: PairedPictures,
    folder: DataFolder,
    provenance: dict[str, Any] | None = None,
) -> Model | Pix2PixHDGenerator:
    """The averaged networks as a model that can be saved, opened and rendered with.

    The baseline of the paper comes as its generator alone.
    """
    run = trainer.run
    generator, encoder, default_z = trainer.finished(pictures)
    if isinstance(generator, Pix2PixHDGenerator):
        return generator
    assert isinstance(generator, Generator)
    return Model(
        name=run.name,
        config=ModelConfig(generator.config, run.encoder),
        generator=generator,
        encoder=encoder,
        classes=folder.palette.classes,
        default_z=default_z,
        device=trainer.device,
        provenance=_provenance(trainer, pictures, provenance),
        licence=run.licence,
    )


def _provenance(
    trainer: Trainer, pictures: PairedPictures, given: dict[str, Any] | None
) -> dict[str, Any]:
    """How the networks came about: what the caller says, the steps, photos and settings."""
    training = trainer.run.training
    return {
        **(given or {}),
        "steps": trainer.step,
        "photos": len(pictures),
        "training": to_dict(training) | {"vgg": Path(training.vgg).name},
    }


class _Rate:
    """Images per second over the last steps."""

    def __init__(self, window: int = 20) -> None:
        self._times: deque[float] = deque([time.monotonic()], maxlen=window + 1)

    def tick(self, images: int) -> float:
        """One step of ``images`` pictures is done; the present rate."""
        self._times.append(time.monotonic())
        seconds = self._times[-1] - self._times[0]
        return images * (len(self._times) - 1) / max(seconds, 1e-9)
