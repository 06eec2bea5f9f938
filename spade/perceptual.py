"""The perceptual loss: L1 between VGG features (Johnson et al., 2016; paper, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from spade.formats.errors import InputError

LAYER_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""

# Convolutions a block, as Simonyan and Zisserman's configurations D and E count them.
_VGG: dict[int, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class VggFeatures(nn.Module):
    """VGG16 or VGG19 up to relu5_1, frozen; keys ``features.N.weight`` as torchvision's.

    ``blocks``: how many of the five blocks are used; fewer cost less.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, depth: int = 16, blocks: int = 5) -> None:
        super().__init__()
        if depth not in _VGG:
            raise InputError(f"VGG depth {depth}: use 16 or 19")
        self.blocks = blocks
        self.features = nn.ModuleDict()
        self._plan: list[list[str]] = []
        index, fin = 0, 3
        for block in range(blocks):
            names: list[str] = []
            for _ in range(_VGG[depth][block] if block < blocks - 1 else 1):
                self.features[str(index)] = nn.Conv2d(fin, _WIDTHS[block], 3, padding=1)
                fin = _WIDTHS[block]
                names.append(str(index))
                index += 2  # the convolution and its ReLU
            self._plan.append(names)
            index += 1  # the pooling
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: ``(N, 3, H, W)`` in [-1, 1]. Returns relu1_1 ... relu5_1 (``blocks`` of them)."""
        h = ((image + 1) / 2 - self.mean) / self.std
        results: list[Tensor] = []
        for block, names in enumerate(self._plan):
            if block:
                h = F.max_pool2d(h, 2)
            for i, name in enumerate(names):
                h = F.relu(self.features[name](h))
                if i == 0:
                    results.append(h)
        return results


def read_vgg(path: Path) -> dict[str, Tensor]:
    """All tensors of a ``.safetensors`` or torchvision ``.pth`` file, as they are stored.

    Raises InputError naming the file if it is missing, damaged or holds anything else.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the path of VGG16 or VGG19 weights") from None
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: not readable as VGG weights ({error}); download it again"
        ) from None
    except Exception as error:  # torch raises its own pickle errors
        raise InputError(
            f"{path}: refused, not a plain weights file ({type(error).__name__})"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"{path}: holds no VGG weights; give torchvision's state dict")
    return state


def load_vgg(path: Path, blocks: int = 5) -> VggFeatures:
    """VGG16 or VGG19 from a ``.safetensors`` or torchvision ``.pth`` file.

    Raises InputError naming the file and the tensor that is missing or misshapen.
    """
    state = read_vgg(path)
    # features.16 is the third pooling in VGG16 and a convolution in VGG19.
    depth = 19 if "features.16.weight" in state else 16
    network = VggFeatures(depth, blocks)
    own = network.state_dict()
    for key, value in own.items():
        if key not in state:
            raise InputError(f"{path}: tensor {key} is missing; is it VGG{depth}?")
        if state[key].shape != value.shape:
            raise InputError(
                f"{path}: tensor {key} is {tuple(state[key].shape)}, expected {tuple(value.shape)}"
            )
    network.load_state_dict({key: state[key].float() for key in own})
    return network


class PerceptualLoss(nn.Module):
    """Weighted L1 between the features of two pictures."""

    def __init__(self, vgg: VggFeatures, weights: Sequence[float] = LAYER_WEIGHTS) -> None:
        super().__init__()
        self.vgg = vgg
        self.weights = tuple(weights)[: vgg.blocks]

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Both ``(N, 3, H, W)`` in [-1, 1]; no gradient goes to ``real``. Returns a scalar."""
        with torch.no_grad():
            target = self.vgg(real)
        pairs = zip(self.weights, self.vgg(fake), target, strict=True)
        return torch.stack([w * F.l1_loss(a, b) for w, a, b in pairs]).sum()


def quarter_view(fake: Tensor, real: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """A quarter of the pixels of both: by turns all at half size, and a window as it is.

    ``(N, 3, H, W)`` to ``(N, 3, H / 2, W / 2)``; where the window lies is a function of step.
    The one keeps the scene, the other the texture, at a quarter of the loss's cost.
    """
    if step % 2 == 0:
        return F.avg_pool2d(fake, 2), F.avg_pool2d(real, 2)
    height, width = fake.shape[-2] // 2, fake.shape[-1] // 2
    rng = np.random.default_rng((11, step))
    top, left = (int(rng.integers(0, n + 1)) for n in (height, width))
    window = (..., slice(top, top + height), slice(left, left + width))
    return fake[window], real[window]
