"""The same fixed maps rendered again and again while training goes on, as one PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spade.formats.atomic import atomic_path
from spade.formats.label_png import colorize
from spade.formats.palette import Palette


def to_uint8(pictures: Tensor) -> NDArray[np.uint8]:
    """``(N, 3, H, W)`` in [-1, 1] -> uint8 ``(N, H, W, 3)``."""
    scaled = ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    result: NDArray[np.uint8] = scaled.permute(0, 2, 3, 1).cpu().numpy()
    return result


def write_sample_grid(
    path: Path, labels: Tensor, palette: Palette, columns: list[Tensor]
) -> NDArray[np.uint8]:
    """A row a map: its labels in colour, then its picture from each of ``columns``.

    labels: uint8 ``(N, H, W)``; columns: each ``(N, 3, H, W)`` in [-1, 1]. Returns the
    grid, uint8 ``(N * H, (1 + len(columns)) * W, 3)``.
    """
    coloured = np.stack([colorize(m, palette) for m in labels.cpu().numpy()])
    cells = [coloured, *(to_uint8(column) for column in columns)]
    rows = np.concatenate(cells, axis=2)
    grid: NDArray[np.uint8] = rows.reshape(-1, *rows.shape[2:])
    with atomic_path(path) as temporary:
        Image.fromarray(grid).save(temporary, format="PNG")
    return grid
