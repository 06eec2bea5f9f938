"""A training is watched and steered through the files of its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from training_runs import CPU, assert_same_training, make_data, notices, steps_in, tiny

from spade.checkpoint import load_folder
from spade.formats.errors import InputError
from spade.formats.run_folder import RunFolder, Status
from spade.training import TrainingProgress, TrainingResult, train
from spade.training.control import Control
from spade.training.reporting import Reporting

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


class Watcher:
    """The other side: sees every status that is written, and acts when one fits.

    Time does not pass while a training waits: it waits for this to act.
    """

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = RunFolder(out)
        self.seen: list[Status] = []
        self.waits = 0
        self.act: Callable[[], None] = lambda: None
        write = RunFolder.write_status

        def written(folder: RunFolder, status: Status) -> None:
            write(folder, status)
            found = folder.read_status()
            assert found is not None
            self.seen.append(found)

        def waited(seconds: float) -> None:
            assert 0.05 <= seconds <= 0.2
            self.waits += 1
            assert self.waits < 100
            self.act()

        monkeypatch.setattr(RunFolder, "write_status", written)
        monkeypatch.setattr("spade.training.steps.time.sleep", waited)

    @property
    def phases(self) -> list[str]:
        found = [status.phase for status in self.seen]
        return [p for p, before in zip(found, ["", *found], strict=False) if p != before]


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watcher:
    return Watcher(tmp_path / "out", monkeypatch)


def at_step(step: int, act: Callable[[], Any]) -> Callable[[TrainingProgress], None]:
    def on_progress(progress: TrainingProgress) -> None:
        if progress.step == step:
            act()

    return on_progress


def test_a_status_tells_of_every_phase(data: Path, tmp_path: Path, watcher: Watcher) -> None:
    run = tiny(steps=4, checkpoint_steps=2)
    train(run, data, tmp_path / "out", device=CPU)
    beginning = ["starting", "reading", "training"]
    assert watcher.phases == [*beginning, "saving", "training", "saving", "training", "done"]
    last = watcher.seen[-1]
    assert (last.step, last.steps, last.checkpoint_step) == (4, 4, 4)
    assert (last.pid, last.device, last.reading) == (os.getpid(), "cpu", (12, 12))
    assert (last.batch_size, last.micro_batch, last.rate_scale) == (2, 2, 1.0)
    assert last.sample == "step-0000004.png"
    assert last.images_per_second > 0
    assert 10e6 < last.memory_bytes < last.memory_limit
    assert last.ended


def test_pause_and_go_on(data: Path, tmp_path: Path, watcher: Watcher) -> None:
    out = tmp_path / "out"

    def act() -> None:
        if watcher.waits == 3:
            said = watcher.seen[-1]
            assert (said.phase, said.step, said.answered) == ("paused", 2, 1)
            watcher.folder.ask("go on")

    watcher.act = act
    pause = at_step(2, lambda: watcher.folder.ask("pause"))
    result = train(tiny(steps=4), data, out, device=CPU, on_progress=pause)
    assert result.step == 4
    assert watcher.waits == 3
    assert "paused" in watcher.phases
    assert watcher.seen[-1].answered == 2
    train(tiny(steps=4), data, tmp_path / "other", device=CPU)
    assert_same_training(out, tmp_path / "other")


@pytest.mark.parametrize("how", ["request", "signal"])
def test_a_pause_ends_with_a_stop(how: str, data: Path, tmp_path: Path, watcher: Watcher) -> None:
    out, asked = tmp_path / "out", []

    def act() -> None:
        if how == "request":
            watcher.folder.ask("stop")
        else:
            asked.append(True)

    watcher.act = act
    result = train(
        tiny(steps=9),
        data,
        out,
        device=CPU,
        on_progress=at_step(2, lambda: watcher.folder.ask("pause")),
        should_stop=lambda: bool(asked),
    )
    assert result == TrainingResult(out / "model", 2)
    assert watcher.waits == 1
    assert watcher.phases[-4:] == ["paused", "training", "saving", "stopped"]
    assert watcher.seen[-1].phase == "stopped"
    assert watcher.seen[-1].checkpoint_step == 2
    assert watcher.seen[-1].answered == (2 if how == "request" else 1)
    assert load_folder(out / "model").provenance["steps"] == 2


def test_a_model_to_try_early(data: Path, tmp_path: Path, watcher: Watcher) -> None:
    out = tmp_path / "out"

    def ask(progress: TrainingProgress) -> None:
        if progress.step in (2, 3, 5):
            watcher.folder.ask("try")

    train(tiny(steps=6), data, out, device=CPU, on_progress=ask)
    names = ["step-0000002", "step-0000003", "step-0000005"]
    answers = [status for status in watcher.seen if status.answered]
    assert answers[0].answered == 1
    assert answers[0].early == names[0]  # in the same breath
    assert answers[-1].answered == 3
    assert answers[-1].early == names[2]
    assert sorted(path.name for path in (out / "early").iterdir()) == names[1:]
    model = load_folder(out / "early" / names[2])
    assert model.provenance["steps"] == 5
    # Trying changes nothing of the training.
    train(tiny(steps=6), data, tmp_path / "other", device=CPU)
    assert_same_training(out, tmp_path / "other")


def test_trying_ends_a_pause(data: Path, tmp_path: Path, watcher: Watcher) -> None:
    watcher.act = lambda: watcher.folder.ask("try") and None
    pause = at_step(2, lambda: watcher.folder.ask("pause"))
    train(tiny(steps=3), data, tmp_path / "out", device=CPU, on_progress=pause)
    assert watcher.waits == 1
    assert watcher.seen[-1].early == "step-0000002"
    assert watcher.seen[-1].answered == 2


def test_requests_are_obeyed_while_photos_are_read(
    data: Path, tmp_path: Path, watcher: Watcher
) -> None:
    out, read = tmp_path / "out", []

    def on_reading(count: int, photos: int) -> None:
        read.append(count)
        if count == 2:
            watcher.folder.ask("pause")

    def act() -> None:
        said = watcher.seen[-1]
        assert (said.phase, said.reading) == ("paused", (2, 12))
        watcher.folder.ask("stop")

    watcher.act = act
    result = train(tiny(steps=2), data, out, device=CPU, on_reading=on_reading)
    assert result == TrainingResult(None, 0)
    assert read == [1, 2]
    assert watcher.phases == ["starting", "reading", "paused", "reading", "stopped"]
    assert watcher.seen[-1].answered == 2


def test_a_wish_to_try_waits_until_there_is_something_to_try(
    data: Path, tmp_path: Path, watcher: Watcher
) -> None:
    def on_reading(count: int, photos: int) -> None:
        if count == 1:
            watcher.folder.ask("try")

    train(tiny(steps=2), data, tmp_path / "out", device=CPU, on_reading=on_reading)
    assert watcher.seen[-1].early == "step-0000000"
    assert watcher.seen[-1].answered == 1


def test_requests_are_obeyed_between_the_batches_of_statistics(
    data: Path, tmp_path: Path, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spade.training.trainer import Trainer

    finished = Trainer.finished

    def asked(trainer: Trainer, *args: Any, **more: Any) -> Any:
        if not watcher.waits:
            watcher.folder.ask("pause")
        return finished(trainer, *args, **more)

    monkeypatch.setattr(Trainer, "finished", asked)
    watcher.act = lambda: watcher.folder.ask("go on") and None
    train(tiny(steps=2, checkpoint_steps=1), data, tmp_path / "out", device=CPU)
    assert watcher.waits == 1
    start = watcher.phases.index("saving")
    assert watcher.phases[start : start + 3] == ["saving", "paused", "saving"]


def test_an_old_request_is_not_obeyed(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    RunFolder(out).ask("stop")
    assert train(tiny(steps=2), data, out, device=CPU).step == 2
    # One that came while the process was starting is.
    RunFolder(out).ask("stop")
    result = train(tiny(steps=4), data, out, device=CPU, resume=True, answered=1)
    assert result.step == 2


def test_a_request_of_another_version_is_left_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    control = Control(folder, lambda: False)
    (tmp_path / "control.json").write_text(json.dumps({"protocol": 99, "ask": "stop"}))
    control.look()
    assert not control.stopped


def test_one_training_a_folder(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said: list[str] = []

    def second() -> None:
        before = (out / "status.json").read_bytes()
        with pytest.raises(InputError, match=rf"out: process {os.getpid()} is training there"):
            train(tiny(steps=2), data, out, device=CPU, resume=True)
        assert (out / "status.json").read_bytes() == before
        said.append("refused")

    train(tiny(steps=2), data, out, device=CPU, on_progress=at_step(1, second))
    assert said == ["refused"]
    # Held for a moment by somebody who only looks, it is waited for; and it is free in the end.
    lock = FileLock(out / "lock")
    with lock.acquire(timeout=0):
        pass


def test_failures_are_said_in_the_folder(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train(tiny(steps=1), data, out, device=CPU)
    (out / "state.pt").write_bytes(b"x")
    with pytest.raises(InputError, match=r"state\.pt: is damaged") as caught:
        train(tiny(steps=2), data, out, device=CPU, resume=True)
    said = RunFolder(out).read_status()
    assert said is not None
    assert (said.phase, said.message) == ("failed", str(caught.value))
    assert "--init" in said.message  # its model is still there

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            tiny(steps=2),
            data,
            tmp_path / "b",
            device=CPU,
            on_progress=at_step(1, interrupted),
        )
    said = RunFolder(tmp_path / "b").read_status()
    assert said is not None
    assert said.phase == "stopped"


def test_a_training_folder_that_is_gone_ends_training(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def vanish(progress: TrainingProgress) -> None:
        if progress.step == 2:
            out.rename(tmp_path / "elsewhere")

    with pytest.raises(InputError, match="out: the training folder is gone"):
        train(tiny(steps=20, checkpoint_steps=5), data, out, device=CPU, on_progress=vanish)
    assert not out.exists()


def test_data_that_is_gone_while_training_does_no_harm(data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    out = tmp_path / "out"
    train(tiny(steps=3), data, out, device=CPU, on_progress=at_step(1, lambda: data.rename(moved)))
    with pytest.raises(InputError, match="data: no such folder"):
        train(tiny(steps=4), data, out, device=CPU, resume=True)
    assert train(tiny(steps=4), moved, out, device=CPU, resume=True).step == 4


def test_other_photos_than_before_are_told(data: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", []
    train(tiny(steps=1), data, out, device=CPU)
    train(tiny(steps=2), data, out, device=CPU, resume=True, on_notice=said.append)
    assert said == [f"step 1 from {out / 'state.pt'}: everything as it was"]
    (data / "images" / "p3.png").rename(data / "images" / "p9.png")
    (data / "labels" / "p3.png").rename(data / "labels" / "p9.png")
    train(tiny(steps=3), data, out, device=CPU, resume=True, on_notice=said.append)
    assert "the photos are not those that training began with (6 then, 6 now" in said[-1]
    assert notices(out)[-1] == said[-1]
    # From then on these are the photos.
    train(tiny(steps=4), data, out, device=CPU, resume=True, on_notice=said.append)
    assert "everything as it was" in said[-1]


def test_nothing_hangs_on_the_global_random_numbers(data: Path, tmp_path: Path) -> None:
    import numpy as np
    import torch

    def scramble(progress: TrainingProgress) -> None:
        torch.manual_seed(progress.step * 7919)
        np.random.seed(progress.step)

    run = tiny(steps=4, checkpoint_steps=2, sample_steps=1)
    train(run, data, tmp_path / "a", device=CPU)
    train(run, data, tmp_path / "b", device=CPU, on_progress=scramble)
    assert_same_training(tmp_path / "a", tmp_path / "b")


def test_silent_processes_write_nothing(tmp_path: Path) -> None:
    report = Reporting(RunFolder(tmp_path), CPU, lambda line: pytest.fail(line), silent=True)
    report.say("training", step=3)
    report.notice("nobody hears this")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_a_pause_of_the_command_within_moments(data: Path, tmp_path: Path) -> None:
    """The real thing: a process, paused through its folder, then told to end."""
    out = tmp_path / "out"
    folder = RunFolder(out)
    command = [sys.executable, "-m", "spade", "train", str(data), "--out", str(out)]
    command += ["--preset", "tiny", "--steps", "5000", "--no-vgg", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    for line in process.stderr:  # until it trains
        if line.startswith("step "):
            break
    folder.ask("pause")
    while (status := folder.read_status()) is None or status.phase != "paused":
        assert process.poll() is None
    process.terminate()
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 0, rest
    status = folder.read_status()
    assert status is not None
    assert status.phase == "stopped"
    assert status.step == status.checkpoint_step > 0
    assert steps_in(out / "stats.jsonl")[-1] == status.step
