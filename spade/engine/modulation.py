"""The SPADE layer (paper, equation 1) by distinct windows of the label map.

In eval mode batch norm is (h - mu) / sigma with constants, so a SPADE layer is

    h * scale + shift,    scale = (1 + gamma) / sigma,    shift = beta - mu * scale,

and both are one linear map of the embedding. For a 5x5 window of labels (see
spade.engine.windows) it is the sum over nine places of a matrix, one for each place, times
the embedding of the 3x3 window there. Few 3x3 windows are distinct: their products with all
nine matrices are one matrix product; then each 5x5 window gathers and sums nine rows. The
embedding of a 3x3 window is itself a sum of nine rows of the first convolution's weights.
Outside the canvas the embedding is zero, not ReLU(bias).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.config import GeneratorConfig
from spade.engine.products import Product
from spade.engine.windows import (
    Contents,
    Hash,
    SubWindows,
    WindowBook,
    sub_windows,
    symbol_count,
)
from spade.normalization import Spade

PRODUCT_BYTES = 256 << 20
"""Most bytes of products held at once while rows are made, if it can be."""

_SMALLEST_BATCH = 64


class Modulation:
    """One SPADE layer: what is fixed once its weights are. Rows are ``[scale | shift]``.

    offset: ``(channels,)``, what is missing from the h that it will be given: biases of the
    convolutions before, which are cheaper to add to mu once than to every pixel. dtype: of the
    rows; they are computed in float32.
    """

    def __init__(
        self, spade: Spade, config: GeneratorConfig, offset: Tensor, dtype: torch.dtype
    ) -> None:
        self._dtype = dtype
        self.channels = spade.gamma.out_channels
        self._outside = symbol_count(config)
        # (symbol, place) -> row of the embedding.
        weight = spade.embed.weight.float().permute(1, 2, 3, 0).reshape(config.semantic_nc, 9, -1)
        classes = config.label_nc + int(config.contain_dontcare)
        parts = [weight[:classes]]
        if config.instance_edges:
            parts.append(weight[:classes] + weight[-1:])
        parts.append(torch.zeros_like(weight[:1]))  # outside
        self._embedding = torch.cat(parts).flatten(0, 1).contiguous()
        self._embedding_bias = _bias(spade.embed)
        variance = spade.norm.running_var.float() + spade.norm.eps
        inverse, mean = variance.rsqrt(), spade.norm.running_mean.float() - offset
        scale = spade.gamma.weight.float() * inverse[:, None, None, None]
        shift = spade.beta.weight.float() - mean[:, None, None, None] * scale
        both = torch.cat([scale, shift])  # (2C, E, 3, 3)
        self._product = Product(both.permute(2, 3, 0, 1).reshape(-1, both.shape[1]).contiguous())
        scale_bias = (_bias(spade.gamma) + 1) * inverse
        self._bias = torch.cat([scale_bias, _bias(spade.beta) - mean * scale_bias])

    def empty(self, count: int) -> Tensor:
        """Room for so many rows."""
        return self._bias.new_empty(count, 2 * self.channels, dtype=self._dtype)

    @property
    def row_bytes(self) -> int:
        """Bytes of one window's scale and shift."""
        return 2 * self.channels * self._dtype.itemsize

    def rows(self, contents: Contents, parts: SubWindows, check: Callable[[], None]) -> Tensor:
        """contents: int16 ``(n, 25)`` windows, and the 3x3 windows inside them
        -> ``(n, 2 * channels)``.

        ``check`` is called now and then and may raise to give up.
        """
        check()
        products = (len(parts.contents) + 1) * 9 * 2 * self.channels * 4
        if products > PRODUCT_BYTES and len(contents) > _SMALLEST_BATCH:  # hardly two alike
            half = len(contents) // 2
            halves = contents[:half], contents[half:]
            return torch.cat(
                [
                    self.rows(each, sub_windows(each, self._outside, Hash(9)), check)
                    for each in halves
                ]
            )
        device = self._bias.device
        places = np.arange(9)
        embedded = F.embedding_bag(
            torch.from_numpy(parts.contents.astype(np.int64) * 9 + places).to(device),
            self._embedding,
            mode="sum",
        )
        # One row more, of zeros: the embedding outside the canvas.
        hidden = embedded.new_zeros(len(embedded) + 1, embedded.shape[1])
        torch.clamp_min(embedded.add_(self._embedding_bias), 0, out=hidden[:-1])
        summands = self._product(hidden).view(-1, 2 * self.channels)
        inside = torch.from_numpy(parts.inside * 9 + places).to(device)
        return F.embedding_bag(inside, summands, mode="sum").add_(self._bias).to(self._dtype)


class ModulationTable:
    """The rows of one layer for the windows of a book, made as they are asked for."""

    def __init__(self, layer: Modulation, book: WindowBook) -> None:
        self._layer, self._book = layer, book
        self._rows: Tensor | None = None
        self._filled = 0

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return 0 if self._rows is None else self._rows.numel() * self._rows.element_size()

    def clear(self) -> None:
        """Forget all rows: the book was cleared."""
        self._rows, self._filled = None, 0

    @property
    def address(self) -> int:
        """Where the rows lie; 0 if there are none."""
        return 0 if self._rows is None else self._rows.data_ptr()

    def fill(self, room: int, check: Callable[[], None]) -> bool:
        """Make the rows of all windows in the book, if they take no more than ``room`` bytes
        beyond what is held. Else they are made strip by strip, when looked up: only for maps
        with hardly two windows alike. Returns whether all are there."""
        count = len(self._book)
        if count == self._filled:
            return True
        if self._rows is None or len(self._rows) < count:
            reserve = count + count // 4
            if reserve * self._layer.row_bytes - self.nbytes > room:
                return False
            grown = self._layer.empty(reserve)
            if self._rows is not None:
                grown[: self._filled] = self._rows[: self._filled]
            self._rows = grown
        new = self._book.contents[self._filled :]
        made = self._layer.rows(new, self._book.parts(self._filled), check)
        self._rows[self._filled : count] = made
        self._filled = count
        return True

    def look_up(self, numbers: Tensor, check: Callable[[], None]) -> Tensor:
        """numbers: int32 ``(n,)`` windows -> ``(n, 2 * channels)``: scale, then shift."""
        if self._filled == len(self._book) and self._rows is not None:
            return self._rows.index_select(0, numbers)
        distinct: NDArray[np.int32]
        distinct, inverse = np.unique(numbers.cpu().numpy(), return_inverse=True)
        contents = self._book.contents[distinct]
        parts = sub_windows(contents, self._book.outside, Hash(9))
        made = self._layer.rows(contents, parts, check)
        return made.index_select(0, torch.from_numpy(inverse).to(made.device))


def _bias(conv: torch.nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.float()
