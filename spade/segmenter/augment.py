"""What a segmenter sees of a labelled picture in training: another crop, light and mixture.

Random scale and crop, mirror images, brightness, contrast, colour cast, saturation, grey,
blur; and mixing (ClassMix, Olsson et al., WACV 2021): half of one picture's classes are laid
over another picture, so that a class can't be told from its usual neighbours alone.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spade.labels import IGNORE_INDEX
from spade.segmenter.pictures import LabelledPicture

_SCALE = (0.7, 1.8)
_GREY_SHARE = 0.05
_BLUR_SHARE = 0.15
_MIX_SHARE = 0.3


def random_view(
    picture: LabelledPicture, size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A random crop: float32 ``(3, size, size)`` in [0, 1] and int64 ``(size, size)``.

    Where the crop reaches beyond the picture it is grey and its labels are unknown.
    """
    height, width = picture.labels.shape
    scale = size / min(height, width) * float(np.exp(rng.uniform(*np.log(_SCALE))))
    # A little stretched, too: photos are no calibrated measurements.
    stretch = float(np.exp(rng.uniform(-0.15, 0.15)))
    side_y = min(height, max(8, round(size / scale * stretch)))
    side_x = min(width, max(8, round(size / scale / stretch)))
    top = int(rng.integers(0, height - side_y + 1))
    left = int(rng.integers(0, width - side_x + 1))
    window = (slice(top, top + side_y), slice(left, left + side_x))
    out_y = min(size, round(side_y * scale / stretch))
    out_x = min(size, round(side_x * scale * stretch))
    photo = torch.from_numpy(np.ascontiguousarray(picture.photo[window]))
    photo = photo.permute(2, 0, 1).unsqueeze(0).float().div_(255)
    photo = F.interpolate(
        photo, size=(out_y, out_x), mode="bilinear", align_corners=False, antialias=True
    )[0]
    labels = torch.from_numpy(np.ascontiguousarray(picture.labels[window])).long()
    rows = ((torch.arange(out_y) + 0.5) * side_y / out_y).long()
    columns = ((torch.arange(out_x) + 0.5) * side_x / out_x).long()
    labels = labels[rows][:, columns]
    photo = _colours(photo, rng)
    if rng.random() < 0.5:
        photo, labels = photo.flip(-1), labels.flip(-1)
    below, right = size - out_y, size - out_x
    if below or right:
        photo = F.pad(photo, (0, right, 0, below), value=0.5)
        labels = F.pad(labels, (0, right, 0, below), value=IGNORE_INDEX)
    return photo, labels


def _colours(photo: Tensor, rng: np.random.Generator) -> Tensor:
    def factor(spread: float, *shape: int) -> Tensor:
        values = np.exp(rng.uniform(-spread, spread, shape or (1,)))
        return torch.from_numpy(values).float().view(-1, 1, 1)

    photo = photo.clamp(1e-4, 1).pow(factor(0.3))
    photo = photo * factor(0.25) * factor(0.1, 3)
    mean = photo.mean()
    photo = (photo - mean) * factor(0.3) + mean
    grey = photo.mean(dim=0, keepdim=True)
    saturation = torch.zeros(1) if rng.random() < _GREY_SHARE else factor(0.5)
    photo = grey + (photo - grey) * saturation.view(-1, 1, 1)
    if rng.random() < _BLUR_SHARE:
        photo = F.avg_pool2d(F.pad(photo[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
    return photo.clamp(0, 1)


def mix_classes(photos: Tensor, labels: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Lay half of a picture's classes over the next picture of the batch, for some of them.

    photos: ``(N, 3, H, W)``; labels: ``(N, H, W)``. Returns new tensors of the same shapes.
    """
    mixed_photos, mixed_labels = photos.clone(), labels.clone()
    for i in range(len(photos)):
        if rng.random() >= _MIX_SHARE:
            continue
        source = (i + 1) % len(photos)
        present = [c for c in np.unique(labels[source].numpy()).tolist() if c != IGNORE_INDEX]
        if len(present) < 2:
            continue
        chosen = rng.permutation(present)[: len(present) // 2]
        mask = torch.isin(labels[source], torch.from_numpy(chosen))
        mixed_photos[i] = torch.where(mask, photos[source], photos[i])
        mixed_labels[i] = torch.where(mask, labels[source], labels[i])
    return mixed_photos, mixed_labels
