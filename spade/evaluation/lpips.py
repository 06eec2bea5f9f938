"""LPIPS: how different two pictures look (Zhang et al., CVPR 2018, section 3, equation 1).

    d(x, y) = sum over blocks l of  mean over places of  w_l . (u_l(x) - u_l(y))^2

u: the block's features, scaled to length 1 at each place; w: learned, not negative.
Version 0.1 on VGG16: relu1_2, relu2_2, relu3_3, relu4_3, relu5_3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.evaluation.features import Vgg16

_EPS = 1e-10


def lpips(vgg: Vgg16, heads: Sequence[Tensor], pictures: Tensor) -> NDArray[np.float64]:
    """The distance of each picture to each other one: float64 ``(N, N)``, zero diagonal.

    pictures: ``(N, 3, H, W)`` in [-1, 1]. heads: ``(channels,)`` for each block.
    """
    total = np.zeros((len(pictures), len(pictures)))
    with torch.inference_mode():
        for features, head in zip(vgg.blocks(pictures), heads, strict=True):
            total += block_distances(features, head)
    return total


def block_distances(features: Tensor, head: Tensor) -> NDArray[np.float64]:
    """One block's part of the sum. features: ``(N, C, H, W)``; head: ``(C,)``, not negative."""
    unit = features / (features.norm(dim=1, keepdim=True) + _EPS)
    unit.mul_(head.to(unit.device).sqrt().view(-1, 1, 1))
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, around the pictures' mean so that little cancels.
    points = unit.sub_(unit.mean(dim=0)).flatten(1)
    products = (points @ points.T).double().cpu().numpy()
    squares = np.diag(products)
    places = features.shape[2] * features.shape[3]
    apart = squares[:, None] + squares[None, :] - products - products.T
    distances: NDArray[np.float64] = np.maximum(0.0, apart) / places
    np.fill_diagonal(distances, 0.0)
    return distances


def mean_pairwise(distances: NDArray[np.float64]) -> float:
    """The mean over all pairs of different pictures; ``distances`` ``(N, N)``, N at least 2."""
    count = len(distances)
    return float(distances.sum() / (count * (count - 1)))
