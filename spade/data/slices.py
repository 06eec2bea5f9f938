"""How a batch is divided among processes, and by each among micro-batches. No torch here.

    positions in the batch     0 1 2 3 4 | 5 6 7 8 9      two processes
    micro-batches of 3 each    0 1 2 : 3 4 | 5 6 7 : 8 9

What is drawn at random for a picture (which photo, its crop, the noise, LabelMix's coins,
augmentation) belongs to its position in the whole batch: any division gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from spade.formats.errors import InputError


@dataclass(frozen=True)
class Slice:
    """Positions ``start`` up to, not including, ``stop`` in a batch."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def cut(self, pieces: int) -> tuple[Slice, ...]:
        """Divided into ``pieces`` in order, the lengths differing by one at most."""
        ends = [self.start + len(self) * i // pieces for i in range(pieces + 1)]
        return tuple(Slice(*pair) for pair in pairwise(ends))


def share_of(batch_size: int, rank: int, processes: int) -> Slice:
    """The slice of a batch that the process number ``rank`` makes.

    Raises InputError if there are more processes than pictures.
    """
    if batch_size < processes:
        raise InputError(
            f"batch_size is {batch_size}: {processes} processes need at least a picture each; "
            "raise it or start fewer"
        )
    return Slice(0, batch_size).cut(processes)[rank]


def micro_batches(
    batch_size: int, at_once: int, rank: int = 0, processes: int = 1
) -> tuple[Slice, ...]:
    """The slices that process ``rank`` takes one after the other, at most ``at_once`` pictures
    in each. Raises InputError as :func:`share_of`.

    Every process gets the same number of them, as the processes wait for each other in each.
    Only where that would leave one without a picture, ``at_once`` = 1 and shares of unequal
    lengths, some have two.
    """
    longest = -(-batch_size // processes)
    shortest = batch_size // processes
    share = share_of(batch_size, rank, processes)
    return share.cut(min(-(-longest // max(1, at_once)), shortest))
