"""How fast this machine is at what a render consists of: measured once, then arithmetic."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spade.engine.products import Product, packs

_CALLS_TO_ONE = 4
"""An operation among others, with its arguments' bookkeeping, to the smallest one repeated."""


@dataclass(frozen=True)
class Rates:
    """multiply_adds: of a direct 3x3 convolution, a second. products: of a matrix product.
    traffic: bytes a second of element-wise work in the cache. memory: of reading weights.
    call: seconds that any operation takes at least.
    """

    multiply_adds: float
    products: float
    traffic: float
    memory: float
    call: float

    def direct(self, height: int, width: int, inputs: int, outputs: int) -> float:
        """Seconds of a direct 3x3 convolution with an output of ``height`` x ``width``."""
        weights = 9 * inputs * outputs
        return self.call + max(weights * height * width / self.multiply_adds, self._read(weights))

    def winograd(self, height: int, width: int, inputs: int, outputs: int, tile: int) -> float:
        """Seconds of the same by tiles of ``tile`` x ``tile``."""
        places = (tile + 2) ** 2
        tiles = -(-height // tile) * -(-width // tile)
        weights = places * inputs * outputs
        multiplying = max(weights * tiles / self.products, self._read(weights))
        # Three streams an operation; some twelve operations on way in and nine on the way out,
        # for a tile's rows and then its columns.
        n, m = tile + 2, tile
        moved = 3 * 4 * tiles * (inputs * 2 * (n * m + n * n) + outputs * 1.5 * (n * n + n * m))
        operations = places + 3 * (n + m)
        return operations * self.call + multiplying + moved / self.traffic

    def _read(self, weights: int) -> float:
        return 4 * weights / self.memory


@functools.cache
def measured(device: str, threads: int) -> Rates:
    """The rates of ``device`` with so many threads: about a twentieth of a second, once."""
    del threads  # only a key: another number of threads has other rates
    target = torch.device(device)
    if target.type != "cpu":
        # Not used to choose between methods there; only proportions matter.
        return Rates(1e13, 1e13, 1e12, 1e12, 1e-5)
    with torch.inference_mode():
        source = torch.Generator().manual_seed(0)
        weight = torch.randn(64, 128, 3, 3, generator=source)
        image = torch.randn(1, 48, 48, 128, generator=source).permute(0, 3, 1, 2)
        if packs(target, torch.float32):
            packed = torch.ops.mkldnn._reorder_convolution_weight(
                weight, [0, 0], [1, 1], [1, 1], 1, list(image.shape)
            )

            def convolve() -> Tensor:
                result: Tensor = torch.ops.mkldnn._convolution_pointwise(
                    image, packed, None, [0, 0], [1, 1], [1, 1], 1, "none", [], ""
                )
                return result
        else:

            def convolve() -> Tensor:
                return torch.nn.functional.conv2d(image, weight)

        product = Product(torch.randn(128, 256, generator=source))
        rows = torch.randn(256, 256, generator=source)
        field = torch.randn(1 << 19, generator=source)
        other = torch.empty_like(field)
        small = torch.randn(64, generator=source)
        large = torch.randn(8 << 20, generator=source)
        times = _best(
            convolve,
            lambda: product(rows),
            lambda: torch.add(field, field, out=other),
            lambda: large.sum(),
            lambda: torch.add(small, small),
        )
        direct = 9 * 64 * 128 * 46 * 46 / times[0]
        # Where other programs compute at the same time, figures can be off by much; these
        # two are near the processor's peak and near each other on every machine.
        products = min(max(256 * 256 * 128 / times[1], 0.7 * direct), 1.1 * direct)
        return Rates(
            multiply_adds=direct,
            products=products,
            traffic=3 * 4 * field.numel() / times[2],
            memory=4 * large.numel() / times[3],
            call=min(max(_CALLS_TO_ONE * times[4], 2e-6), 4e-5),
        )


def _best(*works: Callable[[], object]) -> list[float]:
    """The shortest of some runs of each, in turns: what disturbs only makes longer."""
    best = [float("inf")] * len(works)
    for _ in range(10):
        for i, work in enumerate(works):
            begun = time.perf_counter()
            work()
            best[i] = max(min(best[i], time.perf_counter() - begun), 1e-9)
    return best
