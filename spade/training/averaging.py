"""The exponential moving average (EMA) of the generator, which is what ships.

Appendix A of the paper does not name it; the released models and those after it use it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

from spade.normalization import BatchNorm
from spade.spectral import settle_spectral_norm

M = TypeVar("M", bound=nn.Module)


class Average:
    """Averaged copy of a network's weights: ``average += (1 - decay) * (weight - average)``."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after update number ``step`` (from 0).

        Early on the decay is smaller, or the first, random weights would weigh for long.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        own: list[Tensor] = list(self.network.parameters())
        new: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(own, new, 1 - decay)

    def finished(self, batches: Iterable[tuple[Tensor, Tensor | None]]) -> nn.Module:
        """A copy ready to render: spectral norm settled, batch-norm statistics recomputed.

        batches: (semantic map, z or None) pairs. The running statistics of the training
        network belong to its own weights, not to the average: with them the picture is off.
        """
        network = copy.deepcopy(self.network)
        settle_spectral_norm(network)
        recompute_statistics(network, batches)
        return network.eval()


@torch.no_grad()
def recompute_statistics(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor | None]]
) -> None:
    """Set the running statistics of every batch norm to their mean over ``batches``."""
    norms = [m for m in network.modules() if isinstance(m, BatchNorm)]
    if not norms:
        return
    before = [norm.momentum for norm in norms]
    network.eval()
    for norm in norms:
        norm.reset_statistics()
        norm.momentum = None
        norm.train()
    for semantic, z in batches:
        network(semantic, z)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    network.eval()
