"""What a trained model gets before it ships: its trained size and its default style."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.formats.errors import InputError
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.weights import build_plain


def with_crop_size(model: Model, crop_size: int) -> Model:
    """The same model with the base grid of another size, in pixels of the picture's width.

    A generator whose last crops were larger than its first was trained with its base grid
    resized at each step. Resizing is linear, so it can be done once, in the weights of
    ``fc``: at ``crop_size`` the picture stays the same.

    Raises InputError without a VAE (there is no grid to resize) or if the size doesn't fit.
    """
    config = replace(model.config.generator, crop_size=crop_size)
    if not config.use_vae:
        raise InputError(f"model {model.name} has no VAE: its base grid is not learned")
    state = with_base_grid(
        model.generator.state_dict(), model.config.generator.base_grid, config.base_grid
    )
    generator = build_plain(Generator, config, f"model {model.name}")
    generator.load_state_dict(state, assign=True)
    return replace(
        model,
        config=ModelConfig(config, model.config.encoder),
        generator=generator.requires_grad_(False).eval(),
    )


def with_base_grid(
    state: dict[str, Tensor], old: tuple[int, int], new: tuple[int, int]
) -> dict[str, Tensor]:
    """The plain state of a generator with a VAE, its base grid brought from ``old`` to ``new``.

    Grids are (height, width) in cells; resized bilinearly, as the generator itself does on
    canvases of other sizes.
    """
    state = dict(state)
    for key in ("fc.weight", "fc.bias"):
        values = state[key].reshape(-1, *old, *state[key].shape[1:])
        values = values if values.ndim == 4 else values.unsqueeze(-1)
        resized = F.interpolate(
            values.permute(0, 3, 1, 2), size=new, mode="bilinear", align_corners=False
        )
        rows = resized.permute(0, 2, 3, 1).reshape(-1, values.shape[-1])
        state[key] = rows if key == "fc.weight" else rows[:, 0]
    return state


def with_default_style(
    model: Model,
    images: Sequence[NDArray[np.uint8]],
    weights: Sequence[float],
    names: Sequence[str],
) -> Model:
    """The same model whose default style is a weighted mean of the encoder's means.

    images: uint8 ``(H, W, 3)``; weights: above 0, one an image; names: what the provenance
    calls them.
    Raises InputError without an encoder.
    """
    if not images or len(images) != len(weights) or min(weights) <= 0:
        raise InputError("a default style needs images, each with a weight above 0")
    total = sum(weights)
    means = [
        model.encode(image)[0] * (weight / total)
        for image, weight in zip(images, weights, strict=True)
    ]
    said = ", ".join(
        f"{name} ({weight / total:.2f})" for name, weight in zip(names, weights, strict=True)
    )
    return replace(
        model,
        default_z=torch.stack(means).sum(dim=0),
        provenance={**model.provenance, "default_style": f"mean of {said}"},
    )
