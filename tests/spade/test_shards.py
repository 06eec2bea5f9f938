"""Weights in small files: whole, in part, damaged, of other settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from spade.config import DiscriminatorConfig, EncoderConfig, GeneratorConfig, TrainingConfig
from spade.formats.errors import InputError
from spade.training.handover import load_weights, save_weights
from spade.training.shards import MANIFEST, Part, has_shards, read_shards, write_shards
from spade.training.trainer import Run, Trainer

CPU = torch.device("cpu")
LIMIT = 8192


def parts() -> list[Part]:
    torch.manual_seed(0)
    first = {
        "large": torch.randn(40, 30, 5),  # does not go into one shard
        "scalar": torch.tensor(3.0),
        "empty": torch.zeros(0, 4),
        "huge": torch.tensor([1e-7, 1e6, -70000.0]),  # beyond fp16
        "row": torch.randn(1, 9),
    }
    return [Part("first", "a", first), Part("second", "b", {"w": torch.randn(900)})]


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*"))


def test_there_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    assert not has_shards(folder)
    write_shards(folder, parts(), 7, LIMIT)
    assert has_shards(folder)
    found = read_shards(folder)
    assert (found.step, found.broken) == (7, {})
    for part in parts():
        got = found.parts[part.name]
        assert (got.config, got.tensors.keys()) == (part.config, part.tensors.keys())
        for key, value in part.tensors.items():
            wanted = value if key == "huge" else value.half().float()
            assert torch.equal(got.tensors[key], wanted), key
    files = shards(folder)
    assert len(files) > 2
    assert all(path.stat().st_size <= LIMIT for path in files)
    # Sorted by importance: all of the first part, then the second.
    names = [path.name.split("-")[2] for path in files]
    assert names == ["first"] * (len(files) - 1) + ["second"]
    held = {key for path in files for key in load_file(path)}
    assert {"large:0", "large:1", "scalar:0", "w:0"} <= held


def test_a_part_is_whole_or_not_there(tmp_path: Path) -> None:
    write_shards(tmp_path, parts(), 7, LIMIT)
    *_, last = shards(tmp_path)
    kept = last.read_bytes()
    last.unlink()
    found = read_shards(tmp_path)
    assert found.parts.keys() == {"first"}
    assert found.broken == {"second": f"{last.name} is missing"}
    last.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert read_shards(tmp_path).broken == {"second": f"{last.name} is not what was written"}
    last.write_bytes(kept)
    assert read_shards(tmp_path).broken == {}
    shards(tmp_path)[1].unlink()
    assert read_shards(tmp_path).parts.keys() == {"second"}


def test_a_new_set_replaces_the_old_one(tmp_path: Path) -> None:
    write_shards(tmp_path, parts(), 7, LIMIT)
    before = shards(tmp_path)
    (tmp_path / "notes.txt").touch()
    other = [Part("first", "a", {"large": torch.ones(3)})]
    write_shards(tmp_path, other, 8, LIMIT)
    assert len(shards(tmp_path)) == 1
    assert not set(before) & set(shards(tmp_path))
    assert (tmp_path / "notes.txt").exists()
    assert read_shards(tmp_path).step == 8


def test_a_kill_between_shards_and_manifest_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shards(tmp_path, parts(), 7, LIMIT)
    from spade.training import shards as module

    write = module.write_atomically

    def killed(path: Path, data: bytes) -> None:
        if path.name == MANIFEST:
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(module, "write_atomically", killed)
    changed = [replace(p, tensors={k: v + 1 for k, v in p.tensors.items()}) for p in parts()]
    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path, changed, 8, LIMIT)
    found = read_shards(tmp_path)
    assert (found.step, found.broken) == (7, {})
    monkeypatch.undo()
    write_shards(tmp_path, changed, 8, LIMIT)
    listed = json.loads((tmp_path / MANIFEST).read_text())["shards"]
    assert [path.name for path in shards(tmp_path)] == list(listed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 1, "step": "x"}',
        '{"version": 1, "step": -1, "parts": {}, "shards": {}, "tensors": {}}',
        '{"version": 1, "step": 1, "parts": {"a": "h"}, "shards": {}, "tensors": {}}',
        '{"version": 1, "step": 1, "parts": {"a": ""}, "shards": {}, "tensors": {"a": {"w": [1]}}}',
        '{"version": 1, "step": 1, "parts": [], "shards": [], "tensors": []}',
        "[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json: "):
        read_shards(tmp_path)


def test_a_missing_manifest_and_a_file_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read"):
        read_shards(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        write_shards(tmp_path / "file" / "x", parts(), 1)


def test_names_that_lead_elsewhere_are_not_followed(tmp_path: Path) -> None:
    write_shards(tmp_path / "in", parts(), 7, LIMIT)
    first = shards(tmp_path / "in")[0]
    text = (tmp_path / "in" / MANIFEST).read_text()
    (tmp_path / "in" / MANIFEST).write_text(text.replace(first.name, f"../{first.name}"))
    first.rename(tmp_path / first.name)
    assert "first" in read_shards(tmp_path / "in").broken


def test_values_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    for bad in (float("nan"), float("inf")):
        with pytest.raises(InputError, match="first: w: holds values that are not finite"):
            write_shards(tmp_path, [Part("first", "a", {"w": torch.tensor([1.0, bad])})], 1)
    assert not has_shards(tmp_path)


def run(**changes: object) -> Run:
    generator = GeneratorConfig(2, True, ngf=2, z_dim=4, crop_size=32, embedding=8)
    return Run(
        generator,
        EncoderConfig(nef=2, z_dim=4, input_size=32),
        DiscriminatorConfig(generator.semantic_nc, ndf=2),
        replace(TrainingConfig(batch_size=2, size=32), **changes),  # type: ignore[arg-type]
    )


def trained(**changes: object) -> Trainer:
    """A trainer whose networks and averages all differ from a fresh one's."""
    trainer = Trainer(run(seed=5, **changes), CPU)
    assert trainer.networks.encoder is not None
    assert trainer.encoder_average is not None
    with torch.no_grad():
        for i, network in enumerate(networks(trainer)):
            for parameter in network.parameters():
                parameter.add_(0.01 * (i + 1) * torch.randn_like(parameter))
    trainer.step = 40
    return trainer


def networks(trainer: Trainer) -> list[nn.Module]:
    assert trainer.networks.encoder is not None
    assert trainer.encoder_average is not None
    return [
        trainer.generator_average.network,
        trainer.encoder_average.network,
        trainer.networks.discriminator,
        trainer.networks.generator,
        trainer.networks.encoder,
    ]


def alike(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(torch.allclose(x, y, rtol=1e-3, atol=1e-6) for x, y in pairs)


def test_training_takes_up_what_came_along(tmp_path: Path) -> None:
    before = trained()
    save_weights(before, tmp_path)
    after = Trainer(run(), CPU)
    said = load_weights(after, tmp_path)
    assert after.step == 40
    assert all(alike(a, b) for a, b in zip(networks(before), networks(after), strict=True))
    assert "step 40" in said[0]
    assert said[1:] == [
        "generator and encoder: as they were",
        "discriminator: as it was",
        "optimizers: start anew",
    ]
    # The two that ship come first, then what can't be had from them.
    order = [path.name.split("-")[2] for path in shards(tmp_path)]
    assert order == ["average", "discriminator", "learning"]

    shards(tmp_path)[2].unlink()
    after = Trainer(run(), CPU)
    said = load_weights(after, tmp_path)
    average, encoder_average, discriminator, generator, encoder = networks(after)
    assert alike(discriminator, networks(before)[2])
    assert alike(generator, average)
    assert alike(encoder, encoder_average)
    assert "go on from their averages" in said[1]

    shards(tmp_path)[1].write_bytes(b"x")
    after, fresh = Trainer(run(), CPU), Trainer(run(), CPU)
    said = load_weights(after, tmp_path)
    assert alike(networks(after)[0], networks(before)[0])
    assert alike(networks(after)[2], networks(fresh)[2])
    assert "discriminator: starts anew (shard-02-" in said[2]

    shards(tmp_path)[0].unlink()
    with pytest.raises(InputError, match=r"shard-01-average.* is missing; copy"):
        load_weights(Trainer(run(), CPU), tmp_path)


def test_weights_of_other_settings(tmp_path: Path) -> None:
    save_weights(trained(), tmp_path)
    settings = run()
    wider = replace(settings, generator=replace(settings.generator, embedding=9))
    with pytest.raises(InputError, match=r"other \[generator\] or \[encoder\] settings"):
        load_weights(Trainer(wider, CPU), tmp_path)
    judge = DiscriminatorConfig(settings.generator.semantic_nc, ndf=3)
    said = load_weights(Trainer(replace(settings, discriminator=judge), CPU), tmp_path)
    assert "discriminator: starts anew (there is none of these settings)" in said
    # The recipe may change from slice to slice.
    load_weights(Trainer(run(learning_rate_g=1e-5, batch_size=3), CPU), tmp_path)


def test_spectral_norm_is_settled_after_the_journey(tmp_path: Path) -> None:
    save_weights(trained(), tmp_path)
    after = Trainer(run(), CPU)
    load_weights(after, tmp_path)
    conv = after.networks.discriminator.eval().patches[0].middle[0]  # type: ignore[union-attr,index]
    norm = torch.linalg.matrix_norm(conv.weight.flatten(1), 2)  # type: ignore[operator,union-attr]
    assert norm.item() == pytest.approx(1, abs=0.03)
