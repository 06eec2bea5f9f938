"""How good the pictures of a run are by now, in a few seconds, every few minutes.

Label agreement: a segmenter reads the averaged generator's pictures; in how many pixels it
finds the class that was asked for there. Fréchet distance: how far the pictures as a whole are
from photos, in VGG's eyes. Both are coarse: few pictures, reduced; good for a curve, not to be
compared with those of ``spadework evaluate``, nor between runs of other data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.class_matching import match_classes
from spade.config import TrainingConfig
from spade.confusion import confusion, pixel_accuracy
from spade.data.dataset import PairedPictures, to_network
from spade.data.folder import DataFolder, Pair
from spade.evaluation.features import SMALLEST
from spade.evaluation.frechet_halves import halves_distance, leading_directions
from spade.formats.palette import UNKNOWN_ID, Palette
from spade.formats.resources import bundled
from spade.formats.segmenter_files import has_segmenter
from spade.labels import semantic_map
from spade.perceptual import VggFeatures, load_vgg
from spade.run import Run
from spade.segmenter import Segmenter, load_segmenter
from spade.training.trainer import Trainer

PICTURES_GPU, PICTURES_CPU = 64, 32
"""Maps that are judged, at most."""
FEWEST = 8
"""Validation photos needed; with fewer the training maps are judged."""
KNOWN_SHARE = 0.5
"""Of the pixels must be of classes that the segmenter knows, or it says nothing."""

_PIXELS = 32 << 20  # of all photos kept, so that large crops do not fill the memory
_LIGHT = 16 * 256  # width times side of a generator that a processor draws with in 0.2 s
_LOOK_SIDE = 128  # VGG looks at pictures of this side: a quarter of the cost of 256
_STATISTICS = 16  # pictures that batch-norm statistics come from, at least
_AT_ONCE = 4


class Judging:
    """What judges the steps of one run; it holds the photos, the segmenter and VGG.

    It draws no random numbers but those of ``(seed, place)`` that batches have anyway, and
    leaves the trainer as it was: a run with it is, bit for bit, the run without.
    """

    def __init__(
        self,
        folder: DataFolder,
        run: Run,
        device: torch.device,
        *,
        segmenter: Path | None = None,
        vgg: str = "",
        on_notice: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Read the photos and look at them once.

        segmenter: the model folder that holds one; None: the bundled one. vgg: path of VGG16
        or VGG19 weights, "" for none: then there is no Fréchet distance. ``on_notice`` is told
        which figures there will be, and why not.

        Raises InputError for photos or weights that can't be read.
        """
        self._run, self._device = run, device
        held_out = len(folder.validation) >= FEWEST
        pairs = folder.validation if held_out else folder.training
        size = run.training.size
        chosen = _spread(pairs, most_pictures(run, device))
        # Whole photos: the crops of training vary.
        plain = TrainingConfig(size=size, min_scale=1.0, flip=False)
        self._fixed = PairedPictures(chosen, folder.palette, run.generator, plain).fixed(
            range(len(chosen)), size
        )
        self.maps = "validation" if held_out else "training"
        self._reader = _reader(folder.palette, self._truth(), segmenter, device, on_notice)
        self._eyes = _eyes(vgg, len(chosen), on_notice).to(device) if vgg else None
        if len(chosen) < FEWEST:
            self._eyes = None
        self._photos = self._look(
            to_network(part) for part in torch.split(self._fixed.images, _AT_ONCE)
        )
        if not held_out:
            on_notice(
                f"evaluations are of {len(chosen)} maps that are trained on, as only "
                f"{len(folder.validation)} photos are held out: they flatter"
            )

    def judge(self, trainer: Trainer, pictures: PairedPictures) -> dict[str, float | int | str]:
        """The figures of the trainer's present step, as a line of ``judged.jsonl`` has them.

        "agreement": label agreement in [0, 1], beside it "agreement_photos", that of the
        photos; "frechet" and "frechet_photos", that between photos of different scenes: what
        no generator gets below; "pictures": how many; "maps": "validation" or "training".
        Figures that can't be had are left out. With an encoder each map is drawn in the style
        of its own photo.
        """
        found: dict[str, float | int | str] = {
            "pictures": len(self._fixed.labels),
            "maps": self.maps,
        }
        if self._reader is None and self._eyes is None:
            return found
        look = self._look(self._drawn(trainer, pictures))
        if look.agreement is not None and self._photos.agreement is not None:
            found["agreement"] = round(look.agreement, 4)
            found["agreement_photos"] = round(self._photos.agreement, 4)
        if look.features is not None and self._photos.features is not None:
            real = self._photos.features
            directions = leading_directions(real).T
            found["frechet"] = round(
                halves_distance(look.features @ directions, real @ directions), 4
            )
            found["frechet_photos"] = round(
                halves_distance(real @ directions, real @ directions), 4
            )
        return found

    def _drawn(self, trainer: Trainer, pictures: PairedPictures) -> Iterator[Tensor]:
        """The pictures of the maps, a few at a time, ``(n, 3, S, S)`` in [-1, 1]."""
        with torch.no_grad():
            batches = -(-_STATISTICS // self._run.training.batch_size)
            generator, encoder, _ = trainer.finished(pictures, batches=batches)
        fixed = self._fixed
        for start in range(0, len(fixed.labels), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            instances = None if fixed.instances is None else fixed.instances[part]
            semantic = semantic_map(
                fixed.labels[part].to(self._device),
                self._run.generator,
                None if instances is None else instances.to(self._device),
                check=False,
            )
            with torch.no_grad():
                z = None
                if encoder is not None:
                    z, _ = encoder(to_network(fixed.images[part].to(self._device)))
                yield generator(semantic, z).float()

    def _look(self, parts: Iterator[Tensor]) -> _Look:
        """Look at all pictures, ``(n, 3, S, S)`` in [-1, 1] at a time."""
        features: list[NDArray[np.float64]] = []
        answers: list[NDArray[np.uint8]] = []
        for images in parts:
            images = images.to(self._device)
            if self._eyes is not None:
                features.append(_seen(self._eyes, images))
            if self._reader is not None:
                answers.append(self._reader.segmenter.glance((images + 1) / 2).cpu().numpy())
        agreement = None
        if self._reader is not None:
            agreement = self._reader.agreement(self._truth(), np.concatenate(answers))
        return _Look(agreement, np.concatenate(features) if features else None)

    def _truth(self) -> NDArray[np.uint8]:
        truth: NDArray[np.uint8] = self._fixed.labels.numpy()
        return truth


def most_pictures(run: Run, device: torch.device) -> int:
    """How many maps are judged where there are enough: fewer where drawing one takes long, so
    that an evaluation on a processor costs seconds, or about what a step does.
    """
    size = run.training.size
    most = PICTURES_GPU
    if device.type != "cuda":
        ease = (_LIGHT / (run.generator.ngf * size)) ** 2
        most = round(PICTURES_CPU * min(1.0, ease))
    return max(FEWEST, min(most, _PIXELS // (size * size)))


@dataclass(frozen=True, eq=False)
class _Look:
    """agreement: of the segmenter's answers with the maps; features: float64 ``(n, d)``."""

    agreement: float | None
    features: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class _Reader:
    """A segmenter that answers in its own classes, and what they are called in the data.

    names: uint8 ``(256,)``, for each id of the data the segmenter's, 255 for none.
    """

    segmenter: Segmenter
    names: NDArray[np.uint8]

    def agreement(self, truth: NDArray[np.uint8], answers: NDArray[np.uint8]) -> float:
        """truth: ``(n, S, S)`` in the data's classes; answers: ``(n, h, w)``."""
        rows, columns = (_nearest(n, truth.shape[-1]) for n in answers.shape[-2:])
        asked = self.names[truth[:, rows][:, :, columns]]
        return pixel_accuracy(confusion(asked, answers, UNKNOWN_ID))


def _nearest(count: int, pixels: int) -> NDArray[np.intp]:
    """Which of ``pixels`` lie in the middle of ``count`` cells."""
    return ((np.arange(count) + 0.5) * pixels / count).astype(np.intp)


def _spread(pairs: tuple[Pair, ...], count: int) -> list[Pair]:
    count = min(count, len(pairs))
    return [pairs[i * len(pairs) // count] for i in range(count)]


def _reader(
    palette: Palette,
    truth: NDArray[np.uint8],
    folder: Path | None,
    device: torch.device,
    on_notice: Callable[[str], None],
) -> _Reader | None:
    place = folder or bundled("assets/models/landscape")
    if not has_segmenter(place):
        on_notice(f"{place}: has no segmenter, so evaluations come without label agreement")
        return None
    whole = load_segmenter(place, device)
    names = np.full(256, UNKNOWN_ID, np.uint8)
    for origin in match_classes(whole.palette.classes, palette.classes):
        if origin.how in ("same name", "alike"):
            names[origin.entry.id] = origin.sources[0].id
    counts = np.bincount(truth.ravel(), minlength=256)[:UNKNOWN_ID]
    asked = counts[names[:UNKNOWN_ID] != UNKNOWN_ID]
    if np.count_nonzero(asked) < 2 or asked.sum() < KNOWN_SHARE * counts.sum():
        on_notice(
            "evaluations come without label agreement: the segmenter knows too few of these classes"
        )
        return None
    # It chooses between the classes there are: where the data has no "cloud", that is sky.
    there = {int(names[i]) for i in np.flatnonzero(names != UNKNOWN_ID)}
    kept = tuple(entry for entry in whole.palette.classes if entry.id in there)
    segmenter = Segmenter(whole.network, Palette(palette.name, kept), device)
    return _Reader(segmenter, names)


def _eyes(vgg: str, pictures: int, on_notice: Callable[[str], None]) -> VggFeatures:
    eyes = load_vgg(Path(vgg))
    if pictures < FEWEST:
        on_notice(
            f"evaluations come without Fréchet distance: {pictures} pictures, {FEWEST} are needed"
        )
    return eyes


def _seen(eyes: VggFeatures, images: Tensor) -> NDArray[np.float64]:
    """Means over the picture of VGG's relu5_1: float64 ``(n, 512)``."""
    side = max(SMALLEST, min(_LOOK_SIDE, images.shape[-1]))
    if images.shape[-1] != side:
        images = F.interpolate(
            images, size=(side, side), mode="bilinear", align_corners=False, antialias=True
        )
    with torch.no_grad():
        last = eyes(images)[-1]
    features: NDArray[np.float64] = last.double().mean(dim=(2, 3)).cpu().numpy()
    return features
