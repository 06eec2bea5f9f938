"""Paired photos and label maps on disk, and the batches a training step reads.

A DATA folder holds ``images/`` and ``labels/`` paired by stem, or ``train/`` and ``val/``
with the same inside, and ``classes.json``. ``photo-tags.json``, if there, lists stems to
leave out under "reject".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.config import TrainingConfig
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.palette import Palette, load_palette
from spade.formats.photo import read_photo
from spade.labels import IGNORE_INDEX

_PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Pair:
    """A photo and its label map."""

    image: Path
    labels: Path


@dataclass(frozen=True)
class DataFolder:
    """What a DATA folder holds. ``validation`` is never trained on."""

    palette: Palette
    training: tuple[Pair, ...]
    validation: tuple[Pair, ...]


def open_data(folder: Path, validation_share: float = 0.03) -> DataFolder:
    """Find and pair the files of a DATA folder.

    Without ``val/``, validation photos are those whose file name's hash falls below
    ``validation_share``: the same on every machine, whatever else is in the folder.
    Raises InputError if the folder, ``classes.json`` or a partner is missing.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with images/ and labels/")
    classes = folder / "classes.json"
    if not classes.is_file():
        raise InputError(f"{classes}: missing; it names the classes of the label maps")
    palette = load_palette(classes)
    rejected = _rejected(folder / "photo-tags.json")
    if (folder / "train" / "images").is_dir():
        training = _pairs(folder / "train", rejected)
        validation = (
            _pairs(folder / "val", rejected) if (folder / "val" / "images").is_dir() else []
        )
    else:
        pairs = _pairs(folder, rejected)
        validation = [p for p in pairs if _name_hash(p.image.stem) < validation_share]
        held_out = set(validation)
        training = [p for p in pairs if p not in held_out]
    if not training:
        raise InputError(f"{folder}: no photo with a label map of the same name to train on")
    return DataFolder(palette, tuple(training), tuple(validation))


def _rejected(path: Path) -> frozenset[str]:
    if not path.is_file():
        return frozenset()
    try:
        return frozenset(json.loads(path.read_text(encoding="utf-8")).get("reject", ()))
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not readable as photo tags ({error}); mend or remove it"
        ) from None


def _pairs(folder: Path, rejected: frozenset[str]) -> list[Pair]:
    images, labels = folder / "images", folder / "labels"
    for part in (images, labels):
        if not part.is_dir():
            raise InputError(f"{part}: missing; a DATA folder has images/ and labels/")
    maps = {path.stem: path for path in labels.iterdir() if path.suffix.lower() == ".png"}
    photos = sorted(path for path in images.iterdir() if path.suffix.lower() in _PHOTO_SUFFIXES)
    return [
        Pair(photo, maps[photo.stem])
        for photo in photos
        if photo.stem in maps and photo.stem not in rejected
    ]


def _name_hash(stem: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big") / 2.0**64


@dataclass(frozen=True)
class Batch:
    """images: float32 ``(N, 3, size, size)`` in [-1, 1]; labels: uint8 ``(N, size, size)``."""

    images: Tensor
    labels: Tensor


class PairedPictures:
    """All pairs decoded once into memory, and random crops of them.

    Batch number i is a function of (seed, i): a run that is taken up again at step i sees
    exactly what it would have seen.
    """

    def __init__(self, pairs: Sequence[Pair], label_nc: int) -> None:
        """``label_nc``: ids of the label maps lie below it, or are 255.

        Raises InputError naming the file that can't be read or does not fit its partner.
        """
        self._items: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
        self._order: tuple[tuple[int, int], NDArray[np.intp]] | None = None
        for pair in pairs:
            photo = read_photo(pair.image)
            labels = read_label_map(pair.labels).labels
            if labels.shape != photo.shape[:2]:
                raise InputError(
                    f"{pair.labels}: {labels.shape[1]}x{labels.shape[0]}, but {pair.image.name} is "
                    f"{photo.shape[1]}x{photo.shape[0]}; resize the label map (nearest neighbour)"
                )
            known = labels[labels != IGNORE_INDEX]
            if known.size and int(known.max()) >= label_nc:
                raise InputError(
                    f"{pair.labels}: class id {int(known.max())} is beyond the {label_nc} classes "
                    "of classes.json; add the class or make those pixels 255"
                )
            self._items.append((photo, labels))

    def __len__(self) -> int:
        return len(self._items)

    def batch(self, config: TrainingConfig, step: int) -> Batch:
        """Training batch number ``step``: random resized crops, flipped by chance."""
        rng = np.random.default_rng((config.seed, step))
        images, labels = [], []
        for k in range(config.batch_size):
            photo, label_map = self._items[self._index(config, step * config.batch_size + k)]
            image, ids = _random_crop(photo, label_map, config, rng)
            images.append(image)
            labels.append(ids)
        return Batch(torch.stack(images), torch.stack(labels))

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
            photo, labels = self._items[index]
            side = min(labels.shape)
            top, left = (labels.shape[0] - side) // 2, (labels.shape[1] - side) // 2
            crops.append(_resized(photo, labels, top, left, side, size))
        return Batch(torch.stack([c[0] for c in crops]), torch.stack([c[1] for c in crops]))


def _random_crop(
    photo: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    config: TrainingConfig,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    height, width = labels.shape
    short = min(height, width)
    side = max(1, round(short * float(rng.uniform(config.min_scale, 1.0))))
    top = int(rng.integers(0, height - side + 1))
    left = int(rng.integers(0, width - side + 1))
    image, ids = _resized(photo, labels, top, left, side, config.size)
    if config.flip and rng.random() < 0.5:
        image, ids = image.flip(-1), ids.flip(-1)
    return image, ids


def _resized(
    photo: NDArray[np.uint8], labels: NDArray[np.uint8], top: int, left: int, side: int, size: int
) -> tuple[Tensor, Tensor]:
    """The same window of both: the photo anti-aliased, the labels by nearest neighbour."""
    window = (slice(top, top + side), slice(left, left + side))
    image = torch.from_numpy(np.ascontiguousarray(photo[window])).permute(2, 0, 1).float()
    if side != size:
        image = F.interpolate(
            image[None], size=(size, size), mode="bilinear", align_corners=False, antialias=True
        )[0]
    # Pixel centres of the target in the source.
    at = ((np.arange(size) + 0.5) * side / size).astype(np.intp)
    ids = torch.from_numpy(labels[window][np.ix_(at, at)])
    return image.div_(127.5).sub_(1.0), ids


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
