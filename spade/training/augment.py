"""Differentiable augmentation of what the discriminator sees.

Zhao, Liu, Lin, Zhu, Han: Differentiable Augmentation for Data-Efficient GAN Training,
NeurIPS 2020: T is applied to photos and generated pictures alike, in the discriminator's and
in the generator's update (equations 4 and 5), so that what T does can't leak into the
pictures. Here the semantic map is moved and cut along with its picture, and a photo and the
picture generated from its map get the same T: feature matching compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spade.config import TrainingConfig
from spade.data.slices import Slice
from spade.training.acceleration import send


@dataclass(frozen=True)
class Augmentation:
    """T for a batch of N pictures.

    color: float32 ``(N, 3)``, what is added for brightness, and the factors of saturation
    and contrast; shift: pixels ``(down, right)`` of each picture; hole: int64 ``(N, 4)``,
    top, left, height and width in pixels. None: left as is.
    """

    color: Tensor | None
    shift: tuple[tuple[int, int], ...] | None
    hole: Tensor | None

    def __call__(self, semantic: Tensor, *images: Tensor) -> tuple[Tensor, ...]:
        """semantic: ``(N, C, H, W)``; images: each ``(N, 3, H, W)`` in [-1, 1]. Returns all.

        A pixel that was moved in from outside or cut is 0 in all channels of all. Colours
        may leave [-1, 1].
        """
        if self.color is not None:
            images = tuple(_colored(image, self.color) for image in images)
        if self.shift is None and self.hole is None:
            return semantic, *images
        both = torch.cat([semantic, *images], dim=1)
        if self.shift is not None:
            both = _moved(both, self.shift)
        if self.hole is not None:
            both = both * _kept(self.hole, both)
        parts: tuple[Tensor, ...] = torch.split(
            both, [semantic.shape[1]] + [3] * len(images), dim=1
        )
        return parts


def draw_augmentation(
    config: TrainingConfig,
    size: int,
    step: int,
    turn: int,
    device: torch.device,
    part: Slice | None = None,
) -> Augmentation | None:
    """T for the batch of ``step``, a function of (seed, step, turn); None if all is off.

    size: side of the pictures in pixels. turn: 0 for the discriminator's update, 1 for the
    generator's. part: of which pictures of the batch, by default of all; it is drawn for all.
    """
    strengths = (config.augment_color, config.augment_translation, config.augment_cutout)
    if not any(strengths):
        return None
    rng = np.random.default_rng((config.seed, 3, step, turn))
    n = config.batch_size
    # All is drawn whatever is on: one strength does not change what the others do.
    change = rng.uniform(-1, 1, (n, 3)) * (0.5, 1.0, 0.5) * config.augment_color
    reach = round(config.augment_translation * size)
    shift = rng.integers(-reach, reach + 1, (n, 2))
    side = round(config.augment_cutout * size)
    # The middle of the hole is anywhere in the picture: part of it may lie outside.
    corner = rng.integers(0, size + 1 - side % 2, (n, 2)) - side // 2
    mine = slice(None) if part is None else slice(part.start, part.stop)
    color = torch.from_numpy((change + np.array([0.0, 1.0, 1.0])).astype(np.float32)[mine])
    hole = torch.from_numpy(np.concatenate([corner, np.full((n, 2), side)], axis=1)[mine])
    return Augmentation(
        send(color, device) if config.augment_color else None,
        tuple((int(down), int(right)) for down, right in shift[mine]) if reach else None,
        send(hole, device) if side else None,
    )


def _colored(image: Tensor, color: Tensor) -> Tensor:
    brightness, saturation, contrast = color.to(image.dtype)[:, :, None, None, None].unbind(1)
    image = image + brightness
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (image - grey) * saturation
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (image - mean) * contrast


def _moved(pictures: Tensor, shift: tuple[tuple[int, int], ...]) -> Tensor:
    height, width = pictures.shape[-2:]
    reach = max(max(abs(down), abs(right)) for down, right in shift)
    padded = F.pad(pictures, (reach,) * 4)
    windows = [
        picture[:, reach - down : reach - down + height, reach - right : reach - right + width]
        for picture, (down, right) in zip(padded.unbind(0), shift, strict=True)
    ]
    return torch.stack(windows).contiguous(memory_format=torch.channels_last)


def _kept(hole: Tensor, like: Tensor) -> Tensor:
    """``(N, 1, H, W)``: 0 in the holes, 1 elsewhere."""
    top, left, height, width = hole[:, :, None, None].unbind(1)
    rows = torch.arange(like.shape[-2], device=like.device)[None, :, None]
    columns = torch.arange(like.shape[-1], device=like.device)[None, None, :]
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return (~inside).unsqueeze(1).to(like.dtype)
