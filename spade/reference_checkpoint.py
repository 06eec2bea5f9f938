"""Opening checkpoints of the paper's reference implementation: ``latest_net_G.pth`` and kin.

What the tensors tell is taken from them: widths, channel counts, VAE or not, the size of
z, 'most' (only it has ``up_4``). What they can't tell comes from arguments, else from a
text ``opt.txt`` beside the file, else it is 'normal', 256 pixels, square. If the two
disagree, the error says what would fit.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from spade.config import DiscriminatorConfig, EncoderConfig
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.errors import InputError
from spade.formats.palette import PaletteClass, load_palette, numbered_palette
from spade.formats.resources import bundled_palettes
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.reference_options import GeneratorTensors, Said, generator_config, read_options
from spade.weights import build_plain, check_shapes, fill

State = dict[str, Tensor]
N = TypeVar("N", bound=nn.Module)

GENERATOR_FILE = "latest_net_G.pth"
LICENCE = "As the checkpoint's authors say (NVIDIA's own: research, not commercial use)."

_PALETTES = {150: "ade20k", 182: "coco", 35: "cityscapes"}


def import_reference(
    source: str | os.PathLike[str],
    *,
    upsampling: str | None = None,
    crop_size: int | None = None,
    aspect_ratio: float | None = None,
    label_nc: int | None = None,
    contain_dontcare: bool | None = None,
    instance_edges: bool | None = None,
) -> Model:
    """Read a generator, and the encoder and discriminator beside it, onto the CPU.

    source: ``latest_net_G.pth`` or the folder that holds it; ``X_net_G.pth`` is paired with
    ``X_net_E.pth`` and ``X_net_D.pth``.
    upsampling: 'normal', 'more' or 'most'. crop_size: width in pixels of the trained
    pictures. aspect_ratio: their width / height.
    label_nc, contain_dontcare, instance_edges: how the semantic channels divide. Unsaid,
    184, 151 and 36 channels are taken for COCO-Stuff, ADE20K and Cityscapes, and other
    counts for labels alone.
    Raises InputError naming the file, the tensor or value, and what would fit.
    """
    path = Path(source)
    if path.is_dir():
        path /= GENERATOR_FILE
    state = read_state(path)
    arguments = Said(
        upsampling, crop_size, aspect_ratio, label_nc, contain_dontcare, instance_edges
    )
    config = generator_config(
        _generator_tensors(state, path), arguments, read_options(path.parent / "opt.txt"), path
    )
    generator = _network(Generator, config, state, _generator_name, path)
    encoder = discriminator = None
    if "net_G" in path.name:
        encoder_path, discriminator_path = (
            path.with_name(path.name.replace("net_G", other)) for other in ("net_E", "net_D")
        )
        if config.use_vae and encoder_path.exists():
            encoder = _import_encoder(encoder_path, config.z_dim)
        if discriminator_path.exists():
            discriminator = _import_discriminator(discriminator_path, config.semantic_nc)
    absolute = path.resolve()
    return Model(
        name=absolute.parent.name if path.name == GENERATOR_FILE else absolute.stem,
        config=ModelConfig(config, None if encoder is None else encoder.config),
        generator=generator,
        encoder=encoder,
        classes=_classes(config.label_nc, path),
        default_z=torch.zeros(1, config.z_dim) if config.use_vae else None,
        licence=LICENCE,
        provenance={"imported_from": path.name},
        discriminator=discriminator,
    )


def read_state(path: Path) -> State:
    """The tensors of a ``.pth`` file by name, without ``module.`` prefixes (DataParallel).

    Only tensors are unpickled. Raises InputError for a file that is missing, cut off, or
    holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how the file was pickled
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; a reference checkpoint has its generator there"
        ) from None
    except pickle.UnpicklingError:
        raise InputError(
            f"{path}: refused, it is not a plain file of tensors (it is damaged, or holds pickled "
            "objects, which could run code)"
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(f"{path}: is cut off or damaged ({reason}); copy it again") from None
    if not isinstance(loaded, dict) or not loaded:
        raise InputError(f"{path}: holds a {type(loaded).__name__}, not tensors by name")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise InputError(f"{path}: entry {key!r} is a {type(value).__name__}, not a tensor")
    return {key.removeprefix("module."): value for key, value in loaded.items()}


def _generator_tensors(state: State, path: Path) -> GeneratorTensors:
    """What the shapes alone tell of the generator."""
    most = any(key.startswith("up_4.") for key in state)
    last = _shape(state, "conv_img.weight", 4, path)[1]
    embedding, semantic_nc = _shape(state, "head_0.norm_0.mlp_shared.0.weight", 4, path)[:2]
    ngf = 2 * last if most else last
    fc = _shape(state, "fc.weight", 0, path)
    if len(fc) not in (2, 4):
        raise InputError(f"{path}: tensor fc.weight is {fc}, expected 2 or 4 dimensions")
    if fc[0] % (16 * ngf):
        raise InputError(
            f"{path}: tensor fc.weight is {fc}, but its first side must be a multiple of "
            f"{16 * ngf} (16 times the {ngf} of conv_img.weight)"
        )
    return GeneratorTensors(
        ngf=ngf,
        embedding=embedding,
        semantic_nc=semantic_nc,
        most=most,
        z_dim=fc[1] if len(fc) == 2 else None,
        cells=fc[0] // (16 * ngf),
    )


def _import_encoder(path: Path, z_dim: int) -> Encoder:
    state = read_state(path)
    nef = _shape(state, "layer1.0.weight_orig", 4, path)[0]
    layers = len({key.split(".")[0] for key in state if re.match(r"layer\d+\.", key)})
    found = _shape(state, "fc_mu.weight", 2, path)[0]
    if found != z_dim:
        raise InputError(
            f"{path}: tensor fc_mu.weight makes a z of {found} values, the generator beside it "
            f"reads {z_dim}"
        )
    if layers not in (3, 4, 5, 6):
        raise InputError(f"{path}: has {layers} layers, an encoder has 6")
    config = EncoderConfig(nef=nef, z_dim=z_dim, input_size=4 << layers)
    return _network(Encoder, config, state, _encoder_name, path)


def _import_discriminator(path: Path, semantic_nc: int) -> Discriminator:
    state = read_state(path)
    ndf, channels = _shape(state, "discriminator_0.model0.0.weight", 4, path)[:2]
    if channels != semantic_nc + 3:
        raise InputError(
            f"{path}: tensor discriminator_0.model0.0.weight reads {channels} channels, the "
            f"generator beside it needs {semantic_nc} + 3"
        )
    names = [key.split(".") for key in state]
    config = DiscriminatorConfig(
        semantic_nc=semantic_nc,
        ndf=ndf,
        scales=len({parts[0] for parts in names}),
        layers=len({parts[1] for parts in names if parts[0] == "discriminator_0"}) - 1,
    )
    return _network(Discriminator, config, state, _discriminator_name(config.layers), path)


def _shape(state: State, key: str, dimensions: int, path: Path) -> tuple[int, ...]:
    """Shape of a tensor that must be there, with ``dimensions`` sides (0: any), none empty."""
    if key not in state:
        raise InputError(f"{path}: tensor {key} is missing; is it the right network's file?")
    shape = tuple(state[key].shape)
    if (dimensions and len(shape) != dimensions) or 0 in shape:
        raise InputError(f"{path}: tensor {key} is {shape}, expected {dimensions} dimensions")
    return shape


def _network(cls: type[N], config: Any, state: State, name: Callable[[str], str], path: Path) -> N:
    """``cls(config)`` with the tensors that ``name`` finds for each of its own.

    Where the file has ``weight_orig``, ``weight_u`` and ``weight_v``, spectral norm is
    folded: weight_orig / (u^T W v), as the reference computes in eval mode.
    """
    network = build_plain(cls, config, str(path))
    expected: dict[str, tuple[int, ...]] = {}
    folded: set[str] = set()
    for key, value in network.state_dict().items():
        theirs, shape = name(key), tuple(value.shape)
        if theirs.endswith("_orig") and theirs not in state and theirs[:-5] in state:
            theirs = theirs[:-5]  # trained without spectral norm
        expected[theirs] = shape
        if theirs.endswith("_orig"):
            folded.add(theirs)
            expected[theirs[:-4] + "u"] = shape[:1]
            expected[theirs[:-4] + "v"] = (value[0].numel(),)
    # Old versions of torch also stored the normalised weight, and all a count of batches.
    found = {
        key: tuple(value.shape)
        for key, value in state.items()
        if key in expected or not (key.endswith("num_batches_tracked") or f"{key}_orig" in expected)
    }
    check_shapes(found, expected, path)
    plain: State = {}
    for key in network.state_dict():
        theirs = name(key)
        plain[key] = (
            _folded(state, theirs, path)
            if theirs in folded
            else state[theirs.removesuffix("_orig")]
        )
    return fill(network, plain, path)


def _folded(state: State, key: str, path: Path) -> Tensor:
    weight = state[key].double()
    u, v = (state[key[:-4] + end].double() for end in "uv")
    sigma = torch.dot(u, weight.flatten(1) @ v)
    if not bool(torch.isfinite(sigma)) or float(sigma.abs()) < 1e-30:
        raise InputError(f"{path}: tensor {key}: its spectral norm is {float(sigma)}, not usable")
    return (weight / sigma).float()


_GENERATOR_PARTS = (
    (r"^head\.", "head_0."),
    (r"^middle_", "G_middle_"),
    (r"^to_rgb\.", "conv_img."),
    (r"\.norm\.running", ".param_free_norm.running"),
    (r"\.embed\.", ".mlp_shared.0."),
    (r"\.(gamma|beta)\.", r".mlp_\1."),
    (r"(\.conv_[01s]\.weight)$", r"\1_orig"),
)


def _generator_name(key: str) -> str:
    """Our name of a generator's tensor -> the reference's."""
    for pattern, replacement in _GENERATOR_PARTS:
        key = re.sub(pattern, replacement, key)
    return key


def _encoder_name(key: str) -> str:
    """Our name of an encoder's tensor -> the reference's."""
    key = key.replace("mu.", "fc_mu.").replace("logvar.", "fc_var.")
    return re.sub(r"^convs\.(\d+)\.weight$", lambda m: f"layer{int(m[1]) + 1}.0.weight_orig", key)


def _discriminator_name(layers: int) -> Callable[[str], str]:
    """Our name of a tensor of a discriminator of so many layers -> the reference's."""

    def name(key: str) -> str:
        _, scale, part, rest = key.split(".", 3)
        if part == "middle":
            index, rest = rest.split(".")
            return f"discriminator_{scale}.model{int(index) + 1}.0.0.{rest}_orig"
        return f"discriminator_{scale}.model{0 if part == 'first' else layers}.0.{rest}"

    return name


def _classes(label_nc: int, path: Path) -> tuple[PaletteClass, ...]:
    """The well-known data set's classes if the count is one's, else numbered ones."""
    for name in bundled_palettes():
        if label_nc in _PALETTES and name.startswith(_PALETTES[label_nc]):
            classes = load_palette(name).classes
            if sorted(entry.id for entry in classes) == list(range(label_nc)):
                return tuple(sorted(classes, key=lambda entry: entry.id))
    try:
        return numbered_palette(label_nc).classes
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
