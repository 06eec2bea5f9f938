"""The Fréchet distance of two sets of features, each taken for a Gaussian.

Dowson and Landau, 1982; as a measure of generated pictures: Heusel et al., 2017 (FID).

    d^2 = |m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2))

There are often fewer pictures than features, so the covariances S have no full rank and a
matrix root of their product is shaky. With S_a = A^T A and S_b = B^T B the eigenvalues of
S_a S_b are the squared singular values of A B^T, so the last trace is their plain sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def frechet_distance(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """d^2 between two sets of features ``(n, d)``, in float64.

    Both need the same n, at least 2: the estimate falls with n, so that distances between
    unequal numbers of pictures could not be compared.
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) < 2:
        raise ValueError(f"features {a.shape} and {b.shape}: give two (n, d) of one n over 1")
    first, second = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = first.mean(axis=0), second.mean(axis=0)
    root_a, root_b = _root(first - mean_a), _root(second - mean_b)
    traces = float((root_a**2).sum() + (root_b**2).sum())
    common = float(np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum())
    distance = float(((mean_a - mean_b) ** 2).sum()) + traces - 2 * common
    return max(0.0, distance)  # rounding may leave less than nothing


def _root(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """R ``(min(n, d), d)`` with R^T R = the covariance of ``centred`` ``(n, d)``."""
    upper = np.linalg.qr(centred, mode="r")
    scaled: NDArray[np.float64] = upper / np.sqrt(len(centred) - 1)
    return scaled
