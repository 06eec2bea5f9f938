"""How much arithmetic a picture takes, and how fast this machine does it.

Multiply-adds are counted from the sizes alone. The blocks' own convolutions are what no
engine can leave out of a full render: their time at the rate of a plain matrix product is
the limit that a render is held against.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from spade.benchmark.timing import sample
from spade.config import GeneratorConfig

MATRIX_SIDE = 2048


@dataclass(frozen=True)
class Convolution:
    """One stride-1 convolution that keeps the size: ``kernel`` x ``kernel``, ``height`` x
    ``width`` cells."""

    fin: int
    fout: int
    kernel: int
    height: int
    width: int

    @property
    def multiply_adds(self) -> int:
        """Padding counts as if it were multiplied: the borders are few."""
        return self.fin * self.fout * self.kernel**2 * self.height * self.width


def block_convolutions(config: GeneratorConfig, height: int, width: int) -> list[Convolution]:
    """conv_0, conv_1 and conv_s of every block, for a canvas of ``height`` x ``width`` pixels."""
    found = []
    for fin, fout, rows, columns in _blocks(config, height, width):
        middle = min(fin, fout)
        found.append(Convolution(fin, middle, 3, rows, columns))
        found.append(Convolution(middle, fout, 3, rows, columns))
        if fin != fout:
            found.append(Convolution(fin, fout, 1, rows, columns))
    return found


def modulation_convolutions(config: GeneratorConfig, height: int, width: int) -> list[Convolution]:
    """Embedding and gamma with beta of every SPADE layer, as the plain network computes them."""
    found = []
    for fin, fout, rows, columns in _blocks(config, height, width):
        for channels in (fin, min(fin, fout), *([fin] if fin != fout else [])):
            found.append(Convolution(config.semantic_nc, config.embedding, 3, rows, columns))
            found.append(Convolution(config.embedding, 2 * channels, 3, rows, columns))
    return found


def multiply_adds(convolutions: list[Convolution]) -> int:
    """Of all of them."""
    return sum(each.multiply_adds for each in convolutions)


def _blocks(
    config: GeneratorConfig, height: int, width: int
) -> Iterator[tuple[int, int, int, int]]:
    """(channels in, channels out, rows, columns) of every block, as Generator.stages has them."""
    k, stride = config.ngf, config.stride
    rows, columns = -(-height // stride), -(-width // stride)
    middle = 1 if config.upsampling == "normal" else 2
    plan = [(16 * k, 16 * k, 0), (16 * k, 16 * k, 1), (16 * k, 16 * k, middle)]
    plan += [(16 * k >> i, 8 * k >> i, middle + 1 + i) for i in range(4)]
    if config.upsampling == "most":
        plan.append((k, k // 2, middle + 5))
    for fin, fout, doublings in plan:
        yield fin, fout, rows << doublings, columns << doublings


def matrix_gflops(device: torch.device, dtype: torch.dtype, seconds: float = 2.0) -> float:
    """GFLOP/s (two a multiply-add) of a product of two square matrices, the median run."""
    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE, device=device).to(dtype)
    milliseconds = _measured(lambda: torch.mm(a, b), device, runs=20, seconds=seconds)
    return 2 * MATRIX_SIDE**3 / milliseconds / 1e6


def convolution_milliseconds(
    convolutions: list[Convolution],
    device: torch.device,
    dtype: torch.dtype,
    *,
    runs: int = 10,
    seconds: float = 20.0,
) -> float:
    """How long all of them take one after the other in channels_last, the library's own.

    Every shape is measured by itself and counted as often as it is there. ``seconds`` are
    spent in all, or more if a single run of each takes longer.
    """
    shapes = Counter(convolutions)
    total = 0.0
    for shape, count in shapes.items():
        x = _empty_channels_last((1, shape.fin, shape.height, shape.width), device, dtype)
        weight = _empty_channels_last(
            (shape.fout, shape.fin, shape.kernel, shape.kernel), device, dtype
        )

        def convolve(x: torch.Tensor = x, w: torch.Tensor = weight, pad: int = 0) -> object:
            return F.conv2d(x, w, padding=w.shape[-1] // 2)

        share = seconds / len(shapes)
        total += count * _measured(convolve, device, runs=runs, seconds=share)
    return total


def _empty_channels_last(
    shape: tuple[int, ...], device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    random = torch.randn(shape, device=device).to(dtype)
    return random.contiguous(memory_format=torch.channels_last)


def _measured(
    work: Callable[[], object], device: torch.device, *, runs: int, seconds: float
) -> float:
    def finished() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    with torch.inference_mode():
        return statistics.median(sample(finished, runs=runs, seconds=seconds))
