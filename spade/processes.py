"""Which one of several processes this is, as torchrun and its like tell in the environment.

torch only where a device is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from spade.formats.errors import InputError

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")


@dataclass(frozen=True)
class Process:
    """``rank`` of ``count`` processes; of those on this machine it is ``local_rank`` of
    ``local_count``. All counted from 0.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Every ``count``-th of ``items``, from ``rank`` on: together the processes have all."""
        return list(items[self.rank :: self.count])


def process() -> Process:
    """This process by RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE.

    Without WORLD_SIZE, and with 1, it is the only one. Without the local ones all are taken
    to be on one machine. Raises InputError for values that make no sense.
    """
    count = _number("WORLD_SIZE", 1)
    if count == 1:
        return Process()
    found = Process(
        _number("RANK", None),
        count,
        _number("LOCAL_RANK", _number("RANK", None)),
        _number("LOCAL_WORLD_SIZE", count),
    )
    if found.rank >= found.count or found.local_rank >= found.local_count:
        raise InputError(
            f"RANK is {found.rank} of WORLD_SIZE {found.count}, LOCAL_RANK {found.local_rank} of "
            f"LOCAL_WORLD_SIZE {found.local_count}: ranks count from 0; start with torchrun"
        )
    return found


def device_of(device: torch.device, mine: Process) -> torch.device:
    """The CUDA device of this process among those of its machine; others as they are.

    Raises InputError if the machine has too few.
    """
    if device.type != "cuda" or device.index is not None or mine.count == 1:
        return device
    import torch

    there = torch.cuda.device_count()
    if mine.local_rank >= there:
        raise InputError(
            f"process {mine.local_rank} of this machine has no CUDA device, there are {there}; "
            f"start {there} a machine or use --device cpu"
        )
    return torch.device("cuda", mine.local_rank)


def _number(name: str, default: int | None) -> int:
    text = os.environ.get(name, "")
    if not text and default is not None:
        return default
    least = 1 if name.endswith("SIZE") else 0
    if not text.isdecimal() or int(text) < least:
        raise InputError(
            f"{name} is {text!r} in the environment, with WORLD_SIZE "
            f"{os.environ.get('WORLD_SIZE')!r}: start with torchrun or remove both"
        )
    return int(text)
