"""Matrix products with one fixed matrix, packed once for the processor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_PACKING_ROWS = 64
"""The packed layout suits any number of rows; oneDNN wants one named."""


def packs(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether torch offers packed weights here. They are what its own compiler uses: the
    same arithmetic, without laying the weights out anew in each call."""
    if device.type != "cpu" or dtype != torch.float32:
        return False
    there: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class Product:
    """``x -> x @ weight.T``; weight: ``(out, in)``. Half as long again without packing."""

    def __init__(self, weight: Tensor) -> None:
        self.outputs, self.inputs = weight.shape
        self._packed = packs(weight.device, weight.dtype)
        self._weight = weight
        if self._packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _PACKING_ROWS)

    def __call__(self, x: Tensor) -> Tensor:
        """x: ``(rows, in)`` -> ``(rows, out)``."""
        if self._packed:
            result: Tensor = torch.ops.mkldnn._linear_pointwise(
                x, self._weight, None, "none", [], ""
            )
            return result
        return F.linear(x, self._weight)
