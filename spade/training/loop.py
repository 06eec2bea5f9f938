"""Training as a function with callbacks; the command line and the dialog call the same.

    result = train(run, data, out, on_progress=..., should_stop=...)

What is in the training folder ``out``: :mod:`spade.formats.run_folder`. Each file is whole at
every moment; a run that was killed goes on from its last checkpoint. Without ``state.pt`` it
goes on from weights alone (:mod:`spade.training.handover`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from spade.data.dataset import Batch, PairedPictures
from spade.data.folder import DataFolder, Pair, label_channels, open_data
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder
from spade.memory import available_memory
from spade.model import Model
from spade.training import parallel
from spade.training.checkpoints import Checkpoints, clear_leftovers
from spade.training.control import Control, holding
from spade.training.finetune import origin_of, start_from
from spade.training.handover import load_weights
from spade.training.recovery import smaller_parts
from spade.training.rehearsal import find_room
from spade.training.reporting import Reporting, Statistics, cut_lines, peak_memory
from spade.training.shards import has_shards
from spade.training.steps import Steps, TrainingProgress
from spade.training.timeslice import TimeSlice
from spade.training.trainer import Run, Trainer
from spade.training_memory import check_photos_fit, micro_batch_that_fits

SAMPLES = 8
"""How many fixed validation maps each sample grid shows."""

LEAST_SAMPLES = 6
"""Where fewer are held out, maps that are trained on make up the rest."""


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
    answered: int | None = None,
    provenance: dict[str, Any] | None = None,
    init: Model | None = None,
    on_reading: Callable[[int, int], None] = lambda read, photos: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    on_judged: Callable[[int, dict[str, Any]], None] = lambda step, found: None,
    on_notice: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Train until the schedule ends, ``minutes`` are over, or ``should_stop`` or a request in
    ``out`` says so.

    First all photos are read: ``on_reading`` is told after each how many are, of how many.
    ``should_stop`` is asked before each photo and each step. Stopped while it reads, training
    leaves the last checkpoint and model, if there are any, as they were.

    resume: go on from ``state.pt``, exactly; if it is not there, from shards in ``weights``,
    ``shards`` or ``out/shards``. weights: a folder of shards to go on from where there is
    no ``state.pt``. init: a finished model to start from where there is neither. shards: the
    folder that checkpoints also write the weights to, in files that travel. ``on_notice`` is
    told in lines for people what training goes on from, and what goes wrong.

    minutes: for everything, the last checkpoint included, from ``began`` on
    (``time.monotonic()``; by default from the call). answered: requests in ``out`` up to this
    number are old; by default all that are there.

    In several processes (:mod:`spade.training.parallel`) all call it alike; what is written,
    printed and decided is the first one's.

    Raises InputError for data or settings that don't fit, before the work starts where that
    can be told; if another process trains in ``out``; and where training can't go on.
    """
    time_slice = TimeSlice(time.monotonic() if began is None else began, minutes)
    folder = open_data(data, run.training.validation_share)
    label_nc = label_channels(folder.palette)
    if label_nc != run.generator.label_nc:
        raise InputError(
            f"{data / 'classes.json'}: its ids need label_nc {label_nc}, but the generator "
            f"is set to {run.generator.label_nc}; make them equal"
        )
    place, first = RunFolder(out), parallel.is_first()
    old = place.last_number if answered is None else answered
    carried = _carried(place, resume, weights, shards) if first else None
    if first:
        _make(place)
    with holding(place) if first else contextlib.nullcontext():
        if first and place.state.exists() and not resume:
            raise InputError(
                f"{place.state}: a run is there already; use --resume or another --out"
            )
        report = Reporting(place, device, on_notice, silent=not first)
        control = Control(place, should_stop, old, deaf=not first)
        try:
            report.write()
            at_once = _room(run, device, len(folder.training)) if first else run.training.batch_size
            trainer = Trainer(run, device)
            if first:
                _take_up(trainer, place, carried, init, folder, report)
                _take_less(trainer, at_once, report)
            if parallel.count() > 1:
                trainer.restore(parallel.from_first(trainer.state()))
            if first:
                _prepare(place, data, trainer, report)
            reading = _Reading(control, time_slice, report, on_reading)
            try:
                pictures, fixed = reading.pictures(folder, run)
            except _StoppedReading:
                if time_slice.over():
                    report.notice("the time was over while photos were read: give more minutes")
                result = TrainingResult(_kept_model(place), trainer.step)
            else:
                if parallel.count() > 1 and device.type == "cuda":
                    lowered = find_room(trainer, pictures)
                    if lowered is not None:
                        report.notice(lowered)
                        report.say(micro_batch=trainer.at_once)
                checkpoints = Checkpoints(
                    place, trainer, pictures, folder, provenance, shards, report.notice
                )
                if place.state.exists():
                    checkpoints.step = trainer.step
                statistics = Statistics(place.stats, trainer.step) if first else None
                steps = Steps(
                    trainer,
                    pictures,
                    fixed,
                    folder.palette,
                    checkpoints,
                    statistics,
                    report,
                    control,
                    time_slice,
                    _judge(trainer, folder, pictures, report) if first else None,
                    on_progress,
                    on_judged,
                )
                trained = steps.run()
                if not trained:
                    report.notice("no time was left for a step: give more minutes")
                result = TrainingResult(
                    place.model if trained else _kept_model(place), trainer.step
                )
        except BaseException as error:
            _last_words(report, parallel.explained(error))
            raise
        done = result.step >= run.training.steps
        report.say("done" if done else "stopped", answered=control.answered, seconds_left=None)
    return result


def _carried(
    place: RunFolder, resume: bool, weights: Path | None, shards: Path | None
) -> Path | None:
    """The shards to go on from; None if there is a state, or nothing to go on from is wanted."""
    if place.state.exists() or not (resume or weights is not None):
        return None
    if weights is not None:
        return weights
    for folder in (shards, place.path / "shards"):
        if folder is not None and has_shards(folder):
            return folder
    raise InputError(f"{place.state}: nothing to resume; train without --resume first")


def _make(place: RunFolder) -> None:
    try:
        place.samples.mkdir(parents=True, exist_ok=True)
        place.early.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place.path}: cannot be made ({error.strerror}); choose another --out"
        ) from None


def _take_up(
    trainer: Trainer,
    place: RunFolder,
    carried: Path | None,
    init: Model | None,
    folder: DataFolder,
    report: Reporting,
) -> None:
    """Give a fresh trainer what it goes on from, and say so."""
    data = f"{len(folder.training)} {_fingerprint(folder)}"
    lines: list[str] = []
    if place.state.exists():
        trainer.load(place.state)
        lines.append(f"step {trainer.step} from {place.state}: everything as it was")
        before = trainer.data.partition(" ")[0]
        if trainer.data not in ("", data):
            lines.append(
                f"the photos are not those that training began with ({before} then, "
                f"{len(folder.training)} now, or other names): it goes on with these, in "
                "another order"
            )
    elif carried is not None:
        lines = load_weights(trainer, carried)
    elif init is not None:
        lines = start_from(trainer, init, folder.palette)
        trainer.origin = origin_of(init)
    trainer.data = data
    report.say(step=trainer.step)
    for line in lines:
        report.notice(line)


def _room(run: Run, device: torch.device, photos: int) -> int:
    """How many pictures at a time memory has room for. Raises InputError for less than one."""
    if parallel.count() > 1:
        return run.training.batch_size  # they find out together, once all have their networks
    if device.type == "cpu":
        taken = peak_memory(device)
        return micro_batch_that_fits(run, photos, "cpu", available_memory(), taken)
    check_photos_fit(run, photos, available_memory())
    return micro_batch_that_fits(run, photos, device.type, available_memory(str(device)))


def _take_less(trainer: Trainer, at_once: int, report: Reporting) -> None:
    if at_once >= trainer.at_once:
        return
    before, trainer.at_once = trainer.at_once, at_once
    report.notice(
        f"memory has no room for {before} pictures at a time, so they are taken "
        f"{smaller_parts(trainer.run, before, at_once)}"
    )


def _fingerprint(folder: DataFolder) -> str:
    """Of the training photos and their order, as far as names tell: 64 hexadecimal digits."""
    names = "\n".join(f"{pair.image.stem} {int(pair.best)}" for pair in folder.training)
    return hashlib.sha256(names.encode()).hexdigest()


def _prepare(place: RunFolder, data: Path, trainer: Trainer, report: Reporting) -> None:
    """Bring the training folder in line with the step that training starts from."""
    clear_leftovers(place)
    sections = trainer.run.sections(str(data.absolute()))
    write_atomically(place.settings, json.dumps(sections, indent=1).encode())
    # Steps after the last checkpoint are done again.
    for path in (place.stats, place.judged):
        cut_lines(path, trainer.step)
    training = trainer.run.training
    report.say(
        steps=training.steps,
        batch_size=training.batch_size,
        micro_batch=trainer.at_once,
        rate_scale=trainer.rate_scale,
        checkpoint_step=trainer.step if place.state.exists() else 0,
        sample=_newest(place.samples, "step-*.png"),
        early=_newest(place.early, "step-*"),
    )


def _newest(folder: Path, pattern: str) -> str:
    return max((path.name for path in folder.glob(pattern)), default="")


@dataclass(frozen=True)
class _Reading:
    """Photos are read, as long as nobody asks to stop."""

    control: Control
    time_slice: TimeSlice
    report: Reporting
    on_reading: Callable[[int, int], None]

    def pictures(self, folder: DataFolder, run: Run) -> tuple[PairedPictures, Batch]:
        """Those to train on, and the fixed crops of sample grids. Raises _StoppedReading."""
        samples = _samples(folder)
        photos = len(folder.training) + len(samples)

        def read(pairs: Sequence[Pair], before: int) -> PairedPictures:
            def on_read(count: int) -> None:
                if count and parallel.is_first():
                    self.on_reading(before + count, photos)
                self._look(before + count, photos)

            return PairedPictures(
                pairs, folder.palette, run.generator, run.training, on_read, parallel.machine()
            )

        pictures = read(folder.training, 0)
        shown = read(samples, len(pictures))
        if parallel.count() > 1:
            if parallel.agree(int(self.control.stopped))[0]:
                raise _StoppedReading
            if not parallel.alike(int(_fingerprint(folder)[:15], 16)):
                raise InputError(
                    "the processes have read different photos: give each machine the same DATA"
                )
        return pictures, shown.fixed(range(len(shown)), run.training.size)

    def _look(self, read: int, photos: int) -> None:
        def tick() -> None:
            self.report.say(
                "paused" if self.control.paused and not self.control.stopped else "reading",
                reading=(read, photos),
                answered=self.control.answered,
            )

        self.control.wait(tick)
        # Several processes have to stop together, later.
        if parallel.count() == 1 and (self.control.stopped or self.time_slice.over()):
            raise _StoppedReading


def _samples(folder: DataFolder) -> list[Pair]:
    """A few pairs evenly spread over the validation photos, and over the others if these are
    few."""
    samples = _spread(folder.validation, SAMPLES)
    return samples + _spread(folder.training, max(0, LEAST_SAMPLES - len(samples)))


def _spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    count = min(count, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def _judge(
    trainer: Trainer, folder: DataFolder, pictures: PairedPictures, report: Reporting
) -> Callable[[], dict[str, Any]] | None:
    """What evaluates the present step, if the settings ask for it."""
    run = trainer.run
    if run.training.judge_minutes == 0:
        return None
    from spade.training.judging import Judging

    try:
        judging = Judging(
            folder,
            run,
            trainer.device,
            segmenter=None,
            vgg=run.training.vgg,
            on_notice=report.notice,
        )
    except InputError as error:
        report.notice(f"{error}. Training goes on without evaluations")
        return None
    return lambda: judging.judge(trainer, pictures)


def _kept_model(place: RunFolder) -> Path | None:
    """The model of an earlier checkpoint, if there is one."""
    return place.model if (place.model / "model.json").exists() else None


def _last_words(report: Reporting, error: BaseException) -> None:
    """Why training ended, for those who look at its folder."""
    with contextlib.suppress(InputError):
        if isinstance(error, KeyboardInterrupt):
            report.say("stopped", message="ended at once, without a checkpoint")
        elif isinstance(error, Exception):
            text = (
                str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            )
            report.say("failed", message=text)
