"""The paper's figures 1 and 2: scenes in many styles, and what the modulation looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from spade.labels import semantic_map
from spade.model import Model, to_picture
from spade.normalization import Spade
from spade.sheet import RGB, covering, sheet


def style_grid(
    model: Model,
    scenes: Sequence[tuple[RGB, NDArray[np.uint8]]],
    styles: Sequence[tuple[RGB | None, Tensor | None]],
    columns: Sequence[str],
    on_picture: Callable[[int, int], None],
) -> RGB:
    """Figure 1: label maps across, styles down.

    scenes: (coloured map, labels) each; styles: (thumbnail or None, z) each; columns: a
    title for each scene. on_picture(done, total) is called after each picture.
    Returns uint8 ``(H, W, 3)``.
    """
    with_photos = any(photo is not None for photo, _ in styles)
    corner: list[RGB | None] = [None] if with_photos else []
    rows: list[list[RGB | None]] = [corner + [colored for colored, _ in scenes]]
    # Map by map, so that the engine can keep what depends on the map alone.
    pictures: dict[tuple[int, int], RGB] = {}
    total = len(scenes) * len(styles)
    for across, (_, labels) in enumerate(scenes):
        model.check_memory(labels.shape[1], labels.shape[0])
        for down, (_, z) in enumerate(styles):
            pictures[down, across] = to_picture(model.engine.render(labels, z))
            on_picture(len(pictures), total)
    height = max(labels.shape[0] for _, labels in scenes)
    width = max(labels.shape[1] for _, labels in scenes)
    for down, (photo, _) in enumerate(styles):
        head: list[RGB | None] = []
        if with_photos:
            head = [None if photo is None else covering(photo, width, height)]
        rows.append(head + [pictures[down, across] for across in range(len(scenes))])
    titles = ["", *columns] if with_photos else list(columns)
    return sheet(rows, titles)


@dataclass(frozen=True)
class LayerModulation:
    """gamma and beta of one SPADE layer for one label map, float32 ``(channels, H, W)``.

    ``gamma`` is what multiplies: learned values plus 1. ``name`` is like "up_0.norm_1".
    """

    name: str
    gamma: Tensor
    beta: Tensor


def modulations(model: Model, labels: NDArray[np.uint8]) -> Iterator[LayerModulation]:
    """Every SPADE layer of the generator, in the order of computation.

    labels: uint8 ``(H, W)``; rounded up to the network's stride by repeating the edge.
    Raises InputError for a size that memory does not allow.
    """
    generator = model.generator
    stride = model.config.generator.stride
    height, width = labels.shape
    model.check_memory(width, height)
    padded = np.pad(labels, ((0, -height % stride), (0, -width % stride)), mode="edge")
    ids = torch.from_numpy(padded).unsqueeze(0).to(model.device)
    with torch.inference_mode():
        pyramid = generator.pyramid(semantic_map(ids, model.config.generator))
        rows, columns = padded.shape[0] // stride, padded.shape[1] // stride
        for stage, block, doubled in generator.stages():
            if doubled:
                rows, columns = 2 * rows, 2 * columns
            for name, layer in block.named_children():
                if isinstance(layer, Spade):
                    gamma, beta = layer.modulation(pyramid[rows, columns])
                    yield LayerModulation(
                        f"{stage}.{name}", (1 + gamma[0]).float().cpu(), beta[0].float().cpu()
                    )


def as_colors(field: Tensor) -> RGB:
    """A field ``(channels, H, W)`` as a picture: its three principal components in RGB.

    Mid grey is the field's mean; all components are drawn to the scale of the first.
    Returns uint8 ``(H, W, 3)``.
    """
    channels, height, width = field.shape
    values = field.reshape(channels, -1).T.double()  # (pixels, channels)
    values = values - values.mean(dim=0)
    count = min(3, channels, values.shape[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # svd_lowrank starts from random directions
        _, _, directions = torch.svd_lowrank(values, q=min(count + 4, *values.shape))
    components = values @ directions[:, :count]
    # The sign of a component is arbitrary: let its largest value be positive.
    extreme = components.gather(0, components.abs().argmax(dim=0, keepdim=True))
    components = components * torch.where(extreme < 0, -1.0, 1.0)
    scale = components.abs().max().clamp_min(1e-12)
    colors = torch.full((height * width, 3), 0.5, dtype=torch.float64)
    colors[:, :count] += components / (2 * scale)
    pixels = colors.mul(255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(pixels.reshape(height, width, 3).numpy())


def modulation_sheet(
    pictures: Sequence[tuple[str, RGB, RGB]], colored: RGB, side: int = 160
) -> RGB:
    """Figure 2: a row for each block, gamma and beta of its layers side by side.

    pictures: (layer name, gamma, beta). colored: the label map, shown first.
    """
    rows: list[list[RGB | None]] = [[_fitted(colored, side)]]
    captions = ["label map"]
    for name, gamma, beta in pictures:
        stage, layer = name.split(".")
        text = f"{layer} gamma, beta"
        if captions[-1].split(":")[0] == stage:
            captions[-1] += f"; {text}"
            rows[-1] += [_fitted(gamma, side), _fitted(beta, side)]
        else:
            size = f"{gamma.shape[1]}x{gamma.shape[0]}"
            captions.append(f"{stage}: {size}: {text}")
            rows.append([_fitted(gamma, side), _fitted(beta, side)])
    return sheet(rows, captions=captions)


def _fitted(picture: RGB, side: int) -> RGB:
    """``picture`` with its longer side ``side`` pixels long; cells of small fields stay sharp."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, how))
