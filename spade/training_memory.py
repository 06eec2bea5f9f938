"""How much memory a training takes, told from its settings. Loads no torch.

A sum of what is there at the worst moment of a step, which is the generator's update, or the
discriminator's where that has more to it (LabelMix, R1): the process itself, photos, weights
with their gradients, averages and optimizers, and what the backward pass needs of every layer.
``tests/spade/test_training_memory.py`` compares it with processes that train.
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
from spade.formats.errors import InputError
from spade.run import Run

_FLOAT = 4
_MB = 1 << 20

_PROCESS = 375 * _MB  # torch's libraries, and what they set up when first used
_CUDA_CONTEXT = 700 * _MB  # beside the tensors: kernels, cuDNN's workspaces
_HEADROOM = 0.92  # never plan to take the very last of what is available

_GRADIENT_AND_ADAM = 3  # floats a weight: gradient, two moments
_UPDATE = 1  # floats a weight: what an update works with
_SLACK = 1.12  # of activations: gradients on their way back, what the allocator keeps

VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_CONVS = (2, 2, 4, 4, 4)  # of VGG19, the larger


def training_bytes(
    run: Run, *, at_once: int | None = None, photos: int = 0, device: str = "cpu"
) -> int:
    """Bytes that training takes at its peak, on the CPU by the whole process, on CUDA on the
    device.

    at_once: pictures in a micro-batch, by default the batch. photos: how many there are to
    train on; they stay in the machine's memory, not the device's.
    """
    count = min(at_once or run.training.batch_size, run.training.batch_size)
    needed = _weights(run) + count * activation_bytes(run, device)
    if device == "cpu":
        return _PROCESS + photo_bytes(run, photos) + needed
    return _CUDA_CONTEXT + needed


def photo_bytes(run: Run, photos: int) -> int:
    """Bytes of decoded photos, at most as large as their crops need, and label maps.

    Most photos are 3:2. Each is kept at the size that its smallest crop has full detail at.
    """
    short = run.training.size / run.training.min_scale
    channels = 4 + (4 if run.generator.instance_edges else 0)
    return int(photos * short * short * 1.5 * channels)


def check_photos_fit(run: Run, photos: int, available: int | None) -> None:
    """Raise InputError unless the photos fit into the machine's memory, ``available`` bytes."""
    needed = photo_bytes(run, photos)
    if available is not None and needed > available * _HEADROOM:
        raise InputError(
            f"{photos} photos take about {_gigabytes(needed)} of memory and "
            f"{_gigabytes(available)} can be had: train on fewer, or with a --size below "
            f"{run.training.size}"
        )


def micro_batch_that_fits(
    run: Run, photos: int, device: str, available: int | None, taken: int = 0
) -> int:
    """How many pictures at a time fit into ``available`` bytes (None: nobody knows, so all).

    taken: bytes of these that the process has already. Raises InputError, with what would
    fit, if not even the least number does.
    """
    at_once = run.training.batch_size
    if available is None:
        return at_once
    room = int((available + taken) * _HEADROOM)
    while training_bytes(run, at_once=at_once, photos=photos, device=device) > room:
        fewer = run.fewer_at_once(at_once)
        if fewer is None:
            raise InputError(_too_large(run, at_once, photos, device, room))
        at_once = fewer
    return at_once


def _too_large(run: Run, at_once: int, photos: int, device: str, room: int) -> str:
    needed = training_bytes(run, at_once=at_once, photos=photos, device=device)
    said = (
        f"training needs about {_gigabytes(needed)} of memory even with "
        f"{'one picture' if at_once == 1 else f'{at_once} pictures'} at a time, and "
        f"{_gigabytes(room)} can be had: "
    )
    pictures = photo_bytes(run, photos) if device == "cpu" else 0
    if pictures > needed / 2:
        return said + (
            f"{_gigabytes(pictures)} of it are {photos} photos; train on fewer, or with a --size "
            f"below {run.training.size}"
        )
    fits = _fitting(photos, device, room, run)
    return said + (f"use {fits}" if fits else "close other programs or use another machine")


def _fitting(photos: int, device: str, room: int, run: Run) -> str:
    """The largest preset that would fit, as flags; "" if none does."""
    from spade.presets import PRESETS
    from spade.settings import build_run, merged

    names = []
    for preset in PRESETS:
        smaller = build_run(merged(preset.tables), "", run.generator.label_nc)
        least = smaller.least_at_once
        if training_bytes(smaller, at_once=least, photos=photos, device=device) <= room:
            names.append(preset.name)
    sizes = {"tiny": 64, "small": 128}
    return f"--preset {names[-1]} ({sizes.get(names[-1], 256)} pixels)" if names else ""


def parameters(
    config: GeneratorConfig | Pix2PixHDConfig | EncoderConfig | DiscriminatorConfig | OasisConfig,
) -> int:
    """How many weights the network has."""
    if isinstance(config, GeneratorConfig):
        return _generator_parameters(config)
    if isinstance(config, Pix2PixHDConfig):
        return _baseline_parameters(config)
    if isinstance(config, EncoderConfig):
        widths = encoder_widths(config)
        convs = sum(9 * a * b for a, b in zip([3, *widths], widths, strict=False))
        return convs + 2 * (widths[-1] * 16 + 1) * config.z_dim
    if isinstance(config, DiscriminatorConfig):
        widths = patch_widths(config)
        one = 16 * (config.semantic_nc + 3) * widths[0] + widths[0]
        one += sum(16 * a * b for a, b in pairwise(widths))
        return config.scales * (one + 16 * widths[-1] + 1)
    blocks = [(fin, fout) for fin, fout, _, _ in oasis_blocks(config)]
    total = sum(9 * a * b + b + 9 * b * b + b + a * b for a, b in blocks)
    return total + (config.ndf + 1) * (config.label_nc + 1)


def _weights(run: Run) -> int:
    """Bytes of weights and what belongs to each, of VGG's, and of running averages."""
    drawing = parameters(run.generator)
    if run.encoder is not None:
        drawing += parameters(run.encoder)
    judging = parameters(run.discriminator)
    # Spectral norm makes a second copy of nearly every weight, for as long as the graph lives;
    # an average is kept of generator and encoder, and when a model is written one more copy.
    floats = drawing * (2 + _GRADIENT_AND_ADAM + _UPDATE + 1) + drawing
    floats += judging * (2 + _GRADIENT_AND_ADAM + _UPDATE)
    if run.training.precision == "bf16":
        floats += (drawing + judging) // 2
    if _with_vgg(run):
        floats += _vgg_parameters(run.training.vgg_blocks)
    return floats * _FLOAT


def activation_bytes(run: Run, device: str) -> int:
    """Bytes of what a step keeps of one picture at its worst moment."""
    training, generator = run.training, run.generator
    pixels = training.size**2
    # On the CPU in full precision modulation is computed for distinct windows of the map.
    few = device == "cpu" and training.precision == "fp32"
    if isinstance(generator, GeneratorConfig):
        drawn = _generator_floats(generator, pixels, few)
    else:
        drawn = _baseline_floats(generator, pixels)
    maps = 2 * generator.semantic_nc * pixels + 12 * pixels
    if run.encoder is not None:
        drawn += _encoder_floats(run.encoder)
    own, passed = _judging_floats(run, pixels)
    update = passed + (_vgg_floats(training.vgg_blocks, pixels) if _with_vgg(run) else 0)
    if training.perceptual_quarter and _with_vgg(run):
        update = passed + _vgg_floats(training.vgg_blocks, pixels // 4)
    largest = _largest(run, pixels)
    floats = (drawn + max(own, update)) * _SLACK + 3 * largest
    if training.precision == "bf16":
        # Convolutions and what follows them keep half as much; losses and norms do not.
        floats *= 0.65
    return int((floats + maps) * _FLOAT)


def _with_vgg(run: Run) -> bool:
    return bool(run.training.vgg) and run.training.perceptual_weight > 0


def generator_blocks(config: GeneratorConfig, pixels: int) -> list[tuple[int, int, int]]:
    """(channels in, channels out, cells of its grid) of every residual block."""
    k, doublings = config.ngf, config.doublings
    middle = 1 if config.upsampling == "normal" else 2
    plan = [(16 * k, 16 * k, 0), (16 * k, 16 * k, 1), (16 * k, 16 * k, middle)]
    plan += [(16 * k >> i, 8 * k >> i, middle + 1 + i) for i in range(4)]
    if config.upsampling == "most":
        plan.append((k, k // 2, middle + 5))
    return [(fin, fout, pixels >> 2 * (doublings - level)) for fin, fout, level in plan]


def _generator_parameters(config: GeneratorConfig) -> int:
    nc, e, k = config.semantic_nc, config.embedding, config.ngf

    def spade(channels: int) -> int:
        return 9 * nc * e + e + 2 * (9 * e * channels + channels)

    rows, columns = config.base_grid
    total = 16 * k * rows * columns * (config.z_dim + 1)
    if not config.use_vae:
        total = 9 * nc * 16 * k + 16 * k
    last = k
    for fin, fout, _ in generator_blocks(config, 1):
        middle = min(fin, fout)
        total += 9 * fin * middle + middle + 9 * middle * fout + fout
        total += spade(fin) + spade(middle)
        if fin != fout:
            total += fin * fout + spade(fin)
        last = fout
    return total + 9 * last * 3 + 3


def _generator_floats(config: GeneratorConfig, pixels: int, few: bool) -> int:
    """What the backward pass needs, a picture. ``few``: modulation by distinct windows, which
    keeps a layer's input and result; else its embedding, normalised input and gamma, too.
    """
    inner = 0 if few else config.embedding
    total, last = 0, config.ngf
    for fin, fout, cells in generator_blocks(config, pixels):
        middle = min(fin, fout)
        layers = [fin, middle] + ([fin] if fin != fout else [])
        for channels in layers:
            total += cells * (channels + inner + (0 if few else 3 * channels))
        total += cells * (fin + middle + fout)
        last = fout
    return total + pixels * (2 * last + 6)


def _baseline_parameters(config: Pix2PixHDConfig) -> int:
    k, d = config.ngf, config.downsamplings
    total = 49 * config.semantic_nc * k + k + 49 * k * 3 + 3
    for i in range(d):
        total += 9 * (k << i) * (k << (i + 1)) * 2 + (k << (i + 1)) + (k << i)
    wide = k << d
    return total + config.blocks * 2 * (9 * wide * wide + wide)


def _baseline_floats(config: Pix2PixHDConfig, pixels: int) -> int:
    k, d = config.ngf, config.downsamplings
    # A convolution's padded input and result, and four of its normalisation.
    total = 2 * 6 * k * pixels + sum(2 * 6 * (k << i) * (pixels >> 2 * i) for i in range(1, d + 1))
    return total + config.blocks * 2 * 6 * (k << d) * (pixels >> 2 * d)


def encoder_widths(config: EncoderConfig) -> list[int]:
    return [config.nef * m for m in (1, 2, 4, 8, 8, 8)[: config.layers]]


def _encoder_floats(config: EncoderConfig) -> int:
    side, total = config.input_size, 3 * config.input_size**2
    for width in encoder_widths(config):
        side //= 2
        total += 4 * width * side * side
    return total


def patch_widths(config: DiscriminatorConfig) -> list[int]:
    return [min(config.ndf << i, 8 * config.ndf) for i in range(config.layers)]


def _judging_floats(run: Run, pixels: int) -> tuple[int, int]:
    """What the discriminator keeps, a picture, in its own and in the generator's update."""
    config, training = run.discriminator, run.training
    if isinstance(config, DiscriminatorConfig):
        one = _patch_floats(config, pixels)
        own = passed = 2 * one
    else:
        one = _oasis_floats(config, pixels)
        own, passed = (3 if training.labelmix_weight else 2) * one, one
    if training.r1_weight:
        own = max(own, 3 * one)  # a gradient of the gradient, of photos alone
    changed = training.augment_translation or training.augment_cutout or training.augment_color
    copies = 3 * (run.generator.semantic_nc + 6) * pixels if changed else 0
    return own + copies, passed + copies


def _patch_floats(config: DiscriminatorConfig, pixels: int) -> int:
    total = 0
    for scale in range(config.scales):
        cells = pixels >> 2 * scale
        total += 2 * (config.semantic_nc + 3) * cells
        for i, width in enumerate(patch_widths(config)):
            if i < config.layers - 1 or i == 0:
                cells //= 4
            total += (4 if i else 2) * width * cells
    return total


def oasis_blocks(config: OasisConfig) -> list[tuple[int, int, int, bool]]:
    """(channels in, channels out, halvings of its grid, doubled inside) of every block."""
    widths = [config.ndf * m for m in (2, 2, 4, 4, 8, 8)[: config.levels]]
    blocks = [
        (fin, fout, i, False)
        for i, (fin, fout) in enumerate(zip([3, *widths], widths, strict=False))
    ]
    h = widths[-1]
    for i in reversed(range(config.levels)):
        fout = widths[i - 1] if i else config.ndf
        blocks.append((h if i == config.levels - 1 else h + widths[i], fout, i, True))
        h = fout
    return blocks


def _oasis_floats(config: OasisConfig, pixels: int) -> int:
    total = pixels * (2 * config.ndf + 4 * (config.label_nc + 1))
    for fin, fout, halvings, doubled in oasis_blocks(config):
        cells = pixels >> 2 * halvings
        total += cells * (fin + 3 * fout)
        total += cells // 4 * 2 * fin if doubled else cells * fin
    return total


def _vgg_parameters(blocks: int) -> int:
    total, fin = 0, 3
    for block in range(blocks):
        for _ in range(VGG_CONVS[block] if block < blocks - 1 else 1):
            total += 9 * fin * VGG_WIDTHS[block] + VGG_WIDTHS[block]
            fin = VGG_WIDTHS[block]
    return total


def _vgg_floats(blocks: int, pixels: int) -> int:
    """Of the generated picture every layer, of the photo those that are compared; and where a
    pooling took its values from, in 8 bytes each.
    """
    total = 0
    for block in range(blocks):
        cells = pixels >> 2 * block
        convs = VGG_CONVS[block] if block < blocks - 1 else 1
        total += cells * VGG_WIDTHS[block] * (convs + 1)
        if block < blocks - 1:
            total += 3 * cells // 4 * VGG_WIDTHS[block]
    return total


def _largest(run: Run, pixels: int) -> int:
    """Numbers in the largest tensor of a picture, of which some are under way at a time."""
    found = [2 * run.discriminator.ndf * pixels // 4, run.generator.semantic_nc * pixels]
    if isinstance(run.generator, GeneratorConfig):
        found += [
            cells * max(fin, fout) for fin, fout, cells in generator_blocks(run.generator, pixels)
        ]
    else:
        found.append(6 * run.generator.ngf * pixels)
    if _with_vgg(run):
        found.append(64 * pixels // (4 if run.training.perceptual_quarter else 1))
    if isinstance(run.discriminator, OasisConfig):
        found.append(3 * 3 * run.discriminator.ndf * pixels)
    return max(found)


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
