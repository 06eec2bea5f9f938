"""Class borders drawn to the photo's edges: the fast guided filter (He and Sun, 2015).

Each class's probability becomes, in every window, a linear function of the photo's
luminance, so that it steps where the photo does (He et al., TPAMI 2013). The two
coefficients vary slowly: they are worked out at half the size and enlarged.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SUBSAMPLING = 2


def guided_filter(probabilities: Tensor, photo: Tensor, radius: int, epsilon: float) -> Tensor:
    """probabilities: float32 ``(C, h, w)`` at any size; photo: ``(3, H, W)`` in [0, 1].

    radius: of the windows, in pixels of the photo; epsilon: contrasts (squared) below it are
    smoothed over. Returns float32 ``(C, H, W)``, not below 0, summing to 1 over the classes.
    """
    size = (photo.shape[-2], photo.shape[-1])
    small = (max(1, size[0] // SUBSAMPLING), max(1, size[1] // SUBSAMPLING))
    radius = max(1, radius // SUBSAMPLING)
    weights = torch.tensor([0.299, 0.587, 0.114], device=photo.device).view(3, 1, 1)
    full_guide = (photo * weights).sum(dim=0, keepdim=True)
    guide = F.adaptive_avg_pool2d(full_guide, small)
    given = _resized(probabilities, small)
    mean_guide = _box_mean(guide, radius)
    variance = _box_mean(guide * guide, radius) - mean_guide * mean_guide
    mean = _box_mean(given, radius)
    covariance = _box_mean(given * guide, radius) - mean * mean_guide
    slope = covariance / (variance + epsilon)
    offset = mean - slope * mean_guide
    coefficients = _resized(_box_mean(torch.cat([slope, offset]), radius), size)
    slope, offset = coefficients.chunk(2)
    refined = torch.addcmul(offset, slope, full_guide).clamp_(min=0)
    return refined.div_(refined.sum(dim=0, keepdim=True).clamp_(min=1e-6))


def votes(labels: Tensor, classes: int, radius: int) -> Tensor:
    """How common each class is around each pixel, of a map rid of its specks.

    labels: int64 ``(H, W)`` in ``[0, classes)``; radius: of the windows, in pixels. The
    likeliest by these votes has neither specks nor frayed borders, at any enlargement.
    Returns float32 ``(classes, H, W)``.
    """
    commonest = _shares(labels, classes, radius).argmax(dim=0)
    return _shares(commonest, classes, radius)


def _shares(labels: Tensor, classes: int, radius: int) -> Tensor:
    return _box_mean(F.one_hot(labels, classes).permute(2, 0, 1).float(), radius)


def _resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    if tuple(values.shape[-2:]) == size:
        return values
    return F.interpolate(values[None], size=size, mode="bilinear", align_corners=False)[0]


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
