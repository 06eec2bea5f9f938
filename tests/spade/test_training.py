from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from spade.averaging import Average, recompute_statistics
from spade.checkpoint import load_baseline, load_folder
from spade.cli import run_command
from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    Pix2PixHDConfig,
    TrainingConfig,
)
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.training import Run, TrainingProgress, train
from spade.vgg_weights import find_vgg

CPU = torch.device("cpu")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    colors = np.array([[20, 60, 220], [230, 60, 30]], dtype=np.uint8)
    rng = np.random.default_rng(2)
    for i in range(6):
        labels = rng.integers(0, 2, (4, 4), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
        Image.fromarray(colors[labels]).save(folder / "images" / f"p{i}.png")
        Image.fromarray(labels).save(folder / "labels" / f"p{i}.png")
    classes = [{"id": i, "name": f"c{i}", "color": f"#{i}{i}{i}000"} for i in range(2)]
    (folder / "classes.json").write_text(json.dumps({"name": "two", "classes": classes}))
    return folder


def tiny(**training: object) -> Run:
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


def test_resuming_is_exact(data: Path, tmp_path: Path) -> None:
    train(tiny(steps=6), data, tmp_path / "whole", device=CPU)
    stops = iter([False] * 3 + [True] * 9)
    train(tiny(steps=6), data, tmp_path / "parts", device=CPU, should_stop=lambda: next(stops))
    assert torch.load(tmp_path / "parts" / "state.pt", weights_only=True)["step"] == 3
    train(tiny(steps=6), data, tmp_path / "parts", device=CPU, resume=True)

    def flat(value: object, name: str = "") -> dict[str, torch.Tensor]:
        if isinstance(value, torch.Tensor):
            return {name: value}
        items = value.items() if isinstance(value, dict) else ()
        return {k: v for key, part in items for k, v in flat(part, f"{name}.{key}").items()}

    whole = flat(torch.load(tmp_path / "whole" / "state.pt", weights_only=True))
    parts = flat(torch.load(tmp_path / "parts" / "state.pt", weights_only=True))
    assert whole.keys() == parts.keys()
    assert len(whole) > 300
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name
    lines = (tmp_path / "parts" / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_the_result_opens_and_reports_come(data: Path, tmp_path: Path) -> None:
    reports: list[TrainingProgress] = []
    run = tiny(steps=4, sample_steps=2, checkpoint_steps=2)
    folder = train(run, data, tmp_path / "out", device=CPU, on_progress=reports.append)
    assert [r.step for r in reports] == [1, 2, 3, 4]
    assert {"d", "gan", "feature", "kld"} <= reports[0].losses.keys()
    assert reports[1].sample is not None
    with Image.open(reports[1].sample) as grid:
        # labels, photo, own style, first style, last style; a row a picture
        assert grid.size == (5 * 32, 6 * 32)
    model = load_folder(folder)
    assert [c.name for c in model.classes] == ["c0", "c1"]
    assert model.provenance["steps"] == 4
    picture = model.generator(
        semantic_map(torch.zeros(1, 32, 32, dtype=torch.uint8), model.config.generator),
        torch.zeros(1, 4),
    )
    assert picture.shape == (1, 3, 32, 32)
    assert torch.isfinite(picture).all()


def test_the_baseline_trains_by_the_same_loop(data: Path, tmp_path: Path) -> None:
    config = Pix2PixHDConfig(2, True, ngf=2, downsamplings=2, blocks=1)
    run = replace(tiny(steps=2, color_weight=1.0), generator=config, encoder=None)
    before = train(
        replace(run, training=replace(run.training, steps=1)), data, tmp_path / "a", device=CPU
    )
    after = train(run, data, tmp_path / "b", device=CPU)
    first = load_baseline(before).state_dict()
    second = load_baseline(after).state_dict()
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_learning_rate_is_constant_then_falls_to_zero() -> None:
    config = TrainingConfig(steps=100, decay_from=0.5)
    factors = [config.rate_factor(step) for step in (0, 49, 50, 75, 99, 100)]
    assert factors == pytest.approx([1.0, 1.0, 1.0, 0.5, 0.02, 0.0])


def test_average_follows_and_its_statistics_are_its_own() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(2, ngf=2, z_dim=4, crop_size=256, embedding=8)
    network = Generator(config).train()
    average = Average(network, 0.5)
    with torch.no_grad():
        network.to_rgb.weight.add_(1.0)
    average.update(network, 10**6)
    difference = network.to_rgb.weight - average.network.to_rgb.weight  # type: ignore[operator,union-attr]
    assert torch.allclose(difference, torch.full_like(difference, 0.5), atol=1e-6)
    labels = torch.randint(0, 2, (4, 256, 256), dtype=torch.uint8)
    batch = (semantic_map(labels, config), torch.randn(4, 4))
    finished = average.finished([batch])
    # One batch: normalising by its running statistics is normalising by the batch itself,
    # but for the n / (n - 1) of an unbiased variance.
    with torch.no_grad():
        in_eval = finished(*batch)
        finished.train()
        in_training = finished(*batch)
    assert (in_eval - in_training).abs().max() < 0.1
    stale = Generator(config).eval()
    recompute_statistics(stale, [batch])
    assert not torch.equal(stale.head.norm_0.norm.running_var, torch.ones(32))


def test_wrong_settings_are_told_before_the_work(data: Path, tmp_path: Path) -> None:
    run = tiny(steps=1)
    five = GeneratorConfig(5, True, ngf=2, z_dim=4, crop_size=32, embedding=8)
    with pytest.raises(InputError, match="2 classes, but the generator is set to 5"):
        train(replace(run, generator=five), data, tmp_path / "x", device=CPU)
    with pytest.raises(InputError, match="nothing to resume"):
        train(run, data, tmp_path / "y", device=CPU, resume=True)
    train(run, data, tmp_path / "z", device=CPU)
    with pytest.raises(InputError, match="--resume"):
        train(run, data, tmp_path / "z", device=CPU)
    state = tmp_path / "z" / "state.pt"
    state.write_bytes(state.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"state\.pt"):
        train(run, data, tmp_path / "z", device=CPU, resume=True)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_state(
    data: Path, tmp_path: Path
) -> None:
    train(tiny(steps=2), data, tmp_path / "out", device=CPU)
    kept = (tmp_path / "out" / "state.pt").read_bytes()
    wild = tiny(steps=9, gan_weight=float("nan"), learning_rate_g=1e30, feature_weight=0.0)
    with pytest.raises(InputError, match=r"loss '.*' is (nan|inf)"):
        train(wild, data, tmp_path / "out", device=CPU, resume=True)
    assert (tmp_path / "out" / "state.pt").read_bytes() == kept


def test_vgg_is_not_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spade.vgg_weights.cached_vgg", lambda: tmp_path / "vgg.pth")
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    assert find_vgg("", refuse) == ""
    assert "MB" in asked[0]
    with pytest.raises(InputError, match="no such file"):
        find_vgg(str(tmp_path / "gone.pth"), refuse)
    (tmp_path / "vgg.pth").write_bytes(b"x")
    assert find_vgg("", refuse) == str(tmp_path / "vgg.pth")
    assert len(asked) == 1


TINY_TOML = """
[model]
name = "meadow"
[generator]
ngf = 2
z_dim = 4
crop_size = 32
embedding = 8
[encoder]
nef = 2
input_size = 32
[discriminator]
ndf = 2
[training]
steps = 3
batch_size = 2
size = 32
sample_steps = 0
statistics_batches = 1
validation_share = 0.0
"""


def test_the_command_trains_by_toml_and_flags(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(TINY_TOML)
    arguments = [str(data), "--out", str(tmp_path / "out"), "--config", str(config), "--no-vgg"]
    assert run_command("train", [*arguments, "--steps", "2", "--device", "cpu", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "model": str(tmp_path / "out" / "model"),
        "step": 2,
        "steps": 2,
    }
    assert "training without perceptual loss" in printed.err
    assert "left" in printed.err
    assert load_folder(tmp_path / "out" / "model").name == "meadow"
    assert run_command("train", [*arguments, "--resume", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 3


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[generator]\nngf = 2\nwidth = 3\n", "unknown setting 'width'"),
        ("[training]\nsize = 33\n", "size 33: it must be a multiple of 32"),
        ("[training]\nsteps = 0\n", "steps is 0"),
        ("[trainer]\n", "unknown section 'trainer'"),
        ("[training\n", "not readable as TOML"),
        ('[training]\nbatch_size = "many"\n', "batch_size is 'many', expected int"),
    ],
)
def test_bad_settings_exit_with_2_and_one_line(
    toml: str, complaint: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(toml)
    arguments = [str(data), "--out", str(tmp_path / "out"), "--config", str(config), "--no-vgg"]
    assert run_command("train", arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
