"""Between networks and safetensors files: plain weights out, checked weights in.

On disk spectral norm is folded: a weight is what the convolution multiplies by.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spade.formats.errors import InputError
from spade.spectral import plain_weights

N = TypeVar("N", bound=nn.Module)

_FLOATS = ("F16", "BF16", "F32", "F64")
_MAX_HEADER = 100_000_000  # bytes; the format's own limit


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """The state dict that the folded network would have; the network itself is not changed."""
    training = network.training
    network.eval()  # in eval mode reading a normalised weight makes no power iteration
    state: dict[str, Tensor] = {}
    with torch.no_grad():
        for key, value in network.state_dict().items():
            owner, found, rest = key.partition(".parametrizations.weight.")
            if not found:
                state[key] = value.detach()
            elif rest == "original":
                module = network.get_submodule(owner)
                assert parametrize.is_parametrized(module, "weight")
                weight = module.weight
                assert isinstance(weight, Tensor)
                state[f"{owner}.weight"] = weight.detach()
    network.train(training)
    return state


def build_plain(cls: type[N], config: Any, where: str) -> N:
    """``cls(config)`` with plain weights, its tensors empty (meta) until :func:`fill`.

    Raises InputError, beginning with ``where``, for sizes that make no network.
    """
    try:
        with torch.device("meta"), plain_weights():
            return cls(config)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (ValueError, TypeError, RuntimeError, OverflowError, ArithmeticError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{where}: these sizes make no network ({reason})") from None


def fill(network: N, state: dict[str, Tensor], path: Path) -> N:
    """Give ``network`` the tensors of ``state``, in fp32; frozen, eval mode.

    Raises InputError naming ``path`` and the first tensor that is missing, misshapen, not
    known to the network, or not finite.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    check_shapes({key: tuple(value.shape) for key, value in state.items()}, expected, path)
    for key, value in state.items():
        if not bool(torch.isfinite(value).all()):
            raise InputError(
                f"{path}: tensor {key} holds values that are not finite numbers; "
                "the file is damaged or its training failed"
            )
    network.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    network.requires_grad_(False)
    return network.eval()


def load_network(cls: type[N], config: Any, path: Path) -> N:
    """``cls(config)`` with the weights of a safetensors file, fp32, frozen, in eval mode."""
    network = build_plain(cls, config, str(path))
    header_shapes = _header_shapes(path)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    check_shapes(header_shapes, expected, path)
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: cannot be read as safetensors ({error}); copy it again"
        ) from None
    return fill(network, state, path)


def check_shapes(
    found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]], path: Path
) -> None:
    """Raise InputError unless both have the same names and shapes."""
    unknown = sorted(set(found) - set(expected))
    for key, shape in expected.items():
        if key not in found:
            instead = f" (it has {unknown[0]}, which does not belong)" if unknown else ""
            raise InputError(f"{path}: tensor {key} {shape} is missing{instead}")
        if found[key] != shape:
            raise InputError(f"{path}: tensor {key} is {found[key]}, expected {shape}")
    if unknown:
        raise InputError(f"{path}: tensor {unknown[0]} does not belong to this network")


def _header_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name, from the header alone; every tensor is known to lie inside the file."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            size = path.stat().st_size
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= _MAX_HEADER or 8 + length > size:
                # Only now: a sound file's length may begin with the same bytes.
                if start[:2] == b"PK" or start[:1] == b"\x80":
                    raise InputError(
                        f"{path}: holds a pickled torch file, which is refused; save it as "
                        "safetensors"
                    )
                raise InputError(
                    f"{path}: is cut off or no safetensors file, its list of tensors is not "
                    "complete; copy it again"
                )
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the model folder is not complete") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: its list of tensors is damaged; copy the file again") from None
    if not isinstance(header, dict):
        raise InputError(f"{path}: its list of tensors is damaged; copy the file again")
    shapes: dict[str, tuple[int, ...]] = {}
    for key, entry in header.items():
        if key == "__metadata__":
            continue
        try:
            shapes[key] = tuple(int(side) for side in entry["shape"])
            end = int(entry["data_offsets"][1])
            kind = entry["dtype"]
        except (TypeError, KeyError, IndexError, ValueError):
            raise InputError(f"{path}: the entry of tensor {key} is damaged") from None
        if kind not in _FLOATS:
            raise InputError(f"{path}: tensor {key} is {kind}, expected a floating-point type")
        if 8 + length + end > size:
            raise InputError(
                f"{path}: is cut off at {size} bytes, tensor {key} ends at {8 + length + end}; "
                "copy the file again"
            )
    return shapes
