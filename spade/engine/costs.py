"""How fast this machine is at what a render consists of: measured once, then arithmetic."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from spade.engine.products import Product, packs
from spade.engine.winograd import Winograd, Workspace


@dataclass(frozen=True)
class Rates:
    """multiply_adds: of a direct 3x3 convolution, a second. products: of a matrix product.
    traffic: bytes a second that transforms move. memory: of reading weights.
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
        calls = (places + 6 * (tile + 1)) * self.call
        moving = moved_bytes(tiles, inputs, outputs, tile) / self.traffic
        return calls + multiplying + moving

    def _read(self, weights: int) -> float:
        return 4 * weights / self.memory


def moved_bytes(tiles: int, inputs: int, outputs: int, tile: int) -> int:
    """About what transforming so many tiles there and back reads and writes."""
    n, m = tile + 2, tile
    # Three streams an operation; about two operations for each number on the way in and one
    # and a half on the way out, for a tile's rows and then its columns.
    there, back = 2 * inputs * (n * m + n * n), 3 * outputs * (n * n + n * m) // 2
    return 3 * 4 * tiles * (there + back)


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
        weight = torch.randn(64, 64, 3, 3, generator=source)
        image = torch.randn(1, 98, 98, 64, generator=source).permute(0, 3, 1, 2)
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

        product = Product(torch.randn(256, 512, generator=source))
        rows = torch.randn(256, 512, generator=source)
        tiled = Winograd(weight, 4, Workspace())
        padded = image[0].permute(1, 2, 0)
        smallest = Product(torch.randn(64, 64, generator=source))
        few = torch.randn(4, 64, generator=source)
        large = torch.randn(8 << 20, generator=source)
        times = _best(
            convolve,
            lambda: product(rows),
            lambda: tiled(padded),
            lambda: large.sum(),
            lambda: smallest(few),
        )
        direct = 9 * 64 * 64 * 96 * 96 / times[0]
        # Where other programs compute at the same time, figures can be off by much; these
        # are near each other on every machine.
        products = min(max(256 * 512 * 256 / times[1], 0.7 * direct), 1.1 * direct)
        call = min(max(times[4], 2e-6), 6e-5)
        tiles = 24 * 24
        transforming = times[2] - 36 * 64 * 64 * tiles / products - 60 * call
        return Rates(
            multiply_adds=direct,
            products=products,
            traffic=moved_bytes(tiles, 64, 64, 4) / max(transforming, times[2] / 4),
            memory=4 * large.numel() / times[3],
            call=call,
        )


def _best(*works: Callable[[], object]) -> list[float]:
    """The shortest of some runs of each, in turns: what disturbs only makes longer."""
    best = [float("inf")] * len(works)
    for _ in range(10):
        for i, work in enumerate(works):
            work()  # what it reads comes into the cache
            begun = time.perf_counter()
            work()
            best[i] = max(min(best[i], time.perf_counter() - begun), 1e-9)
    return best
