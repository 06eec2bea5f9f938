"""The steps of a training, and what is done between them.

Before each step all processes agree on what the first one has decided: to go on, to wait, to
end, or to go back to the last good state. What is written is the first one's alone.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from spade.data.dataset import Batch, PairedPictures, prefetched
from spade.data.slices import micro_batches, share_of
from spade.formats.errors import InputError
from spade.formats.palette import Palette
from spade.training import parallel
from spade.training.acceleration import StepLosses
from spade.training.checkpoints import Checkpoints
from spade.training.control import POLL_SECONDS, Control
from spade.training.recovery import (
    HISTORY,
    SETBACKS,
    Astray,
    LossWatch,
    diagnosis,
    no_room,
    out_of_memory,
    release_memory,
    smaller_parts,
)
from spade.training.reporting import Reporting, Statistics, append, cut_lines
from spade.training.sample_grid import write_sample_grid
from spade.training.state_file import NotFinite, check_finite, read_state
from spade.training.timeslice import Rate, TimeSlice
from spade.training.trainer import Trainer

Orders = Literal["step", "end", "back"]


@dataclass(frozen=True)
class TrainingProgress:
    """Reported after every step. ``seconds_left`` counts to the last step of the schedule."""

    step: int
    steps: int
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    sample: Path | None = None


@dataclass
class Steps:
    """One training's way from the trainer's step to the end. ``statistics`` is None in all
    processes but the first; judge: evaluates the present step, None: never.
    """

    trainer: Trainer
    pictures: PairedPictures
    fixed: Batch
    palette: Palette
    checkpoints: Checkpoints
    statistics: Statistics | None
    report: Reporting
    control: Control
    time_slice: TimeSlice
    judge: Callable[[], dict[str, Any]] | None
    on_progress: Callable[[TrainingProgress], None]
    on_judged: Callable[[int, dict[str, Any]], None]
    rate: Rate = field(default_factory=Rate)

    def __post_init__(self) -> None:
        self._config = self.trainer.run.training
        self._watch = LossWatch(self.trainer.run)
        self._remember()
        self._astray: Astray | NotFinite | None = None
        self._checkpoint_at = self._judged_at = time.monotonic()
        self._saved = self._sampled = -1
        self.checkpoints.on_batch = self.pulse

    def run(self) -> bool:
        """Train, and save what has come out; False if there was no time for a single step.

        Raises InputError where training can't go on.
        """
        first = self.trainer.step
        self.report.say("training")
        while self._some_steps():
            pass
        out_of_time = self.time_slice.must_finish(0.0, 0)
        if self.trainer.step == first < self._config.steps and out_of_time:
            return False
        if parallel.is_first():
            self._finish()
        return True

    def _some_steps(self) -> bool:
        """Steps up to the end or a setback; whether there are more to do."""
        rank, count = parallel.rank(), parallel.count()
        config, trainer = self._config, self.trainer
        pieces = micro_batches(config.batch_size, trainer.at_once, rank, count)
        mine = share_of(config.batch_size, rank, count)
        pin = trainer.device.type == "cuda"
        no_memory = ""
        with prefetched(self.pictures, config, trainer.step, part=mine, pin=pin) as batches:
            self.rate.restart()
            while not no_memory:
                orders = self._orders()
                if orders == "back":
                    self._go_back()
                    return True
                if orders == "end":
                    return False
                try:
                    self._between_steps()
                    known = trainer.train_on(next(batches), pieces)
                    self.rate.tick(config.batch_size)
                    self._after_step(known)
                except (RuntimeError, MemoryError) as error:
                    if not out_of_memory(error):
                        raise
                    # Handled outside: the error holds on to the tensors of its step.
                    no_memory = type(error).__name__
        self._take_less(no_memory)
        return True

    def _orders(self) -> Orders:
        """What is next, agreed on by all processes. Waits here while training pauses."""
        config, trainer = self._config, self.trainer
        done = trainer.step >= config.steps
        checked = False
        while True:
            self.control.look()
            stop = self.control.stopped or self.time_slice.must_finish(
                self.rate.seconds, config.statistics_batches
            )
            flags = (stop, self.control.paused, self._astray is not None)
            stopped, paused, astray = parallel.agree(*map(int, flags))
            if (done or stopped) and not checked:
                self._check_all()
                checked = True
                continue
            if not paused or stopped or astray:
                break
            self.report.say("paused", answered=self.control.answered)
            self.rate.restart()
            time.sleep(POLL_SECONDS)
        self.report.say("training", answered=self.control.answered)
        if astray and not stopped:
            return "back"
        return "end" if done or stopped else "step"

    def _check_all(self) -> None:
        """Before training ends: is all as it should be?"""
        with self._noticing():
            self._tell(self.trainer.settle())
            if parallel.is_first():
                check_finite(self.trainer.state())

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """That training has gone astray is handled before the next step, by all processes."""
        try:
            yield
        except (Astray, NotFinite) as error:
            self._astray = error

    def _between_steps(self) -> None:
        """What was asked for, and what is due by the clock or for the first step."""
        if not parallel.is_first():
            return
        with self._noticing():
            if self.checkpoints.step is None:
                # To have a state to go back to. Where not even this fits, training has no use.
                self.checkpoints.save_state()
                self.report.say(checkpoint_step=self.trainer.step)
                if self._config.sample_steps and self.trainer.step == 0:
                    self._sample()  # what all later ones are compared with
            if self.control.wants_model is not None:
                self._tell(self.trainer.settle())
                self._early()
            now = time.monotonic()
            minutes = self._config.judge_minutes
            if self.judge is not None and now - self._judged_at >= minutes * 60:
                self._tell(self.trainer.settle())
                self._judge(self.judge)
                self._judged_at = time.monotonic()

    def _after_step(self, known: list[StepLosses]) -> None:
        config, step = self._config, self.trainer.step
        with self._noticing():
            path = None
            if config.sample_steps and step % config.sample_steps == 0 and parallel.is_first():
                known = known + self.trainer.settle()
                path = self._sample()
            self._tell(known, path)
            due = time.monotonic() - self._checkpoint_at > config.checkpoint_minutes * 60
            if config.checkpoint_steps:
                due = due or step % config.checkpoint_steps == 0
            if (due or self.checkpoints.due()) and parallel.is_first():
                self._tell(self.trainer.settle())
                self._checkpoint()
        self.report.say(
            step=step,
            images_per_second=self.rate.images,
            seconds_left=self._seconds_left(),
        )

    def _tell(self, known: Sequence[StepLosses], path: Path | None = None) -> None:
        """Report steps. Raises Astray at the first that tells of a run gone astray."""
        if self.statistics is None:
            return
        for done in known:
            self._watch.see(done)
            self.statistics.add([done])
            shown = path if done.step == self.trainer.step else None
            self.on_progress(
                TrainingProgress(
                    done.step,
                    self._config.steps,
                    done.losses,
                    self.rate.images,
                    self._seconds_left(),
                    shown,
                )
            )

    def _seconds_left(self) -> float:
        left = (self._config.steps - self.trainer.step) * self._config.batch_size
        return left / max(self.rate.images, 1e-9)

    def _checkpoint(self) -> None:
        self.report.say("saving")
        assert self.statistics is not None
        with self.time_slice.finishing("checkpoint"):
            self.statistics.settle()
            if self.checkpoints.save():
                self._saved = self.trainer.step
        self._checkpoint_at = time.monotonic()
        self.rate.restart()
        self.report.say("training", checkpoint_step=self.checkpoints.step or 0)

    def _sample(self) -> Path | None:
        path = self.report.folder.samples / f"step-{self.trainer.step:07d}.png"
        with self.time_slice.finishing("sample"):
            columns = self.trainer.sample_columns(self.pictures, self.fixed, self.pulse)
            try:
                write_sample_grid(path, self.fixed.labels, self.palette, columns)
            except InputError as error:
                self.report.notice(f"{error}; training goes on")
                return None
        self._sampled = self.trainer.step
        self.report.say(sample=path.name)
        return path

    def _early(self) -> None:
        self.report.say("saving")
        try:
            name = self.checkpoints.save_early().name
        except InputError as error:
            name = self.report.status.early
            self.report.notice(f"{error}; training goes on")
        self.control.model_written()
        self.rate.restart()
        self.report.say("training", early=name, answered=self.control.answered)

    def _judge(self, judge: Callable[[], dict[str, Any]]) -> None:
        batches = self._config.statistics_batches
        if self.time_slice.must_finish(self.rate.seconds, batches, before="judging"):
            return
        self.report.say("judging")
        step = self.trainer.step
        try:
            with self.time_slice.finishing("judging"):
                found = judge()
        except InputError as error:
            self.report.notice(f"{error}. Training goes on without evaluations")
            self.judge = None
        else:
            line = json.dumps({"step": step, "time": time.time(), **found}) + "\n"
            with contextlib.suppress(OSError):
                append(self.report.folder.judged, line)
            self.on_judged(step, found)
        self.rate.restart()
        self.report.say("training")

    def pulse(self) -> None:
        """Between the batches of longer work: say that training lives; wait if asked to."""
        phase = self.report.status.phase

        def tick() -> None:
            waiting = self.control.paused and not self.control.stopped
            self.report.say("paused" if waiting else phase, answered=self.control.answered)

        self.control.wait(tick)

    def _remember(self) -> None:
        """Show the watch what it would have seen, had it been there from the start."""
        self._watch.forget()
        for done in [] if self.statistics is None else self.statistics.last(HISTORY):
            with contextlib.suppress(Astray):
                self._watch.see(done)

    def _go_back(self) -> None:
        """To the last good state with half the rates; twice at most, then raises InputError."""
        error, self._astray = self._astray, None
        trainer, run = self.trainer, self.trainer.run
        last = trainer.setbacks >= SETBACKS
        setbacks, scale = trainer.setbacks + 1, trainer.rate_scale / 2
        at_once = trainer.at_once
        trainer.restore(
            parallel.from_first(
                read_state(self.report.folder.state) if parallel.is_first() else None
            )
        )
        trainer.at_once = min(at_once, trainer.at_once)
        if last:
            # Who resumes it wants it to be tried again.
            trainer.setbacks = 0
        else:
            trainer.setbacks, trainer.rate_scale = setbacks, scale
        self._begin_again()
        if last:
            raise InputError(diagnosis(error, run, trainer.step, 2 * scale))
        self.report.notice(
            f"{error}: back to step {trainer.step}, from there on with the learning rates at "
            f"{scale:g} of the settings (setback {setbacks} of {SETBACKS})"
        )

    def _take_less(self, no_memory: str) -> None:
        """Memory has run out: halve the micro-batch and begin again at the last good state."""
        trainer = self.trainer
        release_memory(trainer.device)
        before, reached = trainer.at_once, trainer.step
        if parallel.count() > 1:
            raise InputError(
                f"out of memory at step {reached} ({no_memory}); start all processes again with "
                f"--resume and a --batch-size below {self._config.batch_size}, or a smaller --size"
            )
        fewer = trainer.run.fewer_at_once(before)
        if fewer is None:
            raise InputError(no_room(trainer.run, trainer.step, trainer.at_once))
        trainer.restore(read_state(self.report.folder.state))
        trainer.at_once = fewer
        self._begin_again()
        self.report.notice(
            f"out of memory at step {reached} with {before} pictures at a time: back to step "
            f"{trainer.step}, from there on {smaller_parts(trainer.run, before, fewer)}"
        )

    def _begin_again(self) -> None:
        """After the trainer was set back: so is what was written."""
        trainer = self.trainer
        if self.statistics is None:
            return
        self.statistics.go_back(trainer.step)
        cut_lines(self.report.folder.judged, trainer.step)
        self._remember()
        # So that a run that is killed from here on goes on in the same way.
        self.checkpoints.save_again()
        self._saved = self._sampled = -1
        self.rate.restart()
        self.report.say(
            step=trainer.step, micro_batch=trainer.at_once, rate_scale=trainer.rate_scale
        )

    def _finish(self) -> None:
        """The last checkpoint and sample grid."""
        if self._astray is not None:
            self.report.notice(
                f"{self._astray}: nothing of this is kept, the last good checkpoint is that of "
                f"step {self.checkpoints.step}"
            )
            return
        assert self.statistics is not None
        trainer = self.trainer
        self.statistics.settle()
        # Also where nothing was left to do: the run before may have been killed between the two.
        while self._saved != trainer.step or self._sampled != trainer.step:
            no_memory = False
            try:
                if self._saved != trainer.step:
                    self.report.say("saving")
                    self.checkpoints.save_last()
                    self._saved = trainer.step
                    self.report.say(checkpoint_step=trainer.step)
                if self._sampled != trainer.step:
                    self._sample()
                    self._sampled = trainer.step
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                no_memory = True
            if no_memory:
                release_memory(trainer.device)
                fewer = trainer.run.fewer_at_once(trainer.at_once)
                if fewer is None:
                    raise InputError(no_room(trainer.run, trainer.step, trainer.at_once))
                trainer.at_once = fewer
