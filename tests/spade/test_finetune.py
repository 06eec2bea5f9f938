"""Starting a run from a finished model: the same pictures, whatever the classes are called."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import enliven, make_model
from PIL import Image

from spade.checkpoint import load_folder, save_model
from spade.class_matching import describe, match_classes, words
from spade.commands.train import configure, read_settings
from spade.config import DiscriminatorConfig, GeneratorConfig, OasisConfig, TrainingConfig
from spade.discriminator import Discriminator
from spade.fine_tuning import FINE_TUNING
from spade.formats.errors import InputError
from spade.formats.palette import Palette, PaletteClass, load_palette
from spade.labels import semantic_map
from spade.model import Model, load_model
from spade.spectral import fold_spectral_norm
from spade.training import Run, train
from spade.training.finetune import judge_from, origin_of, sizes_from, start_from
from spade.training.trainer import Trainer

CPU = torch.device("cpu")


def palette(*classes: tuple[int, str, str]) -> Palette:
    entries = (PaletteClass(i, name, f"#0000{i:02x}", group) for i, name, group in classes)
    return Palette("data", tuple(entries))


def with_norms(model: Model, factor: float) -> Model:
    """Weights as of a training without spectral norm, or one that had not come far."""
    with torch.no_grad():
        for network in (model.generator, model.encoder):
            for name, parameter in (network or torch.nn.Module()).named_parameters():
                if ".conv_" in name or name.startswith("convs"):
                    parameter.mul_(factor)
    return model


def started(
    model: Model, classes: Palette, *, size: int = 64, **training: Any
) -> tuple[Trainer, list[str]]:
    generator, encoder = sizes_from(model, classes, size)
    config = TrainingConfig(size=size, batch_size=2, perceptual_weight=0, **training)
    judge = DiscriminatorConfig(generator.semantic_nc, ndf=2)
    trainer = Trainer(Run(generator, encoder, judge, config, "tuned"), CPU)
    return trainer, start_from(trainer, model, classes)


def pictures(trainer: Trainer, ids: np.ndarray, z: torch.Tensor | None) -> list[torch.Tensor]:
    """Of the network that learns and of the average, as they would be saved now."""
    semantic = semantic_map(torch.from_numpy(ids)[None], trainer.run.generator)
    networks = (trainer.networks.generator, trainer.generator_average.network)
    with torch.no_grad():
        return [network.eval()(semantic, z)[0] for network in networks]


def expected(model: Model, ids: np.ndarray, z: torch.Tensor | None) -> torch.Tensor:
    semantic = semantic_map(torch.from_numpy(ids)[None], model.config.generator)
    with torch.no_grad():
        picture: torch.Tensor = model.generator(semantic, z)[0]
    return picture


def scene(size: int = 64, classes: tuple[int, ...] = (0, 1, 2, 3, 255)) -> np.ndarray:
    cells = np.random.default_rng(7).choice(np.array(classes, np.uint8), (8, 8))
    return cells.repeat(size // 8, axis=0).repeat(size // 8, axis=1)


@pytest.mark.parametrize("factor", [1.0, 1.7])
@pytest.mark.parametrize("use_vae", [True, False])
def test_the_first_picture_is_the_models(use_vae: bool, factor: float) -> None:
    model = with_norms(make_model(use_vae=use_vae), factor)
    trainer, lines = started(model, model.palette)
    z = model.sample_z(1) if use_vae else None
    ids = scene()
    for picture in pictures(trainer, ids, z):
        torch.testing.assert_close(picture, expected(model, ids, z), rtol=0, atol=1e-4)
    assert any("sky, grass, water, rock" in line for line in lines)
    if use_vae:
        assert model.encoder is not None
        assert trainer.networks.encoder is not None
        photo = torch.rand(1, 3, 64, 64)
        for mine, theirs in zip(trainer.networks.encoder(photo), model.encoder(photo), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-4)


def test_reading_weights_in_training_does_not_move_them(tiny: Model) -> None:
    trainer, _ = started(with_norms(tiny, 0.3), tiny.palette)
    network = trainer.networks.generator.train()
    for _ in range(5):
        weight = network.head.conv_0.weight
    torch.testing.assert_close(weight, tiny.generator.head.conv_0.weight, rtol=0, atol=1e-5)


def test_classes_of_other_names_and_ids_draw_what_they_are_like(tiny: Model) -> None:
    data = palette(
        (0, "Rocks", ""),
        (1, "sky-other", ""),
        (2, "lake", ""),
        (5, "Grasses", ""),
        (6, "aurora", "Air"),
        (9, "lava", "fire"),
    )
    trainer, lines = started(tiny, data)
    assert trainer.run.generator.label_nc == 10
    ids = scene(classes=(0, 1, 2, 5, 6, 9, 255))
    table = np.full(256, 255, np.uint8)
    table[[0, 1, 2, 5, 6]] = [3, 0, 2, 1, 0]
    z = tiny.sample_z(4)
    for picture in pictures(trainer, ids, z):
        torch.testing.assert_close(picture, expected(tiny, table[ids], z), rtol=0, atol=1e-4)
    text = "\n".join(lines)
    assert "by name (3): Rocks, sky-other, Grasses" in text
    assert "'lake' starts from the model's 'water'" in text
    assert "'aurora' is new to the model: starts from 'sky' (group 'Air')" in text
    assert "'lava' is new to the model, which has nothing like it: starts from its unknown" in text


def test_a_model_without_unknown_gives_new_classes_the_mean_of_its_own() -> None:
    model = make_model(use_vae=False, contain_dontcare=False)
    trainer, lines = started(model, palette((0, "lava", ""), (1, "sky", "")))
    for mine, theirs in (
        (trainer.networks.generator.up_1.norm_0.embed, model.generator.up_1.norm_0.embed),
        (trainer.networks.generator.fc, model.generator.fc),
    ):
        mean = theirs.weight.mean(dim=1)
        for channel, weight in enumerate((mean, theirs.weight[:, 0], mean)):
            torch.testing.assert_close(mine.weight[:, channel], weight)
    assert any("the mean of all its classes" in line for line in lines)


def test_another_crop_size_draws_the_same_at_that_size(tiny: Model) -> None:
    trainer, _ = started(tiny, tiny.palette, size=128)
    assert trainer.run.generator.base_grid == (4, 4)
    ids, z = scene(128), tiny.sample_z(2)
    for picture in pictures(trainer, ids, z):
        torch.testing.assert_close(picture, expected(tiny, ids, z), rtol=0, atol=1e-4)


def test_an_oblong_model_goes_on_with_squares() -> None:
    model = make_model(crop_size=128, aspect_ratio=2.0)
    trainer, _ = started(model, model.palette, size=64)
    assert trainer.run.generator.base_grid == (2, 2)
    ids, z = scene(64), model.sample_z(2)
    torch.testing.assert_close(
        pictures(trainer, ids, z)[1], expected(model, ids, z), rtol=0, atol=1e-4
    )


def test_instance_edges_go_where_the_data_has_none() -> None:
    model = make_model(instance_edges=True)
    kept, _ = sizes_from(model, model.palette, 64, instances=True)
    assert kept.instance_edges
    trainer, lines = started(model, model.palette)
    assert not trainer.run.generator.instance_edges
    ids, z = scene(), model.sample_z(2)
    torch.testing.assert_close(
        pictures(trainer, ids, z)[1], expected(model, ids, z), rtol=0, atol=1e-4
    )
    assert any("instance edges" in line for line in lines)


def test_style_is_the_models(tiny: Model, no_vae: Model) -> None:
    with pytest.raises(InputError, match=r"with a style encoder .*leave --no-style out"):
        sizes_from(tiny, tiny.palette, 64, style=False)
    with pytest.raises(InputError, match="without a style encoder"):
        sizes_from(no_vae, no_vae.palette, 64, style=True)
    assert sizes_from(no_vae, no_vae.palette, 64, style=False)[1] is None


def test_other_sizes_are_refused(tiny: Model) -> None:
    generator, encoder = sizes_from(tiny, tiny.palette, 64)
    config = TrainingConfig(size=64, perceptual_weight=0)
    other = replace(generator, ngf=4)
    run = Run(other, encoder, DiscriminatorConfig(other.semantic_nc, ndf=2), config)
    with pytest.raises(InputError, match="ngf is 4, but model tiny has 2"):
        start_from(Trainer(run, CPU), tiny, tiny.palette)


def test_a_model_without_its_encoder_gets_a_new_one(tiny: Model) -> None:
    model = replace(tiny, encoder=None, config=replace(tiny.config, encoder=None))
    trainer, lines = started(model, model.palette)
    assert trainer.run.encoder is not None
    assert trainer.run.encoder.z_dim == 6
    assert any("styles of photos have to be learned" in line for line in lines)


def test_dead_weights_are_refused(tiny: Model) -> None:
    with torch.no_grad():
        tiny.generator.up_0.conv_1.weight.zero_()
    with pytest.raises(InputError, match=r"up_0\.conv_1 are all 0"):
        started(tiny, tiny.palette)


def judge_of(model: Model, **changes: int) -> Discriminator:
    config = DiscriminatorConfig(model.config.generator.semantic_nc, ndf=2)
    network = Discriminator(replace(config, **changes))
    enliven(network, 3)
    return fold_spectral_norm(network).eval().requires_grad_(False)


def test_the_discriminator_comes_along_if_it_fits(tiny: Model) -> None:
    model = replace(tiny, discriminator=judge_of(tiny))
    assert judge_from(model) == {"architecture": "patch", "ndf": 2, "scales": 2, "layers": 4}
    data = palette((0, "water", ""), (1, "sky", ""), (2, "grass", ""))
    trainer, lines = started(model, data)
    assert lines[-1] == "discriminator: the model's"
    ids = scene(classes=(0, 1, 2, 255))
    table = np.full(256, 255, np.uint8)
    table[[0, 1, 2]] = [2, 0, 1]
    maps = [
        semantic_map(torch.from_numpy(labels)[None], config)
        for labels, config in (
            (ids, trainer.run.generator),
            (table[ids], tiny.config.generator),
        )
    ]
    photo = torch.rand(1, 3, 64, 64)
    own = trainer.networks.discriminator.eval()
    assert isinstance(own, Discriminator)
    assert model.discriminator is not None
    for mine, theirs in zip(own(maps[0], photo), model.discriminator(maps[1], photo), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


def test_a_discriminator_that_does_not_fit_stays_behind(tiny: Model) -> None:
    model = replace(tiny, discriminator=judge_of(tiny, layers=3))
    _, lines = started(model, model.palette, discriminator_steps=7)
    assert lines[-1] == "discriminator: starts anew, alone for 7 steps"
    assert judge_from(tiny) == {}
    generator, encoder = sizes_from(tiny, tiny.palette, 64)
    config = TrainingConfig(size=64, perceptual_weight=0)
    run = Run(generator, encoder, OasisConfig(4, ndf=2, levels=2), config)
    assert "starts anew" in start_from(Trainer(run, CPU), model, model.palette)[-1]


def test_the_discriminator_is_saved_and_read_on_request(tiny: Model, tmp_path: Path) -> None:
    model = replace(tiny, discriminator=judge_of(tiny))
    save_model(tmp_path / "m", model, half=False)
    assert load_model(tmp_path / "m").discriminator is None
    read = load_folder(tmp_path / "m", discriminator=True).discriminator
    assert read is not None
    assert model.discriminator is not None
    for key, value in model.discriminator.state_dict().items():
        assert torch.equal(read.state_dict()[key], value)
    save_model(tmp_path / "m", tiny)
    assert not (tmp_path / "m" / "discriminator.safetensors").exists()
    assert load_folder(tmp_path / "m", discriminator=True).discriminator is None


def test_the_bundled_model_brings_its_own() -> None:
    model = load_model("landscape", "cpu", discriminator=True)
    assert model.discriminator is not None
    assert model.discriminator.config.semantic_nc == model.config.generator.semantic_nc


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    rng = np.random.default_rng(2)
    colors = rng.integers(0, 255, (4, 3)).astype(np.uint8)
    for i in range(4):
        ids = rng.integers(0, 4, (8, 8)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
        Image.fromarray(colors[ids]).save(folder / "images" / f"p{i}.png")
        Image.fromarray(ids).save(folder / "labels" / f"p{i}.png")
    names = ("rock", "sky", "grass", "water")
    classes = [{"id": i, "name": name} for i, name in enumerate(names)]
    (folder / "classes.json").write_text(json.dumps({"name": "four", "classes": classes}))
    return folder


def run_of(model: Model, data: Path, **training: Any) -> Run:
    generator, encoder = sizes_from(model, load_palette(data), 64)
    settings = {"batch_size": 2, "size": 64, "statistics_batches": 1, "sample_steps": 0}
    config = TrainingConfig(**(settings | {"validation_share": 0.0} | training))
    judge = DiscriminatorConfig(generator.semantic_nc, ndf=2)
    return Run(generator, encoder, judge, config, "tuned")


def test_a_run_from_a_model_and_on(tiny: Model, data: Path, tmp_path: Path) -> None:
    run = run_of(tiny, data, steps=3, checkpoint_steps=2)
    notices: list[str] = []
    result = train(run, data, tmp_path / "run", device=CPU, init=tiny, on_notice=notices.append)
    assert result.model is not None
    assert any("starts from model tiny" in line for line in notices)
    tuned = load_folder(result.model, discriminator=True)
    assert tuned.provenance["started_from"] == origin_of(tiny)["started_from"]
    assert tuned.discriminator is not None
    # Once more from there, with what it brings.
    notices.clear()
    again = train(run, data, tmp_path / "two", device=CPU, init=tuned, on_notice=notices.append)
    assert again.step == 3
    assert "discriminator: the model's" in notices


def test_going_on_needs_the_model_no_more(tiny: Model, data: Path, tmp_path: Path) -> None:
    run = run_of(tiny, data, steps=4, checkpoint_steps=2)
    train(run, data, tmp_path / "whole", device=CPU, init=tiny)
    stopped = train(
        run,
        data,
        tmp_path / "parts",
        device=CPU,
        init=tiny,
        should_stop=lambda: (
            (tmp_path / "parts/stats.jsonl").exists()
            and len((tmp_path / "parts/stats.jsonl").read_text().splitlines()) >= 2
        ),
    )
    assert stopped.step == 2
    train(run, data, tmp_path / "parts", device=CPU, resume=True)
    states = [
        torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "parts")
    ]
    for network in ("generator", "generator_average", "discriminator"):
        for key, value in states[0][network].items():
            assert torch.equal(value, states[1][network][key]), key
    # The norms that weights keep are part of the state.
    scales = [value for key, value in states[0]["generator"].items() if key.endswith("_scale")]
    assert scales
    assert any(float(value) != 1.0 for value in scales)


def test_the_discriminator_learns_alone_first(tiny: Model, data: Path, tmp_path: Path) -> None:
    run = run_of(tiny, data, steps=2, discriminator_steps=2)
    before, _ = started(tiny, load_palette(data))
    train(run, data, tmp_path / "run", device=CPU, init=tiny)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    for name, network in (
        ("generator", before.networks.generator),
        ("generator_average", before.generator_average.network),
    ):
        for key, value in network.state_dict().items():
            torch.testing.assert_close(state[name][key], value, rtol=0, atol=1e-6, msg=key)
    assert state["optimizer_d"]["state"]
    lines = [json.loads(line) for line in (tmp_path / "run/stats.jsonl").read_text().splitlines()]
    assert all("d" in line and "gan" not in line for line in lines)


def test_the_generators_rate_rises() -> None:
    config = TrainingConfig(discriminator_steps=4)
    assert [config.generator_ramp(step) for step in range(10)] == [
        *(0.0, 0.0, 0.0, 0.0),
        *(0.25, 0.5, 0.75, 1.0),
        *(1.0, 1.0),
    ]
    assert TrainingConfig().generator_ramp(0) == 1.0


def test_states_from_before_norms_were_kept_still_load(tiny: Model) -> None:
    trainer, _ = started(tiny, tiny.palette)
    state = trainer.networks.generator.state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("._scale")}
    assert len(old) < len(state)
    trainer.networks.generator.load_state_dict(old)
    scales = [
        value
        for key, value in trainer.networks.generator.state_dict().items()
        if key.endswith("._scale")
    ]
    assert all(float(value) == 1.0 for value in scales)


def test_recipes_are_settings() -> None:
    assert [recipe.name for recipe in FINE_TUNING] == ["quick", "balanced", "thorough"]
    for recipe in FINE_TUNING:
        assert set(recipe.tables) == {"training"}
        config = TrainingConfig(**recipe.tables["training"])
        assert config.steps > 4 * config.discriminator_steps
        assert f"{config.steps:,} steps" in recipe.detail


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Trees", ["tree"]),
        ("mountain, mount", ["mountain", "mount"]),
        ("sky-other", ["sky"]),
        ("Leaves", ["leaf"]),
        ("bushes", ["bush"]),
        ("berries", ["berry"]),
        ("grass", ["grass"]),
        ("dirt and gravel", ["dirt", "gravel"]),
        ("other", ["other"]),
    ],
)
def test_words(name: str, found: list[str]) -> None:
    assert words(name) == found


@pytest.mark.parametrize(
    ("name", "group", "how", "sources"),
    [
        ("SKY", "", "same name", ["sky"]),
        ("clouds", "", "same name", ["cloud"]),
        ("river", "", "alike", ["water"]),
        ("ocean", "", "alike", ["sea"]),
        ("house", "", "alike", ["building"]),
        ("street", "", "alike", ["road"]),
        ("pine tree", "", "alike", ["tree"]),
        ("palm", "", "alike", ["tree"]),
        ("fog", "", "alike", ["cloud"]),
        ("vegetation", "", "alike", ["bush"]),
        ("bicycle", "vehicle", "nothing", []),
        ("moor", "plants", "same group", ["grass", "field", "bush", "flower", "tree"]),
        ("lamp post", "construction", "same group", ["road", "building"]),
    ],
)
def test_matching(name: str, group: str, how: str, sources: list[str]) -> None:
    known = load_palette("landscape").classes
    (origin,) = match_classes(known, [PaletteClass(3, name, "#000000", group)])
    assert origin.how == how
    assert [entry.name for entry in origin.sources] == sources
    assert describe([origin])


def test_all_of_ade20k_and_coco_find_themselves() -> None:
    for name in ("ade20k", "coco-stuff", "cityscapes"):
        classes = load_palette(name).classes
        for origin in match_classes(classes, classes):
            assert origin.sources == (origin.entry,), origin


def planned(data: Path, *words: str) -> Run:
    parser = argparse.ArgumentParser()
    configure(parser)
    return read_settings(parser.parse_args([str(data), *words]))


def test_the_command_takes_sizes_recipe_and_discriminator(
    tiny: Model, data: Path, tmp_path: Path
) -> None:
    save_model(tmp_path / "m", replace(tiny, discriminator=judge_of(tiny, layers=3)))
    start = ("--init", str(tmp_path / "m"), "--out", str(tmp_path / "run"))
    run = planned(data, *start)
    (balanced,) = (recipe for recipe in FINE_TUNING if recipe.name == "balanced")
    assert run.training.steps == balanced.tables["training"]["steps"]
    assert run.training.size == 64
    assert isinstance(run.generator, GeneratorConfig)
    assert (run.generator.ngf, run.generator.embedding) == (2, 8)
    assert run.encoder == tiny.config.encoder
    assert run.discriminator == DiscriminatorConfig(5, ndf=2, layers=3)
    assert run.licence == "Test use only"
    larger = planned(data, *start, "--recipe", "quick", "--size", "128", "--steps", "7")
    assert (larger.training.size, larger.training.steps) == (128, 7)
    assert isinstance(larger.generator, GeneratorConfig)
    assert larger.generator.base_grid == (4, 4)
    with pytest.raises(InputError, match="leave --no-style out"):
        planned(data, *start, "--no-style")
    settings = tmp_path / "own.toml"
    settings.write_text("[generator]\nngf = 4\n[discriminator]\nndf = 3\n")
    other = planned(data, *start, "--config", str(settings))
    assert isinstance(other.discriminator, DiscriminatorConfig)
    assert other.discriminator.ndf == 3
    with pytest.raises(InputError, match="ngf is 4, but model tiny has 2"):
        start_from(Trainer(other, CPU), load_model(tmp_path / "m"), load_palette(data))
