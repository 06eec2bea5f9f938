"""How many pictures at once fit into the memory of every process, found out before training.

A process that runs out of memory in the middle of a step leaves the others waiting for it, so
that they can't agree on smaller micro-batches then. Here each tries a step by itself, which
has nothing come of it, and all agree on what is not too much for any.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from spade.data.dataset import PairedPictures
from spade.data.slices import micro_batches
from spade.training import parallel
from spade.training.objective import Optimizers, train_step
from spade.training.recovery import out_of_memory
from spade.training.trainer import Trainer


def find_room(trainer: Trainer, pictures: PairedPictures) -> str | None:
    """Lower ``trainer.at_once`` until a step fits everywhere; all processes have to call it.

    Nothing else of the trainer changes. Returns a line for people if it was lowered. Even the
    least may not fit: the first step then says so.
    """
    before = trainer.at_once
    while True:
        too_much = parallel.agree(int(not _fits(trainer, pictures)))[0]
        fewer = trainer.run.fewer_at_once(trainer.at_once)
        if not too_much or fewer is None:
            break
        trainer.at_once = fewer
    if trainer.at_once == before:
        return None
    batch, count = trainer.run.training.batch_size, parallel.count()
    parts = len(micro_batches(batch, trainer.at_once, 0, count))
    return (
        f"{before} pictures at a time do not fit into memory: each process takes "
        f"{trainer.at_once} at most, in {parts} parts. A batch is still {batch} pictures of all "
        "processes; but batch normalisation takes its statistics from those of a part"
    )


def _fits(trainer: Trainer, pictures: PairedPictures) -> bool:
    """Whether this process has the memory for its micro-batches."""
    config = trainer.run.training
    pieces = micro_batches(config.batch_size, trainer.at_once, parallel.rank(), parallel.count())
    # The largest, and one more if there are several: the others need no more than that.
    tried = sorted(pieces, key=len)[-2:]
    if len(tried[-1]) == 1:
        return True  # no less is possible
    # A step in which everything is learned.
    step = -(-config.discriminator_steps // config.r1_every) * config.r1_every
    with _nothing_comes_of_it(trainer), parallel.alone():
        try:
            held = _room_of_optimizers(trainer.optimizers)
            slices = [
                trainer.micro_batch(pictures.batch(config, step, one), one, one.start)
                for one in tried
            ]
            idle = Optimizers(
                _Idle(trainer.optimizers.generator.param_groups),
                _Idle(trainer.optimizers.discriminator.param_groups),
            )
            train_step(trainer.networks, idle, trainer.perceptual, config, slices, step)
            if trainer.device.type == "cuda":
                torch.cuda.synchronize(trainer.device)
            del held
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        else:
            return True
    # Outside: the error held on to the tensors of its step.
    gc.collect()
    if trainer.device.type == "cuda":
        torch.cuda.empty_cache()
    return False


class _Idle(torch.optim.Optimizer):
    """Leaves the weights as they are."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__([{"params": group["params"]} for group in groups], {})

    def step(self, closure: Any = None) -> Any:
        """Nothing."""


def _room_of_optimizers(optimizers: Optimizers) -> list[Tensor]:
    """As much as Adam will keep from its first step on, and gradients under way to others."""
    room = []
    for optimizer in (optimizers.generator, optimizers.discriminator):
        times = 1 if optimizer.state else 3
        for group in optimizer.param_groups:
            room += [torch.empty_like(p) for p in group["params"] for _ in range(times)]
    return room


@contextmanager
def _nothing_comes_of_it(trainer: Trainer) -> Iterator[None]:
    """Buffers are put back and gradients dropped."""
    networks: list[nn.Module] = [trainer.networks.generator, trainer.networks.discriminator]
    if trainer.networks.encoder is not None:
        networks.append(trainer.networks.encoder)
    buffers = [buffer for network in networks for buffer in network.buffers()]
    kept = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, kept, strict=True):
                buffer.copy_(value)
        for network in networks:
            network.zero_grad(set_to_none=True)
