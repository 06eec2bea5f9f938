"""The SPADE layer and the parameter-free batch norm under it.

Park, Liu, Wang, Zhu: Semantic Image Synthesis with Spatially-Adaptive Normalization,
CVPR 2019, section 3, equations 1 to 3 and figure 2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from spade.labels import resize_nearest


class Spade(nn.Module):
    """Spatially-adaptive denormalisation (equation 1).

        gamma(m) * (h - mu) / sigma + beta(m)

    gamma and beta are fields, computed from the semantic map m by two convolutions; they
    vary with place and channel. gamma is learned as the difference from 1, so that a fresh
    layer starts near plain batch norm.
    """

    def __init__(self, channels: int, semantic_nc: int, embedding: int = 128) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.embed = nn.Conv2d(semantic_nc, embedding, 3, padding=1)
        self.gamma = nn.Conv2d(embedding, channels, 3, padding=1)
        self.beta = nn.Conv2d(embedding, channels, 3, padding=1)

    def modulation(self, semantic: Tensor) -> tuple[Tensor, Tensor]:
        """gamma - 1 and beta for a semantic map already at this layer's size.

        semantic: float ``(N, semantic_nc, H, W)``. Returns two ``(N, channels, H, W)``.
        """
        embedded = F.relu(self.embed(semantic))
        # One convolution for both: the embedding is read from memory once.
        weight = torch.cat([self.gamma.weight, self.beta.weight])
        bias = torch.cat([_bias(self.gamma), _bias(self.beta)])
        gamma, beta = F.conv2d(embedded, weight, bias, padding=1).chunk(2, dim=1)
        return gamma, beta

    def forward(self, h: Tensor, semantic: Tensor) -> Tensor:
        """h: ``(N, channels, H, W)``; semantic: ``(N, semantic_nc, any, any)`` -> like h."""
        gamma, beta = self.modulation(resize_nearest(semantic, (h.shape[-2], h.shape[-1])))
        return torch.addcmul(beta, self.norm(h), 1 + gamma)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


class BatchNorm(nn.Module):
    """Batch norm without gamma and beta (equations 2 and 3), over N, H and W.

    While training in several processes (torch.distributed initialised) mean and variance
    are those of all processes' batches together, on any backend, gradients included;
    in eval mode the running statistics are used.
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
        self.batches_seen += 1
        momentum = self.momentum if self.momentum is not None else 1.0 / self.batches_seen
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            return self._synchronised(h, momentum)
        return F.batch_norm(
            h, self.running_mean, self.running_var, training=True, momentum=momentum, eps=self.eps
        )

    def _synchronised(self, h: Tensor, momentum: float) -> Tensor:
        wide = h.float()
        # Count, sum and sum of squares in one message; fp32, as half precision overflows.
        count = wide.new_full((1,), float(h.numel() // h.shape[1]))
        sums = torch.cat([count, wide.sum(dim=(0, 2, 3)), wide.square().sum(dim=(0, 2, 3))])
        sums = _AllReduceSum.apply(sums)  # type: ignore[no-untyped-call]
        total = sums[0]
        mean, square = (sums[1:] / total).chunk(2)
        var = (square - mean.square()).clamp_min(0)
        with torch.no_grad():
            unbiased = var * (total / (total - 1).clamp_min(1))
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(unbiased, momentum)
        scale = (var + self.eps).rsqrt()
        normalised: Tensor = (wide - mean[:, None, None]) * scale[:, None, None]
        return normalised.to(h.dtype)


class _AllReduceSum(torch.autograd.Function):
    """Sum over processes. Each process's loss depends on the sum, so gradients sum too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient
