"""Training a segmenter on labelled pictures.

Cross-entropy with the rarer classes weighted up, AdamW with a falling rate, an average of the
weights (EMA) that is what ships. Of the backbone the stem, the first stages and all depthwise
kernels stay as ImageNet made them: little data needs little freedom, and torch's gradients of
depthwise kernels take most of a step on CPUs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.config import Precision
from spade.formats.errors import InputError
from spade.labels import IGNORE_INDEX
from spade.segmenter.augment import mix_classes, random_view
from spade.segmenter.backbone import InvertedResidual
from spade.segmenter.network import SegmenterNetwork, channels_last
from spade.segmenter.pictures import LabelledPicture

FROZEN_STAGES = 2


@dataclass(frozen=True)
class SegmenterTrainingConfig:
    """The recipe. ``rare_power``: how much rarer classes weigh more (0: all the same).

    ``extra_share``: of each batch, taken from pictures labelled by an earlier segmenter.
    """

    steps: int = 4000
    batch_size: int = 16
    size: int = 256
    seed: int = 0
    learning_rate: float = 2e-3
    backbone_rate: float = 4e-4
    weight_decay: float = 0.02
    warmup: int = 100
    label_smoothing: float = 0.05
    rare_power: float = 0.35
    extra_share: float = 0.5
    ema_decay: float = 0.998
    precision: Precision = "bf16"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2 or self.size % 32:
            raise InputError(
                f"steps {self.steps}, batch_size {self.batch_size}, size {self.size}: at least 1, "
                "at least 2 and a multiple of 32"
            )

    def rate_factor(self, step: int) -> float:
        """Warm-up, then half a cosine down to a hundredth."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass(frozen=True)
class SegmenterProgress:
    """Reported after every step."""

    step: int
    steps: int
    loss: float


def class_weights(pictures: Sequence[LabelledPicture], classes: int, power: float) -> Tensor:
    """float32 ``(classes,)``: share ** -power, 1 for the average pixel; absent classes 0."""
    counts = np.zeros(256, np.int64)
    for picture in pictures:
        counts += np.bincount(picture.labels.ravel(), minlength=256)
    share = counts[:classes] / max(1, counts[:classes].sum())
    weights = np.where(share > 0, np.maximum(share, 1e-4) ** -power, 0.0)
    return torch.from_numpy(weights / max(1e-9, float((weights * share).sum()))).float()


def make_trainable(network: SegmenterNetwork) -> None:
    """Train mode, with the parts that stay fixed frozen (see the module's docstring)."""
    network.train()
    backbone = network.backbone
    fixed: list[nn.Module] = [backbone.stem, backbone.stem_norm]
    fixed += list(backbone.stages[:FROZEN_STAGES])
    for module in fixed:
        module.eval().requires_grad_(False)
    for module in backbone.modules():
        if isinstance(module, InvertedResidual):
            module.depthwise.requires_grad_(False)


def train_segmenter(
    network: SegmenterNetwork,
    pictures: Sequence[LabelledPicture],
    config: SegmenterTrainingConfig,
    *,
    extra: Sequence[LabelledPicture] = (),
    device: torch.device,
    on_progress: Callable[[SegmenterProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> SegmenterNetwork:
    """Train ``network`` in place; returns the average of its weights, in eval mode.

    ``extra`` are pictures whose labels are less sure, those of an earlier segmenter, say.
    Batches are a function of (seed, step). Raises InputError if the loss is not finite.
    """
    torch.manual_seed(config.seed)
    channels_last(network.to(device))
    make_trainable(network)
    classes = network.head.out_channels
    weights = class_weights(pictures, classes, config.rare_power).to(device)
    backbone = [p for p in network.backbone.parameters() if p.requires_grad]
    known = {id(p) for p in network.backbone.parameters()}
    decoder = [p for p in network.parameters() if id(p) not in known]
    optimizer = torch.optim.AdamW(
        [
            {"params": backbone, "rate": config.backbone_rate},
            {"params": decoder, "rate": config.learning_rate},
        ],
        weight_decay=config.weight_decay,
    )
    average = copy.deepcopy(network).eval().requires_grad_(False)
    with _batches(pictures, extra, config) as batches:
        for step in range(config.steps):
            if should_stop():
                break
            photos, labels = next(batches)
            # Judged at half size: finer than the logits, a quarter of the work.
            labels = labels[:, ::2, ::2]
            if not bool((labels != IGNORE_INDEX).any()):
                continue  # nothing to learn from, and its mean would be 0 / 0
            photos, labels = photos.to(device), labels.to(device)
            photos = photos.contiguous(memory_format=torch.channels_last)
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * config.rate_factor(step)
            with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                logits = network(photos)
            logits = F.interpolate(
                logits.float(), scale_factor=2, mode="bilinear", align_corners=False
            )
            loss = F.cross_entropy(
                logits,
                labels,
                weights,
                ignore_index=IGNORE_INDEX,
                label_smoothing=config.label_smoothing,
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            decay = min(config.ema_decay, (1 + step) / (10 + step))
            mix_weights(average, network, 1 - decay)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise InputError(
                    f"step {step + 1}: the loss is {value}; train with a lower learning rate"
                )
            on_progress(SegmenterProgress(step + 1, config.steps, value))
    return average


@torch.no_grad()
def mix_weights(network: nn.Module, other: nn.Module, share: float) -> None:
    """Move ``network`` towards ``other`` by ``share`` of the way, in place.

    Weights and running statistics alike: they belong together.
    """
    own, theirs = network.state_dict(), other.state_dict()
    floats = [key for key, value in own.items() if value.is_floating_point()]
    torch._foreach_lerp_([own[k] for k in floats], [theirs[k] for k in floats], share)


def make_batch(
    pictures: Sequence[LabelledPicture],
    extra: Sequence[LabelledPicture],
    config: SegmenterTrainingConfig,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Batch number ``step``: float32 ``(N, 3, S, S)`` in [0, 1] and int64 ``(N, S, S)``."""
    rng = np.random.default_rng((config.seed, step))
    from_extra = round(config.batch_size * config.extra_share) if extra else 0
    views = [
        random_view(_pick(source, config, tag, step * count + k), config.size, rng)
        for source, tag, count in (
            (pictures, 0, config.batch_size - from_extra),
            (extra, 1, from_extra),
        )
        for k in range(count)
    ]
    photos = torch.stack([photo for photo, _ in views])
    labels = torch.stack([ids for _, ids in views])
    return mix_classes(photos, labels, rng)


def _pick(
    pictures: Sequence[LabelledPicture], config: SegmenterTrainingConfig, tag: int, position: int
) -> LabelledPicture:
    epoch, place = divmod(position, len(pictures))
    order = np.random.default_rng((config.seed, 7, tag, epoch)).permutation(len(pictures))
    return pictures[int(order[place])]


@contextmanager
def _batches(
    pictures: Sequence[LabelledPicture],
    extra: Sequence[LabelledPicture],
    config: SegmenterTrainingConfig,
) -> Iterator[Iterator[tuple[Tensor, Tensor]]]:
    """Batches from number 0 on, the next one made in a thread while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="views") as pool:

        def run() -> Iterator[tuple[Tensor, Tensor]]:
            step = 0
            pending: Future[tuple[Tensor, Tensor]]
            pending = pool.submit(make_batch, pictures, extra, config, step)
            while True:
                ready = pending.result()
                step += 1
                pending = pool.submit(make_batch, pictures, extra, config, step)
                yield ready

        yield run()
