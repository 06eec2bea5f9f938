"""Batch norm without parameters, over one process's batch or over those of all processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

_BLOCK = 1 << 16
"""Numbers that stay in a core's cache from one operation to the next."""

_together: ContextVar[bool] = ContextVar("_together", default=False)


@contextmanager
def statistics_of_all_processes() -> Iterator[None]:
    """Batch norms in training mode take their statistics from all processes' batches together.

    All processes have to be in it, in the same order, as each norm waits for the others;
    outside, each is by itself: the first may compute a finished model's statistics alone.
    Without several processes it changes nothing.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    token = _together.set(several)
    try:
        yield
    finally:
        _together.reset(token)


class BatchNorm(nn.Module):
    """Batch norm without gamma and beta (SPADE's equations 2 and 3), over N, H and W.

    In training mode, inside :func:`statistics_of_all_processes`, mean and variance are those
    of all processes' batches together, on any backend, gradients included. In eval mode the
    running statistics are used.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.momentum: float | None = momentum  # None: cumulative average (recomputation)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.batches_seen = 0

    def reset_statistics(self) -> None:
        """Back to mean 0, variance 1, as before any batch."""
        self.running_mean.zero_()
        self.running_var.fill_(1.0)
        self.batches_seen = 0

    def forward(self, h: Tensor) -> Tensor:
        """h: ``(N, channels, H, W)`` -> normalised, same shape."""
        if not self.training:
            return F.batch_norm(h, self.running_mean, self.running_var, eps=self.eps)
        if _together.get():
            count, mean, var = self.statistics(h)
            normalised: Tensor = _Normalize.apply(h, count, mean, var, self.eps)  # type: ignore[no-untyped-call]
            return normalised
        return F.batch_norm(
            h,
            self.running_mean,
            self.running_var,
            training=True,
            momentum=self._next_momentum(),
            eps=self.eps,
        )

    @torch.no_grad()
    def statistics(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What ``h`` is normalised by in training mode: count of values a channel, mean and
        variance ``(C,)``; those of all processes inside :func:`statistics_of_all_processes`.
        The running statistics take them in.
        """
        momentum = self._next_momentum()
        if not _together.get():
            count, mean, var = statistics_alone(h)
        else:
            count, mean, var = statistics_together(h)
        unbiased = var * (count / (count - 1).clamp_min(1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), momentum)
        return count, mean, var

    def _next_momentum(self) -> float:
        self.batches_seen += 1
        return self.momentum if self.momentum is not None else 1.0 / self.batches_seen


def add_over_processes(sums: Tensor, *, together: bool) -> Tensor:
    """The sum of all processes' ``sums``, written there, if ``together``."""
    if together:
        dist.all_reduce(sums)
    return sums


def together() -> bool:
    """Whether this is inside :func:`statistics_of_all_processes`, and there are several."""
    return _together.get()


@torch.no_grad()
def statistics_alone(h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`statistics_together`, of ``h`` of this process.

    For maps whose channels come last: torch's batch norm adds up their pixels one by one, and
    loses a digit more than it does where channels come first.
    """
    flat = h.permute(0, 2, 3, 1).reshape(-1, h.shape[1])
    mean = flat.mean(dim=0)
    squares = torch.zeros_like(mean)
    size = max(1, _BLOCK // len(mean))
    for start in range(0, len(flat), size):
        part = flat[start : start + size]
        squares += (part - mean).square_().sum(dim=0)
    return mean.new_full((), len(flat)), mean, squares / len(flat)


@torch.no_grad()
def statistics_together(h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Count of values a channel (a scalar), mean and variance ``(C,)``, of ``h`` ``(N, C, H, W)``
    of all processes; their N may differ.

    Each process's mean and sum of squared differences from it go round, in one message, and
    are put together as Chan, Golub and LeVeque do (The American Statistician, 1983). The mean
    of squares less the square of the mean would lose all digits where the mean is large.
    At least fp32: half precision overflows.
    """
    wide = h if h.dtype == torch.float64 else h.float()
    count = wide.new_full((1,), float(h.numel() // h.shape[1]))
    var, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
    own = torch.cat([count, mean, var * count])
    # One after the other in the same order everywhere: bit for bit the same everywhere.
    everyone = own.new_empty(dist.get_world_size(), len(own))
    dist.all_gather(list(everyone.unbind(0)), own)
    counts, means, squares = torch.split(everyone, [1, len(mean), len(mean)], dim=1)
    total = counts.sum()
    mean = (means * (counts / total)).sum(dim=0)
    var = (squares + counts * (means - mean).square()).sum(dim=0) / total
    return total, mean, var


class _Normalize(torch.autograd.Function):
    """(h - mean) / sqrt(var + eps), whose mean and variance depend on all processes' h.

    With y the result and g its gradient, that of h is (g - mean(g) - y * mean(g * y)) /
    sqrt(var + eps), both means over all processes: each process's loss depends on all of h.
    Cannot be differentiated again.
    """

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, count: Tensor, mean: Tensor, var: Tensor, eps: float
    ) -> Tensor:
        ctx.eps = eps
        ctx.save_for_backward(h, count, mean, var)
        return F.batch_norm(h, mean, var, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        h, count, mean, var = ctx.saved_tensors
        scale = (var + ctx.eps).rsqrt()
        y = (h.to(mean.dtype) - mean[:, None, None]) * scale[:, None, None]
        g = gradient.to(mean.dtype)
        sums = torch.stack([g.sum(dim=(0, 2, 3)), (g * y).sum(dim=(0, 2, 3))])
        dist.all_reduce(sums)
        of_g, of_gy = (sums / count)[:, :, None, None]
        result = (g - of_g - y * of_gy) * scale[:, None, None]
        return result.to(h.dtype), None, None, None, None
