"""Weights in small files, to be carried between machines a few at a time.

    manifest.json                            step, parts, shards, which tensor is where
    shard-01-average-5f2c90ab.safetensors    each at most 16 MiB, header included
    shard-02-...

The names sort in the order in which the parts were given, the most important first: of a
set of which only the first files were taken along, every part that is whole can be used.
Values are fp16, or fp32 where fp16 can't hold them. A shard's name ends in the start of its
SHA-256: a new set is written beside the old one, and the manifest then turns to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from spade.formats.atomic import remove_leftovers, write_atomically
from spade.formats.errors import InputError

SHARD_BYTES = 16 << 20
"""The largest file."""

MANIFEST = "manifest.json"
VERSION = 1

_PIECE_BYTES = SHARD_BYTES // 4  # larger tensors are cut along their first dimension
_ENTRY_BYTES = 200  # of a tensor in the header, its name not counted
_FP16_LARGEST = 65504.0


@dataclass(frozen=True)
class Part:
    """Tensors that are of use only together. ``config``: a hash of what they have to fit."""

    name: str
    config: str
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class ShardSet:
    """What was found: whole parts by name, and for the others what is wrong with them."""

    step: int
    parts: dict[str, Part]
    broken: dict[str, str]


def has_shards(folder: Path) -> bool:
    """Whether ``folder`` has a manifest of shards."""
    return (folder / MANIFEST).is_file()


def write_shards(
    folder: Path, parts: Sequence[Part], step: int, shard_bytes: int = SHARD_BYTES
) -> None:
    """Write ``parts``, the most important first, to ``folder``, in place of what was there.

    A kill leaves the former set whole. Raises InputError if the folder can't be written, or
    a value is not finite.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}); choose another folder"
        ) from None
    remove_leftovers(folder)
    shards: dict[str, dict[str, Any]] = {}
    tensors: dict[str, dict[str, list[str]]] = {}
    for part in parts:
        placed = tensors[part.name] = {}
        for content in _packed(part, shard_bytes):
            data = save(content)
            assert len(data) <= shard_bytes, f"a shard of {len(data)} bytes"
            digest = hashlib.sha256(data).hexdigest()
            name = f"shard-{len(shards) + 1:02d}-{part.name}-{digest[:8]}.safetensors"
            write_atomically(folder / name, data)
            shards[name] = {"sha256": digest, "bytes": len(data)}
            for piece in content:
                placed.setdefault(piece.partition(":")[0], []).append(name)
    manifest = {
        "version": VERSION,
        "step": step,
        "parts": {part.name: part.config for part in parts},
        "shards": shards,
        "tensors": tensors,
    }
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    for path in folder.glob("shard-*.safetensors"):
        if path.name not in shards:
            path.unlink(missing_ok=True)


def read_shards(folder: Path) -> ShardSet:
    """Read the parts that are whole, in fp32.

    Raises InputError if the manifest is missing or damaged; a shard that is missing or not
    what was written only breaks its part.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["version"] != VERSION:
            raise InputError(f"{path}: of version {manifest['version']}, this reads {VERSION}")
        step = int(manifest["step"])
        configs = {str(name): str(config) for name, config in manifest["parts"].items()}
        digests = {str(name): str(entry["sha256"]) for name, entry in manifest["shards"].items()}
        placed: dict[str, dict[str, list[str]]] = {
            name: {str(key): [str(s) for s in where] for key, where in entries.items()}
            for name, entries in manifest["tensors"].items()
        }
        unknown = {s for entries in placed.values() for where in entries.values() for s in where}
        if step < 0 or configs.keys() != placed.keys() or unknown - digests.keys():
            raise ValueError("its entries do not fit each other")
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); copy it, too") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no list of shards ({error}); copy it again") from None
    parts: dict[str, Part] = {}
    broken: dict[str, str] = {}
    for name, entries in placed.items():
        try:
            parts[name] = Part(name, configs[name], _read_part(folder, entries, digests))
        except InputError as error:
            broken[name] = str(error)
    return ShardSet(step, parts, broken)


def _packed(part: Part, shard_bytes: int) -> Iterator[dict[str, Tensor]]:
    """The part's tensors in fp16, in pieces ``name:0``, ``name:1`` ..., a shard at a time."""
    content: dict[str, Tensor] = {}
    room = shard_bytes - _ENTRY_BYTES
    for name, tensor in part.tensors.items():
        packed = _halved(f"{part.name}: {name}", tensor)
        size = packed.numel() * packed.element_size()
        piece_bytes = min(_PIECE_BYTES, shard_bytes // 4)
        count = min(-(-size // piece_bytes), packed.shape[0]) if packed.ndim else 1
        for i, piece in enumerate(packed.chunk(max(count, 1)) if packed.ndim else [packed]):
            needed = piece.numel() * piece.element_size() + _ENTRY_BYTES + len(name)
            if needed > room and content:
                yield content
                content, room = {}, shard_bytes - _ENTRY_BYTES
            content[f"{name}:{i}"] = piece.contiguous()
            room -= needed
    if content:
        yield content


def _halved(name: str, tensor: Tensor) -> Tensor:
    value = tensor.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format)
    largest = float(value.abs().max()) if value.numel() else 0.0
    if not largest < float("inf"):
        raise InputError(f"{name}: holds values that are not finite; training has failed")
    return value.half() if largest <= _FP16_LARGEST else value


def _read_part(
    folder: Path, entries: dict[str, list[str]], digests: dict[str, str]
) -> dict[str, Tensor]:
    contents = {
        shard: _read_shard(folder, shard, digests[shard])
        for shard in sorted({shard for where in entries.values() for shard in where})
    }
    tensors: dict[str, Tensor] = {}
    for name, where in entries.items():
        try:
            pieces = [contents[shard][f"{name}:{i}"] for i, shard in enumerate(where)]
        except KeyError as error:
            raise InputError(f"{folder / MANIFEST}: {error} is not where it says") from None
        tensors[name] = (torch.cat(pieces) if len(pieces) > 1 else pieces[0]).float()
    return tensors


def _read_shard(folder: Path, name: str, digest: str) -> dict[str, Tensor]:
    path = folder / Path(name).name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path.name} is missing") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"{path.name} is not what was written")
    try:
        return load(data)
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path.name} is no safetensors file ({error})") from None
