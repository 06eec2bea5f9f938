"""How long a step of training takes, told from its settings and a device's speed. No torch.

The multiply-adds of all passes of a step through all networks, and the bytes that go through
memory, both in proportion to one rate that is measured on the device, a convolution's. Right
within a factor of 1.5 on a processor: ``tests/spade/test_training_time.py`` holds it against
steps that were timed. No GPU was there to compare with.
"""

from __future__ import annotations

from itertools import pairwise

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
)
from spade.run import Run
from spade.training_memory import (
    VGG_CONVS,
    VGG_WIDTHS,
    activation_bytes,
    encoder_widths,
    generator_blocks,
    oasis_blocks,
    patch_widths,
)

_LEARNING = 3  # passes through a layer that learns: forward, to its input, to its weights
_BY_WINDOWS = 0.2
"""Of a modulation's arithmetic, what is left where it is done for distinct windows alone."""
_WORK = 0.6
"""Of the measured convolution's time for a multiply-add, what a step's take: many are of VGG,
which learns nothing."""
_BYTES = 105.0
"""Multiply-adds in whose time a byte that is kept for the way back is written, read and worked
on by all that is no convolution."""
_LAUNCHING = {"cpu": 0.085}
_ELSEWHERE = 0.04
"""Seconds that a step takes however little it computes; on GPUs by estimate alone."""


def step_seconds(run: Run, *, rate: float, device: str = "cpu") -> float:
    """Seconds of a step of ``run``, of the whole batch, with a device to itself.

    rate: multiply-adds a second of a 3x3 convolution of 256 channels at 32 x 32, forward and
    back, in fp32. Raises ValueError unless it is positive.
    """
    if not rate > 0:
        raise ValueError(f"rate is {rate}, must be positive")
    count = run.training.batch_size
    work = _WORK * multiply_adds(run, device) + _BYTES * activation_bytes(run, device)
    return _LAUNCHING.get(device, _ELSEWHERE) + count * work / rate


def multiply_adds(run: Run, device: str = "cpu") -> int:
    """Of all passes that a step takes a picture through, R1's in their share of the steps."""
    training, pixels = run.training, run.training.size**2
    if isinstance(run.generator, GeneratorConfig):
        few = device == "cpu" and training.precision == "fp32"
        total = _LEARNING * _generator(run.generator, pixels, few)
    else:
        total = _LEARNING * _baseline(run.generator, pixels)
    if run.encoder is not None:
        total += _LEARNING * _encoder(run.encoder)
    if training.gan_weight or training.feature_weight:
        total += _judging(run, pixels)
    if training.vgg and training.perceptual_weight > 0:
        seen = pixels // 4 if training.perceptual_quarter else pixels
        total += 3 * _vgg(training.vgg_blocks, seen)  # both pictures, back through one
    return total


def _generator(config: GeneratorConfig, pixels: int, few: bool) -> int:
    share = _BY_WINDOWS if few else 1.0
    total, last = 0.0, config.ngf
    for fin, fout, cells in generator_blocks(config, pixels):
        middle = min(fin, fout)
        total += cells * 9 * (fin * middle + middle * fout)
        normed = fin + middle
        if fin != fout:
            total += cells * fin * fout
            normed += fin
        layers = 3 if fin != fout else 2
        embedded = layers * config.semantic_nc * config.embedding
        total += share * cells * 9 * (embedded + 2 * config.embedding * normed)
        last = fout
    return int(total) + 9 * last * 3 * pixels


def _baseline(config: Pix2PixHDConfig, pixels: int) -> int:
    k, d = config.ngf, config.downsamplings
    total = 49 * (config.semantic_nc + 3) * k * pixels
    for i in range(1, d + 1):  # down, and up again
        total += 2 * 9 * (k << i) * (k << i - 1) * (pixels >> 2 * i)
    return total + config.blocks * 2 * 9 * (k << d) ** 2 * (pixels >> 2 * d)


def _encoder(config: EncoderConfig) -> int:
    cells, total = config.input_size**2, 0
    for fin, fout in pairwise((3, *encoder_widths(config))):
        cells //= 4
        total += 9 * fin * fout * cells
    return total


def _judging(run: Run, pixels: int) -> int:
    """Of the discriminator: its own update, and the generator's, which passes through it."""
    config, training = run.discriminator, run.training
    if isinstance(config, DiscriminatorConfig):
        one, pictures, judged = _patches(config, pixels), 2, 2
    else:
        one = _oasis(config, pixels)
        pictures, judged = (3 if training.labelmix_weight else 2), 1
    total = one * (_LEARNING * pictures + 2 * judged)
    if training.r1_weight:
        total += 3 * _LEARNING * one // training.r1_every
    return total


def _patches(config: DiscriminatorConfig, pixels: int) -> int:
    widths = patch_widths(config)
    total = 0
    for scale in range(config.scales):
        cells = pixels >> 2 * scale
        for i, (fin, fout) in enumerate(pairwise((config.semantic_nc + 3, *widths))):
            if i < config.layers - 1 or i == 0:
                cells //= 4
            total += 16 * fin * fout * cells
        total += 16 * widths[-1] * cells
    return total


def _oasis(config: OasisConfig, pixels: int) -> int:
    total = config.ndf * (config.label_nc + 1) * pixels
    for fin, fout, halvings, _ in oasis_blocks(config):
        total += (9 * (fin + fout) + fin) * fout * (pixels >> 2 * halvings)
    return total


def _vgg(blocks: int, pixels: int) -> int:
    total, fin = 0, 3
    for block in range(blocks):
        for _ in range(VGG_CONVS[block] if block < blocks - 1 else 1):
            total += 9 * fin * VGG_WIDTHS[block] * (pixels >> 2 * block)
            fin = VGG_WIDTHS[block]
    return total
