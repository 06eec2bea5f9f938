"""Going on with training on another machine from weights alone, or from part of them.

What is carried first is what ships, the averaged generator and encoder; then the
discriminator, which can't be had from them; then the generator and encoder themselves, of
which the averages are a good stand-in. The optimizers' memory stays behind.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from spade.config import to_dict
from spade.formats.errors import InputError
from spade.spectral import settle_spectral_norm
from spade.training.shards import Part, read_shards, write_shards
from spade.training.trainer import Run, Trainer

AVERAGE, DISCRIMINATOR, LEARNING = "average", "discriminator", "learning"


def save_weights(trainer: Trainer, folder: Path) -> None:
    """Write the weights as shards, in the order of importance; see :mod:`spade.training.shards`."""
    drawing, judging = _hashes(trainer.run)
    networks = trainer.networks
    encoder = None if trainer.encoder_average is None else trainer.encoder_average.network
    parts = [
        Part(AVERAGE, drawing, _joined(trainer.generator_average.network, encoder)),
        Part(DISCRIMINATOR, judging, _joined(networks.discriminator)),
        Part(LEARNING, drawing, _joined(networks.generator, networks.encoder)),
    ]
    write_shards(folder, parts, trainer.step)


def load_weights(trainer: Trainer, folder: Path) -> list[str]:
    """Take up what ``folder`` holds of the weights, and its step.

    Returns lines for people: what was found and what starts anew. Raises InputError if not
    even the averaged generator and encoder are whole, or if they are of other settings.
    """
    found = read_shards(folder)
    drawing, judging = _hashes(trainer.run)
    if AVERAGE not in found.parts:
        reason = found.broken.get(AVERAGE, "it has no averaged generator")
        raise InputError(f"{folder}: {reason}; copy the shards named {AVERAGE} again")
    average = found.parts[AVERAGE]
    if average.config != drawing:
        raise InputError(
            f"{folder}: the weights are of other [generator] or [encoder] settings, or another "
            "number of classes; use the settings they were trained with"
        )
    networks = trainer.networks
    encoder = None if trainer.encoder_average is None else trainer.encoder_average.network
    _fill(folder, average.tensors, trainer.generator_average.network, encoder)
    said = [f"weights of step {found.step} from {folder}: averaged generator and encoder"]
    if LEARNING in found.parts:
        _fill(folder, found.parts[LEARNING].tensors, networks.generator, networks.encoder)
        said.append("generator and encoder: as they were")
    else:
        _fill(folder, average.tensors, networks.generator, networks.encoder)
        reason = found.broken.get(LEARNING, "they are not there")
        said.append(f"generator and encoder: go on from their averages ({reason})")
    if DISCRIMINATOR in found.parts and found.parts[DISCRIMINATOR].config == judging:
        _fill(folder, found.parts[DISCRIMINATOR].tensors, networks.discriminator)
        said.append("discriminator: as it was")
    else:
        reason = found.broken.get(DISCRIMINATOR, "there is none of these settings")
        said.append(f"discriminator: starts anew ({reason})")
    said.append("optimizers: start anew")
    trainer.step = found.step
    return said


def _joined(*networks: nn.Module | None) -> dict[str, Tensor]:
    """The state dicts as one, keys preceded by the number of the network."""
    return {
        f"{i}.{key}": value
        for i, network in enumerate(networks)
        if network is not None
        for key, value in network.state_dict().items()
    }


def _fill(folder: Path, tensors: dict[str, Tensor], *networks: nn.Module | None) -> None:
    for i, network in enumerate(networks):
        if network is None:
            continue
        own = {key[2:]: value for key, value in tensors.items() if key.startswith(f"{i}.")}
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            line = " ".join(str(error).split())[:200]
            raise InputError(f"{folder}: the weights do not fit ({line})") from None
        # u and v were carried in fp16 and the weights rounded.
        settle_spectral_norm(network)


def _hashes(run: Run) -> tuple[str, str]:
    """Of what the generator and encoder, and the discriminator, are made by."""
    encoder = None if run.encoder is None else to_dict(run.encoder)
    return (
        _hash(type(run.generator).__name__, to_dict(run.generator), encoder),
        _hash(type(run.discriminator).__name__, to_dict(run.discriminator)),
    )


def _hash(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
