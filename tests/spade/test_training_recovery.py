"""What training does when it goes wrong: losses, memory, disks."""

from __future__ import annotations

import errno
import functools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from training_runs import CPU, assert_same_training, make_data, notices, state_of, steps_in, tiny

from spade.checkpoint import load_folder
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder
from spade.training import TrainingProgress, train
from spade.training.acceleration import StepLosses
from spade.training.objective import MicroBatch, Networks
from spade.training.objective import train_step as real_step
from spade.training.recovery import HISTORY, Astray, LossWatch, advice, out_of_memory
from spade.training.reporting import Reporting, Statistics
from spade.training.state_file import NotFinite, check_finite, write_state
from spade.training.trainer import Trainer

resource = pytest.importorskip("resource", reason="POSIX: limits of a process")

Losses = dict[str, Tensor]
Script = Callable[[int, Networks, Sequence[MicroBatch], Losses], None]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


class Scripted:
    """Every step is the real one; ``script`` then does something to it, or raises.

    ``times``: how often it was called at each step, counted from 0.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script: Script = lambda *_: None
        self.times: dict[int, int] = {}
        monkeypatch.setattr("spade.training.trainer.train_step", self._step)

    def _step(
        self,
        networks: Networks,
        optimizers: Any,
        perceptual: Any,
        config: Any,
        slices: Sequence[MicroBatch],
        step: int,
    ) -> Losses:
        losses = real_step(networks, optimizers, perceptual, config, slices, step)
        self.times[step] = self.times.get(step, 0) + 1
        self.script(step, networks, slices, losses)
        return losses


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    return Scripted(monkeypatch)


def poison(networks: Networks) -> None:
    with torch.no_grad():
        next(networks.generator.parameters()).fill_(float("nan"))


def last_status(out: Path) -> Any:
    return RunFolder(out).read_status()


def interrupt_at(step: int) -> Callable[[TrainingProgress], None]:
    def on_progress(progress: TrainingProgress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return on_progress


def test_a_loss_that_is_no_number_leads_back_once(
    data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step == 4 and scripted.times[4] == 1:
            poison(networks)
            losses["gan"].fill_(float("nan"))

    scripted.script = script
    run = tiny(steps=8, checkpoint_steps=3, decay_from=1.0)
    told: list[int] = []
    out = tmp_path / "out"
    train(run, data, out, device=CPU, on_progress=lambda progress: told.append(progress.step))
    assert told == [1, 2, 3, 4, 4, 5, 6, 7, 8]  # step 5, no number, is not reported
    assert steps_in(out / "stats.jsonl") == list(range(1, 9))
    assert notices(out) == [
        "step 5: loss 'gan' is nan: back to step 3, from there on with the learning rates at 0.5 "
        "of the settings (setback 1 of 2)"
    ]
    said = last_status(out)
    assert (said.phase, said.rate_scale, said.checkpoint_step) == ("done", 0.5, 8)

    # The same as going on from step 3 with half the rates.
    scripted.script = lambda *_: None
    half = tmp_path / "half"
    train(replace(run, training=replace(run.training, steps=3)), data, half, device=CPU)
    state = torch.load(half / "state.pt", weights_only=True)
    torch.save(state | {"rate_scale": 0.5, "setbacks": 1}, half / "state.pt")
    train(run, data, half, device=CPU, resume=True)
    assert_same_training(out, half)


def test_a_setback_survives_a_kill(data: Path, tmp_path: Path, scripted: Scripted) -> None:
    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step == 4 and scripted.times[4] == 1:
            losses["d"].fill_(float("inf"))

    run = tiny(steps=8, checkpoint_steps=3)
    scripted.script = script
    train(run, data, tmp_path / "whole", device=CPU)
    scripted.times.clear()
    seen: list[int] = []

    def killed(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if seen.count(4) == 2:  # after going back, before the next checkpoint
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, data, tmp_path / "parts", device=CPU, on_progress=killed)
    assert state_of(tmp_path / "parts")[".rate_scale"] == 0.5
    train(run, data, tmp_path / "parts", device=CPU, resume=True)
    assert_same_training(tmp_path / "whole", tmp_path / "parts")


def test_after_two_setbacks_it_stops_with_a_diagnosis(
    data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step == 4:
            poison(networks)
            losses["d"].fill_(float("nan"))

    scripted.script = script
    out = tmp_path / "out"
    run = tiny(steps=8, checkpoint_steps=3, precision="bf16")
    with pytest.raises(InputError) as caught:
        train(run, data, out, device=CPU)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith("step 5: loss 'd' is nan, again after going back 2 times")
    assert "learning rates at 0.25 of the settings" in said
    assert "last good checkpoint is that of step 3" in said
    assert 'learning_rate_d below 0.0004, or r1_weight = 1, or precision = "fp32"' in said
    assert last_status(out).phase == "failed"
    assert last_status(out).message == said
    assert scripted.times[4] == 3
    state = state_of(out)
    assert (state[".step"], state[".rate_scale"]) == (3, 0.25)
    assert all(torch.isfinite(value).all() for value in state.values() if torch.is_tensor(value))
    assert steps_in(out / "stats.jsonl") == [1, 2, 3]
    # Who resumes it gets two more chances, from these rates on.
    with pytest.raises(InputError, match=r"2 times, with the learning rates at 0\.0625 of"):
        train(run, data, out, device=CPU, resume=True)
    assert scripted.times[4] == 6
    scripted.script = lambda *_: None
    assert train(run, data, out, device=CPU, resume=True).step == 8


@pytest.mark.parametrize("bad_step", [2, 5])
def test_weights_that_are_no_numbers_are_never_written(
    bad_step: int, data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    """Found by looking at the weights before a checkpoint, or before the end."""

    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step == bad_step and scripted.times[step] == 1:
            poison(networks)

    scripted.script = script
    out = tmp_path / "out"
    assert train(tiny(steps=6, checkpoint_steps=3), data, out, device=CPU).step == 6
    back_to = 0 if bad_step == 2 else 3
    assert "generator holds values that are not finite" in notices(out)[0]
    assert f"back to step {back_to}," in notices(out)[0]
    assert steps_in(out / "stats.jsonl") == [1, 2, 3, 4, 5, 6]
    assert all(torch.isfinite(v).all() for v in state_of(out).values() if torch.is_tensor(v))
    model = load_folder(out / "model")
    assert model.provenance["steps"] == 6


def test_a_stop_keeps_nothing_of_a_run_gone_astray(
    data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step == 4:
            poison(networks)

    scripted.script = script
    out, done = tmp_path / "out", []
    train(
        tiny(steps=9, checkpoint_steps=3),
        data,
        out,
        device=CPU,
        on_progress=lambda progress: done.append(progress.step),
        should_stop=lambda: len(done) == 5,
    )
    assert "nothing of this is kept, the last good checkpoint is that of step 3" in notices(out)[-1]
    assert state_of(out)[".step"] == 3
    assert load_folder(out / "model").provenance["steps"] == 3


def test_losses_that_explode_lead_back(data: Path, tmp_path: Path, scripted: Scripted) -> None:
    def script(step: int, networks: Networks, slices: Any, losses: Losses) -> None:
        if step >= 55 and scripted.times[step] == 1:
            losses["feature"].fill_(1e4)

    scripted.script = script
    out = tmp_path / "out"
    train(tiny(steps=80, checkpoint_steps=50, statistics_batches=1), data, out, device=CPU)
    assert notices(out)[0].startswith(
        "step 75: loss 'feature' is 1e+04, for 20 steps more than 50 times the"
    )
    assert "back to step 50," in notices(out)[0]
    assert len(steps_in(out / "stats.jsonl")) == 80


def watch_of(**sizes: object) -> LossWatch:
    return LossWatch(tiny(**sizes))


def show(watch: LossWatch, values: Sequence[float], key: str = "d", start: int = 1) -> int | None:
    """The step at which the watch complains; None if it does not."""
    for step, value in enumerate(values, start):
        try:
            watch.see(StepLosses(step, {key: value}))
        except Astray as error:
            return error.step if error.step == step else -1
    return None


def test_the_rule_of_what_is_astray() -> None:
    usual = [2.0] * 100
    assert show(watch_of(), usual + [101.0] * 20) == 120
    assert show(watch_of(), usual + [-101.0] * 20) == 120
    assert show(watch_of(), usual + [99.0] * 200) is None  # not 50 times
    # 19 in a row, again and again, are noise; so is what lasts but is small.
    assert show(watch_of(), usual + ([1000.0] * 19 + [2.0] * 40) * 5) is None
    assert show(watch_of(), [1e-4] * 100 + [0.9] * 100) is None
    assert show(watch_of(), [1e-4] * 100 + [51.0] * 20) == 120
    # Too little is known at first.
    assert show(watch_of(), [1.0] * 20 + [1e6] * 100) is None
    # KL is a sum over z, 4 values here; it rises from 0 when the encoder wakes up.
    assert show(watch_of(), [1e-3] * 100 + [190.0] * 100, "kld") is None
    assert show(watch_of(), [1e-3] * 100 + [210.0] * 20, "kld") == 120
    assert show(watch_of(), usual + [1e9] * 100, "r1") is None
    for bad in (float("nan"), float("inf"), float("-inf")):
        assert show(watch_of(), [1.0, bad], "r1") == 2
    # A slow rise moves what is usual.
    assert show(watch_of(), [1.02**step for step in range(800)]) is None


def test_a_watch_that_begins_late_knows_as_much() -> None:
    rng = torch.Generator().manual_seed(1)
    noise = torch.rand(2000, generator=rng).tolist()
    values = [1.0 + value for value in noise]
    for start in range(300, 1900, 97):  # bursts of all lengths up to 19
        for step in range(start, start + start % 20):
            values[step] = 500.0
    values[1990:] = [500.0] * 10
    late, always = watch_of(), watch_of()
    assert show(always, values) is None
    assert show(late, values[-HISTORY:], start=2001 - HISTORY) is None
    after = [500.0] * 30
    assert show(always, after, start=2001) == show(late, after, start=2001) == 2010


def test_what_to_try_depends_on_what_exploded() -> None:
    run = tiny()
    assert "learning_rate_d below 0.0004" in advice("gan", run)
    assert "kld_weight above 0.05" in advice("kld", run)
    assert "learning_rate_g below 0.0001" in advice("perceptual", run)
    assert "r1_weight" not in advice("d", tiny(r1_weight=1.0))
    assert "learning_rate_g below 0.0001 and learning_rate_d below 0.0004" in advice("", run)
    with pytest.raises(Astray, match="loss 'd' is nan, and so 1 more") as caught:
        watch_of().see(StepLosses(3, {"kld": 1.0, "d": float("nan"), "gan": float("inf")}))
    assert caught.value.loss == ""


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_too_little_memory_makes_micro_batches(
    error: Exception, data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(step: int, networks: Networks, slices: Sequence[MicroBatch], losses: Losses) -> None:
        largest = max(len(one.part) for one in slices)
        if largest > (2 if step < 4 else 1):
            raise error

    scripted.script = script
    run = tiny(steps=8, checkpoint_steps=3, batch_size=4, size=64)
    out = tmp_path / "out"
    train(run, data, out, device=CPU)
    said = notices(out)
    assert len(said) == 2
    assert said[0].startswith("out of memory at step 0 with 4 pictures at a time: back to step 0,")
    assert "from there on 2 at a time. A batch is still 4 pictures, in 2 parts" in said[0]
    assert "takes its statistics from 2, not 4" in said[0]
    assert said[1].startswith("out of memory at step 4 with 2 pictures at a time: back to step 3,")
    assert steps_in(out / "stats.jsonl") == list(range(1, 9))
    assert (last_status(out).batch_size, last_status(out).micro_batch) == (4, 1)
    # Remembered: a run that is killed afterwards goes on as it would have.
    parts = tmp_path / "parts"
    scripted.times.clear()
    with pytest.raises(KeyboardInterrupt):
        train(run, data, parts, device=CPU, on_progress=interrupt_at(5))
    assert state_of(parts)[".at_once"] == 1
    train(run, data, parts, device=CPU, resume=True)
    assert_same_training(out, parts)


def test_too_little_memory_for_a_single_picture(
    data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    scripted.script = script
    with pytest.raises(InputError, match=r"even with one picture at a time: .* --size below 64"):
        train(tiny(steps=3, size=64), data, tmp_path / "out", device=CPU)
    assert len(notices(tmp_path / "out")) == 1  # 2 to 1
    # At 32 pixels the coarsest grid is one cell, and one picture has no variance there.
    with pytest.raises(InputError, match=r"even with 2 pictures at a time"):
        train(tiny(steps=3), data, tmp_path / "other", device=CPU)
    with pytest.raises(InputError, match=r"size 32 with batch_size 1: .* use size 64 or batch"):
        tiny(batch_size=1)
    run = tiny(batch_size=8)
    assert [run.fewer_at_once(count) for count in (8, 4, 2)] == [4, 2, None]
    # Seven in parts of two would leave one alone.
    assert [tiny(batch_size=7).fewer_at_once(count) for count in (7, 4)] == [3, None]


def test_memory_that_runs_out_at_the_end(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = Trainer.finished

    def short(trainer: Trainer, *args: Any, **more: Any) -> Any:
        if trainer.at_once > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return finished(trainer, *args, **more)

    monkeypatch.setattr(Trainer, "finished", short)
    out = tmp_path / "out"
    assert train(tiny(steps=2, batch_size=4, size=64), data, out, device=CPU).step == 2
    assert load_folder(out / "model").provenance["steps"] == 2
    assert state_of(out)[".at_once"] == 1


def test_other_errors_are_not_taken_for_memory(
    data: Path, tmp_path: Path, scripted: Scripted
) -> None:
    def script(*_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    scripted.script = script
    with pytest.raises(RuntimeError, match="mat1"):
        train(tiny(steps=2), data, tmp_path / "out", device=CPU)
    assert last_status(tmp_path / "out").phase == "failed"
    assert not out_of_memory(ValueError("out of memory"))
    assert out_of_memory(RuntimeError("could not create a primitive"))  # so says oneDNN
    assert not out_of_memory(RuntimeError("could not create a primitive descriptor for ..."))


FILE_LIMITS = resource.getrlimit(resource.RLIMIT_FSIZE)


def lifted(test: Callable[..., None]) -> Callable[..., None]:
    """Without the limit of :func:`file_limit` at its end: pytest may report into a file itself."""

    @functools.wraps(test)
    def run(*args: object, **kwargs: object) -> None:
        try:
            test(*args, **kwargs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, FILE_LIMITS)

    return run


@pytest.fixture
def file_limit() -> Callable[[int | None], None]:
    """Files can't grow beyond so many bytes: what a full disk does, as the system does it.

    For tests that are ``lifted``.
    """
    soft, hard = FILE_LIMITS

    def limit(count: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft if count is None else count, hard))

    return limit


@lifted
def test_a_full_disk_does_not_end_training(
    data: Path,
    tmp_path: Path,
    file_limit: Callable[[int | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spade.training.checkpoints.RETRY_SECONDS", 0.0)
    out, kept = tmp_path / "out", tmp_path / "kept"
    run = tiny(steps=8, checkpoint_steps=2)

    def on_progress(progress: TrainingProgress) -> None:
        if progress.step == 3:
            kept.write_bytes((out / "state.pt").read_bytes())
            file_limit(1000)
        if progress.step == 7:
            assert (out / "state.pt").read_bytes() == kept.read_bytes()
            file_limit(None)

    train(run, data, out, device=CPU, on_progress=on_progress)
    said = notices(out)
    assert "state.pt: cannot be written (File too large)" in said[0]
    assert "Training goes on; the checkpoint of step 2 is safe" in said[0]
    assert sum("cannot be written" in line and "state.pt" in line for line in said) == 1
    assert said[-1] == "step 7: the checkpoint could be written again"
    train(run, data, tmp_path / "other", device=CPU)
    assert_same_training(out, tmp_path / "other")
    assert [path.name for path in out.glob(".spadework-*")] == []


@lifted
def test_a_disk_that_stays_full(
    data: Path, tmp_path: Path, file_limit: Callable[[int | None], None]
) -> None:
    out = tmp_path / "out"

    def on_progress(progress: TrainingProgress) -> None:
        if progress.step == 3:
            file_limit(1000)

    with pytest.raises(InputError) as caught:
        train(tiny(steps=5, checkpoint_steps=2), data, out, device=CPU, on_progress=on_progress)
    said = str(caught.value)
    assert "The last checkpoint, of step 5, could not be written" in said
    assert "the checkpoint of step 2 is safe. Make room and go on from there with --resume" in said
    file_limit(None)
    assert train(tiny(steps=5), data, out, device=CPU, resume=True).step == 5
    assert steps_in(out / "stats.jsonl") == [1, 2, 3, 4, 5]


@lifted
def test_a_disk_that_is_full_from_the_start(
    data: Path, tmp_path: Path, file_limit: Callable[[int | None], None]
) -> None:
    file_limit(5000)
    with pytest.raises(InputError, match=r"state\.pt: cannot be written"):
        train(tiny(steps=5), data, tmp_path / "out", device=CPU)
    assert not (tmp_path / "out" / "state.pt").exists()


@lifted
def test_a_model_that_does_not_fit_on_the_disk(
    data: Path, tmp_path: Path, file_limit: Callable[[int | None], None]
) -> None:
    """The state is written, the model beside it is not."""
    out = tmp_path / "out"
    train(tiny(steps=1), data, out, device=CPU)
    size = (out / "state.pt").stat().st_size
    weights = (out / "model" / "generator.safetensors").stat().st_size
    assert weights < size
    (out / "model" / "README.md").touch()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spade.checkpoint.save_file", full)
        with pytest.raises(
            InputError, match=r"generator\.safetensors: cannot be written \(No space"
        ):
            train(tiny(steps=2), data, out, device=CPU, resume=True)
    assert state_of(out)[".step"] == 2
    assert load_folder(out / "model").provenance["steps"] == 1  # whole, as it was
    assert train(tiny(steps=2), data, out, device=CPU, resume=True).step == 2
    assert load_folder(out / "model").provenance["steps"] == 2


@lifted
def test_statistics_wait_for_a_full_disk(
    tmp_path: Path, file_limit: Callable[[int | None], None]
) -> None:
    path = tmp_path / "stats.jsonl"
    statistics = Statistics(path, 0)
    losses = [StepLosses(step, {"d": step / 7}) for step in range(1, 40)]
    statistics.add(losses[:10])
    whole = path.read_bytes()
    file_limit(len(whole) + 5)  # room for part of a line
    statistics.add(losses[10:20])
    statistics.settle()
    assert path.read_bytes() == whole
    file_limit(None)
    assert statistics.last(3) == losses[17:20]
    statistics.add(losses[20:])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": one.step, **one.losses} for one in losses
    ]
    assert statistics.last(3) == losses[-3:]


@lifted
def test_notices_wait_for_a_full_disk(
    tmp_path: Path, file_limit: Callable[[int | None], None]
) -> None:
    report = Reporting(RunFolder(tmp_path), CPU)
    file_limit(50)
    report.notice("the disk is full")
    assert notices(tmp_path) == []
    file_limit(None)
    report.notice("it is not")
    assert notices(tmp_path) == ["the disk is full", "it is not"]


def test_a_damaged_state_leaves_other_ways(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = tiny(steps=2)
    train(run, data, out, device=CPU, shards=out / "shards")
    state = out / "state.pt"
    whole = state.read_bytes()
    for damaged in (whole[:-2000], b"", b"PK\x03\x04" + bytes(500)):
        state.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            train(run, data, out, device=CPU, resume=True)
        said = str(caught.value)
        assert said.startswith(f"{state}: is damaged (")
        assert "move it away, and --resume goes on from the weights in shards/" in said
        assert f"begin another folder from it with --init {out / 'model'}" in said
        assert state.read_bytes() == damaged
    # As it says.
    state.unlink()
    longer = tiny(steps=3)
    said_now: list[str] = []
    assert train(longer, data, out, device=CPU, resume=True, on_notice=said_now.append).step == 3
    assert said_now[0].startswith(f"weights of step 2 from {out / 'shards'}")
    model = load_folder(out / "model")
    fresh = train(longer, data, tmp_path / "fresh", device=CPU, init=model)
    assert fresh.step == 3
    assert load_folder(tmp_path / "fresh" / "model").provenance["started_from"]["name"] == "tiny"


def test_only_sound_states_are_written(tmp_path: Path) -> None:
    trainer = Trainer(tiny(), CPU)
    path = tmp_path / "state.pt"
    trainer.save(path)
    kept = path.read_bytes()
    state = trainer.state()
    for part, tensors in state.items():
        if not isinstance(tensors, dict) or not tensors or part in ("origin",):
            continue
        bad = dict(tensors)
        if part.startswith("optimizer"):
            bad["state"] = {0: {"exp_avg": torch.tensor([0.0, float("inf")])}}
        else:
            name = next(key for key, value in bad.items() if value.is_floating_point())
            bad[name] = torch.full_like(bad[name], float("nan"))
        with pytest.raises(NotFinite, match=f"{part} holds values that are not finite"):
            write_state(path, {**state, part: bad})
    assert path.read_bytes() == kept
    check_finite(state)
