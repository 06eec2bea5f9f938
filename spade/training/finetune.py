"""Starting a run from a finished model: its weights, its classes, its sizes.

A finished model holds averaged weights with spectral norm folded in. They become the weights
that learn, and the averages, as they are: the first picture of the run is the model's. What a
model does not bring starts anew: the optimizers' memory always, the discriminator if the
model was saved without one or the run has one of another kind (see
``TrainingConfig.discriminator_steps``).

Classes are matched by name (:mod:`spade.class_matching`); the input channels of every
convolution that reads the semantic map are arranged for the classes of the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spade.class_matching import Origin, describe, match_classes
from spade.config import EncoderConfig, GeneratorConfig, to_dict
from spade.data.folder import label_channels
from spade.discriminator import Discriminator
from spade.finishing import with_base_grid
from spade.formats.errors import InputError
from spade.formats.palette import Palette
from spade.model import Model
from spade.spectral import SpectralNorm
from spade.training.trainer import Trainer
from spade.weights import plain_state

_FROM_MODEL = ("ngf", "z_dim", "use_vae", "upsampling", "embedding")


def sizes_from(
    model: Model,
    palette: Palette,
    size: int,
    *,
    style: bool | None = None,
    instances: bool = False,
) -> tuple[GeneratorConfig, EncoderConfig | None]:
    """The sizes of the networks of a run that starts from ``model``.

    palette: the classes of the data. size: side in pixels of the training crops. style:
    whether the run is to have a style encoder; None: as the model. instances: whether the
    data has instance maps; without them a channel of instance edges is left out.

    Raises InputError if the model has a style encoder and the run is not to have one, or the
    other way round.
    """
    config = model.config.generator
    if style is not None and style != config.use_vae:
        raise InputError(
            f"model {model.name} was trained "
            + (
                "with a style encoder and can't go on without; leave --no-style out"
                if config.use_vae
                else "without a style encoder and can't get one now; choose a run without style "
                "(--no-style) or another model"
            )
        )
    config = replace(
        config,
        label_nc=label_channels(palette),
        contain_dontcare=True,
        instance_edges=config.instance_edges and instances,
    )
    # Crops are square. A size that does not fit the stride is refused with the run.
    if size % config.stride == 0:
        config = replace(config, crop_size=size, aspect_ratio=1.0)
    encoder = model.config.encoder
    if config.use_vae and encoder is None:
        encoder = EncoderConfig(z_dim=config.z_dim)
    return config, encoder


def judge_from(model: Model) -> dict[str, Any]:
    """The [discriminator] settings that the discriminator of ``model`` fits, {} without one."""
    if model.discriminator is None:
        return {}
    settings = to_dict(model.discriminator.config)
    del settings["semantic_nc"]  # of the data's classes
    return {"architecture": "patch", **settings}


def start_from(trainer: Trainer, model: Model, palette: Palette) -> list[str]:
    """Give the generator and encoder of a fresh trainer, and their averages, a model's weights.

    palette: the classes of the data. Returns lines for people: which classes were matched
    with which, and what starts anew.

    Raises InputError if the run's sizes are not the model's, except for the crop size.
    """
    config = trainer.run.generator
    if not isinstance(config, GeneratorConfig):
        raise InputError(
            f"model {model.name} is a SPADE generator; fine-tuning it needs architecture = "
            '"spade" in [generator]'
        )
    _check_sizes(config, trainer.run.encoder, model)
    origins = match_classes(model.classes, palette.classes)
    channels = _channels(origins, model.config.generator, config)
    state = _generator_state(model, config, channels)
    for network in (trainer.networks.generator, trainer.generator_average.network):
        fill_normalized(network, state, model.name)
    lines = [
        f"starts from model {model.name}: generator and encoder",
        *describe(origins, unknown=model.config.generator.contain_dontcare),
    ]
    if model.config.generator.instance_edges and not config.instance_edges:
        lines.append("the model reads instance edges, the data has no instances/: without them")
    if trainer.networks.encoder is not None and trainer.encoder_average is not None:
        if model.encoder is None:
            lines[0] = f"starts from model {model.name}: generator; its encoder is not there"
            lines.append("encoder: starts anew, styles of photos have to be learned")
        else:
            encoder = plain_state(model.encoder)
            for network in (trainer.networks.encoder, trainer.encoder_average.network):
                fill_normalized(network, encoder, model.name)
    alone = trainer.run.training.discriminator_steps
    judge, own = model.discriminator, trainer.run.discriminator
    if judge is not None and own == replace(judge.config, semantic_nc=config.semantic_nc):
        fill_normalized(trainer.networks.discriminator, _judge_state(judge, channels), model.name)
        lines.append("discriminator: the model's")
        return lines
    lines.append("discriminator: starts anew" + (f", alone for {alone} steps" if alone else ""))
    return lines


def origin_of(model: Model) -> dict[str, Any]:
    """What the finished model's provenance says of the one it was started from."""
    steps = model.provenance.get("steps")
    return {"started_from": {"name": model.name, "licence": model.licence, "steps": steps}}


def fill_normalized(network: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Give ``network`` plain weights; those under spectral norm come out as they are.

    state: as :func:`spade.weights.plain_state` has it, of the network's own sizes. name: of
    the model, for messages. Raises InputError for a normalised weight that is all 0.
    """
    device = next(network.parameters()).device
    own: dict[str, Tensor] = {}
    norms: list[tuple[str, SpectralNorm]] = []
    for path, module in network.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrization = module.get_submodule("parametrizations.weight.0")
            assert isinstance(parametrization, SpectralNorm)
            norms.append((path, parametrization))
    for path, norm in norms:
        weight = state[f"{path}.weight"].to(device)
        if not bool(weight.any()):
            raise InputError(
                f"model {name}: the weights of {path} are all 0, so it can't be trained on; "
                "choose another model"
            )
        norm.start_from(weight)
        own[f"{path}.parametrizations.weight.original"] = weight
        for key, value in norm.state_dict().items():
            own[f"{path}.parametrizations.weight.0.{key}"] = value
    normalized = {f"{path}.weight" for path, _ in norms}
    own |= {key: value.to(device) for key, value in state.items() if key not in normalized}
    network.load_state_dict(own)


def _check_sizes(config: GeneratorConfig, encoder: EncoderConfig | None, model: Model) -> None:
    theirs = model.config.generator
    for key in _FROM_MODEL:
        mine, other = getattr(config, key), getattr(theirs, key)
        if mine != other:
            raise InputError(
                f"[generator] {key} is {mine}, but model {model.name} has {other}; leave it out: "
                "sizes come from the model that training starts from"
            )
    if model.encoder is not None and encoder != model.config.encoder:
        raise InputError(
            f"[encoder] {encoder} does not fit model {model.name}, which has "
            f"{model.config.encoder}; leave it out"
        )


def _channels(
    origins: Sequence[Origin], old: GeneratorConfig, new: GeneratorConfig
) -> list[list[int]]:
    """For each semantic channel of the run those of the model whose mean it starts from.

    An empty list: a channel that starts at 0.
    """
    unknown = [old.label_nc] if old.contain_dontcare else list(range(old.label_nc))
    channels = [unknown] * new.label_nc
    for origin in origins:
        if origin.sources:
            channels[origin.entry.id] = [source.id for source in origin.sources]
    if new.contain_dontcare:
        channels.append(unknown)
    if new.instance_edges:
        channels.append([old.semantic_nc - 1] if old.instance_edges else [])
    return channels


def _generator_state(
    model: Model, config: GeneratorConfig, channels: Sequence[Sequence[int]]
) -> dict[str, Tensor]:
    """The model's plain state for the run's classes and base grid."""
    state = plain_state(model.generator)
    if config.use_vae and config.base_grid != model.config.generator.base_grid:
        state = with_base_grid(state, model.config.generator.base_grid, config.base_grid)
    for key, value in state.items():
        reads_map = key.endswith(".embed.weight") or (key == "fc.weight" and not config.use_vae)
        if reads_map:
            state[key] = _arranged(value, channels)
    return state


def _judge_state(judge: Discriminator, channels: Sequence[Sequence[int]]) -> dict[str, Tensor]:
    """The discriminator's plain state for the run's classes."""
    state = plain_state(judge)
    for key, value in state.items():
        if key.endswith(".first.weight"):
            # The map's channels, then the picture's.
            maps, picture = value[:, :-3], value[:, -3:]
            state[key] = torch.cat([_arranged(maps, channels), picture], dim=1)
    return state


def _arranged(weight: Tensor, channels: Sequence[Sequence[int]]) -> Tensor:
    """``(out, semantic_nc, k, k)`` of the model -> the same of the run."""
    columns = [
        weight[:, list(sources)].mean(dim=1) if sources else torch.zeros_like(weight[:, 0])
        for sources in channels
    ]
    return torch.stack(columns, dim=1)
