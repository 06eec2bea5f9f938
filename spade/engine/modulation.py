"""The SPADE layer (paper, equation 1) for inference: in strips, with fields that can be kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from spade.normalization import Spade

STRIP_BYTES = 8 << 20
"""Most bytes of embedding held at once. The embedding is the widest field of all (128
channels at full size); row by row it stays in the processor's cache and peak memory falls."""


class Fields(NamedTuple):
    """1 + gamma and beta of one layer: ``(1, channels, H, W)`` each, for one label map."""

    scale: Tensor
    shift: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes held by both."""
        return sum(field.numel() * field.element_size() for field in self)


def compute_fields(spade: Spade, semantic: Tensor, check: Callable[[], None]) -> Fields:
    """1 + gamma and beta for ``semantic`` ``(1, semantic_nc, H, W)``, at the layer's size.

    ``check`` is called between strips and may raise to give up.
    """
    _, _, height, width = semantic.shape
    shape = (1, spade.gamma.out_channels, height, width)
    scale = _empty(semantic, shape)
    shift = _empty(semantic, shape)
    for top, bottom in strips(height, spade.embed.out_channels * width * 4):
        check()
        inside, embedded = _embed(spade, semantic, top, bottom)
        scale[:, :, top:bottom] = spade.gamma(embedded)[:, :, inside].add_(1)
        shift[:, :, top:bottom] = spade.beta(embedded)[:, :, inside]
    return Fields(scale, shift)


def modulate(spade: Spade, h: Tensor, semantic: Tensor, check: Callable[[], None]) -> Tensor:
    """``spade(h, semantic)`` without ever holding gamma and beta whole.

    h: ``(1, channels, H, W)``; semantic: ``(1, semantic_nc, H, W)``, same H and W.
    """
    result = torch.empty_like(h)
    height, width = h.shape[-2:]
    for top, bottom in strips(height, spade.embed.out_channels * width * 4):
        check()
        inside, embedded = _embed(spade, semantic, top, bottom)
        scale = spade.gamma(embedded)[:, :, inside].add_(1)
        shift = spade.beta(embedded)[:, :, inside]
        normal = spade.norm(h[:, :, top:bottom])
        torch.addcmul(shift, normal, scale, out=result[:, :, top:bottom])
    return result


def apply_fields(spade: Spade, h: Tensor, fields: Fields) -> Tensor:
    """``spade(h, semantic)`` with the fields of that semantic map."""
    return torch.addcmul(fields.shift, spade.norm(h), fields.scale)


def strips(height: int, row_bytes: int) -> list[tuple[int, int]]:
    """(top, bottom) of even strips of at least 8 rows, each within STRIP_BYTES if it can be."""
    rows = max(8, STRIP_BYTES // row_bytes)
    count = -(-height // rows)
    edges = [height * i // count for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def _embed(spade: Spade, semantic: Tensor, top: int, bottom: int) -> tuple[slice, Tensor]:
    """The embedding of rows ``top`` to ``bottom`` and a row around them, where there is one.

    Returns which rows of it, or of a padded convolution of it, are those asked for. Outside
    the canvas the next convolution must read zeros, which its own padding supplies; inside,
    the extra row keeps its padding away from the rows asked for.
    """
    height = semantic.shape[-2]
    first, last = max(0, top - 2), min(height, bottom + 2)
    embedded = F.relu_(spade.embed(semantic[:, :, first:last]))
    # Beside a cut the outermost row has read padding for its neighbours; nobody needs it.
    low, high = int(first > 0), int(last < height)
    embedded = embedded[:, :, low : last - first - high]
    start = top - first - low
    return slice(start, start + bottom - top), embedded


def _empty(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    layout = torch.channels_last if like.device.type == "cpu" else torch.contiguous_format
    return torch.empty(shape, device=like.device, memory_format=layout)
