"""Class borders drawn to the photo's edges: the guided filter (He et al., TPAMI 2013).

Each class's probability becomes, in every window, a linear function of the photo's
luminance, so that it steps where the photo does; four means a class, whatever the radius.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def guided_filter(probabilities: Tensor, photo: Tensor, radius: int, epsilon: float) -> Tensor:
    """probabilities: float32 ``(C, H, W)``; photo: float32 ``(3, H, W)`` in [0, 1].

    radius: of the windows, in pixels; epsilon: contrasts (squared) below it are smoothed over.
    Returns ``(C, H, W)``, not below 0, summing to 1 over the classes.
    """
    weights = torch.tensor([0.299, 0.587, 0.114], device=photo.device).view(3, 1, 1)
    guide = (photo * weights).sum(dim=0, keepdim=True)
    mean_guide = _box_mean(guide, radius)
    variance = _box_mean(guide * guide, radius) - mean_guide * mean_guide
    mean = _box_mean(probabilities, radius)
    covariance = _box_mean(probabilities * guide, radius) - mean * mean_guide
    slope = covariance / (variance + epsilon)
    offset = mean - slope * mean_guide
    refined = _box_mean(slope, radius) * guide + _box_mean(offset, radius)
    refined = refined.clamp_min(0)
    return refined / refined.sum(dim=0, keepdim=True).clamp_min(1e-6)


def _box_mean(values: Tensor, radius: int) -> Tensor:
    """Mean over square windows, of what lies inside the picture: ``(C, H, W)``."""
    side = 2 * radius + 1
    # Rows, then columns: the mean over a square in two passes.
    for kernel in ((side, 1), (1, side)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        values = F.avg_pool2d(
            values.unsqueeze(0), kernel, 1, padding, count_include_pad=False
        ).squeeze(0)
    return values
