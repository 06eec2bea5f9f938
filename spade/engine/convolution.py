"""The 3x3 convolution of a block on a padded piece of its input, by the method that pays."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spade.engine.costs import Rates
from spade.engine.products import packs
from spade.engine.winograd import Winograd, Workspace, transformed_bytes

TRANSFORMED_BYTES = 80 << 20
"""Largest transformed kernels: a layer whose 4x4 tiles need more gets 2x2 tiles."""


class Convolution:
    """A 3x3 convolution in ``dtype``, weight ``(out, in, 3, 3)``, without padding or bias.

    Packed weights are made when first needed: a method that never pays costs no memory.
    """

    def __init__(
        self, weight: Tensor, rates: Rates, workspace: Workspace, dtype: torch.dtype
    ) -> None:
        self.outputs, self.inputs = weight.shape[:2]
        if weight.device.type != "cpu" or dtype != torch.float32:
            weight = weight.to(dtype=dtype, memory_format=torch.channels_last)
        self._weight, self._rates, self._workspace = weight, rates, workspace
        fits = transformed_bytes(self.outputs, self.inputs, 4) <= TRANSFORMED_BYTES
        self.tile = 4 if fits else 2
        self._transforms = weight.device.type == "cpu" and weight.dtype == torch.float32
        self._winograd: Winograd | None = None
        self._direct: Tensor | None = None

    def prepare(self, height: int, width: int) -> None:
        """Pack the weights for outputs of about this size now, not at the first one."""
        if self._by_tiles(height, width):
            self._tiles()

    def room(self, height: int, width: int) -> Tensor:
        """What to fill with the input for an output of ``height`` x ``width``: ``(rows + 2,
        columns + 2, in)``, in whole tiles, with anything in it."""
        if self._by_tiles(height, width):
            height += -height % self.tile
            width += -width % self.tile
        return self._weight.new_empty(height + 2, width + 2, self.inputs)

    def seconds(self, height: int, width: int) -> float:
        """Expected time for an output of ``height`` x ``width``."""
        direct = self._rates.direct(height, width, self.inputs, self.outputs)
        if not self._transforms:
            return direct
        return min(
            direct, self._rates.winograd(height, width, self.inputs, self.outputs, self.tile)
        )

    def __call__(self, x: Tensor, height: int, width: int) -> Tensor:
        """x: as from ``room``, filled -> ``(height, width, out)``, contiguous unless that had
        more rows or columns."""
        if self._by_tiles(height, width):
            return self._tiles()(x)[:height, :width]
        image = x.permute(2, 0, 1).unsqueeze(0)  # channels last as it lies
        if not packs(x.device, x.dtype):
            return F.conv2d(image, self._weight)[0].permute(1, 2, 0)
        if self._direct is None:
            self._direct = torch.ops.mkldnn._reorder_convolution_weight(
                self._weight, [0, 0], [1, 1], [1, 1], 1, list(image.shape)
            )
        convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
            image, self._direct, None, [0, 0], [1, 1], [1, 1], 1, "none", [], ""
        )
        return convolved[0].permute(1, 2, 0)

    def _tiles(self) -> Winograd:
        if self._winograd is None:
            self._winograd = Winograd(self._weight, self.tile, self._workspace)
        return self._winograd

    def _by_tiles(self, height: int, width: int) -> bool:
        if not self._transforms:
            return False
        tiles = self._rates.winograd(height, width, self.inputs, self.outputs, self.tile)
        return tiles < self._rates.direct(height, width, self.inputs, self.outputs)
