"""Which GeneratorConfig a reference checkpoint stands for: tensors, arguments, opt.txt.

Tensors leave open how often the grid is doubled ('normal' or 'more'), the trained size,
and how the semantic channels divide. Arguments come before ``opt.txt``, that before the
defaults; a contradiction is an error that lists what would fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast, get_args

from spade.config import GeneratorConfig, Upsampling
from spade.formats.errors import InputError
from spade.formats.limits import MAX_SIDE

DEFAULT_CROP_SIZE = 256

_MIN_ASPECT, _MAX_ASPECT = 1 / 16, 16.0

# Channels of the semantic map -> labels, don't care, edges, in the paper's own models:
# COCO-Stuff, ADE20K, Cityscapes.
_WELL_KNOWN = {184: (182, True, True), 151: (150, True, False), 36: (35, False, True)}


@dataclass(frozen=True)
class Said:
    """What is said of a checkpoint from outside it; None where nothing is."""

    upsampling: str | None = None
    crop_size: int | None = None
    aspect_ratio: float | None = None
    label_nc: int | None = None
    contain_dontcare: bool | None = None
    instance_edges: bool | None = None


@dataclass(frozen=True)
class GeneratorTensors:
    """What the shapes tell. ``z_dim`` is None without a VAE; ``cells`` is the size of the
    base grid that ``fc`` makes (1 without a VAE: then it is a convolution, any grid fits).
    """

    ngf: int
    embedding: int
    semantic_nc: int
    most: bool
    z_dim: int | None
    cells: int


def generator_config(
    tensors: GeneratorTensors, arguments: Said, options: Said, path: Path
) -> GeneratorConfig:
    """The one config that all agree on. Raises InputError, naming ``path``, if none does."""
    said = Said(
        **{
            field.name: (
                getattr(options, field.name)
                if getattr(arguments, field.name) is None
                else getattr(arguments, field.name)
            )
            for field in fields(Said)
        }
    )
    _check_values(said, path)
    upsampling = _upsampling(tensors, said, path)
    if tensors.z_dim is not None:
        _check_grid(tensors, said, upsampling, path)
    label_nc, dontcare, edges = _division(tensors.semantic_nc, said, path)
    try:
        return GeneratorConfig(
            label_nc=label_nc,
            contain_dontcare=dontcare,
            instance_edges=edges,
            ngf=tensors.ngf,
            z_dim=tensors.z_dim or 256,
            use_vae=tensors.z_dim is not None,
            upsampling=upsampling,
            crop_size=said.crop_size or DEFAULT_CROP_SIZE,
            aspect_ratio=said.aspect_ratio or 1.0,
            embedding=tensors.embedding,
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_options(path: Path) -> Said:
    """What a text ``opt.txt`` says; nothing if there is none.

    Its lines look like ``crop_size: 256    [default: 512]``. Raises InputError naming the
    file, the key and the value if one makes no sense.
    """
    try:
        if not path.is_file():
            return Said()
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"\s*(\w+)\s*:\s*(.*?)\s*(?:\[default:.*)?$", line)
        if match:
            values[match[1]] = match[2]

    def read(key: str, convert: type[int] | type[float] | type[bool]) -> Any:
        value = values.get(key)
        if value is None or value in ("", "None"):
            return None
        try:
            return {"True": True, "False": False}[value] if convert is bool else convert(value)
        except (ValueError, KeyError):
            raise InputError(
                f"{path}: {key} is {value!r}, expected {_EXPECTED[convert]}; correct the line"
            ) from None

    no_instance = read("no_instance", bool)
    return Said(
        upsampling=values.get("num_upsampling_layers") or None,
        crop_size=read("crop_size", int),
        aspect_ratio=read("aspect_ratio", float),
        label_nc=read("label_nc", int),
        contain_dontcare=read("contain_dontcare_label", bool),
        instance_edges=None if no_instance is None else not no_instance,
    )


_EXPECTED = {int: "a whole number", float: "a number", bool: "True or False"}


def _check_values(said: Said, path: Path) -> None:
    if said.upsampling is not None and said.upsampling not in get_args(Upsampling):
        raise InputError(
            f"{path}: upsampling is {said.upsampling!r}: use one of "
            f"{', '.join(get_args(Upsampling))}"
        )
    if said.crop_size is not None and not 1 <= said.crop_size <= MAX_SIDE:
        raise InputError(f"{path}: crop_size is {said.crop_size}: use 32 to {MAX_SIDE} pixels")
    if said.aspect_ratio is not None and not _MIN_ASPECT <= said.aspect_ratio <= _MAX_ASPECT:
        raise InputError(
            f"{path}: aspect_ratio is {said.aspect_ratio}: it is width / height, 1/16 to 16"
        )


def _upsampling(tensors: GeneratorTensors, said: Said, path: Path) -> Upsampling:
    if tensors.most:
        if said.upsampling not in (None, "most"):
            raise InputError(
                f"{path}: upsampling is said to be {said.upsampling!r}, but the file has up_4, "
                "which only 'most' has: use 'most' or leave it out"
            )
        return "most"
    if said.upsampling == "most":
        raise InputError(
            f"{path}: upsampling is said to be 'most', but the file has no up_4: "
            "use 'normal' or 'more'"
        )
    return cast(Upsampling, said.upsampling or "normal")


def _check_grid(tensors: GeneratorTensors, said: Said, upsampling: Upsampling, path: Path) -> None:
    """Raise InputError, listing what fits, unless fc makes just the base grid."""
    crop, aspect = said.crop_size or DEFAULT_CROP_SIZE, said.aspect_ratio or 1.0
    columns = crop // _stride(upsampling)
    rows = round(columns / aspect)
    if rows * columns == tensors.cells:
        return
    kinds: tuple[Upsampling, ...] = ("most",) if tensors.most else ("normal", "more")
    if said.upsampling is not None:
        kinds = (upsampling,)
    fitting = _fitting(tensors.cells, kinds, said)
    lead = "what fits: "
    if not fitting:
        kinds = ("most",) if tensors.most else ("normal", "more")
        fitting = _fitting(tensors.cells, kinds, Said())
        lead = "nothing fits with what is said; what would: "
    raise InputError(
        f"{path}: tensor fc.weight makes a base grid of {tensors.cells} cells, but upsampling "
        f"{upsampling!r}, crop_size {crop} and aspect_ratio {aspect:g} make {columns}x{rows} = "
        f"{rows * columns}; {lead}" + "; ".join(fitting[:6])
    )


def _fitting(cells: int, kinds: tuple[Upsampling, ...], said: Said) -> list[str]:
    """Combinations whose base grid has ``cells`` cells, likeliest first: square, then wide."""
    found: list[tuple[float, bool, int, str]] = []
    for columns in range(1, cells + 1):
        rows = cells // columns
        if columns * rows != cells:
            continue
        aspect = said.aspect_ratio or columns / rows
        if round(columns / aspect) != rows or not _MIN_ASPECT <= aspect <= _MAX_ASPECT:
            continue
        for kind in kinds:
            crop = columns * _stride(kind)
            if said.crop_size in (None, crop) and crop <= MAX_SIDE:
                text = f"upsampling '{kind}', crop_size {crop}, aspect_ratio {aspect:g}"
                squareness = max(columns / rows, rows / columns)
                found.append((squareness, rows > columns, crop, text))
    return [text for *_, text in sorted(found)]


def _stride(upsampling: Upsampling) -> int:
    return {"normal": 32, "more": 64, "most": 128}[upsampling]


def _division(channels: int, said: Said, path: Path) -> tuple[int, bool, bool]:
    """(labels, don't care, edges) that make up the semantic channels."""
    every = [
        (channels - dontcare - edges, dontcare, edges)
        for dontcare, edges in ((False, False), (True, False), (False, True), (True, True))
        if channels - dontcare - edges >= 1
    ]
    wanted = (said.label_nc, said.contain_dontcare, said.instance_edges)
    fitting = [
        division
        for division in every
        if all(w is None or w == d for w, d in zip(wanted, division, strict=True))
    ]
    if not fitting:
        raise InputError(
            f"{path}: the generator reads {channels} semantic channels, but label_nc "
            f"{said.label_nc}, contain_dontcare {said.contain_dontcare} and instance_edges "
            f"{said.instance_edges} were given; what would fit: {_divisions(every)}"
        )
    if channels in _WELL_KNOWN and _WELL_KNOWN[channels] in fitting:
        return _WELL_KNOWN[channels]
    if said.label_nc is not None and len(fitting) > 1:
        raise InputError(
            f"{path}: of {channels} semantic channels label_nc {said.label_nc} leaves "
            f"{channels - said.label_nc}; say which it is: {_divisions(fitting)}"
        )
    return fitting[0]


def _divisions(divisions: list[tuple[int, bool, bool]]) -> str:
    return "; ".join(
        f"label_nc {labels}, contain_dontcare {dontcare}, instance_edges {edges}"
        for labels, dontcare, edges in divisions
    )
