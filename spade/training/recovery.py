"""When training has gone wrong: how that is noticed, and what is said.

Going back: to the last good state, with the learning rates halved, at most twice. The rule
for losses that are finite: training has gone astray if in 20 steps in a row a loss is more
than 50 times as large as its median over the 200 steps before, or as its floor where the
median is smaller. Floors: 1, or for "kld", a sum over z, 1 a value. The penalty "r1" is left
out, it has no scale of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import statistics
import sys
from collections import deque

import torch

from spade.run import Run
from spade.training.acceleration import StepLosses

SETBACKS = 2
"""How often a run goes back."""

WINDOW, STREAK, FACTOR = 200, 20, 50.0
LEAST = 50
"""Fewer steps than this make no median."""

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
_NO_MEMORY_OF_ONEDNN = ("could not create a primitive", "could not create a memory object")

HISTORY = WINDOW + STREAK
"""How many steps :class:`LossWatch` has to be shown to know what one that saw all knows."""


class Astray(Exception):  # noqa: N818 - named for what it finds
    """Training has gone wrong by step ``step``; ``what``: what shows it, for people."""

    def __init__(self, step: int, what: str, loss: str = "") -> None:
        super().__init__(f"step {step}: {what}")
        self.step = step
        self.what = what
        self.loss = loss


class LossWatch:
    """Sees the losses of every step and tells when they are those of a run gone astray."""

    def __init__(self, run: Run) -> None:
        self._floors = {"kld": 1.0 if run.encoder is None else float(run.encoder.z_dim)}
        self._before: dict[str, deque[float]] = {}
        self._streak: dict[str, list[float]] = {}

    def forget(self) -> None:
        """Begin anew, at another step."""
        self._before.clear()
        self._streak.clear()

    def see(self, done: StepLosses) -> None:
        """Raises Astray."""
        bad = [key for key, value in done.losses.items() if not math.isfinite(value)]
        if bad:
            what = f"loss {bad[0]!r} is {done.losses[bad[0]]}"
            # Where several are, the first need not be the one that it came from.
            more = f", and so {len(bad) - 1} more" if len(bad) > 1 else ""
            raise Astray(done.step, what + more, "" if more else bad[0])
        for key, value in done.losses.items():
            if key != "r1":
                self._see(key, abs(value), done.step)

    def _see(self, key: str, size: float, step: int) -> None:
        before = self._before.setdefault(key, deque(maxlen=WINDOW))
        streak = self._streak.setdefault(key, [])
        if len(before) >= LEAST:
            usual = max(statistics.median(before), self._floors.get(key, 1.0))
            if size > FACTOR * usual:
                streak.append(size)
                if len(streak) == STREAK:
                    raise Astray(
                        step,
                        f"loss {key!r} is {size:.3g}, for {STREAK} steps more than {FACTOR:.0f} "
                        f"times the {usual:.3g} that was usual",
                        key,
                    )
                return
        before.extend([*streak, size])
        streak.clear()


def advice(loss: str, run: Run) -> str:
    """What to try when training has gone astray for good, ``loss`` having shown it; "": which
    one is not known."""
    training = run.training
    ways = []
    if loss == "":
        rates = (
            f"{training.learning_rate_g:g} and learning_rate_d below {training.learning_rate_d:g}"
        )
        ways.append(f"a learning_rate_g below {rates}")
    elif loss in ("d", "gan", "feature", "r1", "labelmix"):
        ways.append(f"a learning_rate_d below {training.learning_rate_d:g}")
        if training.r1_weight == 0:
            ways.append("r1_weight = 1")
    else:
        ways.append(f"a learning_rate_g below {training.learning_rate_g:g}")
        if loss == "kld":
            ways.append(f"a kld_weight above {training.kld_weight:g}")
    if training.precision == "bf16":
        ways.append('precision = "fp32"')
    ways.append(f"a batch_size above {training.batch_size}")
    return "try " + ", or ".join(ways)


def diagnosis(error: Exception | None, run: Run, step: int, scale: float) -> str:
    """Why a run stops for good, in one line. step: of the last good checkpoint; scale: of the
    learning rates by then; error: what showed it, None in processes that were only told."""
    loss = error.loss if isinstance(error, Astray) else ""
    return (
        f"{error or 'training has gone astray'}, again after going back {SETBACKS} times, with "
        f"the learning rates at {scale:g} of the settings; the last good checkpoint is that of "
        f"step {step}. To go on from there {advice(loss, run)} (--resume --config)"
    )


def smaller_parts(run: Run, before: int, fewer: int) -> str:
    """What it means that ``fewer`` pictures are taken at a time, not ``before``."""
    batch = run.training.batch_size
    return (
        f"{fewer} at a time. A batch is still {batch} pictures, in {-(-batch // fewer)} parts; but "
        f"batch normalisation now takes its statistics from {fewer}, not {before}"
    )


def no_room(run: Run, step: int, at_once: int) -> str:
    """What is said when not even the least number of pictures at a time fits into memory."""
    count = "one picture" if at_once == 1 else f"{at_once} pictures"
    return (
        f"out of memory at step {step} even with {count} at a time: close other programs and use "
        f"--resume, or train anew with a --size below {run.training.size} or a smaller --preset"
    )


def release_memory(device: torch.device) -> None:
    """Give back to the system what was freed and is kept for later use."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory has run out, on the device or in the machine."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    said = any(words in text for words in _NO_MEMORY) or text.strip() in _NO_MEMORY_OF_ONEDNN
    return isinstance(error, RuntimeError) and said
