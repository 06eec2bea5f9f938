"""The settings of a run from several sources, and the files they are kept in.

Later ones win: defaults, preset, recipe, the sizes of a model to start from, a configuration
file, flags. A configuration file is TOML or, as a training folder's ``run.json``, JSON, in the
same sections. No torch here.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
    TrainingConfig,
    from_dict,
)
from spade.formats.errors import InputError
from spade.presets import Tables
from spade.run import Run

SECTIONS = ("generator", "encoder", "discriminator", "training", "model", "data")
"""Of a configuration file. [model] has ``name`` and ``licence``, [data] has ``folder``."""


def read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The sections of a configuration file, TOML or, by its suffix, JSON.

    Raises InputError naming the file if it can't be read or has other sections.
    """
    as_json = path.suffix.lower() == ".json"
    try:
        text = path.read_text(encoding="utf-8")
        tables = json.loads(text) if as_json else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except (ValueError, RecursionError) as error:  # of the encoding or the syntax
        kind = "JSON" if as_json else "TOML"
        raise InputError(f"{path}: not readable as {kind} settings ({error}); mend it") from None
    if not isinstance(tables, dict):
        raise InputError(f"{path}: no table of sections; known: {', '.join(SECTIONS)}")
    for key, value in tables.items():
        if key not in SECTIONS or not isinstance(value, dict):
            raise InputError(f"{path}: unknown section {key!r}; known: {', '.join(SECTIONS)}")
    return tables


def merged(*layers: Tables) -> dict[str, dict[str, Any]]:
    """Settings of several sources, the later ones winning, setting by setting.

    A section that names another ``architecture`` than those before replaces them as a whole.
    """
    result: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for layer in layers:
        for section, values in layer.items():
            before = result[section]
            other = values.get("architecture", before.get("architecture"))
            if other != before.get("architecture", other):
                before = {}
            result[section] = {**before, **values}
    return result


def data_folder(tables: Tables, where: str) -> Path | None:
    """The DATA folder that a configuration file names. Raises InputError if it is no text."""
    section = tables.get("data", {})
    folder = section.get("folder")
    if set(section) - {"folder"} or not isinstance(folder, str | None):
        raise InputError(f"{where} [data]: it has one setting, folder (text)")
    return Path(folder) if folder else None


def build_run(
    tables: Tables,
    where: str,
    label_nc: int,
    *,
    style: bool = True,
    training: Mapping[str, Any] | None = None,
    name: str = "mine",
    licence: str = "",
    by_hand: Tables | None = None,
) -> Run:
    """The settings in ``tables``, then the ``training`` ones, for data of ``label_nc`` channels.

    style: False leaves the encoder out whatever the tables say. name, licence: unless the
    tables have them. by_hand: what of the tables a person wrote; what else does not suit that,
    such as a recipe's way of drawing label maps anew, is left out.

    Raises InputError naming ``where`` and the setting.
    """
    generator_table = {"label_nc": label_nc, "contain_dontcare": True, **tables["generator"]}
    generator: GeneratorConfig | Pix2PixHDConfig
    encoder = None
    architecture = generator_table.pop("architecture", "spade")
    if architecture not in ("spade", "pix2pixhd"):
        raise InputError(
            f"{where} [generator]: architecture is {architecture!r}: use spade or pix2pixhd"
        )
    if architecture == "pix2pixhd":
        generator = from_dict(Pix2PixHDConfig, generator_table, f"{where} [generator]")
    else:
        if not style:
            generator_table["use_vae"] = False
        generator = from_dict(GeneratorConfig, generator_table, f"{where} [generator]")
        if generator.use_vae:
            encoder_table = {"z_dim": generator.z_dim, **tables["encoder"]}
            encoder = from_dict(EncoderConfig, encoder_table, f"{where} [encoder]")
    discriminator = _discriminator(tables, generator, f"{where} [discriminator]")
    training_table = _suiting(dict(tables["training"]), generator, by_hand or {})
    learned = from_dict(TrainingConfig, training_table, f"{where} [training]")
    learned = replace(learned, **(training or {}))
    if (
        isinstance(generator, GeneratorConfig)
        and "crop_size" not in generator_table
        and learned.size % generator.stride == 0
    ):
        generator = replace(generator, crop_size=learned.size)
    texts = {"name": name, "licence": licence} | dict(tables["model"])
    for key, value in texts.items():
        if key not in ("name", "licence") or not isinstance(value, str):
            raise InputError(f"{where} [model]: {key} is {value!r}; known: name, licence (text)")
    return Run(generator, encoder, discriminator, learned, texts["name"], texts["licence"])


def _discriminator(
    tables: Tables, generator: GeneratorConfig | Pix2PixHDConfig, where: str
) -> DiscriminatorConfig | OasisConfig:
    table = dict(tables["discriminator"])
    kind = table.pop("architecture", "patch")
    if kind == "patch":
        return from_dict(
            DiscriminatorConfig, {"semantic_nc": generator.semantic_nc, **table}, where
        )
    if kind == "oasis":
        return from_dict(OasisConfig, {"label_nc": generator.label_nc, **table}, where)
    raise InputError(f"{where}: architecture is {kind!r}: use patch or oasis")


def _suiting(
    training: dict[str, Any], generator: GeneratorConfig | Pix2PixHDConfig, by_hand: Tables
) -> dict[str, Any]:
    """``training`` without what a recipe brings and this generator can't have."""
    written = by_hand.get("training", {})
    if not generator.contain_dontcare and "unknown_patches" not in written:
        training.pop("unknown_patches", None)
    if generator.instance_edges and "simplify" not in written:
        training.pop("simplify", None)
    return training
