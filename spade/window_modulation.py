"""The SPADE layer in training, gamma and beta once for each distinct window of the label map.

gamma and beta at a pixel depend on the 5x5 labels around it alone. Label maps are piecewise
constant, so among the windows of a batch few are distinct: a few thousand of 65,536 pixels.
For these alone the two convolutions are computed, as products of matrices; pixels then pick
their row. The way back is the same sum in another order: the gradients of all pixels of a
window are added up before they meet the weights. Nothing is approximated, forward or
backward; only the order in which numbers are added differs from the convolutions'.

Per channel, with y = (h - mu) / sigma the batch norm over P pixels and g the gradient at the
layer's result, the sums S over the pixels of each window w are all that is needed:

    dbeta_w = S g,    dgamma_w = S g y
    dh = (g (1 + gamma) - a - b y) / sigma,
    a = 1 / P sum_w (1 + gamma_w) dbeta_w,    b = 1 / P sum_w (1 + gamma_w) dgamma_w.

The order of all additions is a function of the label maps, so that a run is repeatable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from spade.batch_norm import BatchNorm, add_over_processes, together
from spade.label_windows import LabelWindows, Selection

_BLOCK = 1 << 16
"""Numbers worked on at once, so that they stay in a core's cache from one operation to the
next: the pixels of a layer fill hundreds of megabytes."""


def modulate(
    norm: BatchNorm,
    h: Tensor,
    embed: nn.Conv2d,
    both: tuple[nn.Conv2d, nn.Conv2d],
    windows: LabelWindows,
    slope: float | None,
) -> Tensor:
    """The SPADE layer, and a leaky ReLU of ``slope`` after it if there is one.

    h: ``(N, channels, H, W)``, its norm in training mode; both: gamma's and beta's
    convolutions; windows: of the label maps at H x W. Returns like h, channels last.
    """
    rows = modulation_rows(embed, both, windows)
    count, mean, var = norm.statistics(h)
    result: Tensor = _Modulate.apply(h, rows, count, mean, var, norm.eps, windows.pixels, slope)  # type: ignore[no-untyped-call]
    return result


def modulation_rows(
    embed: nn.Conv2d, both: tuple[nn.Conv2d, nn.Conv2d], windows: LabelWindows
) -> Tensor:
    """gamma - 1 and beta of each window: ``(windows, 2 * channels)``."""
    # A row for each symbol and place in a 3x3 window; none of them beyond the canvas.
    table = embed.weight.permute(1, 2, 3, 0).flatten(1, 2)  # (symbols, 9, embedding)
    if windows.edges:
        plain, edge = table[:-1], table[-1:]
        table = torch.cat([plain, plain + edge])
    table = F.pad(table, (0, 0, 0, 0, 0, 1)).flatten(0, 1)
    assert embed.bias is not None
    hidden = F.relu(_select(table, windows.embedding) + embed.bias)
    hidden = F.pad(hidden, (0, 0, 0, 1))  # beyond the canvas the embedding itself is zero
    weight = torch.cat([conv.weight for conv in both])  # (2C, embedding, 3, 3)
    products = F.linear(hidden, weight.permute(2, 3, 0, 1).flatten(0, 2))
    summed = _select(products.view(-1, len(weight)), windows.products)
    biases = [conv.bias for conv in both if conv.bias is not None]
    return summed + torch.cat(biases)


def _select(table: Tensor, selection: Selection) -> Tensor:
    result: Tensor = _Select.apply(table, selection)  # type: ignore[no-untyped-call]
    return result


class _Select(torch.autograd.Function):
    """Sums of rows of a table."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, selection: Selection) -> Tensor:
        ctx.selection = selection
        return selection.gather(table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.selection.scatter(gradient.contiguous()), None


class _Modulate(torch.autograd.Function):
    """leaky_relu((1 + gamma) * (h - mean) / sigma + beta), gamma and beta from rows.

    mean and sigma are taken for functions of h, as the batch's they are; their own gradients
    are part of h's. Keeps h and, with a slope, the result: nothing else of a pixel.
    """

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        rows: Tensor,
        count: Tensor,
        mean: Tensor,
        var: Tensor,
        eps: float,
        pixels: Selection,
        slope: float | None,
    ) -> Tensor:
        inverse = (var + eps).rsqrt()
        flat, c = _flat(h), h.shape[1]
        table = torch.cat([(rows[:, :c] + 1) * inverse, rows[:, c:]], dim=1)
        result = torch.empty_like(flat)
        for part in _blocks(flat):
            picked = table.index_select(0, pixels.index[part])
            # Not folded into beta: where the mean is large, that would cost digits.
            centred = flat[part] - mean
            torch.addcmul(picked[:, c:], centred, picked[:, :c], out=result[part])
            if slope is not None:
                F.leaky_relu_(result[part], slope)
        ctx.pixels, ctx.slope, ctx.together = pixels, slope, together()
        ctx.save_for_backward(h, rows, count, mean, inverse)
        ctx.result = result
        return _unflat(result, h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        h, rows, count, mean, inverse = ctx.saved_tensors
        flat, g, c = _flat(h), _flat(gradient), h.shape[1]
        # g and g * (h - mean), side by side: summed over the pixels of each window.
        pair = flat.new_empty(len(flat), 2 * c)
        for part in _blocks(flat):
            mine, centred = pair[part, :c], flat[part] - mean
            if ctx.slope is not None:
                torch.ops.aten.leaky_relu_backward.grad_input(
                    g[part], ctx.result[part], ctx.slope, True, grad_input=mine
                )
            else:
                mine.copy_(g[part])
            torch.mul(mine, centred, out=pair[part, c:])
        gradients = ctx.pixels.scatter(pair)  # of beta, and, once divided by sigma, of gamma
        of_gamma = gradients[:, c:] * inverse
        scale = rows[:, :c] + 1
        sums = torch.stack([(scale * gradients[:, :c]).sum(0), (scale * of_gamma).sum(0)])
        a, b = add_over_processes(sums, together=ctx.together) / count
        scale = scale * inverse
        a, b = a * inverse, b * inverse.square()
        result = torch.empty_like(flat)
        for part in _blocks(flat):
            picked = scale.index_select(0, ctx.pixels.index[part])
            centred = flat[part] - mean
            torch.mul(picked, pair[part, :c], out=result[part])
            result[part].addcmul_(centred, b, value=-1).sub_(a)
        return (
            _unflat(result, h),
            torch.cat([of_gamma, gradients[:, :c]], dim=1),
            *[None] * 6,
        )


def _flat(h: Tensor) -> Tensor:
    """``(N, C, H, W)`` -> ``(N * H * W, C)``: the same memory if channels come last there."""
    return h.permute(0, 2, 3, 1).reshape(-1, h.shape[1])


def _unflat(flat: Tensor, like: Tensor) -> Tensor:
    n, c, height, width = like.shape
    return flat.view(n, height, width, c).permute(0, 3, 1, 2)


def _blocks(flat: Tensor) -> Iterator[slice]:
    size = max(1, _BLOCK // flat.shape[1])
    for start in range(0, len(flat), size):
        yield slice(start, start + size)
