"""Evaluation while training: what it measures, and that training does not feel it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, TrainingConfig
from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.formats.errors import InputError
from spade.formats.palette import Palette, PaletteClass
from spade.training import Run, judging, train
from spade.training.judging import (
    FEWEST,
    PICTURES_CPU,
    PICTURES_GPU,
    Judging,
    most_pictures,
)
from spade.training.trainer import Trainer

CPU = torch.device("cpu")
COLORS = np.array([[20, 60, 220], [30, 160, 40]], np.uint8)
"""Of class 0 and 1: blue and green."""


class ByColor:
    """A segmenter that knows "sky" (id 3) by blue and "lawn" (id 8) by green, and "cloud" (id 5),
    which it says where it may and sees much green: made for these pictures.
    """

    sure: dict[int, float] = {}  # noqa: RUF012

    def __init__(self, network: Any, palette: Palette, device: torch.device) -> None:
        self.network, self.palette = network, palette

    def glance(self, images: Tensor) -> Tensor:
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        small = nn.functional.interpolate(images, size=(16, 16), mode="area")
        ids = {entry.name: entry.id for entry in self.palette.classes}
        green = torch.full(small[:, 0].shape, ids.get("cloud", ids.get("lawn", 255)))
        return torch.where(small[:, 2] > small[:, 1], ids["sky"], green).to(torch.uint8)


KNOWN = Palette(
    "by colour",
    (
        PaletteClass(3, "sky", "#0000ff"),
        PaletteClass(5, "cloud", "#ffffff"),
        PaletteClass(8, "lawn", "#00ff00"),
    ),
)


@pytest.fixture
def by_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "has_segmenter", lambda folder: True)
    monkeypatch.setattr(
        judging, "load_segmenter", lambda folder, device: ByColor(None, KNOWN, device)
    )
    monkeypatch.setattr(judging, "Segmenter", ByColor)


Data = Callable[..., Path]


@pytest.fixture
def make_data(tmp_path: Path) -> Data:
    def make(
        training: int = 4,
        validation: int = 0,
        names: tuple[str, str] = ("Sky", "grass"),
        wrong: float = 0.0,
    ) -> Path:
        """wrong: the share of each map, at its top, that says the other class."""
        folder = tmp_path / "data"
        rng = np.random.default_rng(5)
        parts = {"train": training, "val": validation} if validation else {"": training}
        for part, count in parts.items():
            for kind in ("images", "labels"):
                (folder / part / kind).mkdir(parents=True)
            for i in range(count):
                ids = rng.integers(0, 2, (4, 4)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
                Image.fromarray(COLORS[ids]).save(folder / part / "images" / f"{part}{i}.png")
                ids[: round(wrong * 32)] ^= 1
                Image.fromarray(ids).save(folder / part / "labels" / f"{part}{i}.png")
        classes = [{"id": i, "name": name} for i, name in enumerate(names)]
        (folder / "classes.json").write_text(json.dumps({"name": "two", "classes": classes}))
        return folder

    return make


def run_of(**training: Any) -> Run:
    generator = GeneratorConfig(2, True, ngf=2, z_dim=4, crop_size=32, embedding=8)
    settings = {"batch_size": 2, "size": 32, "statistics_batches": 1, "sample_steps": 0}
    config = TrainingConfig(
        **(settings | {"validation_share": 0.0, "perceptual_weight": 0.0} | training)
    )
    judge = DiscriminatorConfig(generator.semantic_nc, ndf=2)
    return Run(generator, EncoderConfig(nef=2, z_dim=4, input_size=32), judge, config, "tiny")


def made(folder: Path, vgg: str = "") -> tuple[Judging, Trainer, PairedPictures, list[str]]:
    data, run, said = open_data(folder, 0.0), run_of(), []
    trainer = Trainer(run, CPU)
    pictures = PairedPictures(data.training, data.palette, run.generator, run.training)
    return Judging(data, run, CPU, vgg=vgg, on_notice=said.append), trainer, pictures, said


class Painter(nn.Module):
    """Draws class 0 blue and class 1 green, as the photos are; unknown is grey."""

    def forward(self, semantic: Tensor, z: Tensor | None) -> Tensor:
        colors = torch.from_numpy(COLORS).float() / 127.5 - 1
        return torch.einsum("nchw,ck->nkhw", semantic[:, :2], colors)


@pytest.mark.usefixtures("by_color")
def test_agreement_is_the_share_of_pixels_that_show_what_was_asked(
    make_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Photos disagree with a quarter of each map; a perfect painter with nothing.
    judge, trainer, pictures, _ = made(make_data(4, 12, wrong=0.25))
    monkeypatch.setattr(trainer, "finished", lambda *args, **rest: (Painter(), None, None))
    found = judge.judge(trainer, pictures)
    assert found == {
        "pictures": 12,
        "maps": "validation",
        "agreement": 1.0,
        "agreement_photos": 0.75,
    }


@pytest.mark.usefixtures("by_color")
def test_the_segmenter_may_only_say_what_the_data_has(make_data: Data) -> None:
    # "cloud" is no class here, so green has to be called a lawn, which grass is like.
    judge, trainer, pictures, _ = made(make_data(4, 8))
    assert judge.judge(trainer, pictures)["agreement_photos"] == 1.0


@pytest.mark.usefixtures("by_color")
def test_classes_that_the_segmenter_does_not_know(make_data: Data, vgg_file: Path) -> None:
    judge, trainer, pictures, said = made(make_data(9, names=("nave", "apse")), str(vgg_file))
    found = judge.judge(trainer, pictures)
    assert "agreement" not in found
    assert "frechet" in found
    assert any("knows too few" in line for line in said)


def test_without_a_segmenter_and_vgg_there_is_nothing_to_say(
    make_data: Data, tmp_path: Path
) -> None:
    data, run, said = open_data(make_data(3), 0.0), run_of(), []
    judge = Judging(data, run, CPU, segmenter=tmp_path, on_notice=said.append)
    trainer = Trainer(run, CPU)
    pictures = PairedPictures(data.training, data.palette, run.generator, run.training)
    assert judge.judge(trainer, pictures) == {"pictures": 3, "maps": "training"}
    assert any("has no segmenter" in line for line in said)
    assert any("3 maps that are trained on" in line for line in said)


@pytest.mark.usefixtures("by_color")
def test_frechet_distance_falls_with_better_pictures(
    make_data: Data, vgg_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, trainer, pictures, _ = made(make_data(2, 16), str(vgg_file))
    fresh = judge.judge(trainer, pictures)
    monkeypatch.setattr(trainer, "finished", lambda *args, **rest: (Painter(), None, None))
    perfect = judge.judge(trainer, pictures)
    assert perfect["frechet_photos"] == fresh["frechet_photos"] == perfect["frechet"]
    assert float(fresh["frechet"]) > 2 * float(perfect["frechet"])


@pytest.mark.usefixtures("by_color")
def test_too_few_pictures_for_a_distance(make_data: Data, vgg_file: Path) -> None:
    judge, trainer, pictures, said = made(make_data(FEWEST - 1), str(vgg_file))
    found = judge.judge(trainer, pictures)
    assert found["maps"] == "training"
    assert "frechet" not in found
    assert "agreement" in found
    assert any(f"{FEWEST} are needed" in line for line in said)


@pytest.mark.usefixtures("by_color")
def test_no_more_pictures_than_agreed(make_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "PICTURES_CPU", 9)
    judge, trainer, pictures, _ = made(make_data(2, 20))
    assert judge.judge(trainer, pictures)["pictures"] == 9


def test_large_generators_are_judged_by_fewer_pictures() -> None:
    def count(ngf: int, size: int, device: str) -> int:
        run = run_of(size=size)
        generator = replace(run.generator, ngf=ngf)
        return most_pictures(replace(run, generator=generator), torch.device(device))

    assert count(16, 256, "cpu") == PICTURES_CPU
    assert FEWEST <= count(24, 256, "cpu") < PICTURES_CPU
    assert count(64, 512, "cpu") == FEWEST
    assert count(64, 512, "cuda") == PICTURES_GPU
    assert count(64, 2048, "cuda") == FEWEST


def test_damaged_weights_are_named(make_data: Data, tmp_path: Path) -> None:
    broken = tmp_path / "vgg.safetensors"
    broken.write_bytes(b"no weights")
    data = open_data(make_data(2), 0.0)
    with pytest.raises(InputError, match=r"vgg\.safetensors"):
        Judging(data, run_of(), CPU, segmenter=tmp_path, vgg=str(broken))


def test_the_bundled_segmenter_reads_landscapes(make_data: Data) -> None:
    judge, trainer, pictures, said = made(make_data(8))
    found = judge.judge(trainer, pictures)
    assert 0 <= float(found["agreement"]) <= 1
    assert 0 < float(found["agreement_photos"]) <= 1
    assert not any("label agreement" in line for line in said)


@pytest.mark.usefixtures("by_color")
def test_training_does_not_feel_it(make_data: Data, tmp_path: Path) -> None:
    folder = make_data(4, 8)
    seen: list[int] = []
    for name, minutes in (("without", 0.0), ("with", 1e-9)):
        train(
            run_of(steps=4, judge_minutes=minutes),
            folder,
            tmp_path / name,
            device=CPU,
            on_judged=lambda step, found: seen.append(step),
        )
    assert len(seen) >= 3
    states = [
        torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("without", "with")
    ]
    for network in ("generator", "encoder", "discriminator", "generator_average"):
        for key, value in states[0][network].items():
            assert torch.equal(value, states[1][network][key]), key
    lines = [json.loads(line) for line in (tmp_path / "with/judged.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == seen
    assert all(0 <= line["agreement"] <= 1 for line in lines)
    assert not (tmp_path / "without/judged.jsonl").exists()
