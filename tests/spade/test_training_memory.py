"""What a training is said to take of memory, beside what processes that train take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from measure_training import run_of
from safetensors.torch import save_file
from training_runs import CPU, make_data, notices, state_of, tiny

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
)
from spade.discriminator import Discriminator
from spade.encoder import Encoder
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder
from spade.generator import Generator
from spade.model import count_parameters
from spade.oasis import OasisDiscriminator
from spade.perceptual import VggFeatures
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.presets import PRESETS
from spade.run import Run
from spade.settings import build_run, merged
from spade.training import train
from spade.training_memory import (
    check_photos_fit,
    micro_batch_that_fits,
    parameters,
    photo_bytes,
    training_bytes,
)
from spade.weights import build_plain

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = 6

# 64 and 128 pixels, ngf 8 to 32, both discriminators, with and without VGG, R1, micro-batches.
CASES: list[dict[str, Any]] = [
    {
        "generator": {"ngf": 8, "z_dim": 32, "embedding": 16},
        "encoder": {"nef": 8, "input_size": 32},
        "discriminator": {"ndf": 8},
        "training": {"size": 64, "batch_size": 8},
        "vgg": True,
    },
    {
        "generator": {"ngf": 16, "z_dim": 64, "embedding": 32},
        "encoder": {"nef": 16, "input_size": 64},
        "discriminator": {"ndf": 32},
        "training": {"size": 128, "batch_size": 4},
    },
    {
        "generator": {"ngf": 16, "z_dim": 64, "embedding": 32},
        "encoder": {"nef": 16, "input_size": 64},
        "discriminator": {"ndf": 32},
        "training": {"size": 128, "batch_size": 4},
        "vgg": True,
        "at_once": 2,
    },
    {
        "generator": {"ngf": 16, "embedding": 32, "use_vae": False},
        "discriminator": {"architecture": "oasis", "ndf": 16},
        "training": {"size": 128, "batch_size": 2, "r1_weight": 1.0, "r1_every": 1},
        "vgg": True,
    },
    {
        "generator": {"ngf": 32, "z_dim": 64, "embedding": 64},
        "encoder": {"nef": 32, "input_size": 64},
        "discriminator": {"ndf": 64},
        "training": {"size": 128, "batch_size": 2, "precision": "bf16"},
        "vgg": True,
    },
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="measures in children that are split off")
def test_the_estimate_is_what_processes_take(tmp_path: Path) -> None:
    data = make_data(tmp_path / "data", PHOTOS, side=256)
    torch.manual_seed(0)
    vgg = tmp_path / "vgg19.safetensors"
    save_file(dict(VggFeatures(19).state_dict()), vgg)
    script = Path(__file__).parent / "measure_training.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    measured = json.loads(
        subprocess.run(
            [sys.executable, str(script), str(data), str(vgg)],
            input=json.dumps(CASES),
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout
    )
    ratios = []
    for case, took in zip(CASES, measured, strict=True):
        run = run_of(case, 2, str(vgg))
        said = training_bytes(run, at_once=case.get("at_once"), photos=PHOTOS)
        ratios.append(round(said / took, 2))
    assert all(0.9 <= ratio <= 1.4 for ratio in ratios), ratios


def test_weights_are_counted_exactly() -> None:
    # The first as the paper has them (appendix A), 184 and 36 channels.
    assert parameters(GeneratorConfig(184, use_vae=False)) == 97_480_899
    assert parameters(GeneratorConfig(184)) == 112_626_883
    assert parameters(DiscriminatorConfig(184)) == 5_904_514
    for config, network in (
        (GeneratorConfig(5, True, ngf=6, embedding=7, upsampling="most"), Generator),
        (GeneratorConfig(5, use_vae=False, ngf=3, upsampling="more", crop_size=64), Generator),
        (EncoderConfig(nef=5, z_dim=9, input_size=64), Encoder),
        (DiscriminatorConfig(7, ndf=5, scales=3, layers=5), Discriminator),
        (OasisConfig(5, ndf=3, levels=4), OasisDiscriminator),
        (Pix2PixHDConfig(5, True, ngf=3, blocks=2), Pix2PixHDGenerator),
    ):
        assert parameters(config) == count_parameters(build_plain(network, config, "")), config


def preset_run(name: str) -> Run:
    preset = next(preset for preset in PRESETS if preset.name == name)
    return build_run(merged(preset.tables), "", 18)


def test_larger_trainings_are_said_to_take_more() -> None:
    needed = [training_bytes(preset_run(preset.name)) for preset in PRESETS]
    assert needed == sorted(needed)
    assert len(set(needed)) == len(PRESETS)
    run = preset_run("small")
    assert training_bytes(run, at_once=1) < training_bytes(run, at_once=2) < training_bytes(run)
    assert training_bytes(run, photos=1000) - training_bytes(run) == photo_bytes(run, 1000)
    vgg = replace(run, training=replace(run.training, vgg="vgg.pth"))
    assert training_bytes(vgg) > training_bytes(run)
    assert training_bytes(run, photos=1000, device="cuda") == training_bytes(run, device="cuda")


def test_micro_batches_are_made_to_fit() -> None:
    run = preset_run("medium")  # batches of 8
    room = {count: training_bytes(run, at_once=count, photos=100) for count in (8, 4, 2, 1)}
    for count, needed in room.items():
        assert micro_batch_that_fits(run, 100, "cpu", int(needed / 0.92) + 2) == count
    # What the process has already can be had.
    assert micro_batch_that_fits(run, 100, "cpu", room[4] - (1 << 28), 1 << 29) == 4
    assert micro_batch_that_fits(run, 100, "cpu", None) == 8
    with pytest.raises(InputError) as caught:
        micro_batch_that_fits(run, 100, "cpu", room[1])
    assert "even with one picture at a time" in str(caught.value)
    assert "use --preset small (128 pixels)" in str(caught.value)
    with pytest.raises(InputError, match="can be had: close other programs"):
        micro_batch_that_fits(run, 100, "cpu", 1 << 28)
    with pytest.raises(
        InputError, match=r"of it are 500000 photos; train on fewer, or .* below 256"
    ):
        micro_batch_that_fits(run, 500_000, "cpu", 8 << 30)
    # They are not on the graphics card, but have to fit beside it.
    assert micro_batch_that_fits(run, 500_000, "cuda", 24 << 30) == 8
    with pytest.raises(InputError, match="500000 photos take about"):
        check_photos_fit(run, 500_000, 8 << 30)
    check_photos_fit(run, 1000, 8 << 30)


def test_training_starts_with_what_fits_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(tmp_path / "data")
    run = tiny(steps=2, size=64, batch_size=4)
    monkeypatch.setattr("spade.training.loop.available_memory", lambda: 0)
    taken = int(training_bytes(run, at_once=2, photos=6) / 0.92) + 2
    monkeypatch.setattr("spade.training.loop.peak_memory", lambda device: taken)
    out = tmp_path / "out"
    train(run, data, out, device=CPU)
    assert notices(out)[0].startswith(
        "memory has no room for 4 pictures at a time, so they are taken 2 at a time. A batch is "
        "still 4 pictures, in 2 parts"
    )
    assert state_of(out)[".at_once"] == 2
    status = RunFolder(out).read_status()
    assert status is not None
    assert status.micro_batch == 2

    monkeypatch.setattr("spade.training.loop.peak_memory", lambda device: 100 << 20)
    with pytest.raises(InputError, match=r"training needs about 0\.4 GB of memory even with one"):
        train(run, data, tmp_path / "other", device=CPU)
    assert not (tmp_path / "other" / "state.pt").exists()
