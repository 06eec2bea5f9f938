"""From a photo to a label map: several views of it, their mean, borders refined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from spade.formats.errors import InputError
from spade.formats.limits import check_size
from spade.formats.palette import Palette, PaletteClass
from spade.formats.resources import bundled, bundled_models
from spade.labels import IGNORE_INDEX
from spade.model import resolve_device
from spade.segmenter.backbone import STRIDE
from spade.segmenter.checkpoint import read_segmenter
from spade.segmenter.network import SegmenterNetwork, channels_last, folded
from spade.segmenter.refine import guided_filter, votes

VIEW_SIDES = (256, 320)
"""Shorter sides in pixels that the network looks at a photo in, each also mirrored."""

_REFINE_SIDE = 768  # borders are refined at no more than this longer side
_RADIUS = 6
_EPSILON = 1e-3
_TIDY_RADIUS = 2.0  # pixels, for a shorter side of 256, as the refining's
_LONGEST_VIEW = 4.0  # of the shorter side; panoramas are squeezed beyond it


@dataclass(frozen=True, eq=False)
class Segmentation:
    """labels: uint8 ``(H, W)`` class ids; confidence: float32 ``(H, W)`` in [0, 1]."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]


class Segmenter:
    """A trained segmenter on a device.

    The network may know more classes than ``palette`` has: what it takes for one of those
    gets the likeliest class of the palette, with little confidence.
    ``sure``: for a class id the confidence from which on its label can be trusted.
    """

    def __init__(
        self,
        network: SegmenterNetwork,
        palette: Palette,
        device: torch.device,
        sure: Mapping[int, float] | None = None,
    ) -> None:
        self.network = network.to(device).eval()
        self._answer = channels_last(folded(self.network))
        self.palette = palette
        self.device = device
        self.sure = dict(sure or {})
        self._ids = torch.tensor(sorted(palette.ids), device=device)

    @property
    def classes(self) -> tuple[PaletteClass, ...]:
        """The classes in id order."""
        return tuple(sorted(self.palette.classes, key=lambda entry: entry.id))

    @torch.no_grad()
    def probabilities(self, photo: NDArray[np.uint8]) -> Tensor:
        """Of each class the network knows, by id: float32 ``(C, h, w)``.

        At the photo's size, but at most 768 pixels long.

        photo: uint8 ``(H, W, 3)``. Raises InputError for anything else.
        """
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise InputError(f"photo of shape {photo.shape}, {photo.dtype}: give uint8 (H, W, 3)")
        height, width = photo.shape[:2]
        check_size(width, height, "photo")
        pixels = torch.from_numpy(np.array(photo)).to(self.device)  # torch wants it writable
        scale = min(1.0, _REFINE_SIDE / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        image = _resized(pixels.permute(2, 0, 1).unsqueeze(0).float().div_(255), size)
        # Added up at the resolution of the network's answers, half the refining's.
        coarse = (-(-size[0] // 4), -(-size[1] // 4))
        total = torch.zeros(1, self.network.head.out_channels, *coarse, device=self.device)
        for side in VIEW_SIDES:
            view = _resized(image, _view_size(size, side))
            logits = self._answer(torch.cat([view, view.flip(-1)])).float()
            straight, mirrored = logits.softmax(dim=1).split(1)
            answer = (straight + mirrored.flip(-1)) / 2
            total += F.interpolate(answer, size=coarse, mode="bilinear", align_corners=False)
        mean = total[0] / len(VIEW_SIDES)
        radius = max(1, round(_RADIUS * min(size) / 256))
        return guided_filter(mean, image[0], radius, _EPSILON)

    @torch.no_grad()
    def glance(self, images: Tensor) -> Tensor:
        """The likeliest classes by one view of each picture, borders as coarse as they come: for
        comparing many pictures in little time.

        images: float ``(N, 3, H, W)`` in [0, 1] on the segmenter's device. Returns class ids,
        uint8 ``(N, h, w)``, about a quarter of the view that the network takes.
        """
        size = images.shape[-2:]
        logits = self._answer(_resized(images, _view_size((size[0], size[1]), VIEW_SIDES[0])))
        return self._ids[logits[:, self._ids].argmax(dim=1)].to(torch.uint8)

    def segment(self, photo: NDArray[np.uint8]) -> Segmentation:
        """The likeliest class of every pixel, and how likely it is.

        photo: uint8 ``(H, W, 3)``. Raises InputError for anything else.
        """
        height, width = photo.shape[:2]
        given = self.probabilities(photo)[self._ids]
        size = given.shape[-2:]
        radius = max(1, round(_TIDY_RADIUS * min(size) / 256))
        shares = votes(given.argmax(dim=0), len(given), radius)
        if tuple(size) == (height, width):
            return Segmentation(*self._elected(shares, given))
        return self._enlarged(shares, given, height, width)

    def _elected(
        self, shares: Tensor, given: Tensor
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The ids of the class with most votes, and how likely the network found it."""
        index = shares.argmax(dim=0, keepdim=True)
        confidence = given.gather(0, index)[0].clamp(0, 1)
        return self._ids[index[0]].to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()

    def _enlarged(self, shares: Tensor, given: Tensor, height: int, width: int) -> Segmentation:
        """The answer at another size, in strips: in one piece a large photo takes gigabytes."""
        labels = np.empty((height, width), np.uint8)
        confidence = np.empty((height, width), np.float32)
        both = torch.cat([shares, given]).unsqueeze(0)
        columns = _centres(width, self.device)
        for top in range(0, height, 256):
            rows = _centres(height, self.device)[top : top + 256]
            grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)
            part = F.grid_sample(
                both,
                grid.unsqueeze(0),
                mode="bilinear",
                padding_mode="border",
                align_corners=False,
            )[0]
            strip = slice(top, top + 256)
            labels[strip], confidence[strip] = self._elected(*part.chunk(2))
        return Segmentation(labels, confidence)

    def trusted(self, segmentation: Segmentation, otherwise: float = 0.5) -> NDArray[np.uint8]:
        """The label map with 255 wherever the confidence is below the class's threshold.

        ``otherwise``: the threshold of classes for which ``sure`` gives none.
        """
        thresholds = np.full(256, otherwise, np.float32)
        for class_id, threshold in self.sure.items():
            thresholds[class_id] = threshold
        trusted = segmentation.confidence >= thresholds[segmentation.labels]
        return np.where(trusted, segmentation.labels, np.uint8(IGNORE_INDEX))


def load_segmenter(
    source: str | Path = "landscape", device: str | torch.device = "auto"
) -> Segmenter:
    """Load the segmenter of a bundled model, by name, or of a folder.

    Raises InputError if there is none, or its files are damaged.
    """
    folder = Path(source)
    if isinstance(source, str) and source in bundled_models():
        folder = bundled(f"assets/models/{source}")
    elif not folder.is_dir():
        raise InputError(
            f"{source}: no such model; give a folder with a segmenter, or a bundled name "
            f"({', '.join(bundled_models()) or 'none'})"
        )
    place = resolve_device(device) if isinstance(device, str) else device
    file = read_segmenter(folder)
    return Segmenter(file.network, file.palette, place, file.sure)


def _view_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) with the shorter side near ``side``, both multiples of the stride."""
    scale = side / min(size)
    longest = side * _LONGEST_VIEW
    height, width = (max(STRIDE, round(min(longest, n * scale) / STRIDE) * STRIDE) for n in size)
    return height, width


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)


def _centres(pixels: int, device: torch.device) -> Tensor:
    """Centres of a row of pixels in grid_sample's coordinates, [-1, 1] across the picture."""
    return (torch.arange(pixels, device=device) + 0.5) * 2 / pixels - 1
