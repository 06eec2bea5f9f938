"""The command, killed at any moment (SIGKILL), goes on exactly where its last checkpoint is.

The long one, ``train 200 = train 100, kill -9, resume 100`` and twenty kills, takes minutes:
SPADEWORK_LONG_TESTS=1.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from training_runs import assert_same_training, make_data, state_of, steps_in

from spade.checkpoint import load_folder

ROOT = Path(__file__).resolve().parents[2]
LONG = "SPADEWORK_LONG_TESTS" in os.environ


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_data(tmp_path / "data")


def start(out: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "spade", "train", *map(str, arguments), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--device", "cpu"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def finish(out: Path, *arguments: str | Path) -> None:
    process = start(out, *arguments)
    said = process.communicate()[1]
    assert process.returncode == 0, said


def kill_when(process: subprocess.Popen[str], moment: Callable[[], bool]) -> bool:
    """Kill ``process`` as soon as ``moment`` has come; whether it was still running."""
    while not moment():
        try:
            process.wait(timeout=0.001)
        except subprocess.TimeoutExpired:
            continue
        break
    running = process.poll() is None
    process.kill()
    process.communicate()
    assert not running or process.returncode == -signal.SIGKILL
    return running


def settings(steps: int, every: int) -> tuple[str, ...]:
    return ("--preset", "tiny", "--steps", str(steps), "--checkpoint-steps", str(every), "--no-vgg")


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def half_written(folder: Path) -> bool:
    return any(path.stat().st_size for path in folder.glob(".spadework-*.tmp") if path.exists())


def writing(folder: Path) -> Callable[[], bool]:
    """The moment when a file in ``folder`` is in the middle of being written."""

    def moment() -> bool:
        try:
            return half_written(folder)
        except FileNotFoundError:
            return False

    return moment


def after_steps(out: Path, count: int) -> Callable[[], bool]:
    return lambda: lines_in(out / "stats.jsonl") >= count


def test_killed_in_a_step_and_in_its_checkpoints(data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    finish(whole, data, *settings(9, 3))
    assert kill_when(start(parts, data, *settings(9, 3)), after_steps(parts, 5))
    assert state_of(parts)[".step"] == 3
    # Then in the middle of a state, and of a model; each time gone on from what is whole.
    state = parts / "state.pt"
    before = state.stat().st_ino
    assert kill_when(start(parts, "--resume"), writing(parts))
    assert state_of(parts)[".step"] in (3, 6)
    assert kill_when(start(parts, "--resume"), lambda: writing(parts / "model")())
    load_folder(parts / "model")
    finish(parts, "--resume")
    assert state.stat().st_ino != before
    assert_same_training(whole, parts)
    assert steps_in(parts / "stats.jsonl") == list(range(1, 10))
    assert not half_written(parts)


@pytest.mark.skipif(not LONG, reason="takes minutes; SPADEWORK_LONG_TESTS=1 runs it")
@pytest.mark.timeout(3600)
def test_killed_halfway_and_at_twenty_moments(data: Path, tmp_path: Path) -> None:
    """200 steps = 100 steps, kill -9, 100 steps = 200 steps killed at twenty moments."""
    whole, halves, many = (tmp_path / name for name in ("whole", "halves", "many"))
    finish(whole, data, *settings(200, 50))
    assert kill_when(start(halves, data, *settings(200, 50)), after_steps(halves, 100))
    finish(halves, "--resume")
    assert_same_training(whole, halves)
    assert len(steps_in(halves / "stats.jsonl")) == 200

    chance = random.Random(4)
    arguments: tuple[str | Path, ...] = (data, *settings(200, 4))
    for _ in range(20):
        kind = chance.choice(["step", "state", "model", "sample", "time"])
        moment = {
            "step": after_steps(many, lines_in(many / "stats.jsonl") + chance.randrange(1, 12)),
            "state": writing(many),
            "model": writing(many / "model"),
            "sample": writing(many / "samples"),
            "time": lambda: chance.random() < 0.0005,
        }[kind]
        if not kill_when(start(many, *arguments), moment):
            break
        arguments = ("--resume",) if (many / "state.pt").exists() else arguments
    finish(many, "--resume")
    assert_same_training(whole, many)
