"""A generator as the engine reads it: in eval mode, with plain weights."""

from __future__ import annotations

import copy

from torch.nn.utils import parametrize

from spade.generator import Generator
from spade.spectral import fold_spectral_norm


def settled(generator: Generator) -> Generator:
    """``generator`` itself if it is so already, else a copy."""
    folded = not any(parametrize.is_parametrized(module) for module in generator.modules())
    if folded and not generator.training:
        return generator
    return fold_spectral_norm(copy.deepcopy(generator).eval()).requires_grad_(False)
