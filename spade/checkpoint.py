"""Our own model folders: safetensors, a model.json, a model card.

    NAME/generator.safetensors   plain weights, spectral norm folded; fp16 allowed
    NAME/encoder.safetensors     if there is an encoder
    NAME/discriminator.safetensors   if training left one: other runs may start from it
    NAME/model.json              format version, config, classes, default style, provenance
    NAME/README.md               the model card, written by whoever trained the model

Computation is in fp32 whatever the disk holds. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    Pix2PixHDConfig,
    from_dict,
    to_dict,
)
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.formats.palette import PaletteClass, palette_from_json
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.reference_checkpoint import import_reference
from spade.weights import load_network, plain_state

__all__ = [
    "import_reference",
    "load_baseline",
    "load_folder",
    "save_baseline",
    "save_model",
]

FORMAT = 1
"""Version of the folder's layout; a reader refuses a higher one."""


def save_model(folder: str | os.PathLike[str], model: Model, *, half: bool = True) -> None:
    """Write ``model`` to ``folder``, making it if need be.

    half: weights as fp16 (running statistics stay fp32). All files are written whole
    beside the old ones before the first is replaced. A README.md there is kept.
    Raises InputError if the folder can't be written.
    """
    files = {"generator.safetensors": plain_state(model.generator)}
    if model.encoder is not None:
        files["encoder.safetensors"] = plain_state(model.encoder)
    if model.discriminator is not None:
        files["discriminator.safetensors"] = plain_state(model.discriminator)
    encoder, discriminator = model.config.encoder, model.discriminator
    description = {
        "format": FORMAT,
        "kind": "spade",
        "name": model.name,
        "licence": model.licence,
        "trained_size": list(model.trained_size),
        "config": {
            "generator": to_dict(model.config.generator),
            "encoder": None if encoder is None else to_dict(encoder),
            **({} if discriminator is None else {"discriminator": to_dict(discriminator.config)}),
        },
        "classes": _classes_to_json(model.classes),
        "default_style": (
            None if model.default_z is None else [float(v) for v in model.default_z.flatten()]
        ),
        "provenance": model.provenance,
    }
    _write_folder(Path(folder), files, description, half)


def load_folder(folder: str | os.PathLike[str], *, discriminator: bool = False) -> Model:
    """Read a model folder onto the CPU, in fp32.

    discriminator: read that too, if there is one; only training needs it.
    Raises InputError naming the file, and the tensor or the setting, that is missing,
    renamed, misshapen, cut off, or pickled.
    """
    folder = Path(folder)
    data, where = _read_description(folder, "spade")
    config = data["config"]
    generator_config = from_dict(GeneratorConfig, config.get("generator"), f"{where}: generator")
    encoder_config = None
    if config.get("encoder") is not None:
        encoder_config = from_dict(EncoderConfig, config["encoder"], f"{where}: encoder")
        if encoder_config.z_dim != generator_config.z_dim:
            raise InputError(
                f"{where}: the encoder's z_dim {encoder_config.z_dim} is not the generator's "
                f"{generator_config.z_dim}"
            )
    generator = load_network(Generator, generator_config, folder / "generator.safetensors")
    encoder = None
    if encoder_config is not None:
        encoder = load_network(Encoder, encoder_config, folder / "encoder.safetensors")
    judge = _read_discriminator(folder, data, where) if discriminator else None
    return Model(
        name=_text(data, "name", where, default=folder.resolve().name),
        config=ModelConfig(generator_config, encoder_config),
        generator=generator,
        encoder=encoder,
        classes=_read_classes(data, generator_config.label_nc, where),
        default_z=_read_default_style(data, generator_config, where),
        licence=_text(data, "licence", where),
        provenance=data["provenance"] if isinstance(data.get("provenance"), dict) else {},
        discriminator=judge,
    )


def _read_discriminator(folder: Path, data: dict[str, Any], where: str) -> Discriminator | None:
    path, settings = folder / "discriminator.safetensors", data["config"].get("discriminator")
    if settings is None or not path.is_file():
        return None
    config = from_dict(DiscriminatorConfig, settings, f"{where}: discriminator")
    return load_network(Discriminator, config, path)


def save_baseline(
    folder: str | os.PathLike[str],
    network: Pix2PixHDGenerator,
    classes: tuple[PaletteClass, ...],
    *,
    name: str = "",
    licence: str = "",
    provenance: dict[str, Any] | None = None,
    half: bool = True,
) -> None:
    """Write a trained pix2pixHD generator, the paper's baseline, as :func:`save_model` does.

    ``name`` is the folder's by default.
    """
    description = {
        "format": FORMAT,
        "kind": "pix2pixhd",
        "name": name or Path(folder).resolve().name,
        "licence": licence,
        "config": {"generator": to_dict(network.config)},
        "classes": _classes_to_json(classes),
        "provenance": provenance or {},
    }
    _write_folder(Path(folder), {"generator.safetensors": plain_state(network)}, description, half)


def load_baseline(folder: str | os.PathLike[str]) -> Pix2PixHDGenerator:
    """Read what :func:`save_baseline` wrote; errors as :func:`load_folder`'s."""
    folder = Path(folder)
    data, where = _read_description(folder, "pix2pixhd")
    config = data["config"]
    settings = from_dict(Pix2PixHDConfig, config.get("generator"), f"{where}: generator")
    return load_network(Pix2PixHDGenerator, settings, folder / "generator.safetensors")


def _write_folder(
    folder: Path, files: dict[str, dict[str, Tensor]], description: dict[str, Any], half: bool
) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    text = json.dumps(description, indent=1) + "\n"
    # Everything is written before anything is replaced: the stack closes in reverse order,
    # model.json last.
    with ExitStack() as stack:
        stack.enter_context(atomic_path(folder / "model.json")).write_text(text, encoding="utf-8")
        for name, state in files.items():
            temporary = stack.enter_context(atomic_path(folder / name))
            packed = {key: _packed(key, value, half) for key, value in state.items()}
            try:
                save_file(packed, temporary)
            except SafetensorError as error:
                raise InputError(
                    f"{folder / name}: cannot be written ({error}); make room or choose another "
                    "folder"
                ) from None
    for name in {"encoder.safetensors", "discriminator.safetensors"} - files.keys():
        (folder / name).unlink(missing_ok=True)


def _packed(key: str, value: Tensor, half: bool) -> Tensor:
    value = value.detach().to("cpu", torch.float32)
    # Variances reach beyond fp16's range, and cost little.
    if half and "running_" not in key:
        value = value.half()
    return value.contiguous().clone()


def _read_description(folder: Path, kind: str) -> tuple[dict[str, Any], str]:
    """model.json and its path as messages call it."""
    path = folder / "model.json"
    where = str(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{where}: no such file; is {folder} a model folder?") from None
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror}); check the file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not valid JSON ({error}); copy the folder again") from None
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise InputError(f'{where}: is not a model description; "format" is missing')
    if data["format"] != FORMAT:
        raise InputError(
            f"{where}: format {data['format']} is not known to this version of Spadework, which "
            f"reads {FORMAT}; update the program"
        )
    found = data.get("kind", "spade")
    if found != kind:
        raise InputError(f"{where}: holds a {found!r} network where a {kind!r} one is needed")
    if not isinstance(data.get("config"), dict):
        raise InputError(f'{where}: "config" needs a "generator"; is the file complete?')
    return data, where


def _classes_to_json(classes: tuple[PaletteClass, ...]) -> list[dict[str, Any]]:
    return [
        {"id": c.id, "name": c.name, "color": c.color} | ({"group": c.group} if c.group else {})
        for c in classes
    ]


def _read_classes(data: dict[str, Any], label_nc: int, where: str) -> tuple[PaletteClass, ...]:
    palette = palette_from_json({"name": "classes", "classes": data.get("classes")}, where)
    for entry in palette.classes:
        if entry.id >= label_nc:
            raise InputError(
                f"{where}: class {entry.id} {entry.name!r} lies beyond label_nc {label_nc}"
            )
    return tuple(sorted(palette.classes, key=lambda entry: entry.id))


def _read_default_style(data: dict[str, Any], config: GeneratorConfig, where: str) -> Tensor | None:
    """``(1, z_dim)``: the file's default style, or z = 0, the prior's mean, if it has none."""
    if not config.use_vae:
        return None
    values = data.get("default_style")
    if values is None:
        return torch.zeros(1, config.z_dim)
    try:
        z = torch.tensor(values, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        z = torch.empty(0)
    if tuple(z.shape) != (config.z_dim,) or not bool(torch.isfinite(z).all()):
        raise InputError(f'{where}: "default_style" must be {config.z_dim} finite numbers or null')
    return z.unsqueeze(0)


def _text(data: dict[str, Any], key: str, where: str, default: str = "") -> str:
    value = data.get(key, default)
    if not isinstance(value, str):
        raise InputError(f'{where}: "{key}" must be text')
    return value or default
