"""How much memory trainings really take: run by test_training_memory.py, in its own process.

    measure_training.py DATA VGG     JSON on stdin: a list of settings; JSON on stdout: a list of
                                     the most bytes that a process held that trained with each

torch is imported once; each training is a child that is split off before anything was computed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch

from spade.data.dataset import PairedPictures
from spade.data.folder import label_channels, open_data
from spade.data.slices import micro_batches
from spade.run import Run
from spade.settings import build_run
from spade.training.trainer import Trainer


def run_of(case: dict[str, Any], label_nc: int, vgg: str) -> Run:
    """The settings of a case; ``case["vgg"]`` says whether VGG looks on."""
    tables = {name: case.get(name, {}) for name in ("generator", "encoder", "discriminator")}
    training = {"vgg": vgg if case.get("vgg") else "", **case["training"]}
    return build_run({**tables, "training": training, "model": {}}, "", label_nc)


def most_bytes(case: dict[str, Any], data: Path, vgg: str) -> int:
    """Train a little; the most memory that this process has held."""
    torch.set_num_threads(1)
    folder = open_data(data, 0.0)
    run = run_of(case, label_channels(folder.palette), vgg)
    pictures = PairedPictures(folder.training, folder.palette, run.generator, run.training)
    trainer = Trainer(run, torch.device("cpu"))
    batch = run.training.batch_size
    pieces = micro_batches(batch, case.get("at_once", batch))
    for step in range(2):
        trainer.train_on(pictures.batch(run.training, step), pieces)
    trainer.finished(pictures, batches=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def in_a_child(case: dict[str, Any], data: Path, vgg: str) -> int:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(most_bytes(case, data, vgg)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        found = answer.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, case
    return int(found)


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    print(json.dumps([in_a_child(case, Path(sys.argv[1]), sys.argv[2]) for case in cases]))
