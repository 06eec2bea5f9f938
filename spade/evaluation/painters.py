"""Everything that paints pictures of the held-out maps: the model, and what it is measured by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spade.config import Pix2PixHDConfig
from spade.data.folder import label_channels
from spade.evaluation.hand_named import same_names
from spade.evaluation.pictures import Labels, Scene, read_ids, scene_photo
from spade.evaluation.retrieval import nearest_map, thumbnail
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_ID, Palette
from spade.labels import semantic_map
from spade.model import Model, to_picture
from spade.pix2pixhd import Pix2PixHDGenerator

RGB = NDArray[np.uint8]
Painter = Callable[[Labels], RGB]
"""From a label map in DATA's classes, uint8 ``(S, S)``, to a picture ``(S, S, 3)``."""


class ModelPainter:
    """A SPADE model, fed with maps in DATA's classes.

    Classes go by name; what the model does not have becomes unknown (``missing``).
    """

    def __init__(self, model: Model, palette: Palette) -> None:
        """Raises InputError if classes are missing and the model knows no "unknown"."""
        self.model = model
        self.lut = same_names(palette, model.palette)
        lacking = [entry.name for entry in palette.classes if self.lut[entry.id] == UNKNOWN_ID]
        self.missing = tuple(lacking)
        if len(lacking) == len(palette.classes):
            raise InputError(f"model {model.name} has none of DATA's classes; choose another")
        if lacking and not model.config.generator.contain_dontcare:
            raise InputError(
                f"model {model.name} has no class {lacking[0]!r} and no 'unknown' for it; "
                "choose another DATA folder"
            )

    @property
    def takes_styles(self) -> bool:
        """Whether it can follow a style image."""
        return self.model.encoder is not None

    @property
    def takes_seeds(self) -> bool:
        """Whether it has more than one look."""
        return self.model.config.generator.use_vae

    def __call__(self, labels: Labels, style: RGB | None = None, seed: int | None = None) -> RGB:
        """The picture in the style of a photo, of a seed, or else in the default style."""
        return self.model.render(self.lut[labels], style=style, seed=seed)


def baseline_painter(
    network: Pix2PixHDGenerator, palette: Palette, size: int, device: torch.device, where: Path
) -> Painter:
    """pix2pixHD as a painter; it has no names for its classes, so DATA's ids must be its own.

    Raises InputError if they can't be, or if it can't paint pictures of ``size`` pixels.
    """
    config: Pix2PixHDConfig = network.config
    if config.label_nc != label_channels(palette):
        raise InputError(
            f"{where}: has {config.label_nc} classes, DATA's need {label_channels(palette)}; use "
            "a baseline trained on the same classes"
        )
    if size % config.stride or size < config.smallest:
        raise InputError(
            f"{where}: paints multiples of {config.stride} pixels from {config.smallest} on, not "
            f"{size}; choose another --size"
        )
    network.to(device)

    def paint(labels: Labels) -> RGB:
        ids = torch.from_numpy(np.array(labels)).unsqueeze(0).to(device)
        with torch.inference_mode():
            picture = network(semantic_map(ids, config))
        return to_picture(picture[0])

    return paint


def retrieval_painter(
    training: Sequence[Scene],
    palette: Palette,
    size: int,
    on_map: Callable[[int], None],
) -> Painter:
    """The training photo whose label map agrees most. All maps are read once, at 32x32."""
    small = []
    for number, scene in enumerate(training):
        assert scene.labels is not None
        labels = read_ids(scene.labels, palette)
        side = min(labels.shape)
        top, left = ((length - side) // 2 for length in labels.shape)
        small.append(thumbnail(labels[top : top + side, left : left + side]))
        on_map(number + 1)
    thumbnails = np.stack(small)

    def paint(labels: Labels) -> RGB:
        return scene_photo(training[nearest_map(thumbnails, labels)], size)

    return paint
