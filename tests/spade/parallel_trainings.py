"""What two processes that train do together. Run as a program it is one of the two: RANK and
WORLD_SIZE as torchrun sets them, and a folder to meet in.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from parallel_cases import CPU, Case
from torch import Tensor

from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.data.slices import micro_batches, share_of
from spade.formats.errors import InputError
from spade.training import Run, parallel, train
from spade.training.rehearsal import find_room
from spade.training.trainer import Trainer


def small(**training: Any) -> Run:
    """A run of the same small networks, in single precision."""
    run = Case("", batch=3, everything=False).run()
    return replace(run, training=replace(run.training, statistics_batches=2, **training))


def train_until_told(folder: Path) -> dict[str, Any]:
    """Training that the second process alone is told to end, after some steps."""
    looks = itertools.count()
    result = train(
        small(steps=1000, sample_steps=2),
        folder / "data",
        folder / "told",
        device=CPU,
        should_stop=lambda: parallel.rank() == 1 and next(looks) > 30,
    )
    return {"step": result.step, "model": result.model}


def train_to(step: int, folder: Path, out: Path, *, resume: bool = False) -> None:
    """Training that the first process ends after ``step``."""
    done: list[int] = []
    train(
        small(steps=1000),
        folder / "data",
        out,
        device=CPU,
        resume=resume,
        on_progress=lambda progress: done.append(progress.step),
        should_stop=lambda: step in done,
    )


def train_astray(folder: Path) -> dict[str, Any]:
    """Training that can't go well: what it says in the end, and how often it went back."""
    notices: list[str] = []
    try:
        train(
            small(steps=1000, learning_rate_g=1e30),
            folder / "data",
            folder / "astray",
            device=CPU,
            on_notice=notices.append,
        )
    except InputError as error:
        return {"error": str(error), "notices": notices}
    return {"error": ""}


def with_little_memory(folder: Path) -> dict[str, Any]:
    """Looking for room where the second process has some for three pictures; a step."""
    run = replace(small(), training=replace(small().training, batch_size=12))
    trainer = Trainer(run, CPU)
    before = trainer.state()
    data = open_data(folder / "data", 0.0)
    pictures = PairedPictures(data.training, data.palette, run.generator, run.training)
    forward, first = trainer.networks.generator.forward, parallel.is_first()

    def crowded(semantic: Tensor, z: Tensor) -> Tensor:
        if first or len(semantic) < 4:
            picture: Tensor = forward(semantic, z)
            return picture
        raise torch.OutOfMemoryError("out of memory")

    trainer.networks.generator.forward = crowded
    said = find_room(trainer, pictures)
    after = trainer.state()
    share = share_of(12, parallel.rank(), 2)
    pieces = micro_batches(12, trainer.at_once, parallel.rank(), 2)
    known = trainer.train_on(pictures.batch(run.training, 0, share), pieces)
    return {
        "said": said,
        "at once": trainer.at_once,
        "same": all(
            torch.equal(value, after[part][key])
            for part in ("generator", "encoder", "discriminator")
            for key, value in before[part].items()
        ),
        "losses": known[0].losses,
    }


def photos_in_common(folder: Path) -> dict[str, Any]:
    """Batches of photos that one process has read for both."""
    run, counts = small(), list[int]()
    data = open_data(folder / "data", 0.0)
    arguments = data.training, data.palette, run.generator, run.training
    tempfile.tempdir = str(folder / "temporary")
    Path(tempfile.tempdir).mkdir(exist_ok=True)
    pictures = PairedPictures(*arguments, counts.append, parallel.machine())
    parallel.agree(0)
    alone = PairedPictures(*arguments)
    batches = [
        (each.batch(run.training, 3), each.batch(run.training, 4)) for each in (pictures, alone)
    ]
    return {
        "read": counts,
        "same": all(
            torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)
            for a, b in zip(*batches, strict=True)
        ),
        "mapped": not any(item.photo.flags.owndata for item in pictures._items),
        "left": os.listdir(tempfile.tempdir),
    }


def left_alone() -> str:
    """What the second process is told when the first one ends without it."""
    if parallel.is_first():
        return ""
    parallel.agree(0)
    return "nothing"


def main() -> None:
    """One of two processes: everything, into a file."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    results: dict[str, Any] = {}
    try:
        with parallel.together(CPU, f"file://{folder}/meeting"):
            results["told"] = train_until_told(folder)
            train_to(4, folder, folder / "whole")
            train_to(2, folder, folder / "parts")
            train_to(4, folder, folder / "parts", resume=True)
            results["astray"] = train_astray(folder)
            results["little"] = with_little_memory(folder)
            results["photos"] = photos_in_common(folder)
            results["left"] = left_alone()
    except InputError as error:
        results["left"] = str(error)
    torch.save(results, folder / f"result{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main()
