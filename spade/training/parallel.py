"""Training in several processes, on one machine or on more:

    torchrun --nproc-per-node N -m spade train ...

Each process has all of the networks and makes its slice of every batch
(:mod:`spade.data.slices`). A picture's losses are weighted by its share of the whole batch,
so the sum of the processes' gradients is the gradient of one process with the whole batch;
every process then makes the same update. Batch norm and OASIS' class weights count all
processes' pixels. What is written, printed and decided by the clock is the first one's.

Not torch's DistributedDataParallel: it adds gradients up as the backward pass of the one
forward call before it reaches them. Here an update has several forward calls of several
networks, the discriminator is at times only passed through, and R1 differentiates a gradient,
which it does not support. Adding up takes milliseconds of a step that takes hundreds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from spade.formats.errors import InputError
from spade.processes import device_of, process

BUCKET_BYTES = 32 << 20
"""Gradients are sent in messages of about this size."""

_PATIENCE = timedelta(days=7)
"""How long a process waits for the others, of which the first may save, evaluate or pause. One
that has died is noticed at once, by its connection or by torchrun."""


_alone: ContextVar[bool] = ContextVar("_alone", default=False)


def count() -> int:
    """How many processes train together: 1 outside of :func:`together`."""
    if _alone.get() or not dist.is_available() or not dist.is_initialized():
        return 1
    return dist.get_world_size()


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this process computes as if it were the only one: it waits for nobody."""
    token = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(token)


def rank() -> int:
    """The number of this one among them."""
    return dist.get_rank() if count() > 1 else 0


def is_first() -> bool:
    """Whether this is the one that writes, prints and decides."""
    return rank() == 0


@contextmanager
def together(device: torch.device, meeting: str | None = None) -> Iterator[torch.device]:
    """Join the other processes that torchrun started, if it did; leave them at the end.

    Gives the device of this process: on CUDA one each. ``meeting``: torch's ``init_method``,
    by default the environment that torchrun set.

    Raises InputError if the environment is incomplete or there are too few devices, and in
    place of torch's error if another process has gone.
    """
    mine = process()
    if mine.count == 1:
        yield device
        return
    device = device_of(device, mine)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    elif device.type != "cpu":
        raise InputError(f"device {device.type!r}: can't be shared by processes; use cpu or cuda")
    try:
        dist.init_process_group(
            # Small messages about what to do next do not wait for the GPU.
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            init_method=meeting,
            rank=mine.rank,
            world_size=mine.count,
            timeout=_PATIENCE,
        )
    except (RuntimeError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise InputError(
            f"process {mine.rank} of {mine.count} can't meet the others ({line}); start all with "
            "torchrun"
        ) from None
    try:
        yield device
    except RuntimeError as error:
        told = explained(error)
        if told is error:
            raise
        raise told from None
    finally:
        dist.destroy_process_group()


def explained(error: BaseException) -> BaseException:
    """An InputError in place of what torch says of a process that is not there any more."""
    words = ("gloo", "connection closed", "connection reset", "broken pipe")
    lost = isinstance(error, dist.DistError) or any(word in str(error).lower() for word in words)
    if count() == 1 or not isinstance(error, RuntimeError) or not lost:
        return error
    return InputError(
        f"process {rank()} of {count()}: another process has ended; what it said tells why. Start "
        "all again, with --resume"
    )


def agree(*values: int) -> tuple[int, ...]:
    """The largest of each over all processes, which all have to ask, with as many values.

    Of a yes or no: whether one says yes. Does not wait for the GPU.
    """
    if count() == 1:
        return values
    asked = torch.tensor(values, dtype=torch.int64)
    dist.all_reduce(asked, dist.ReduceOp.MAX)
    return tuple(int(value) for value in asked.tolist())


def alike(value: int) -> bool:
    """Whether all processes, which all have to ask, give the same, of less than 2^62."""
    largest, smallest = agree(value, -value)
    return largest == -smallest


@contextmanager
def machine_first() -> Iterator[None]:
    """The first process of each machine goes ahead, the others follow: for what it leaves
    there for them, a download say.
    """
    goes_ahead = process().local_rank == 0
    if not goes_ahead:
        agree(0)
    yield
    if goes_ahead:
        agree(0)


@dataclass(frozen=True)
class Machine:
    """The processes of this machine (:mod:`spade.data.shared_photos`)."""

    goes_ahead: bool
    first: int
    """The rank of the first of them."""

    def hand_over(self, value: Any) -> Any:
        """What the first process of the machine gives. All processes have to call it."""
        given: list[Any] = [None] * count()
        dist.all_gather_object(given, value if self.goes_ahead else None)
        return given[self.first]


def machine() -> Machine | None:
    """The machine of this process; None where there is one process alone."""
    if count() == 1:
        return None
    mine = process()
    # Of a machine's processes torchrun numbers one after the other.
    return Machine(mine.local_rank == 0, mine.rank - mine.local_rank)


def add_up(values: Tensor) -> Tensor:
    """The sum over processes, written into ``values``."""
    if count() > 1:
        dist.all_reduce(values)
    return values


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Make the gradients of ``parameters`` their sum over all processes.

    They go in flat buckets: while one is under way the next is filled. The same bits arrive
    everywhere, so that the weights stay the same everywhere.
    """
    if count() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    sent = []
    for bucket in _buckets(gradients):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        sent.append((bucket, flat, dist.all_reduce(flat, async_op=True)))
    for bucket, flat, work in sent:
        assert work is not None
        work.wait()
        parts = torch.split(flat, [gradient.numel() for gradient in bucket])
        summed = [part.view(g.shape) for part, g in zip(parts, bucket, strict=True)]
        torch._foreach_copy_(bucket, summed)


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    """Of one dtype each."""
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if bucket and (size >= BUCKET_BYTES or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += gradient.numel() * gradient.element_size()
    if bucket:
        yield bucket


@dataclass(frozen=True)
class _Sent:
    """Stands for a tensor in what :func:`from_first` sends ahead."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    channels_last: bool


def from_first(value: Any) -> Any:
    """What the first process has: dicts, lists and tuples of tensors and plain values.

    All have to call it; what the others give is ignored. There the tensors are on the CPU.
    """
    if count() == 1:
        return value
    tensors: list[Tensor] = []
    outline: list[Any] = [_outline(value, tensors) if is_first() else None]
    dist.broadcast_object_list(outline, src=0, device=torch.device("cpu"))
    waiting = iter(tensors)

    def fill(part: Any) -> Any:
        if isinstance(part, _Sent):
            if is_first():
                own = next(waiting)
                dist.broadcast(own.detach().cpu().contiguous(), src=0)
                return own
            got = torch.empty(part.shape, dtype=part.dtype)
            dist.broadcast(got, src=0)
            return got.to(memory_format=torch.channels_last) if part.channels_last else got
        if isinstance(part, dict):
            return type(part)((key, fill(inner)) for key, inner in part.items())
        if isinstance(part, list | tuple):
            return type(part)([fill(inner) for inner in part])
        return part

    filled = fill(outline[0])
    return value if is_first() else filled


def _outline(value: Any, tensors: list[Tensor]) -> Any:
    """``value`` without its tensors, which are appended to ``tensors`` in order."""
    if isinstance(value, Tensor):
        tensors.append(value)
        last = value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last)
        return _Sent(tuple(value.shape), value.dtype, last and not value.is_contiguous())
    if isinstance(value, dict):
        return type(value)((key, _outline(inner, tensors)) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return type(value)([_outline(inner, tensors) for inner in value])
    return value
