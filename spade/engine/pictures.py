"""A rendered picture, as the network's values and as bytes, changed piece by piece."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.formats.rect import Rect

_ROWS = 256
"""Rows converted at a time: a canvas of 4096 x 4096 as floats is 200 MB."""


class Picture:
    """values: float32 ``(3, H, W)`` in [-1, 1], on any device."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self._pixels: NDArray[np.uint8] | None = None

    def write(self, rect: Rect, values: Tensor) -> None:
        """Replace a piece; values: ``(3, rect.height, rect.width)``."""
        self.values[:, *rect.slices] = values
        if self._pixels is not None:
            self._pixels[rect.slices] = to_bytes(values)

    def copy(self) -> Picture:
        """The same, to be changed."""
        other = Picture(self.values.clone())
        other._pixels = None if self._pixels is None else self._pixels.copy()
        return other

    def pixels(self) -> NDArray[np.uint8]:
        """uint8 ``(H, W, 3)``, rounded: not to be written to. Made once, then kept up."""
        if self._pixels is None:
            self._pixels = to_bytes(self.values)
        return self._pixels


def to_bytes(values: Tensor) -> NDArray[np.uint8]:
    """float ``(3, H, W)`` in [-1, 1] -> uint8 ``(H, W, 3)``, rounded."""
    if values.is_cuda:
        return _from_cuda(values)
    _, height, width = values.shape
    picture = np.empty((height, width, 3), np.uint8)
    target = torch.from_numpy(picture)
    for top in range(0, height, _ROWS):
        target[top : top + _ROWS] = _rounded(values[:, top : top + _ROWS]).permute(1, 2, 0)
    return picture


def _from_cuda(values: Tensor) -> NDArray[np.uint8]:
    """A quarter of the bytes to bring over, through memory that the GPU can write to itself."""
    pixels = _rounded(values).to(torch.uint8).permute(1, 2, 0).contiguous()
    host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
    host.copy_(pixels, non_blocking=True)
    torch.cuda.current_stream(values.device).synchronize()
    found: NDArray[np.uint8] = host.numpy().copy()
    return found


def _rounded(values: Tensor) -> Tensor:
    return (values.float() + 1).mul_(127.5).round_().clamp_(0, 255)
