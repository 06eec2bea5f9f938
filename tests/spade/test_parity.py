"""Outputs of small reference checkpoints, computed by the reference implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from spade.checkpoint import import_reference
from spade.labels import IGNORE_INDEX, semantic_map
from spade.model import Model, count_parameters

DATA = Path(__file__).parent.parent / "data" / "parity"
NAMES = sorted(path.name for path in DATA.iterdir())
TOLERANCE = 1e-4


def opened(name: str) -> tuple[Model, dict[str, Any], dict[str, Tensor]]:
    options = json.loads((DATA / name / "options.json").read_text())
    model = import_reference(
        DATA / name,
        upsampling=options["num_upsampling_layers"],
        crop_size=options["crop_size"],
        aspect_ratio=options["aspect_ratio"],
        label_nc=options["label_nc"],
        contain_dontcare=options["contain_dontcare_label"],
        instance_edges=not options["no_instance"],
    )
    return model, options, load_file(DATA / name / "io.safetensors")


def semantic(model: Model, tensors: dict[str, Tensor]) -> Tensor:
    config = model.config.generator
    ids = tensors["label_map"].unsqueeze(0).clone()
    if config.contain_dontcare:
        ids[ids == config.label_nc] = IGNORE_INDEX
    result = semantic_map(ids, config)
    if config.instance_edges:
        result[:, -1:] = tensors["edge_map"]
    n = tensors["output"].shape[0]
    return result.expand(n, -1, -1, -1)


def test_there_is_something_to_compare() -> None:
    assert len(NAMES) == 3


@pytest.mark.parametrize("name", NAMES)
def test_generator(name: str) -> None:
    model, options, tensors = opened(name)
    assert model.config.generator.use_vae is options["use_vae"]
    assert model.config.generator.ngf == options["ngf"]
    assert model.config.generator.semantic_nc == options["semantic_nc"]
    assert count_parameters(model.generator) == options["generator_parameters"]
    output = model.generator(semantic(model, tensors), tensors.get("z"))
    assert output.dtype == torch.float32
    assert (output - tensors["output"]).abs().max() < TOLERANCE


def test_encoder() -> None:
    model, _, tensors = opened("vae-256-encoder")
    assert model.encoder is not None
    mu, logvar = model.encoder(tensors["style_image"])
    assert (mu - tensors["mu"]).abs().max() < TOLERANCE
    assert (logvar - tensors["logvar"]).abs().max() < TOLERANCE
    again = model.encode(tensors["style_image"])
    assert torch.equal(again[0], mu)


def test_discriminator() -> None:
    model, _, tensors = opened("vae-normal")
    assert model.discriminator is not None
    condition = semantic(model, tensors)[:1]
    results = model.discriminator(condition, tensors["output"][:1])
    compared = 0
    for scale, features in enumerate(results):
        for layer, feature in enumerate(features):
            expected = tensors[f"disc_{scale}_{layer}"]
            assert (feature - expected).abs().max() < TOLERANCE
            compared += 1
    assert compared == sum(key.startswith("disc_") for key in tensors) == 10


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("vae")])
def test_the_engine_agrees_too(name: str) -> None:
    model, _, tensors = opened(name)
    ids = tensors["label_map"].clone()
    if model.config.generator.contain_dontcare:
        ids[ids == model.config.generator.label_nc] = IGNORE_INDEX
    z = tensors["z"][1:2]
    output = model.engine.render(ids.numpy(), z)
    assert (output - tensors["output"][1]).abs().max() < TOLERANCE
