"""Tiny trainings for tests: a data set of two classes, settings, and the comparison of states."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, TrainingConfig
from spade.run import Run

CPU = torch.device("cpu")


def make_data(folder: Path, photos: int = 6, side: int = 64) -> Path:
    """A DATA folder: blocks of two classes, the photos their colours."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    colors = np.array([[20, 60, 220], [230, 60, 30]], dtype=np.uint8)
    rng = np.random.default_rng(2)
    block = side // 4
    for i in range(photos):
        labels = rng.integers(0, 2, (4, 4), dtype=np.uint8)
        labels = labels.repeat(block, axis=0).repeat(block, axis=1)
        Image.fromarray(colors[labels]).save(folder / "images" / f"p{i}.png")
        Image.fromarray(labels).save(folder / "labels" / f"p{i}.png")
    classes = [{"id": i, "name": f"c{i}", "color": f"#{i}{i}{i}000"} for i in range(2)]
    (folder / "classes.json").write_text(json.dumps({"name": "two", "classes": classes}))
    return folder


def tiny(**training: object) -> Run:
    """Settings for :func:`make_data` of a few thousand weights, 32 pixels, batches of two."""
    generator = GeneratorConfig(2, True, ngf=2, z_dim=4, crop_size=32, embedding=8)
    settings = TrainingConfig(
        batch_size=2, size=32, statistics_batches=2, sample_steps=0, validation_share=0.0
    )
    return Run(
        generator,
        EncoderConfig(nef=2, z_dim=4, input_size=32),
        DiscriminatorConfig(generator.semantic_nc, ndf=2),
        replace(settings, **training),  # type: ignore[arg-type]
        "tiny",
    )


def flat(value: object, name: str = "") -> dict[str, Any]:
    """All tensors and plain values of a state, by their path."""
    if isinstance(value, dict):
        return {k: v for key, part in value.items() for k, v in flat(part, f"{name}.{key}").items()}
    if isinstance(value, list | tuple):
        return flat(dict(enumerate(value)), name)
    return {name: value}


def state_of(out: Path) -> dict[str, Any]:
    """What state.pt of a training folder holds, flat."""
    return flat(torch.load(out / "state.pt", weights_only=True))


def assert_same_training(one: Path, other: Path) -> None:
    """state.pt, the model and the statistics of two training folders are equal, bit for bit."""
    first, second = state_of(one), state_of(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        equal = (
            torch.equal(value, second[name]) if torch.is_tensor(value) else value == second[name]
        )
        assert equal, name
    weights = sorted((one / "model").glob("*.safetensors"))
    assert weights
    for path in weights:
        assert path.read_bytes() == (other / "model" / path.name).read_bytes(), path.name
    assert (one / "stats.jsonl").read_bytes() == (other / "stats.jsonl").read_bytes()


def steps_in(path: Path) -> list[int]:
    """The steps of a file of JSON lines."""
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def notices(out: Path) -> list[str]:
    """What a training said to people."""
    path = out / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["text"] for line in lines]
