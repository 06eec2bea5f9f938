"""VGG16 as a pair of eyes: the last ReLU of each of its five blocks.

Simonyan and Zisserman, ICLR 2015, configuration D, trained on ImageNet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from spade.formats.errors import InputError
from spade.perceptual import read_vgg

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of the five blocks."""
SMALLEST = 32
"""Sides of pictures, in pixels: at least this, as the fifth block sees a sixteenth of them."""

_CONVOLUTIONS = (2, 2, 3, 3, 3)
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_VGG19_ONLY = "features.34.weight"


class Vgg16(nn.Module):
    """The convolutions of VGG16, frozen; keys ``features.N.weight`` as torchvision's."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        self._plan: list[list[str]] = []
        index, fin = 0, 3
        for width, count in zip(WIDTHS, _CONVOLUTIONS, strict=True):
            names = [str(index + 2 * i) for i in range(count)]  # a ReLU follows each
            for name in names:
                self.features[name] = nn.Conv2d(fin, width, 3, padding=1)
                fin = width
            self._plan.append(names)
            index += 2 * count + 1  # the pooling
        self.requires_grad_(False)
        self.eval()

    def blocks(self, image: Tensor) -> Iterator[Tensor]:
        """relu1_2, relu2_2, relu3_3, relu4_3, relu5_3, each half as wide as the one before.

        image: ``(N, 3, H, W)`` in [-1, 1]. One block at a time, so that nobody has to hold
        the large first ones.
        """
        mean, std = (image.new_tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _STD))
        h = ((image + 1) / 2 - mean) / std
        for number, names in enumerate(self._plan):
            if number:
                h = F.max_pool2d(h, 2)
            for name in names:
                h = F.relu(self.features[name](h))
            yield h


def load_vgg16(path: Path) -> tuple[Vgg16, tuple[Tensor, ...] | None]:
    """VGG16, and LPIPS' linear heads (``lpips.lin0`` to ``lpips.lin4``) if the file has them.

    Heads: float32 ``(channels,)`` each, in the order of the blocks.
    Raises InputError naming the file and the tensor that is missing or misshapen.
    """
    state = read_vgg(path)
    if _VGG19_ONLY in state:
        raise InputError(f"{path}: holds VGG19; scores need VGG16, give its weights")
    with torch.device("meta"):
        network = Vgg16()
    expected = {key: value.shape for key, value in network.state_dict().items()}
    for key, shape in expected.items():
        if key not in state:
            raise InputError(f"{path}: tensor {key} is missing; is it VGG16?")
        if state[key].shape != shape:
            raise InputError(
                f"{path}: tensor {key} is {tuple(state[key].shape)}, expected {tuple(shape)}"
            )
    network.load_state_dict({key: state[key].float() for key in expected}, assign=True)
    network.requires_grad_(False)
    # A fifth faster on CPUs.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, _heads(state, path)


def _heads(state: dict[str, Tensor], path: Path) -> tuple[Tensor, ...] | None:
    names = [f"lpips.lin{i}" for i in range(len(WIDTHS))]
    if not any(name in state for name in names):
        return None
    for name, width in zip(names, WIDTHS, strict=True):
        if name not in state or state[name].numel() != width:
            raise InputError(f"{path}: tensor {name} must have {width} values; copy the file again")
        if not bool((state[name] >= 0).all()):
            raise InputError(f"{path}: tensor {name} has negative values; they must be weights")
    return tuple(state[name].float().flatten() for name in names)


def to_batch(pictures: Sequence[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """uint8 ``(H, W, 3)`` each, of one size -> float32 ``(N, 3, H, W)`` in [-1, 1]."""
    pixels = torch.from_numpy(np.stack(pictures)).to(device)
    return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
