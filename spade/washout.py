"""The paper's figure 3: normalisation washes a uniform label map out, SPADE does not.

A map of one single class is rendered by both generators, for two classes. Behind a
convolution with reflection padding such a map is the same everywhere, instance norm makes
it zero, and pix2pixHD paints the same picture for both (section 3, "why does SPADE work
better?"). In SPADE the map enters after the normalisation, and the pictures differ.

Two controls show that the comparison could come out otherwise: on maps of two classes, and
without its normalisation, pix2pixHD's pictures must differ too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spade.config import Pix2PixHDConfig
from spade.formats.errors import InputError
from spade.formats.palette import PaletteClass
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import Model, count_parameters, to_picture
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.sheet import RGB
from spade.spectral import glorot_init
from spade.weights import build_plain

SAME = 1e-3
"""Mean absolute differences below this (of 1, the full range) count as no difference."""


@dataclass(frozen=True)
class Comparison:
    """Two pictures that one network made, uint8 ``(H, W, 3)``, and how far they lie apart.

    ``difference``: mean of |a - b| before rounding, as a fraction of the full range.
    """

    pictures: tuple[RGB, RGB]
    difference: float


@dataclass(frozen=True)
class Washout:
    """The figure's four rows. ``uniform`` and ``halves`` are the label maps behind them."""

    classes: tuple[PaletteClass, PaletteClass]
    uniform: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    halves: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    spade: Comparison
    pix2pixhd: Comparison
    two_classes: Comparison
    without_norm: Comparison
    spade_parameters: int
    pix2pixhd_parameters: int

    @property
    def holds(self) -> bool:
        """Whether pix2pixHD washes the class out, SPADE doesn't, and both controls differ."""
        return (
            self.pix2pixhd.difference < SAME
            and self.spade.difference > 10 * SAME
            and self.two_classes.difference > SAME
            and self.without_norm.difference > SAME
        )


def compare(
    model: Model,
    baseline: Pix2PixHDGenerator,
    classes: tuple[PaletteClass, PaletteClass],
    size: tuple[int, int],
    *,
    generator: Generator | None = None,
) -> Washout:
    """Render the figure. size: (width, height), multiples of both networks' strides.

    generator: used instead of the model's (:func:`fresh_generator`).
    Raises InputError for a size that does not fit, or a baseline with other channels.
    """
    width, height = size
    config = model.config.generator
    stride = max(config.stride, baseline.config.stride)
    smallest = baseline.config.smallest
    if width % stride or height % stride or min(width, height) < smallest:
        fitting = (max(smallest, -(-side // stride) * stride) for side in size)
        raise InputError(
            f"size {width}x{height}: both sides must be multiples of {stride} here, such as "
            + "x".join(map(str, fitting))
        )
    if baseline.config.semantic_nc != config.semantic_nc:
        raise InputError(
            f"the baseline reads {baseline.config.semantic_nc} semantic channels, the model "
            f"{config.semantic_nc}: use a baseline trained on the same classes"
        )
    first, second = (np.full((height, width), c.id, np.uint8) for c in classes)
    left_right = first.copy()
    left_right[:, width // 2 :] = classes[1].id
    right_left = second.copy()
    right_left[:, width // 2 :] = classes[0].id
    spade = generator or model.generator
    device = next(spade.parameters()).device
    z = model.default_z
    without_norm = _without_normalisation(baseline)

    def both(network: nn.Module, maps: tuple[NDArray[np.uint8], ...]) -> Comparison:
        latent = z.to(device) if network is spade and z is not None else None
        images = []
        for labels in maps:
            semantic = semantic_map(torch.from_numpy(labels).unsqueeze(0).to(device), config)
            with torch.no_grad():
                images.append(network(semantic, latent)[0].float().cpu())
        return _comparison(images[0], images[1])

    baseline.to(device)
    without_norm.to(device)
    return Washout(
        classes=classes,
        uniform=(first, second),
        halves=(left_right, right_left),
        spade=both(spade, (first, second)),
        pix2pixhd=both(baseline, (first, second)),
        two_classes=both(baseline, (left_right, right_left)),
        without_norm=both(without_norm, (first, second)),
        spade_parameters=count_parameters(spade),
        pix2pixhd_parameters=count_parameters(baseline),
    )


def fresh_baseline(model: Model, ngf: int = 32, seed: int = 0) -> Pix2PixHDGenerator:
    """A pix2pixHD generator that reads the model's label maps, not trained at all.

    He's initialisation: it carries a signal through all layers even without normalisation,
    which the second control needs, at any width.
    """
    config = model.config.generator
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Pix2PixHDGenerator(
            Pix2PixHDConfig(
                config.label_nc, config.contain_dontcare, config.instance_edges, ngf=ngf
            )
        )
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return network.requires_grad_(False).eval()


def fresh_generator(model: Model, seed: int = 0) -> Generator:
    """A SPADE generator of the model's sizes, not trained at all.

    Glorot weights with gain 1 (training starts from 0.02, all but grey pictures), and
    normalised with each picture's own statistics, as there are no others yet.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Generator(model.config.generator)
        glorot_init(network, gain=1.0)
    return network.requires_grad_(False).to(model.device).train()


def _without_normalisation(baseline: Pix2PixHDGenerator) -> Pix2PixHDGenerator:
    """The same weights (not copied) without instance norm."""
    network = build_plain(Pix2PixHDGenerator, replace(baseline.config, normalize=False), "washout")
    network.load_state_dict(baseline.state_dict(), assign=True)
    return network.eval()


def _comparison(a: Tensor, b: Tensor) -> Comparison:
    difference = float((a - b).abs().mean()) / 2  # pictures span [-1, 1]
    return Comparison((to_picture(a), to_picture(b)), difference)
