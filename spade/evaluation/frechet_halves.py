"""Fréchet distances between halves of the held-out scenes, beside the photos' own: the floor.

The scenes are dealt out into two halves. A distance is measured from the pictures of one
half's maps to the photos of the other half, both ways: as many pictures on either side, and
none of the same scene, exactly as for the floor, from photos to photos. The mean over ten
deals is taken.

With fewer pictures than features the whole distance is mostly the two sets' own scatter, and
pictures that vary less than photos come out nearer to the photos than other photos do. So
features are first brought to the few directions in which photos vary most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spade.evaluation.frechet import frechet_distance

DIRECTIONS = 16
"""Principal components of the photos' features that are kept."""
DEALS = 10

Features = NDArray[np.float64]


def halves_distance(painted: Features, photos: Features, seed: int = 0) -> float:
    """Mean d^2 over all deals. Both ``(n, d)``, row i of the same scene, n at least 4."""
    count = len(photos)
    half = count // 2
    rng = np.random.default_rng(seed)
    distances = []
    for _ in range(DEALS):
        order = rng.permutation(count)
        first, second = order[:half], order[half : 2 * half]
        distances.append(frechet_distance(painted[first], photos[second]))
        distances.append(frechet_distance(painted[second], photos[first]))
    return float(np.mean(distances))


def leading_directions(photos: Features) -> Features:
    """The principal components ``(k, d)`` of ``photos`` ``(n, d)``, orthonormal.

    k is 16, or less where a half has no four pictures for each.
    """
    count = max(1, min(DIRECTIONS, len(photos) // 8))
    centred = photos - photos.mean(axis=0)
    components: Features = np.linalg.svd(centred, full_matrices=False)[2][:count]
    return components
