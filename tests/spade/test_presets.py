"""Presets, recipes and the order in which settings win."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_runs import make_data

from spade.cli import run_command
from spade.commands.train import Plan, configure, make_plan
from spade.config import DiscriminatorConfig, GeneratorConfig, OasisConfig, Pix2PixHDConfig
from spade.formats.errors import InputError
from spade.presets import PRESETS, RECIPES, by_name
from spade.run import Run
from spade.settings import build_run, data_folder, merged, read_tables


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


def planned(*arguments: str | Path) -> Plan:
    parser = argparse.ArgumentParser()
    configure(parser)
    return make_plan(parser.parse_args([str(argument) for argument in arguments]))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_preset_goes_with_every_recipe(preset: Any, recipe: Any, data: Path) -> None:
    run = planned(data, "--preset", preset.name, "--recipe", recipe.name).run
    assert run.encoder is not None
    for section, config in (
        ("generator", run.generator),
        ("encoder", run.encoder),
        ("discriminator", run.discriminator),
        ("training", run.training),
    ):
        for key, value in merged(preset.tables, recipe.tables)[section].items():
            if key != "architecture":
                assert getattr(config, key) == value, key
    assert run.generator.crop_size == run.training.size  # type: ignore[union-attr]
    without = planned(data, "--preset", preset.name, "--no-style").run
    assert without.encoder is None


def test_the_presets_grow() -> None:
    names = [preset.name for preset in PRESETS]
    assert names == ["tiny", "small", "medium", "large", "paper"]
    sizes = [p.tables["training"]["size"] for p in PRESETS]
    widths = [p.tables["generator"]["ngf"] for p in PRESETS]
    assert sizes == [64, 128, 256, 256, 256]
    assert widths == [8, 16, 32, 64, 64]
    assert PRESETS[0].tables["training"]["batch_size"] == 2
    assert [recipe.name for recipe in RECIPES] == ["quick", "balanced", "thorough"]
    steps = [recipe.tables["training"]["steps"] for recipe in RECIPES]
    assert steps == sorted(steps)
    with pytest.raises(InputError, match="--preset 'huge': use one of tiny, small"):
        by_name(PRESETS, "huge", "--preset")


def test_what_goes_without_saying(data: Path) -> None:
    balanced = by_name(RECIPES, "balanced", "").tables["training"]
    run = planned(data, "--preset", "small").run
    assert run.training.steps == balanced["steps"]
    assert run.training.color_weight == balanced["color_weight"]
    paper = planned(data, "--preset", "paper").run
    plain = planned(data).run
    assert replace(paper, training=plain.training) == plain  # the defaults are the paper's
    assert paper.training == plain.training


def test_the_order_of_settings(data: Path, tmp_path: Path) -> None:
    config = write(
        tmp_path / "mine.toml",
        "[generator]\nngf = 12\n[training]\nsteps = 77\nkld_weight = 0.5\n[model]\nname = 'x'\n",
    )
    arguments = [data, "--preset", "small", "--recipe", "quick", "--config", config]
    run = planned(*arguments, "--steps", "5", "--batch-size", "3", "--judge-minutes", "2").run
    assert isinstance(run.generator, GeneratorConfig)
    assert run.generator.ngf == 12  # by hand, over the preset's 16
    assert run.generator.embedding == 32  # the preset's
    assert run.training.kld_weight == 0.5  # by hand, over the recipe's
    assert run.training.color_weight == 10.0  # the recipe's
    assert (run.training.steps, run.training.batch_size) == (5, 3)  # flags over all
    assert run.training.judge_minutes == 2.0
    assert run.name == "x"


def test_another_architecture_replaces_a_presets_section(data: Path, tmp_path: Path) -> None:
    oasis = write(
        tmp_path / "o.toml", '[discriminator]\narchitecture = "oasis"\nndf = 4\nlevels = 3\n'
    )
    run = planned(data, "--preset", "tiny", "--config", oasis).run
    assert run.discriminator == OasisConfig(2, ndf=4, levels=3)
    patch = write(tmp_path / "p.toml", '[discriminator]\narchitecture = "patch"\nndf = 4\n')
    run = planned(data, "--preset", "tiny", "--config", patch).run
    assert run.discriminator == DiscriminatorConfig(3, ndf=4, layers=3)  # layers: the preset's
    baseline = write(tmp_path / "b.toml", '[generator]\narchitecture = "pix2pixhd"\nngf = 4\n')
    run = planned(data, "--preset", "tiny", "--config", baseline).run
    assert run.generator == Pix2PixHDConfig(2, True, ngf=4)
    assert run.encoder is None


def test_a_recipe_gives_way_where_the_generator_cannot_follow(data: Path, tmp_path: Path) -> None:
    plain = write(tmp_path / "a.toml", "[generator]\ncontain_dontcare = false\n")
    run = planned(data, "--preset", "tiny", "--config", plain).run
    assert (run.training.unknown_patches, run.training.simplify > 0) == (0.0, True)
    edges = write(tmp_path / "b.toml", "[generator]\ninstance_edges = true\n")
    run = planned(data, "--preset", "tiny", "--config", edges).run
    assert (run.training.unknown_patches > 0, run.training.simplify) == (True, 0.0)
    # What was asked for by hand is not dropped in silence: reading the data refuses it.
    both = "[generator]\ninstance_edges = true\n[training]\nsimplify = 0.5\n"
    run = planned(data, "--preset", "tiny", "--config", write(tmp_path / "c.toml", both)).run
    assert run.training.simplify == 0.5


RUNS = {
    "patch": "",
    "oasis": '[discriminator]\narchitecture = "oasis"\nlevels = 3\n',
    "baseline": '[generator]\narchitecture = "pix2pixhd"\n',
}


@pytest.mark.parametrize("kind", RUNS)
def test_the_kept_settings_are_a_configuration_file(kind: str, data: Path, tmp_path: Path) -> None:
    toml = write(tmp_path / "a.toml", RUNS[kind] + '[model]\nlicence = "CC0"\n')
    run = planned(data, "--preset", "tiny", "--config", toml, "--out", tmp_path / "meadow").run
    kept = write(tmp_path / "run.json", json.dumps(run.sections(str(data))))
    again = planned("--config", kept)
    assert again.run == run
    assert (again.run.name, again.run.licence) == ("meadow", "CC0")
    assert again.data == data
    assert planned(tmp_path / "data", "--config", kept, "--steps", "9").run.training.steps == 9


def test_resuming_takes_the_settings_of_the_run(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    run = planned(data, "--preset", "tiny", "--steps", "40", "--no-style", "--out", out).run
    write(out / "run.json", json.dumps(run.sections(str(data))))
    plan = planned("--out", out, "--resume")
    assert (plan.run, plan.data, plan.resumed) == (run, data, True)
    longer = planned("--out", out, "--resume", "--steps", "80")
    assert longer.run == replace(run, training=replace(run.training, steps=80))
    # With settings of its own it does not look there.
    other = planned(data, "--out", out, "--resume", "--preset", "tiny")
    assert not other.resumed
    assert other.run.encoder is not None
    with pytest.raises(InputError, match="no DATA folder"):
        planned("--out", tmp_path / "new", "--resume")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.json", "{", "not readable as JSON"),
        ("a.json", "[1]", "no table of sections"),
        ("a.json", '{"trainer": {}}', "unknown section 'trainer'"),
        ("a.json", '{"training": 3}', "unknown section 'training'"),
        ("a.json", '{"data": {"folder": 3}}', r"\[data\]: it has one setting, folder"),
        ("a.toml", '[data]\nfolders = "x"\n', r"\[data\]: it has one setting, folder"),
        ("a.toml", "[training]\njudge_minutes = -1\n", "judge_minutes is -1"),
    ],
)
def test_files_of_another_form(name: str, text: str, complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(InputError, match=complaint):
        build_run(merged(read_tables(path)), str(path), 2) and data_folder(read_tables(path), name)


def test_settings_are_told_without_torch(data: Path) -> None:
    """The dialog shows presets before torch is there."""
    script = (
        "import sys; from spade.presets import PRESETS; from spade.settings import build_run, "
        "merged; from spade.training_memory import training_bytes; "
        "print([training_bytes(build_run(merged(p.tables), '', 2)) for p in PRESETS]); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_sections_name_what_they_hold(data: Path) -> None:
    run = planned(data, "--no-style").run
    assert isinstance(run, Run)
    sections = run.sections()
    assert list(sections) == ["model", "generator", "discriminator", "training"]
    assert sections["generator"]["architecture"] == "spade"


def test_unknown_names_are_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--preset", "huge"], ["--recipe", "slow"]):
        assert run_command("train", [str(data), *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1
