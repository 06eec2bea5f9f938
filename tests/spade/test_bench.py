"""``spadework bench``: what it prints, and that it measures what it says."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from spade.__main__ import console
from spade.benchmark.arithmetic import (
    Convolution,
    block_convolutions,
    convolution_milliseconds,
    matrix_gflops,
    modulation_convolutions,
    multiply_adds,
)
from spade.benchmark.levels import Levels, box, level_difference
from spade.benchmark.memory import PeakMemory, growth
from spade.benchmark.plain import PlainNetwork
from spade.benchmark.reference import CONFIG, reference_size_model
from spade.benchmark.scenes import (
    SCENE,
    border_windows,
    checkerboard,
    dab,
    fitted,
    painted_scene,
)
from spade.benchmark.timing import percentiles, sample
from spade.checkpoint import save_model
from spade.config import GeneratorConfig
from spade.engine import Engine
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.palette import load_palette
from spade.formats.rect import Rect
from spade.formats.resources import bundled
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import Model
from spade.spectral import plain_weights

SMALL = GeneratorConfig(label_nc=3, ngf=2, z_dim=5, crop_size=128, embedding=4)


def bench(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = console(["bench", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def measured(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, out, err = bench(capsys, *arguments, "--json")
    assert (code, out.count("\n")) == (0, 1), err
    result: dict[str, Any] = json.loads(out)
    return result


def test_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    data = measured(capsys, "--model", folder, "--quick", "--sides", "96,64", "--runs", "2")
    assert {(row["scene"], row["case"], row["side"], row["dab"]) for row in data["rows"]} == {
        *(("painted", case, side, None) for case in ("full", "style") for side in (64, 96)),
        *(("checkerboard", case, side, None) for case in ("full", "style") for side in (64, 96)),
        *(("painted", case, 64, 16) for case in ("edit", "live")),
        *(("painted", case, 96, size) for case in ("edit", "live") for size in (16, 48)),
    }
    for row in data["rows"]:
        for key in ("plain_ms", "fast_ms"):
            assert 0 < row[key]["p50"] <= row[key]["p95"]
        assert row["ratio"] > 0
        assert row["runs"] == 2
        assert row["work"]
        exact = row["settled_max_abs_diff" if row["case"] == "live" else "max_abs_diff"]
        assert exact < 1e-4
        assert row["levels_from_plain"]["max"] <= 1
        assert ("over_ideal" in row) == (row["case"] == "full")
        assert ("levels" in row) == ("settle_ms" in row) == (row["case"] == "live")
    for key in ("gemm_gflops", "conv_gflops"):
        assert data[key] > 0
    assert data["threads"] >= 1
    assert data["parameters"] > 0
    assert not data["skipped"]
    for key in ("import", "load", "engine", "first"):
        assert data[f"{key}_seconds"] >= 0
    assert [(each["scene"], each["side"]) for each in data["scenes"]] == [
        (scene, side) for side in (64, 96) for scene in ("painted", "checkerboard")
    ]


def test_table(capsys: pytest.CaptureFixture[str], tmp_path: Path, no_vae: Model) -> None:
    """Without a VAE there is no style to change."""
    save_model(tmp_path / "one-look", no_vae, half=False)
    code, text, err = bench(capsys, "--model", tmp_path / "one-look", "--quick", "--sides", "64")
    assert code == 0, err
    assert "checkerboard scene, 64x64" in text
    assert "edit 16 px" in text
    assert "style" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sides", "1x"), "'1x'"),
        (("--sides", "64,0"), "0 is out of range"),
        (("--sides", "80"), "use 64"),
        (("--sides", "8"), "use 32"),
        (("--runs", "0"), "runs 0"),
        (("--reference-size",), "not both"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = bench(capsys, "--model", folder, *arguments)
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]


def test_a_plain_network_that_does_not_fit_is_left_out(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_memory(model: Model, width: int, height: int, *, plain: bool = False) -> None:
        if plain:
            raise InputError("needs more than there is")

    monkeypatch.setattr(Model, "check_memory", check_memory)
    data = measured(capsys, "--model", folder, "--quick", "--sides", "64", "--runs", "1")
    assert ["plain at 64" in what for what in data["skipped"]] == [True]
    for row in data["rows"]:
        assert row["plain_ms"] is row["ratio"] is row["plain_channels_last_ms"] is None
        assert row["fast_ms"]["p50"] > 0
    code, text, _ = bench(capsys, "--model", folder, "--quick", "--sides", "64", "--runs", "1")
    assert (code, "left out: plain at 64" in text) == (0, True)


CONFIGS = [
    SMALL,
    replace(SMALL, upsampling="more", aspect_ratio=2.0, instance_edges=True),
    replace(SMALL, upsampling="most", use_vae=False, contain_dontcare=True),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.upsampling)
@pytest.mark.parametrize(("height", "width"), [(128, 128), (128, 256)])
def test_multiply_adds_of_the_blocks_are_those_of_the_network(
    config: GeneratorConfig, height: int, width: int
) -> None:
    generator = Generator(config).eval()
    counted: list[tuple[str, int]] = []

    def count(name: str) -> Any:
        def hook(module: nn.Conv2d, _: Any, out: torch.Tensor) -> None:
            per_value = module.weight[0].numel()
            counted.append((name, per_value * out.numel()))

        return hook

    for name, module in generator.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count(name))
    run_once(generator, height, width)
    blocks = sum(number for name, number in counted if ".conv_" in name)
    assert multiply_adds(block_convolutions(config, height, width)) == blocks
    assert len(block_convolutions(config, height, width)) == sum(".conv_" in n for n, _ in counted)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.upsampling)
def test_multiply_adds_are_all_that_torch_counts(config: GeneratorConfig) -> None:
    """Blocks, modulation, the last convolution and the first layer are the whole network."""
    generator = Generator(config).eval()
    with FlopCounterMode(display=False) as counter:
        run_once(generator, 128, 256)
    last = generator.to_rgb.weight.numel() * 128 * 256
    first = generator.fc.weight.numel()
    if not config.use_vae:
        first *= (128 // config.stride) * (256 // config.stride)
    ours = multiply_adds(
        block_convolutions(config, 128, 256) + modulation_convolutions(config, 128, 256)
    )
    assert 2 * (ours + last + first) == counter.get_total_flops()


def run_once(generator: Generator, height: int, width: int) -> None:
    config = generator.config
    labels = torch.zeros(1, height, width, dtype=torch.long)
    z = torch.zeros(1, config.z_dim) if config.use_vae else None
    with torch.no_grad():
        generator(semantic_map(labels, config), z)


def test_the_reference_size() -> None:
    with torch.device("meta"), plain_weights():
        generator = Generator(CONFIG)
    assert sum(p.numel() for p in generator.parameters()) == 112_626_883
    assert CONFIG.semantic_nc == 184
    blocks = multiply_adds(block_convolutions(CONFIG, 256, 256))
    assert round(blocks / 1e9, 1) == 42.0
    total = blocks + multiply_adds(modulation_convolutions(CONFIG, 256, 256))
    assert round(total / 1e9) == 191


def test_random_weights_show_class_and_style() -> None:
    config = replace(SMALL, ngf=4, embedding=16)
    model = reference_size_model(config=config, seed=3)
    state = torch.get_rng_state()
    same = reference_size_model(config=config, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(model.generator.parameters(), same.generator.parameters(), strict=True):
        assert torch.equal(a, b)
    labels = checkerboard(128, 3)
    other = labels.copy()
    other[:64] = 2
    picture, repainted, restyled = (
        model.engine.render(ids, z).clone()
        for ids, z in (
            (labels, model.latent()),
            (other, model.latent()),
            (labels, model.sample_z(1)),
        )
    )
    assert 0.1 < picture.std() < 0.8
    assert (picture - repainted).abs().mean() > 0.02
    assert (picture - restyled).abs().mean() > 0.005


def test_convolutions_and_products_are_timed() -> None:
    cpu = torch.device("cpu")
    convolutions = [Convolution(4, 8, 3, 16, 16)] * 2 + [Convolution(4, 8, 1, 16, 16)]
    assert multiply_adds(convolutions) == (2 * 9 + 1) * 4 * 8 * 256
    assert convolution_milliseconds(convolutions, cpu, torch.float32, runs=2, seconds=0.01) > 0
    assert matrix_gflops(cpu, torch.float32, seconds=0.01) > 0


def test_the_painted_scene() -> None:
    palette = load_palette(bundled("palettes/landscape.json"))
    labels = read_label_map(SCENE).labels
    assert labels.shape == (1024, 1024)
    assert len(np.unique(labels)) == 6
    assert set(np.unique(labels).tolist()) <= set(palette.ids)
    levels = border_windows(painted_scene(256, 18), 5)
    assert [level.side for level in levels] == [256, 128, 64, 32, 16, 8]
    assert 0.11 < levels[0].border_share < 0.13
    assert 0.2 < levels[0].distinct / levels[0].windows < 0.4
    assert np.unique(painted_scene(64, 4)).tolist() == [0, 1, 2, 3]


def test_windows_are_counted_one_by_one() -> None:
    labels = np.random.default_rng(1).integers(0, 2, (12, 9)).astype(np.uint8)
    labels[3:, :7] = 1
    found = border_windows(labels, 0)[0]
    windows, near = [], 0
    for y in range(12):
        for x in range(9):
            seen = [
                labels[i, j] if 0 <= i < 12 and 0 <= j < 9 else -1
                for i in range(y - 2, y + 3)
                for j in range(x - 2, x + 3)
            ]
            near += any(each not in (-1, labels[y, x]) for each in seen)
            if any(each != labels[y, x] for each in seen):
                windows.append(tuple(map(int, seen)))
    assert (found.windows, found.distinct) == (len(windows), len(set(windows)))
    assert found.border_share == near / labels.size


def test_the_worst_case_is_all_borders_but_at_full_size() -> None:
    levels = border_windows(checkerboard(64, 9), 5)
    assert levels[0].windows == 0.75 * 64 * 64
    assert all(level.windows == level.side**2 for level in levels[1:])
    assert np.unique(checkerboard(64, 1)).tolist() == [0]


def test_a_dab_is_round_and_always_the_same() -> None:
    labels = painted_scene(96, 18)
    before = labels.copy()
    for number in range(8):
        painted = dab(labels, 17, number)
        assert np.array_equal(painted.labels, dab(labels, 17, number).labels)
        changed = painted.labels != labels
        assert changed.any()
        outside = changed.copy()
        outside[painted.rect.slices] = False
        assert not outside.any()
        new = np.unique(painted.labels[changed])
        assert len(new) == 1
        disc = painted.labels[painted.rect.slices] == new[0]
        assert disc[8].all()
        assert not changed[painted.rect.slices][0, 0]
    assert np.array_equal(labels, before)
    assert len({dab(labels, 17, number).rect for number in range(8)}) > 5
    with pytest.raises(ValueError, match="97 px"):
        dab(labels, 97, 0)


def test_classes_that_the_model_lacks_are_numbered_anew() -> None:
    labels = np.array([[0, 7], [15, 4]], np.uint8)
    assert fitted(labels, 16) is labels
    assert fitted(labels, 3).tolist() == [[0, 2], [0, 1]]


def test_plain_is_untouched_by_engines_and_threads(tiny: Model) -> None:
    torch.set_num_threads(2)
    plain = PlainNetwork(tiny)
    Engine(tiny, "cpu")
    torch.set_num_threads(1)
    used = []
    generator = plain._generator
    generator.register_forward_hook(lambda *_: used.append(torch.get_num_threads()))
    labels = checkerboard(64, 4)
    picture = plain.render(labels, tiny.latent())
    assert used == [2]
    assert torch.get_num_threads() == 1
    assert all(p.is_contiguous() for p in generator.parameters())
    with plain.in_channels_last():
        weight = generator.head.conv_0.weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
        again = plain.render(labels, tiny.latent())
    assert all(p.is_contiguous() for p in generator.parameters())
    assert (picture - again).abs().max() < 1e-5
    with torch.inference_mode():
        ids = torch.from_numpy(labels)[None]
        semantic = semantic_map(ids, tiny.config.generator)
        expected = tiny.generator(semantic, tiny.latent())[0]
    assert (picture - expected).abs().max() < 1e-5


def test_peak_memory_of_a_piece_of_work() -> None:
    memory = PeakMemory(torch.device("cpu"))
    marks: list[float] = []
    before = memory.now()
    with memory.watched(marks):
        torch.ones(64 << 18)  # 64 MiB, and gone again
    if sys.platform == "linux" and marks:
        grown = growth(marks, before)
        assert grown is not None
        assert 60 < grown < 100
        with memory.watched(marks):
            pass
        assert marks[1] < marks[0] - 50
        assert memory.most is not None
        assert memory.most >= marks[0] - 0.1
    assert growth([], 3.0) is growth([5.0], None) is None


def test_levels() -> None:
    random = np.random.default_rng(0)
    differences = random.integers(0, 40, (3, 20, 30, 3)).astype(np.uint8)
    where = box((20, 30, 3), Rect(2, 3, 10, 8), margin=4)
    assert where.sum() == 16 * 15
    everywhere, inside = Levels(), Levels()
    for each in differences:
        everywhere.add(each)
        inside.add(each, where)
    assert everywhere.summary() == {
        "mean": round(float(differences.mean()), 4),
        "p99": np.percentile(differences, 99, method="inverted_cdf"),
        "max": differences.max(),
    }
    part = differences[:, where]
    found = inside.summary()
    assert found is not None
    assert found["mean"] == pytest.approx(part.mean(), abs=1e-4)
    assert Levels().summary() is None
    a, b = torch.full((3, 2, 2), -1.0), torch.full((3, 2, 2), 1.0)
    assert (level_difference(a, b) == 255).all()


def test_samples_stop_in_time() -> None:
    calls = []
    assert len(sample(lambda: calls.append(1), runs=5, seconds=60)) == 5
    assert len(calls) == 6  # the first warms up
    assert len(sample(lambda: None, runs=100, seconds=0)) == 1
    assert len(sample(lambda: None, runs=100, seconds=0, least=4)) == 4
    assert percentiles([1.0, 2.0, 3.0]) == {"p50": 2.0, "p95": 2.9, "min": 1.0}
