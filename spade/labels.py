"""From label maps to what the networks read: one-hot semantic maps and edge maps.

Section 3 of the paper: m in L^(H x W) is a map of class ids; the network sees it one-hot.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spade.config import GeneratorConfig, Pix2PixHDConfig
from spade.formats.errors import InputError

IGNORE_INDEX = 255
"""The label of a pixel whose class nobody knows ("don't care")."""


def semantic_map(
    labels: Tensor,
    config: GeneratorConfig | Pix2PixHDConfig,
    instances: Tensor | None = None,
    *,
    check: bool = True,
) -> Tensor:
    """One-hot semantic map.

    labels: integer ``(N, H, W)``, ids in ``[0, label_nc)`` or 255 where unknown.
    instances: integer ``(N, H, W)``, used if the config has an instance-edge channel;
        without it that channel is zero (no borders).
    check: False for labels known to fit; looking at them makes a GPU wait each time.
    Returns float32 ``(N, semantic_nc, H, W)``.
    Raises InputError for an id the network does not have, and for 255 without a
    "don't care" channel.
    """
    if labels.ndim != 3:
        raise ValueError(f"labels must be (N, H, W), not {tuple(labels.shape)}")
    ids = check_ids(labels, config, check=check)
    n, height, width = ids.shape
    result = torch.zeros(n, config.semantic_nc, height, width, device=labels.device)
    result.scatter_(1, ids.unsqueeze(1), 1.0)
    if config.instance_edges and instances is not None:
        result[:, -1:] = edge_map(instances)
    return result


def check_ids(
    labels: Tensor, config: GeneratorConfig | Pix2PixHDConfig, *, check: bool = True
) -> Tensor:
    """The channel of each pixel's label: int64 like labels; 255 becomes "don't care".

    Raises InputError as :func:`semantic_map` does.
    """
    ids = labels.long()
    unknown = ids == IGNORE_INDEX
    if config.contain_dontcare:
        ids = ids.masked_fill(unknown, config.label_nc)
    elif check and bool(unknown.any()):
        raise InputError(
            "the label map has unknown pixels (255) but this model was trained without a "
            "'don't care' channel: paint them with one of its classes"
        )
    top = config.label_nc + int(config.contain_dontcare)
    if check and (bool((ids >= top).any()) or bool((ids < 0).any())):
        bad = int(labels[(ids >= top) | (ids < 0)][0])
        raise InputError(
            f"the label map has class id {bad}, but this model has ids 0 to "
            f"{config.label_nc - 1}: remap it or choose another model"
        )
    return ids


def edge_map(instances: Tensor) -> Tensor:
    """1 where a 4-neighbour belongs to another instance, else 0.

    instances: integer ``(N, H, W)``. Returns float32 ``(N, 1, H, W)``.
    """
    edge = torch.zeros(instances.shape, dtype=torch.bool, device=instances.device)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:, :] != instances[:, :-1, :]
    edge[:, :, 1:] |= across
    edge[:, :, :-1] |= across
    edge[:, 1:, :] |= down
    edge[:, :-1, :] |= down
    return edge.unsqueeze(1).float()


def resize_nearest(semantic: Tensor, size: tuple[int, int]) -> Tensor:
    """Semantic map ``(N, C, H, W)`` at ``size`` (height, width), nearest neighbour."""
    if semantic.shape[-2:] == size:
        return semantic
    return F.interpolate(semantic, size=size, mode="nearest")
