from __future__ import annotations

import argparse
import json
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from training_runs import CPU, assert_same_training, make_data, state_of, steps_in, tiny

from spade.checkpoint import load_baseline, load_folder
from spade.cli import run_command
from spade.commands.train import StopOnInterrupt, configure, read_settings
from spade.config import (
    DiscriminatorConfig,
    GeneratorConfig,
    OasisConfig,
    Pix2PixHDConfig,
    TrainingConfig,
)
from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.encoder import Encoder
from spade.formats.errors import InputError
from spade.formats.resources import bundled
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import count_parameters
from spade.training import TrainingProgress, TrainingResult, train
from spade.training.acceleration import LossReader, StepLosses
from spade.training.averaging import Average, recompute_statistics
from spade.training.timeslice import TimeSlice
from spade.training.trainer import Trainer
from spade.vgg_weights import find_vgg
from spade.weights import build_plain


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


EVERYTHING: dict[str, object] = {
    "augment_color": 0.5,
    "augment_translation": 0.2,
    "augment_cutout": 0.3,
    "r1_weight": 1.0,
    "r1_every": 2,
    "color_weight": 1.0,
}


@pytest.mark.parametrize("kind", ["the paper's", "patch, all on", "oasis, all on"])
def test_resuming_is_exact(kind: str, data: Path, tmp_path: Path) -> None:
    run = tiny(steps=6, checkpoint_steps=3, **({} if kind == "the paper's" else EVERYTHING))
    if kind.startswith("oasis"):
        run = replace(run, discriminator=OasisConfig(2, ndf=2, levels=2))
    keys: set[str] = set()
    train(
        run,
        data,
        tmp_path / "whole",
        device=CPU,
        on_progress=lambda progress: keys.update(progress.losses),
    )
    expected = {"d", "gan", "kld"} | ({"labelmix"} if kind.startswith("oasis") else {"feature"})
    assert keys == expected | (set() if kind == "the paper's" else {"r1", "color"})

    def killed(progress: TrainingProgress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, data, tmp_path / "parts", device=CPU, on_progress=killed)
    assert torch.load(tmp_path / "parts" / "state.pt", weights_only=True)["step"] == 3
    train(run, data, tmp_path / "parts", device=CPU, resume=True)

    assert_same_training(tmp_path / "whole", tmp_path / "parts")
    assert len(state_of(tmp_path / "whole")) > 300
    assert steps_in(tmp_path / "whole" / "stats.jsonl") == [1, 2, 3, 4, 5, 6]


def test_a_state_of_the_other_discriminator_does_not_fit(data: Path, tmp_path: Path) -> None:
    train(tiny(steps=1), data, tmp_path / "out", device=CPU)
    run = replace(tiny(steps=2), discriminator=OasisConfig(2, ndf=2, levels=2))
    with pytest.raises(InputError, match=r"state\.pt: does not fit these settings"):
        train(run, data, tmp_path / "out", device=CPU, resume=True)


def test_going_on_from_weights_alone(data: Path, tmp_path: Path) -> None:
    shards, said = tmp_path / "shards", []
    train(tiny(steps=2), data, tmp_path / "there", device=CPU, shards=shards)
    here = tmp_path / "here"
    run = tiny(steps=4, checkpoint_steps=3)
    result = train(run, data, here, device=CPU, resume=True, weights=shards, on_notice=said.append)
    assert result.step == 4
    assert said[0].startswith(f"weights of step 2 from {shards}")
    assert "optimizers: start anew" in said
    # The same place in the data, and statistics by their step, not by their line.
    stats = here / "stats.jsonl"
    assert [json.loads(line)["step"] for line in stats.read_text().splitlines()] == [3, 4]
    said.clear()
    run = tiny(steps=5, checkpoint_steps=3)
    train(run, data, here, device=CPU, resume=True, weights=shards, on_notice=said.append)
    assert said == [f"step 4 from {here / 'state.pt'}: everything as it was"]
    assert [json.loads(line)["step"] for line in stats.read_text().splitlines()] == [3, 4, 5]
    # --resume alone finds them in the folder of the run.
    shards.rename(tmp_path / "there" / "shards")
    (tmp_path / "there" / "state.pt").unlink()
    said.clear()
    train(run, data, tmp_path / "there", device=CPU, resume=True, on_notice=said.append)
    assert "weights of step 2" in said[0]
    with pytest.raises(InputError, match=r"manifest\.json: cannot be read"):
        train(run, data, tmp_path / "x", device=CPU, weights=tmp_path / "nothing")


def test_a_slice_too_short_for_a_step_leaves_all_as_it_was(data: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", []
    short = {"minutes": 1.0, "began": time.monotonic() - 59, "on_notice": said.append}
    assert train(tiny(steps=3), data, out, device=CPU, **short) == TrainingResult(None, 0)  # type: ignore[arg-type]
    assert said == ["no time was left for a step: give more minutes"]
    train(tiny(steps=1), data, out, device=CPU)
    kept = (out / "state.pt").read_bytes()
    over = short | {"began": time.monotonic() - 61, "resume": True}
    result = train(tiny(steps=3), data, out, device=CPU, **over)  # type: ignore[arg-type]
    assert result == TrainingResult(out / "model", 1)
    assert said[-1] == "the time was over while photos were read: give more minutes"
    assert (out / "state.pt").read_bytes() == kept


def test_a_slice_ends_in_time_with_its_checkpoint() -> None:
    now = [100.0]
    part = TimeSlice(100.0, 1.0, clock=lambda: now[0])
    # Nothing was measured yet: 8 batches of statistics and two grids at a third of a step.
    assert not part.must_finish(1.0, 8)
    now[0] = 145.0
    assert part.must_finish(1.0, 8)
    with part.finishing("checkpoint"):
        now[0] += 1.0
    with part.finishing("sample"):
        now[0] += 0.5
    assert not part.must_finish(1.0, 8)  # 1.3 * 1.5 + 1 + 2 seconds from 146.5 on
    now[0] = 155.5
    assert part.must_finish(1.0, 8)
    assert not part.over()
    now[0] = 160.0
    assert part.over()
    endless = TimeSlice(0.0, None)
    assert not endless.over()
    assert not endless.must_finish(1e9, 50)


def test_losses_of_a_gpu_are_read_later_but_all_and_in_order() -> None:
    class Event:
        ready = False

        def query(self) -> bool:
            return self.ready

        def synchronize(self) -> None:
            self.ready = True

    reader = LossReader(CPU)
    events = [Event() for _ in range(LossReader.LAG + 2)]
    for step, event in enumerate(events, 1):
        reader._pending.append((step, ["d"], torch.tensor([step / 2]), event))  # type: ignore[arg-type]
    # Two more than may be under way: the oldest two are waited for.
    assert reader.take() == [StepLosses(1, {"d": 0.5}), StepLosses(2, {"d": 1.0})]
    assert reader.take() == []
    events[2].ready = events[4].ready = True
    assert [done.step for done in reader.take()] == [3]
    assert [done.step for done in reader.take(wait=True)] == list(range(4, LossReader.LAG + 3))


def test_an_optimizer_of_another_device_computes_as_this_one_does(tmp_path: Path) -> None:
    trainer = Trainer(tiny(), CPU)
    state = trainer.state()
    for key in ("optimizer_g", "optimizer_d"):
        for group in state[key]["param_groups"]:
            group["fused"] = True
    torch.save(state, tmp_path / "state.pt")
    trainer.load(tmp_path / "state.pt")
    for optimizer in (trainer.optimizers.generator, trainer.optimizers.discriminator):
        assert not optimizer.param_groups[0]["fused"]


def test_the_result_opens_and_reports_come(data: Path, tmp_path: Path) -> None:
    reports: list[TrainingProgress] = []
    run = tiny(steps=4, sample_steps=2, checkpoint_steps=2)
    result = train(run, data, tmp_path / "out", device=CPU, on_progress=reports.append)
    assert [r.step for r in reports] == [1, 2, 3, 4]
    assert {"d", "gan", "feature", "kld"} <= reports[0].losses.keys()
    assert reports[1].sample is not None
    with Image.open(reports[1].sample) as grid:
        # labels, photo, own style, first style, last style; a row a picture
        assert grid.size == (5 * 32, 6 * 32)
    assert result.model is not None
    model = load_folder(result.model)
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
    run = replace(run, licence="CC0")
    after = train(run, data, tmp_path / "b", device=CPU, provenance={"data": "two"})
    assert after.model is not None
    said = json.loads((after.model / "model.json").read_text())
    assert (said["name"], said["licence"]) == ("tiny", "CC0")
    assert (said["provenance"]["data"], said["provenance"]["photos"]) == ("two", 6)
    assert said["provenance"]["steps"] == 2
    assert said["provenance"]["training"]["color_weight"] == 1.0
    assert before.model is not None
    first = load_baseline(before.model).state_dict()
    second = load_baseline(after.model).state_dict()
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
    judge = DiscriminatorConfig(five.semantic_nc, ndf=2)
    larger = replace(run, generator=five, discriminator=judge)
    with pytest.raises(InputError, match="need label_nc 2, but the generator is set to 5"):
        train(larger, data, tmp_path / "x", device=CPU)
    with pytest.raises(InputError, match="nothing to resume"):
        train(run, data, tmp_path / "y", device=CPU, resume=True)
    train(run, data, tmp_path / "z", device=CPU)
    with pytest.raises(InputError, match="--resume"):
        train(run, data, tmp_path / "z", device=CPU)
    state = tmp_path / "z" / "state.pt"
    state.write_bytes(state.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"state\.pt"):
        train(run, data, tmp_path / "z", device=CPU, resume=True)


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


def test_a_killed_run_leaves_nothing_torn(data: Path, tmp_path: Path) -> None:
    """As after a kill between two steps of a checkpoint, and in the middle of a write."""
    out = tmp_path / "out"
    train(tiny(steps=2), data, out, device=CPU)
    (out / "model" / "model.json").unlink()
    torn = [folder / ".spadework-abc.tmp" for folder in (out, out / "model", out / "samples")]
    for path in torn:
        path.write_bytes(b"half")
    with (out / "stats.jsonl").open("a") as stats:
        stats.write('{"step": 3, "d": 1.0}\n{"step": 4, "d"')
    train(tiny(steps=2), data, out, device=CPU, resume=True)
    assert load_folder(out / "model").provenance["steps"] == 2
    assert not any(path.exists() for path in torn)
    train(tiny(steps=3), data, out, device=CPU, resume=True)
    lines = (out / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


def test_an_out_folder_that_cannot_be_made_is_told_before_the_photos_are_read(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("spade.training.loop.PairedPictures", lambda *_: pytest.fail("photos read"))
    with pytest.raises(InputError, match=r"file.out: cannot be made .*choose another --out"):
        train(tiny(steps=1), data, tmp_path / "file" / "out", device=CPU)


def test_stopping_while_photos_are_read(data: Path, tmp_path: Path) -> None:
    out, read = tmp_path / "out", []

    def stopped(at: int, **more: Any) -> TrainingResult:
        read.clear()
        return train(
            tiny(steps=2),
            data,
            out,
            device=CPU,
            on_reading=lambda *counts: read.append(counts),
            on_progress=lambda _: pytest.fail("trained"),
            should_stop=lambda: len(read) == at,
            **more,
        )

    for at in (0, 4, 6, 9, 12):  # 6 to train on, the same 6 to show
        assert stopped(at) == TrainingResult(None, 0)
        assert read == [(count, 12) for count in range(1, at + 1)]
        assert not (out / "state.pt").exists()
    train(tiny(steps=2), data, out, device=CPU)  # nothing is in its way

    def results() -> dict[Path, bytes]:
        said = (out / "status.json", out / "events.jsonl")
        return {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p not in said}

    kept = results()
    assert stopped(3, resume=True) == TrainingResult(out / "model", 2)
    assert results() == kept


def test_the_command_says_that_it_reads_and_stops_there(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(TINY_TOML)
    reading = PairedPictures.__init__

    def interrupted(*args: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        reading(*args)

    monkeypatch.setattr(PairedPictures, "__init__", interrupted)
    arguments = [str(data), "--out", str(tmp_path / "out"), "--config", str(config), "--no-vgg"]
    assert run_command("train", [*arguments, "--device", "cpu", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"model": None, "step": 0, "steps": 3}
    assert "stopped while reading photos" in printed.err
    assert "2/12" not in printed.err  # only the first was read
    monkeypatch.undo()
    assert run_command("train", [*arguments, "--device", "cpu"]) == 0
    assert "reading photos 12/12\n" in capsys.readouterr().err


def test_a_full_disk_keeps_the_former_state(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(tiny(), CPU)
    trainer.save(tmp_path / "state.pt")
    kept = (tmp_path / "state.pt").read_bytes()
    opened = Path.open

    def full(path: Path, mode: str = "r", **rest: Any) -> Any:
        return opened(Path("/dev/full") if "w" in mode else path, mode, **rest)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match=r"state\.pt: cannot be written \(No space left"):
        trainer.save(tmp_path / "state.pt")
    monkeypatch.undo()
    assert (tmp_path / "state.pt").read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["state.pt"]


def test_bf16_learns_alike(data: Path, tmp_path: Path) -> None:
    losses: dict[str, list[TrainingProgress]] = {"fp32": [], "bf16": []}
    for precision, reports in losses.items():
        run = tiny(steps=2, precision=precision)
        train(run, data, tmp_path / precision, device=CPU, on_progress=reports.append)
    for exact, rough in zip(losses["fp32"], losses["bf16"], strict=True):
        assert rough.losses == pytest.approx(exact.losses, rel=0.15, abs=0.02)
        assert rough.losses != exact.losses
    trained = torch.load(tmp_path / "bf16" / "state.pt", weights_only=True)
    assert all(value.dtype == torch.float32 for value in trained["generator"].values())


def test_instance_edges_reach_the_networks(data: Path, tmp_path: Path) -> None:
    (data / "instances").mkdir()
    for path in (data / "labels").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) + 3).save(data / "instances" / path.name)
    run = tiny()
    generator = replace(run.generator, instance_edges=True)
    run = replace(run, generator=generator, discriminator=DiscriminatorConfig(4, ndf=2))
    folder = open_data(data, 0.0)
    pictures = PairedPictures(folder.training, folder.palette, generator, run.training)
    semantic = Trainer(run, CPU).semantic(pictures.batch(run.training, 0))
    assert semantic.shape == (2, 4, 32, 32)
    assert 0 < semantic[:, -1].mean() < 0.5


def test_parts_that_do_not_fit_are_refused() -> None:
    run = tiny()
    with pytest.raises(InputError, match="z of 4 values, the encoder gives none"):
        replace(run, encoder=None)
    with pytest.raises(InputError, match="z of no values, the encoder gives 4"):
        replace(run, generator=replace(run.generator, use_vae=False))
    baseline = Pix2PixHDConfig(2, True, downsamplings=5)
    with pytest.raises(InputError, match=r"size 32: .* use 64"):
        replace(run, generator=baseline, encoder=None)
    plain = replace(run, generator=replace(run.generator, use_vae=False), encoder=None)
    silent = replace(plain.training, gan_weight=0.0, feature_weight=0.0)
    with pytest.raises(InputError, match="no loss is left"):
        Trainer(replace(plain, training=silent), CPU)
    oasis = OasisConfig(2, ndf=2, levels=2)
    features_alone = replace(silent, feature_weight=10.0)
    with pytest.raises(InputError, match="no loss is left"):
        Trainer(replace(plain, training=features_alone, discriminator=oasis), CPU)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_interrupt_asks_and_the_second_ends(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    stop = StopOnInterrupt()
    with stop:
        assert not stop.asked
        signal.raise_signal(number)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert "with a checkpoint" in capsys.readouterr().err


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    trainer = Trainer(tiny(), CPU)
    torch.save(trainer.state() | {"version": 2}, tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"state\.pt: .*it is of version 2, not 1"):
        trainer.load(tmp_path / "state.pt")


TINY_TOML = """
[model]
name = "meadow"
licence = "CC0"
[generator]
ngf = 2
z_dim = 4
embedding = 8
[encoder]
nef = 2
input_size = 32
[discriminator]
ndf = 2
[training]
steps = 3
batch_size = 2
size = 64
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
    model = load_folder(tmp_path / "out" / "model")
    assert (model.name, model.licence) == ("meadow", "CC0")
    assert model.trained_size == (64, 64)  # not stated: the crops' size
    assert run_command("train", [*arguments, "--resume", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 3
    # Nothing is left to do: the report still counts what was done.
    assert run_command("train", [*arguments, "--resume", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["step"] == 3


def test_slices_by_the_command(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "tiny.toml"
    oasis = '[discriminator]\narchitecture = "oasis"\nlevels = 2\n'
    config.write_text(TINY_TOML.replace("[discriminator]\n", oasis))
    arguments = [str(data), "--config", str(config), "--no-vgg", "--device", "cpu", "--json"]
    arguments += ["--minutes", "5"]
    assert run_command("train", [*arguments, "--steps", "1", "--shards", "carried"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["model"] == str(Path("runs", "meadow", "model"))
    assert "labelmix" in printed.err
    assert run_command("train", [*arguments, "--resume"]) == 0
    assert "step 1 from runs" in capsys.readouterr().err
    elsewhere = ["--out", "elsewhere", "--weights", "carried"]
    assert run_command("train", [*arguments, *elsewhere]) == 0
    printed = capsys.readouterr()
    assert "weights of step 1 from carried" in printed.err
    assert json.loads(printed.out) == {"model": "elsewhere/model", "step": 3, "steps": 3}
    for minutes in ("0", "-1", "nan", "inf"):
        assert run_command("train", [*arguments, "--resume", f"--minutes={minutes}"]) == 2
        assert "--minutes is" in capsys.readouterr().err


def test_the_bundled_settings_are_sound(data: Path, tmp_path: Path) -> None:
    """And as large as they say."""
    classes = [{"id": i, "name": f"c{i}", "color": f"#0000{i:02d}"} for i in range(18)]
    (data / "classes.json").write_text(json.dumps({"name": "18", "classes": classes}))
    parser = argparse.ArgumentParser()
    configure(parser)
    sizes = {}
    for path in sorted(bundled("assets/models/landscape").glob("training*.toml")):
        run = read_settings(parser.parse_args([str(data), "--config", str(path)]))
        assert run.name == "landscape"
        assert run.encoder is not None
        networks = build_plain(Generator, run.generator, ""), build_plain(Encoder, run.encoder, "")
        sizes[path.name] = tuple(count_parameters(network) for network in networks)
    assert sizes["training-gpu.toml"] == (25_327_587, 1_502_176)
    assert sum(2 * n for n in sizes["training-gpu.toml"]) < 54e6  # bytes as fp16
    assert "training.toml" in sizes


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[generator]\nngf = 2\nwidth = 3\n", "unknown setting 'width'"),
        ("[training]\nsize = 33\n", "size 33: it must be a multiple of 32"),
        ("[training]\nlearning_rate_d = -1\n", "learning_rate_d is -1: it must be at least 0"),
        ("[training]\ngan_weight = nan\n", "gan_weight is nan"),
        ("[training]\nseed = -1\n", "seed is -1"),
        ("[training]\nvalidation_share = 1.0\n", "validation_share is 1.0"),
        ("[generator]\naspect_ratio = 0\n", "aspect_ratio is 0"),
        ('[generator]\nupsampling = "most"\nngf = 3\n', "ngf is 3: 'most' halves it"),
        ('[generator]\narchitecture = "pix2pix"\n', "'pix2pix': use spade or pix2pixhd"),
        ("[encoder]\nnef = 0\n", "nef is 0"),
        ("[encoder]\nz_dim = 7\n", "reads a z of 256 values, the encoder gives 7"),
        ("[discriminator]\nscales = 0\n", "scales is 0"),
        ("[discriminator]\nsemantic_nc = 9\n", "reads 9 semantic channels, the generator 3"),
        ("[model]\nlicense = 'MIT'\n", "license is 'MIT'; known: name, licence"),
        ("[model]\nname = 3\n", "name is 3"),
        ("[training]\nsteps = 0\n", "steps is 0"),
        ('[discriminator]\narchitecture = "unet"\n', "'unet': use patch or oasis"),
        ('[discriminator]\narchitecture = "oasis"\nscales = 2\n', "unknown setting 'scales'"),
        ('[discriminator]\narchitecture = "oasis"\nlabel_nc = 5\n', "tells 5 classes apart"),
        (
            '[discriminator]\narchitecture = "oasis"\n[training]\nsize = 96\n',
            "size 96: it must be a multiple of 64 for a discriminator of 6 levels",
        ),
        ("[training]\nr1_every = 0\n", "r1_every is 0"),
        ("[training]\naugment_cutout = 2.0\n", "augment_cutout is 2.0: it must lie in [0, 1]"),
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
