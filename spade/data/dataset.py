"""What a training step reads: random crops of the pairs of a DATA folder.

A crop is resized, flipped and simplified on the processor, in threads and on uint8, which
takes well under a millisecond of a core (``tests/bench/loader.py`` measures it): less than it
would cost a GPU's launching thread, and a batch is the same on every device.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.config import GeneratorConfig, Pix2PixHDConfig, TrainingConfig
from spade.data.folder import Pair
from spade.data.lookahead import cores, in_order, own_cores
from spade.data.sampling import Sampler, classes_present, weights
from spade.data.shared_photos import Arrays, Machine, shared
from spade.data.simplify import simplify, with_unknown_patches
from spade.data.slices import Slice
from spade.formats.errors import InputError
from spade.formats.images import open_image
from spade.formats.label_png import read_label_map
from spade.formats.limits import check_size
from spade.formats.nearest import resize_ids
from spade.formats.palette import Palette
from spade.formats.photo import read_photo, resize_photo
from spade.labels import IGNORE_INDEX


@dataclass(frozen=True)
class Batch:
    """images: uint8 ``(N, 3, size, size)``, channels last; labels: uint8 ``(N, size, size)``;
    instances: int32 like labels, or None where no generator reads them.
    """

    images: Tensor
    labels: Tensor
    instances: Tensor | None = None

    def part(self, part: Slice) -> Batch:
        """Some of the pictures, by their places in this batch; nothing is copied."""
        chosen = slice(part.start, part.stop)
        return Batch(
            self.images[chosen],
            self.labels[chosen],
            None if self.instances is None else self.instances[chosen],
        )

    def pinned(self) -> Batch:
        """The same in page-locked memory, which a CUDA device copies from on its own."""
        return Batch(
            self.images.pin_memory(),
            self.labels.pin_memory(),
            None if self.instances is None else self.instances.pin_memory(),
        )


def to_network(images: Tensor) -> Tensor:
    """Photos as the networks read them: uint8 in 0..255 to float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1.0)


@dataclass(frozen=True)
class _Item:
    """A decoded pair: uint8 ``(H, W, 3)``, uint8 ``(H, W)`` and int32 ``(H, W)`` or None."""

    photo: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.int32] | None


class PairedPictures:
    """All pairs decoded once into memory, that of all processes, and random crops of them.

    Photos much larger than the crops are reduced first, so that a folder of camera photos
    fits. Batch number i is a function of (seed, i): a run that is taken up again at step i
    sees exactly what it would have seen.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        palette: Palette,
        generator: GeneratorConfig | Pix2PixHDConfig,
        training: TrainingConfig,
        on_read: Callable[[int], None] = lambda count: None,
        machine: Machine | None = None,
    ) -> None:
        """``palette`` names the ids that label maps may hold, beside 255 if ``generator``
        has a "don't care" channel; instance maps are read if it has a channel for them.
        Files are decoded in threads; ``on_read`` is told how many are read, first 0, then in
        the order of ``pairs`` after each, and may raise to stop it. ``machine``: its first
        process reads for all (:mod:`spade.data.shared_photos`); ``on_read`` is told nothing
        in the others.

        Raises InputError naming the file that can't be read or does not fit its partner.
        """
        _check_changes(generator, training)
        # The smallest crop of a photo this large is still a crop of ``size`` pixels.
        short_side = math.ceil(training.size / training.min_scale)

        def decoded(pair: Pair) -> Arrays:
            item = _read_pair(pair, palette, generator)
            present = classes_present(item.labels)
            item = _reduced(item, short_side)
            return item.photo, item.labels, item.instances, present

        def read() -> Iterator[Arrays]:
            threads = min(16, own_cores() if machine is None else cores())
            on_read(0)
            with closing(in_order(decoded, pairs, threads, "photos")) as results:
                for count, arrays in enumerate(results, 1):
                    yield arrays
                    on_read(count)

        found = list(read()) if machine is None else shared(read(), machine)
        self._items = [_Item(*arrays[:3]) for arrays in found]  # type: ignore[arg-type]
        present: list[Any] = [arrays[3] for arrays in found]
        self._present = np.array(present, np.bool_).reshape(-1, 256)
        self._best = np.array([pair.best for pair in pairs], np.bool_)
        self._sampler: tuple[tuple[float, float], Sampler] | None = None
        self._order: tuple[tuple[object, ...], NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def batch(self, config: TrainingConfig, step: int, part: Slice | None = None) -> Batch:
        """Training batch number ``step``: random resized crops, flipped by chance, their maps
        simplified or hidden in part as ``config`` says.

        part: the positions to make, by default all. They are as in the whole batch.
        """
        rng = np.random.default_rng((config.seed, step))
        first = step * config.batch_size
        part = Slice(0, config.batch_size) if part is None else part
        crops = []
        for k in range(part.stop):
            item = self._items[self._index(config, first + k)]
            window = _drawn_window(item, config, rng)
            if k < part.start:
                continue  # its random numbers alone were needed
            crop = _windowed(item, window, config.size)
            if config.simplify or config.unknown_patches:
                # Numbers of its own: the crops stay those of a run without.
                crop = _crude(crop, config, np.random.default_rng((config.seed, 3, first + k)))
            crops.append(crop)
        return _stacked(crops)

    def _index(self, config: TrainingConfig, position: int) -> int:
        """Which photo comes at ``position``, counted from the start of training."""
        factors = (config.best_factor, config.rare_power)
        known = self._sampler  # read once, as below: several threads make batches
        if known is None or known[0] != factors:
            self._sampler = known = factors, Sampler(weights(self._present, self._best, *factors))
        sampler = known[1]
        epoch, place = divmod(position, sampler.length)
        key = (*factors, config.seed, epoch)
        cached = self._order
        if cached is None or cached[0] != key:
            self._order = cached = key, sampler.order(config.seed, epoch)
        return int(cached[1][place])

    def fixed(self, indices: Sequence[int], size: int) -> Batch:
        """Centre crops of the given pairs, always the same."""
        crops = []
        for index in indices:
            item = self._items[index]
            height, width = item.labels.shape
            side = min(height, width)
            crops.append(_crop(item, (height - side) // 2, (width - side) // 2, side, size))
        return _stacked(crops)


def _check_changes(generator: GeneratorConfig | Pix2PixHDConfig, training: TrainingConfig) -> None:
    if training.unknown_patches and not generator.contain_dontcare:
        raise InputError(
            f"unknown_patches is {training.unknown_patches}, but this generator has no \"don't "
            'care" channel; set contain_dontcare = true or unknown_patches = 0'
        )
    if training.simplify and generator.instance_edges:
        raise InputError(
            f"simplify is {training.simplify}, but this generator reads instance edges, which "
            "can't follow; set simplify = 0 or instance_edges = false"
        )


def _read_pair(pair: Pair, palette: Palette, generator: GeneratorConfig | Pix2PixHDConfig) -> _Item:
    photo = read_photo(pair.image)
    labels = read_label_map(pair.labels, palette).labels
    _check_size(pair.labels, labels, pair.image, photo)
    for class_id in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist():
        if class_id == IGNORE_INDEX and not generator.contain_dontcare:
            raise InputError(
                f"{pair.labels}: has unknown pixels (255), but this generator has no \"don't "
                'care" channel; set contain_dontcare = true or give them a class'
            )
        if class_id != IGNORE_INDEX and palette.by_id(class_id) is None:
            raise InputError(
                f"{pair.labels}: class id {class_id} is not in classes.json; add the class or "
                "make those pixels 255"
            )
    if not generator.instance_edges:
        return _Item(photo, labels, None)
    if pair.instances is None:
        raise InputError(
            f"{pair.image}: has no map in instances/, but the generator reads instance edges; "
            "add the map or set instance_edges = false"
        )
    instances = _read_instances(pair.instances)
    _check_size(pair.instances, instances, pair.image, photo)
    return _Item(photo, labels, instances)


def _read_instances(path: Path) -> NDArray[np.int32]:
    """Instance ids ``(H, W)`` of an indexed or grey PNG, 8 or 16 bits."""
    with open_image(path, check_size) as image:
        if image.mode not in ("L", "P") and not image.mode.startswith("I"):
            raise InputError(f"{path}: pixels of the kind {image.mode}; save ids as a grey PNG")
        return np.asarray(image).astype(np.int32)


def _check_size(
    path: Path, ids: NDArray[np.generic], image: Path, photo: NDArray[np.uint8]
) -> None:
    if ids.shape != photo.shape[:2]:
        raise InputError(
            f"{path}: {ids.shape[1]}x{ids.shape[0]}, but {image.name} is "
            f"{photo.shape[1]}x{photo.shape[0]}; resize it to that (nearest neighbour)"
        )


def _reduced(item: _Item, short_side: int) -> _Item:
    """``item`` with its shorter side brought down to ``short_side``, if it is longer."""
    height, width = item.labels.shape
    scale = short_side / min(height, width)
    if scale >= 1:
        return item
    height, width = round(height * scale), round(width * scale)
    return _Item(
        resize_photo(item.photo, width, height),
        resize_ids(item.labels, height, width),
        None if item.instances is None else resize_ids(item.instances, height, width),
    )


@dataclass(frozen=True)
class _Window:
    """A square of a photo, in pixels; ``flip``: mirrored, left for right."""

    top: int
    left: int
    side: int
    flip: bool


def _drawn_window(item: _Item, config: TrainingConfig, rng: np.random.Generator) -> _Window:
    height, width = item.labels.shape
    short = min(height, width)
    side = max(1, round(short * float(rng.uniform(config.min_scale, 1.0))))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    return _Window(top, left, side, config.flip and rng.random() < 0.5)


def _windowed(item: _Item, window: _Window, size: int) -> _Item:
    crop = _crop(item, window.top, window.left, window.side, size)
    if not window.flip:
        return crop
    instances = None if crop.instances is None else _mirrored(crop.instances)
    return _Item(_mirrored(crop.photo), _mirrored(crop.labels), instances)


def _mirrored(pixels: NDArray[Any]) -> NDArray[Any]:
    # By torch: NumPy takes ten times as long to copy against the order of bytes.
    mirrored: NDArray[Any] = torch.from_numpy(pixels).flip(1).numpy()
    return mirrored


def _crude(crop: _Item, config: TrainingConfig, rng: np.random.Generator) -> _Item:
    """``crop`` with its map simplified, then hidden in part, each by its chance."""
    labels = crop.labels
    by_chance = rng.random(2)
    if by_chance[0] < config.simplify:
        labels = simplify(labels, rng)
    if by_chance[1] < config.unknown_patches:
        labels = with_unknown_patches(labels, rng)
    return replace(crop, labels=labels)


def _crop(item: _Item, top: int, left: int, side: int, size: int) -> _Item:
    """The same window of all at ``size``: the photo anti-aliased, ids by nearest."""
    window = (slice(top, top + side), slice(left, left + side))
    photo = np.array(item.photo[window], order="C")
    if side != size:
        # As channels last, which torch resizes as bytes, many at a time.
        image = torch.from_numpy(photo).unsqueeze(0).permute(0, 3, 1, 2)
        image = F.interpolate(
            image, size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )
        photo = image[0].permute(1, 2, 0).numpy()
    labels = resize_ids(item.labels[window], size, size)
    instances = None if item.instances is None else resize_ids(item.instances[window], size, size)
    return _Item(photo, labels, instances)


def _stacked(crops: Sequence[_Item]) -> Batch:
    size = len(crops[0].labels)
    photos = np.empty((len(crops), size, size, 3), np.uint8)
    labels = np.empty((len(crops), size, size), np.uint8)
    instances = None if crops[0].instances is None else np.empty(labels.shape, np.int32)
    for k, crop in enumerate(crops):
        photos[k], labels[k] = crop.photo, crop.labels
        if instances is not None and crop.instances is not None:
            instances[k] = crop.instances
    return Batch(
        torch.from_numpy(photos).permute(0, 3, 1, 2),
        torch.from_numpy(labels),
        None if instances is None else torch.from_numpy(instances),
    )


@contextmanager
def prefetched(
    pictures: PairedPictures,
    config: TrainingConfig,
    first: int,
    *,
    part: Slice | None = None,
    pin: bool = False,
    threads: int | None = None,
) -> Iterator[Iterator[Batch]]:
    """Batches from number ``first`` on, the next ones made in threads while one is used.

    Their number, by default a quarter of the cores, changes nothing but the speed. ``part``:
    only these positions of each are made. ``pin``: the batches are in page-locked memory,
    for a CUDA device.
    """
    count = max(1, min(8, own_cores() // 4)) if threads is None else threads

    def made(step: int) -> Batch:
        batch = pictures.batch(config, step, part)
        return batch.pinned() if pin else batch

    with closing(in_order(made, itertools.count(first), count, "batches")) as batches:
        yield batches
