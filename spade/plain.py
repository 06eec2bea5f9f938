"""The generator called once, as the paper has it: slow, and what the engine is measured by."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.labels import semantic_map
from spade.model import Model


def render_plain(model: Model, labels: NDArray[np.uint8], z: Tensor | None) -> Tensor:
    """The picture of ``labels`` uint8 ``(H, W)``: float32 ``(3, H, W)`` in [-1, 1], on the CPU.

    The canvas is rounded up to the network's stride by repeating its last row and column,
    and the picture cropped back. z: ``(1, z_dim)``, None without a VAE.
    Raises InputError, before the work starts, for a size that memory does not allow.
    """
    height, width = labels.shape
    model.check_memory(width, height, plain=True)
    stride = model.config.generator.stride
    padded = np.pad(labels, ((0, -height % stride), (0, -width % stride)), mode="edge")
    ids = torch.from_numpy(padded).unsqueeze(0).to(model.device)
    with torch.inference_mode():
        semantic = semantic_map(ids, model.config.generator)
        picture: Tensor = model.generator(semantic, None if z is None else z.to(model.device))
    return picture[0, :, :height, :width].float().cpu().clone()
