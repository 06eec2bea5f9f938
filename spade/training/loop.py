"""Training as a function with two callbacks; the command line and the dialog call the same.

    result = train(run, data, out, on_progress=..., should_stop=...)

The training folder ``out`` holds ``state.pt`` (everything a run goes on from),
``model/`` (the averaged generator and the encoder, ready to open), ``samples/`` (the same
fixed maps again and again), ``stats.jsonl`` (one line a step) and ``run.json`` (the settings).
Each file is whole at every moment; a run that was killed goes on from its last checkpoint.
Without ``state.pt`` it goes on from weights alone (:mod:`spade.training.handover`).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spade.checkpoint import save_baseline, save_model
from spade.config import to_dict
from spade.data.dataset import PairedPictures, prefetched
from spade.data.folder import DataFolder, Pair, label_channels, open_data
from spade.formats.atomic import remove_leftovers, write_atomically
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.training.acceleration import StepLosses
from spade.training.finetune import origin_of, start_from
from spade.training.handover import load_weights, save_weights
from spade.training.sample_grid import write_sample_grid
from spade.training.shards import has_shards
from spade.training.timeslice import Rate, TimeSlice
from spade.training.trainer import Run, Trainer

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
    """Training was asked to stop, or the time was over, while photos were read."""


def train(
    run: Run,
    data: Path,
    out: Path,
    *,
    device: torch.device,
    resume: bool = False,
    weights: Path | None = None,
    shards: Path | None = None,
    minutes: float | None = None,
    began: float | None = None,
    provenance: dict[str, Any] | None = None,
    init: Model | None = None,
    on_reading: Callable[[int, int], None] = lambda read, photos: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    on_notice: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train until the schedule ends, ``minutes`` are over or ``should_stop`` says so.

    First all photos are read: ``on_reading`` is told after each how many are, of how many.
    ``should_stop`` is asked before each photo and each step. Stopped while it reads, training
    leaves the last checkpoint and model, if there are any, as they were.

    resume: go on from ``state.pt``, exactly; if it is not there, from shards in ``weights``,
    ``shards`` or ``out/shards``. weights: a folder of shards to go on from where there is
    no ``state.pt``. init: a finished model to start from where there is neither. shards: the
    folder that checkpoints also write the weights to, in files that travel. ``on_notice`` is told in lines for people what training goes on from.

    minutes: for everything, the last checkpoint included, from ``began`` on
    (``time.monotonic()``; by default from the call).

    Raises InputError for data or settings that don't fit, before the work starts where that
    can be told.
    """
    time_slice = TimeSlice(time.monotonic() if began is None else began, minutes)
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
    if state.exists():
        trainer.load(state)
        on_notice(f"step {trainer.step} from {state}: everything as it was")
    elif resume or weights is not None:
        places = [weights, shards, out / "shards"] if weights is None else [weights]
        found = next((place for place in places if place and has_shards(place)), None)
        if found is None and weights is None:
            trainer.load(state)  # says what is missing
        for line in load_weights(trainer, found or places[0] or out):
            on_notice(line)
    elif init is not None:
        for line in start_from(trainer, init, folder.palette):
            on_notice(line)
        provenance = {**(provenance or {}), **origin_of(init)}
    _prepare(out, data, trainer)
    samples = _samples(folder)
    photos = len(folder.training) + len(samples)

    def read(pairs: Sequence[Pair], before: int) -> PairedPictures:
        def on_read(count: int) -> None:
            if count:
                on_reading(before + count, photos)
            if should_stop() or time_slice.over():
                raise _StoppedReading

        on_read(0)
        return PairedPictures(pairs, folder.palette, run.generator, run.training, on_read)

    try:
        pictures = read(folder.training, 0)
        shown = read(samples, len(pictures))
    except _StoppedReading:
        if time_slice.over():
            on_notice("the time was over while photos were read: give more minutes")
        return TrainingResult(_kept_model(out), trainer.step)

    config = run.training
    rate = Rate()

    def checkpoint() -> None:
        with time_slice.finishing("checkpoint"):
            trainer.save(state)
            _save_finished(out / "model", trainer, pictures, folder, provenance)
            if shards is not None:
                save_weights(trainer, shards)

    fixed = shown.fixed(range(len(shown)), config.size)

    def sample() -> Path:
        path = out / "samples" / f"step-{trainer.step:07d}.png"
        with time_slice.finishing("sample"):
            columns = trainer.sample_columns(pictures, fixed)
            write_sample_grid(path, fixed.labels, folder.palette, columns)
        return path

    def tell(known: Sequence[StepLosses], path: Path | None = None) -> None:
        left = (config.steps - trainer.step) * config.batch_size / max(rate.images, 1e-9)
        for done in known:
            stats.write(json.dumps({"step": done.step, **done.losses}) + "\n")
            shown_now = path if done.step == trainer.step else None
            on_progress(
                TrainingProgress(done.step, config.steps, done.losses, rate.images, left, shown_now)
            )
        stats.flush()

    first = trainer.step
    last_checkpoint, saved_at, sampled_at = time.monotonic(), -1, -1
    with (
        prefetched(pictures, config, first, pin=device.type == "cuda") as batches,
        (out / "stats.jsonl").open("a", encoding="utf-8") as stats,
    ):
        while trainer.step < config.steps and not should_stop():
            if time_slice.must_finish(rate.seconds, config.statistics_batches):
                break
            known = trainer.train_on(next(batches))
            rate.tick(config.batch_size)
            path = None
            if config.sample_steps and trainer.step % config.sample_steps == 0:
                known += trainer.settle()
                path, sampled_at = sample(), trainer.step
            tell(known, path)
            due = time.monotonic() - last_checkpoint > config.checkpoint_minutes * 60
            if config.checkpoint_steps:
                due = due or trainer.step % config.checkpoint_steps == 0
            if due:
                tell(trainer.settle())
                checkpoint()
                last_checkpoint, saved_at = time.monotonic(), trainer.step
                rate.restart()
        tell(trainer.settle())
    if trainer.step == first < config.steps and time_slice.must_finish(0.0, 0):
        on_notice("no time was left for a step: give more minutes")
        return TrainingResult(_kept_model(out), trainer.step)
    # Also where nothing was left to do: the run before may have been killed between the two.
    if saved_at != trainer.step:
        checkpoint()
    if sampled_at != trainer.step:
        sample()
    return TrainingResult(out / "model", trainer.step)


def _prepare(out: Path, data: Path, trainer: Trainer) -> None:
    """Make the training folder and bring it in line with the step that training starts from."""
    try:
        (out / "samples").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: cannot be made ({error.strerror}); choose another --out"
        ) from None
    for part in (out, out / "samples", out / "model"):
        remove_leftovers(part)
    sections = trainer.run.sections(str(data.absolute()))
    write_atomically(out / "run.json", json.dumps(sections, indent=1).encode())
    stats = out / "stats.jsonl"
    if stats.exists():
        # Steps after the last checkpoint are done again.
        lines = stats.read_bytes().splitlines(keepends=True)
        write_atomically(stats, b"".join(line for line in lines if _step(line) <= trainer.step))


def _step(line: bytes) -> float:
    """The step that a line of the statistics is of; infinite for one cut off by a kill."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _kept_model(out: Path) -> Path | None:
    """The model of an earlier checkpoint, if there is one."""
    return out / "model" if (out / "model" / "model.json").exists() else None


def _samples(folder: DataFolder) -> list[Pair]:
    """A few pairs evenly spread over the validation photos (else the training photos)."""
    pairs = folder.validation or folder.training
    count = min(SAMPLES, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def _save_finished(
    path: Path,
    trainer: Trainer,
    pictures: PairedPictures,
    folder: DataFolder,
    provenance: dict[str, Any] | None,
) -> None:
    finished = finished_model(trainer, pictures, folder, provenance)
    if isinstance(finished, Model):
        save_model(path, finished)
    else:
        save_baseline(
            path,
            finished,
            folder.palette.classes,
            name=trainer.run.name,
            licence=trainer.run.licence,
            provenance=_provenance(trainer, pictures, provenance),
        )


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
