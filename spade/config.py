"""Sizes of the networks, as frozen values. Nothing here loads torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from spade.formats.errors import InputError

Upsampling = Literal["normal", "more", "most"]
"""How often the generator doubles its grid: 5, 6 or 7 times (paper, appendix A)."""

Precision = Literal["fp32", "bf16"]

_DOUBLINGS: dict[Upsampling, int] = {"normal": 5, "more": 6, "most": 7}

T = TypeVar("T")


def _at_least(config: object, least: float, *names: str) -> None:
    """Raise InputError unless the named settings are finite and not below ``least``."""
    for name in names:
        value = getattr(config, name)
        if not least <= value < math.inf:
            raise InputError(f"{name} is {value}: it must be at least {least}")


@dataclass(frozen=True)
class GeneratorConfig:
    """The SPADE generator (paper, section 3 and figure 4; appendix A, figure 12).

    ``label_nc`` classes, then an optional "don't care" channel, then an optional channel
    of instance edges make up the ``semantic_nc`` channels of the semantic map.
    ``aspect_ratio`` is width / height of the pictures the network was trained on;
    ``crop_size`` is their width in pixels. ``embedding`` is the width of the hidden layer
    shared by gamma and beta.
    """

    label_nc: int
    contain_dontcare: bool = False
    instance_edges: bool = False
    ngf: int = 64
    z_dim: int = 256
    use_vae: bool = True
    upsampling: Upsampling = "normal"
    crop_size: int = 256
    aspect_ratio: float = 1.0
    embedding: int = 128

    def __post_init__(self) -> None:
        if self.upsampling not in get_args(Upsampling):
            raise InputError(
                f"upsampling is {self.upsampling!r}: use one of {', '.join(get_args(Upsampling))}"
            )
        _at_least(self, 1, "label_nc", "ngf", "z_dim", "crop_size", "embedding")
        if self.upsampling == "most" and self.ngf % 2:
            raise InputError(f"ngf is {self.ngf}: 'most' halves it once more, so make it even")
        if self.crop_size % self.stride:
            next_up = -(-self.crop_size // self.stride) * self.stride
            raise InputError(
                f"crop_size {self.crop_size} is not a multiple of {self.stride}, the stride of "
                f"a {self.upsampling!r} generator: use {next_up}"
            )
        if not 0 < self.aspect_ratio < math.inf or self.base_grid[0] < 1:
            raise InputError(
                f"aspect_ratio is {self.aspect_ratio}: it is width / height and must leave "
                f"crop_size {self.crop_size} a row of {self.stride} pixels; use 1.0 for squares"
            )

    @property
    def semantic_nc(self) -> int:
        """Channels of the semantic map."""
        return self.label_nc + int(self.contain_dontcare) + int(self.instance_edges)

    @property
    def doublings(self) -> int:
        """How often the grid is doubled from the base grid to the picture."""
        return _DOUBLINGS[self.upsampling]

    @property
    def stride(self) -> int:
        """Pixels of the picture per cell of the base grid, each way."""
        return 1 << _DOUBLINGS[self.upsampling]

    @property
    def smallest(self) -> int:
        """The smallest side in pixels of a picture: one cell of the base grid."""
        return self.stride

    @property
    def base_grid(self) -> tuple[int, int]:
        """(height, width) of the first feature map at the trained size."""
        width = self.crop_size // self.stride
        return round(width / self.aspect_ratio), width


@dataclass(frozen=True)
class EncoderConfig:
    """The image encoder (paper, figure 14): stride-2 convolutions down to 4x4.

    ``input_size`` is the side in pixels that style images are resized to: 4 * 2^n with n
    up to 6 layers.
    """

    nef: int = 64
    z_dim: int = 256
    input_size: int = 256

    def __post_init__(self) -> None:
        _at_least(self, 1, "nef", "z_dim")
        if self.input_size not in (32, 64, 128, 256):
            raise InputError(f"encoder input_size is {self.input_size}: use 32, 64, 128 or 256")

    @property
    def layers(self) -> int:
        """Number of stride-2 convolutions."""
        return (self.input_size // 4).bit_length() - 1


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The multi-scale PatchGAN (paper, figure 13): ``scales`` copies of ``layers`` convs."""

    semantic_nc: int
    ndf: int = 64
    scales: int = 2
    layers: int = 4

    def __post_init__(self) -> None:
        _at_least(self, 1, "semantic_nc", "ndf", "scales", "layers")


@dataclass(frozen=True)
class OasisConfig:
    """The segmentation discriminator (Schönfeld et al., ICLR 2021): a U-Net of ``levels``
    halvings that tells for every pixel which of ``label_nc`` classes it shows, or "fake".
    """

    label_nc: int
    ndf: int = 64
    levels: int = 6

    def __post_init__(self) -> None:
        _at_least(self, 1, "label_nc", "ndf")
        if self.levels not in range(1, 7):
            raise InputError(f"levels is {self.levels}: use 1 to 6")


@dataclass(frozen=True)
class Pix2PixHDConfig:
    """The baseline of the paper's section 4 (Wang et al., CVPR 2018): its global generator."""

    label_nc: int
    contain_dontcare: bool = False
    instance_edges: bool = False
    ngf: int = 64
    downsamplings: int = 4
    blocks: int = 9
    normalize: bool = True

    def __post_init__(self) -> None:
        _at_least(self, 1, "label_nc", "ngf")
        _at_least(self, 0, "downsamplings", "blocks")

    @property
    def semantic_nc(self) -> int:
        """Channels of the semantic map."""
        return self.label_nc + int(self.contain_dontcare) + int(self.instance_edges)

    @property
    def stride(self) -> int:
        """Sizes of label maps are multiples of this."""
        return 1 << self.downsamplings

    @property
    def smallest(self) -> int:
        """The smallest side in pixels: padding by reflection needs more than it adds."""
        return max(4, 2 * self.stride)


def to_dict(config: Any) -> dict[str, Any]:
    """A config dataclass as plain JSON values."""
    return asdict(config)


def from_dict(cls: type[T], values: Any, where: str) -> T:
    """A config dataclass from JSON or TOML values.

    Raises InputError naming ``where`` if that is no table, and the key for an unknown key or
    a wrong value.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where}: is missing or no table of settings")
    known = get_type_hints(cls)
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{where}: unknown setting {key!r}; known: {', '.join(sorted(known))}")
        # Of settings that are one of several words, the config itself checks the word.
        kind = known[key] if isinstance(known[key], type) else str
        fits = isinstance(value, int | float if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{where}: {key} is {value!r}, expected {kind.__name__}")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from None


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe (paper, section 4 and appendix A). Defaults are the paper's.

    size: side in pixels of the square crops. min_scale: a crop covers at least this share
    of the shorter side of a photo. Learning rates are constant until ``decay_from`` of all
    steps and then fall linearly to 0 (two time-scale update rule: D learns faster).
    The generator's weights are averaged with ``ema_decay``. A weight of 0 turns a loss off.

    Not in the paper, and neutral by default: photos tagged best are shown ``best_factor``
    times as often as others, those with a class that few photos hold by their rarity to the
    power ``rare_power`` (see ``spade.data.sampling``); ``simplify`` is the probability that a label
    map is drawn anew with crude strokes, ``unknown_patches`` the probability that parts of it
    become unknown (see ``spade.data.simplify``).

    Not in the paper, and off by default: ``augment_color``, ``augment_translation`` and
    ``augment_cutout`` change what the discriminator sees (DiffAugment; the first a strength,
    1 is its paper's, the others shares of the side, 0.125 and 0.5 there); ``r1_weight``
    penalises the discriminator's gradient on photos, every ``r1_every`` steps.
    ``perceptual_quarter`` shows VGG, most of a step's cost, a quarter of the pixels.
    ``labelmix_weight`` is OASIS' own consistency term; feature matching goes with the
    patch discriminator alone. For the first ``discriminator_steps`` steps the discriminator
    learns alone, and the rate of generator and encoder then rises over as many more: for runs
    that start from a finished model, which brings no discriminator.

    A checkpoint is written every ``checkpoint_minutes`` and, unless 0, ``checkpoint_steps``;
    every ``judge_minutes``, unless 0, the model is evaluated on the validation photos.
    """

    steps: int = 100_000
    batch_size: int = 16
    size: int = 256
    min_scale: float = 0.7
    flip: bool = True
    best_factor: float = 1.0
    rare_power: float = 0.0
    simplify: float = 0.0
    unknown_patches: float = 0.0
    seed: int = 0
    validation_share: float = 0.03
    learning_rate_g: float = 1e-4
    learning_rate_d: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.999
    decay_from: float = 0.5
    gan_weight: float = 1.0
    feature_weight: float = 10.0
    perceptual_weight: float = 10.0
    kld_weight: float = 0.05
    color_weight: float = 0.0
    perceptual_quarter: bool = False
    labelmix_weight: float = 5.0
    r1_weight: float = 0.0
    r1_every: int = 16
    discriminator_steps: int = 0
    augment_color: float = 0.0
    augment_translation: float = 0.0
    augment_cutout: float = 0.0
    ema_decay: float = 0.999
    precision: Precision = "fp32"
    vgg: str = ""
    vgg_blocks: int = 5
    checkpoint_minutes: float = 10.0
    checkpoint_steps: int = 0
    judge_minutes: float = 0.0
    sample_steps: int = 500
    statistics_batches: int = 50

    def __post_init__(self) -> None:
        _at_least(self, 1, "steps", "batch_size", "size", "statistics_batches")
        _at_least(self, 0, "learning_rate_g", "learning_rate_d", "checkpoint_minutes")
        _at_least(self, 0, "judge_minutes")
        _at_least(self, 0, "checkpoint_steps", "sample_steps", "discriminator_steps")
        _at_least(self, 0, "gan_weight", "feature_weight", "perceptual_weight")
        _at_least(self, 0, "kld_weight", "color_weight", "labelmix_weight", "r1_weight")
        _at_least(self, 1, "r1_every")
        _at_least(self, 1, "best_factor")
        _at_least(self, 0, "rare_power")
        for name in ("simplify", "unknown_patches"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must lie in [0, 1]")
        if not 0 <= self.seed < 1 << 63:
            raise InputError(f"seed is {self.seed}: it must lie in [0, 2^63)")
        for name in ("beta1", "beta2", "validation_share"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must lie in [0, 1)")
        for name in ("augment_color", "augment_translation", "augment_cutout"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}: it must lie in [0, 1]")
        if not 0 < self.min_scale <= 1:
            raise InputError(f"min_scale is {self.min_scale}: it must lie in (0, 1]")
        if not 0 <= self.decay_from <= 1:
            raise InputError(f"decay_from is {self.decay_from}: it must lie in [0, 1]")
        if not 0 <= self.ema_decay < 1:
            raise InputError(f"ema_decay is {self.ema_decay}: it must lie in [0, 1)")
        if self.precision not in get_args(Precision):
            raise InputError(f"precision is {self.precision!r}: use fp32 or bf16")
        if self.vgg_blocks not in range(1, 6):
            raise InputError(f"vgg_blocks is {self.vgg_blocks}: use 1 to 5")

    def generator_ramp(self, step: int) -> float:
        """What the rate of generator and encoder is multiplied by at ``step``, beside
        :meth:`rate_factor`: 0 while the discriminator learns alone, then rising to 1.
        """
        alone = self.discriminator_steps
        return 1.0 if step >= 2 * alone else max(0.0, (step - alone + 1) / alone)

    def rate_factor(self, step: int) -> float:
        """What the learning rates are multiplied by at ``step``."""
        constant = self.decay_from * self.steps
        if step < constant:
            return 1.0
        return max(0.0, (self.steps - step) / max(1.0, self.steps - constant))
