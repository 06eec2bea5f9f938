"""Class ids at another size: the nearest pixel's, never a mixture."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Id = TypeVar("Id", bound=np.integer[Any])


def resize_ids(ids: NDArray[Id], height: int, width: int) -> NDArray[Id]:
    """``ids`` ``(H, W)`` as ``(height, width)``: the pixel under each new pixel's centre."""
    rows = ((np.arange(height) + 0.5) * ids.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(np.intp)
    resized: NDArray[Id] = ids[rows][:, columns]
    return resized
