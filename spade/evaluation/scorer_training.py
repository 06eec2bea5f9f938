"""Training the scorer: VGG16 sees each photo once, the head learns from cells kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.evaluation.features import WIDTHS, Vgg16, to_batch
from spade.evaluation.scorer import CELL, Columns, Scorer, ScorerConfig, columns
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_ID

CELLS = 250_000
"""Most cells that are kept: 0.7 GB of features in fp16."""
CELLS_A_PHOTO = 192

_EPOCHS = 10
_BATCH = 1024
_SMALLEST_BATCH = 32
_RATE = 1e-3
_DECAY = 0.02


@dataclass(frozen=True)
class Cells:
    """Hypercolumns of single cells, and what they show.

    blocks: fp16 ``(M, channels)`` each; scenes: float32 ``(photos, 512)``, where a photo has
    cells; photo: which scene a cell is from, int64 ``(M,)``; labels: int64 ``(M,)``.
    """

    blocks: tuple[Tensor, ...]
    scenes: Tensor
    photo: Tensor
    labels: Tensor


def collect_cells(
    vgg: Vgg16,
    pictures: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]],
    count: int,
    device: torch.device,
    on_photo: Callable[[int], None],
    seed: int = 0,
) -> Cells:
    """Cells drawn from ``count`` pictures: photo ``(S, S, 3)`` and truth ``(S, S)`` each.

    Half of the photos, by chance, are mirrored. Within a photo a class is drawn in
    proportion to the root of its area, so that small regions are heard.
    Raises InputError if no cell of any photo is of one known class throughout.
    """
    rng = np.random.default_rng(seed)
    quota = max(1, min(CELLS_A_PHOTO, CELLS // max(1, count)))
    # Room for all at once: small tensors kept between the large ones that VGG16 leaves behind
    # would tear the heap into pieces, 7 MB a photo.
    blocks = tuple(torch.empty(count * quota, width, dtype=torch.half) for width in WIDTHS[1:])
    scenes = torch.empty(count, WIDTHS[-1])
    photo = torch.empty(count * quota, dtype=torch.long)
    labels = torch.empty(count * quota, dtype=torch.long)
    filled = 0
    for number, (picture, truth) in enumerate(pictures):
        if rng.random() < 0.5:
            picture, truth = picture[:, ::-1], truth[:, ::-1]
        pure = pure_cells(truth)
        places = _draw(pure, quota, rng)
        if places.size:
            with torch.inference_mode():
                seen = columns(vgg.blocks(to_batch([picture], device)))
            rows = slice(filled, filled + len(places))
            filled += len(places)
            index = torch.from_numpy(places)
            for kept, block in zip(blocks, seen.blocks, strict=True):
                kept[rows] = _at(block, pure.shape, index)
            scenes[number] = seen.scene[0]
            photo[rows] = number
            labels[rows] = torch.from_numpy(pure.reshape(-1)[places].astype(np.int64))
        on_photo(number + 1)
    if not filled:
        raise InputError("no photo to train the scorer on has a region of a known class")
    return Cells(tuple(kept[:filled] for kept in blocks), scenes, photo[:filled], labels[:filled])


def train_scorer(
    cells: Cells,
    config: ScorerConfig,
    device: torch.device,
    on_epoch: Callable[[int, int, float], None],
    seed: int = 0,
) -> Scorer:
    """The head that tells the cells apart: AdamW, the rate falling as a half cosine.

    Few cells are taken in small batches, so that there are steps enough to learn.
    on_epoch(done, of, mean loss). The same cells and seed give the same weights on one
    machine.
    """
    order = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scorer = Scorer(config)
        scenes = cells.scenes[torch.unique(cells.photo)]
        for number, values in enumerate((*cells.blocks, scenes)):
            scorer.standardise(number, values[:: max(1, len(values) // 20_000)].float())
        scorer.to(device).train()
        optimizer = torch.optim.AdamW(scorer.parameters(), lr=_RATE, weight_decay=_DECAY)
        count = len(cells.labels)
        batch = min(_BATCH, max(_SMALLEST_BATCH, count // 64))
        steps = _EPOCHS * -(-count // batch)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for epoch in range(_EPOCHS):
            total = 0.0
            for picked in torch.split(torch.randperm(count, generator=order), batch):
                seen = Columns(
                    tuple(b[picked].to(device).float()[:, :, None, None] for b in cells.blocks),
                    cells.scenes[cells.photo[picked]].to(device),
                )
                loss = F.cross_entropy(scorer(seen)[:, :, 0, 0], cells.labels[picked].to(device))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                total += float(loss.detach()) * len(picked)
            on_epoch(epoch + 1, _EPOCHS, total / count)
    return scorer.requires_grad_(False).eval()


def pure_cells(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``truth`` ``(H, W)`` by cells ``(H/4, W/4)``: the class all pixels share, else 255."""
    height, width = truth.shape
    tiles = truth.reshape(height // CELL, CELL, width // CELL, CELL)
    lowest, highest = tiles.min(axis=(1, 3)), tiles.max(axis=(1, 3))
    return np.where(lowest == highest, lowest, np.uint8(UNKNOWN_ID))


def _draw(pure: NDArray[np.uint8], quota: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Flat places of at most ``quota`` known cells."""
    flat = pure.reshape(-1)
    known = np.flatnonzero(flat != UNKNOWN_ID)
    if len(known) <= quota:
        return known
    areas = np.bincount(flat[known], minlength=256)
    weights = 1 / np.sqrt(areas[flat[known]])
    # Ordering by u^(1/w) draws without replacement in proportion to w.
    keys = np.log(rng.random(len(known))) / weights
    return np.sort(known[np.argpartition(-keys, quota)[:quota]])


def _at(block: Tensor, size: tuple[int, ...], places: Tensor) -> Tensor:
    """The block's features at flat places of a grid ``size``: ``(places, channels)``."""
    if block.shape[-2:] != size:
        block = F.interpolate(block, size=size, mode="bilinear", align_corners=False)
    return block[0].flatten(1)[:, places.to(block.device)].T
