"""What a training step reads: random crops of the pairs of a DATA folder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.config import GeneratorConfig, Pix2PixHDConfig, TrainingConfig
from spade.data_folder import Pair
from spade.formats.errors import InputError
from spade.formats.images import open_image
from spade.formats.label_png import read_label_map
from spade.formats.limits import check_size
from spade.formats.palette import Palette
from spade.formats.photo import read_photo, resize_photo
from spade.labels import IGNORE_INDEX

Id = TypeVar("Id", bound=np.integer[Any])


@dataclass(frozen=True)
class Batch:
    """images: float32 ``(N, 3, size, size)`` in [-1, 1]; labels: uint8 ``(N, size, size)``;
    instances: int32 like labels, or None where no generator reads them.
    """

    images: Tensor
    labels: Tensor
    instances: Tensor | None = None


@dataclass(frozen=True)
class _Item:
    """A decoded pair: uint8 ``(H, W, 3)``, uint8 ``(H, W)`` and int32 ``(H, W)`` or None."""

    photo: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.int32] | None


class PairedPictures:
    """All pairs decoded once into memory, and random crops of them.

    Photos much larger than the crops are reduced first, so that a folder of camera photos
    fits. Batch number i is a function of (seed, i): a run that is taken up again at step i
    sees exactly what it would have seen.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        palette: Palette,
        generator: GeneratorConfig | Pix2PixHDConfig,
        training: TrainingConfig,
    ) -> None:
        """``palette`` names the ids that label maps may hold, beside 255 if ``generator``
        has a "don't care" channel; instance maps are read if it has a channel for them.
        Each pair is read before the next is taken from ``pairs``.

        Raises InputError naming the file that can't be read or does not fit its partner.
        """
        # The smallest crop of a photo this large is still a crop of ``size`` pixels.
        short_side = math.ceil(training.size / training.min_scale)
        self._items = [_reduced(_read_pair(pair, palette, generator), short_side) for pair in pairs]
        self._order: tuple[tuple[int, int], NDArray[np.intp]] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def batch(self, config: TrainingConfig, step: int) -> Batch:
        """Training batch number ``step``: random resized crops, flipped by chance."""
        rng = np.random.default_rng((config.seed, step))
        first = step * config.batch_size
        return _stacked(
            [
                _random_crop(self._items[self._index(config, first + k)], config, rng)
                for k in range(config.batch_size)
            ]
        )

    def _index(self, config: TrainingConfig, position: int) -> int:
        epoch, place = divmod(position, len(self._items))
        cached = self._order  # read once: two threads may make batches
        if cached is None or cached[0] != (config.seed, epoch):
            order = np.random.default_rng((config.seed, 1, epoch)).permutation(len(self._items))
            self._order = cached = ((config.seed, epoch), order)
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


def _read_pair(pair: Pair, palette: Palette, generator: GeneratorConfig | Pix2PixHDConfig) -> _Item:
    photo = read_photo(pair.image)
    labels = read_label_map(pair.labels, palette).labels
    _check_size(pair.labels, labels, pair.image, photo)
    for class_id in np.unique(labels).tolist():
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
        _nearest(item.labels, height, width),
        None if item.instances is None else _nearest(item.instances, height, width),
    )


def _nearest(ids: NDArray[Id], height: int, width: int) -> NDArray[Id]:
    """``ids`` ``(H, W)`` at another size: the pixel under each new pixel's centre."""
    rows = ((np.arange(height) + 0.5) * ids.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(np.intp)
    return ids[np.ix_(rows, columns)]


def _random_crop(item: _Item, config: TrainingConfig, rng: np.random.Generator) -> Batch:
    height, width = item.labels.shape
    short = min(height, width)
    side = max(1, round(short * float(rng.uniform(config.min_scale, 1.0))))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    crop = _crop(item, top, left, side, config.size)
    if not config.flip or rng.random() >= 0.5:
        return crop
    instances = None if crop.instances is None else crop.instances.flip(-1)
    return Batch(crop.images.flip(-1), crop.labels.flip(-1), instances)


def _crop(item: _Item, top: int, left: int, side: int, size: int) -> Batch:
    """The same window of all as a batch of one: the photo anti-aliased, ids by nearest."""
    window = (slice(top, top + side), slice(left, left + side))
    image = torch.from_numpy(np.ascontiguousarray(item.photo[window]))
    image = image.permute(2, 0, 1).unsqueeze(0).float()
    if side != size:
        image = F.interpolate(
            image, size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )
    labels, instances = (
        None if ids is None else torch.from_numpy(_nearest(ids[window], size, size)).unsqueeze(0)
        for ids in (item.labels, item.instances)
    )
    assert labels is not None
    return Batch(image.div_(127.5).sub_(1.0), labels, instances)


def _stacked(crops: Sequence[Batch]) -> Batch:
    """Batches of one as one batch."""
    instances = [crop.instances for crop in crops if crop.instances is not None]
    return Batch(
        torch.cat([crop.images for crop in crops]),
        torch.cat([crop.labels for crop in crops]),
        torch.cat(instances) if instances else None,
    )


@contextmanager
def prefetched(
    pictures: PairedPictures, config: TrainingConfig, first: int
) -> Iterator[Iterator[Batch]]:
    """Batches from number ``first`` on, the next one made in a thread while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:

        def run() -> Iterator[Batch]:
            step = first
            pending: Future[Batch] = pool.submit(pictures.batch, config, step)
            while True:
                ready = pending.result()
                step += 1
                pending = pool.submit(pictures.batch, config, step)
                yield ready

        yield run()
