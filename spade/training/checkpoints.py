"""Keeping a training: its state, its model, models to try early, and disks that fill up.

    state.pt    everything a run goes on from, written first
    model/      the averaged generator and the encoder, ready to open
    early/      step-0000500/: the same on request, the last two

A checkpoint that can't be written does not end training: the one before stays, and it is tried
again after a minute and at the end.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spade.data.dataset import PairedPictures
from spade.data.folder import DataFolder
from spade.formats.atomic import remove_leftovers
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder
from spade.training.handover import save_weights
from spade.training.outcome import save_finished
from spade.training.reporting import check_there
from spade.training.state_file import check_finite
from spade.training.trainer import Trainer

RETRY_SECONDS = 60.0
"""After this time a checkpoint that could not be written is tried again."""

EARLY_MODELS = 2
"""How many models written on request are kept."""

_UNFINISHED = ".unfinished"  # a model folder is renamed when it is whole


@dataclass
class Checkpoints:
    """Writes the checkpoints of one training. ``step``: of the last whole one, None: none yet.

    shards: see :mod:`spade.training.shards`; None: none are written. on_batch: called between
    the batches that a model's statistics are computed from.
    """

    run: RunFolder
    trainer: Trainer
    pictures: PairedPictures
    data: DataFolder
    provenance: dict[str, Any] | None
    shards: Path | None
    on_notice: Callable[[str], None]
    on_batch: Callable[[], None] = lambda: None
    step: int | None = None
    retry_at: float | None = None

    def save_state(self) -> None:
        """Write state.pt. Raises InputError, and NotFinite for a state never to go on from."""
        self.trainer.save(self.run.state)
        self.step = self.trainer.step

    def save_again(self) -> None:
        """Write state.pt after its settings changed, if it can be. Raises NotFinite."""
        try:
            self.save_state()
        except InputError as error:
            self._missed(error)

    def save(self) -> bool:
        """Write a checkpoint; whether all of it could be.

        Raises NotFinite; InputError only if the training folder is gone.
        """
        try:
            self._write()
        except InputError as error:
            self._missed(error)
            return False
        if self.retry_at is not None:
            self.on_notice(f"step {self.trainer.step}: the checkpoint could be written again")
            self.retry_at = None
        return True

    def _missed(self, error: InputError) -> None:
        check_there(self.run.path)
        if self.retry_at is None:
            self.on_notice(
                f"{error}. Training goes on; {self._safe()}. It is tried again every "
                f"{RETRY_SECONDS:.0f} s: make room"
            )
        self.retry_at = time.monotonic() + RETRY_SECONDS

    def save_last(self) -> None:
        """Write the last checkpoint. Raises NotFinite; InputError that says what is safe."""
        try:
            self._write()
        except InputError as error:
            check_there(self.run.path)
            raise InputError(
                f"{error}. The last checkpoint, of step {self.trainer.step}, could not be "
                f"written; {self._safe()}. Make room and go on from there with --resume"
            ) from None

    def _write(self) -> None:
        self.save_state()
        save_finished(
            self.run.model, self.trainer, self.pictures, self.data, self.provenance, self.on_batch
        )
        if self.shards is not None:
            save_weights(self.trainer, self.shards)

    def _safe(self) -> str:
        if self.step is None:
            return "there is no checkpoint yet"
        return f"the checkpoint of step {self.step} is safe"

    def due(self) -> bool:
        """Whether a checkpoint that could not be written is to be tried again."""
        return self.retry_at is not None and time.monotonic() >= self.retry_at

    def save_early(self) -> Path:
        """Write the model of the present step to early/; its folder.

        Raises NotFinite, and InputError if it can't be written.
        """
        check_finite(self.trainer.state())
        folder = self.run.early / f"step-{self.trainer.step:07d}"
        unfinished = folder.with_suffix(_UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            save_finished(
                unfinished, self.trainer, self.pictures, self.data, self.provenance, self.on_batch
            )
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.replace(folder)
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        for former in sorted(self.run.early.glob("step-*"))[:-EARLY_MODELS]:
            shutil.rmtree(former, ignore_errors=True)
        return folder


def clear_leftovers(run: RunFolder) -> None:
    """Remove what a killed process left unfinished in a training folder."""
    for part in (run.path, run.samples, run.model):
        remove_leftovers(part)
    with contextlib.suppress(OSError):
        for unfinished in run.early.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(unfinished, ignore_errors=True)
