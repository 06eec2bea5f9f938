"""Whole trainings in two processes: one writes, all stop together, one process can go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import parallel_cases as cases
import parallel_trainings as trainings
import pytest
import torch

from spade.checkpoint import load_folder
from spade.formats.run_folder import RunFolder
from spade.training import train

Results = dict[str, Any]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results, Results]:
    """The folder, and what each of two processes got."""
    folder = tmp_path_factory.mktemp("two")
    cases.write_data(folder / "data")
    cases.in_two_processes([trainings.__file__, str(folder)])
    first, second = (
        torch.load(folder / f"result{rank}.pt", weights_only=False) for rank in range(2)
    )
    return folder, first, second


def steps_of(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_both_end_when_one_is_told(two: tuple[Path, Results, Results], tmp_path: Path) -> None:
    folder, first, second = two
    step, out = first["told"]["step"], RunFolder(folder / "told")
    assert first["told"] == second["told"] == {"step": step, "model": out.model}
    assert 1 <= step < 1000
    status = out.read_status()
    assert status is not None
    assert (status.phase, status.step, status.checkpoint_step) == ("stopped", step, step)
    lines = steps_of(out.stats)
    assert [line["step"] for line in lines] == list(range(1, step + 1))
    assert torch.load(out.state, weights_only=True)["step"] == step
    assert load_folder(out.model).provenance["steps"] == step
    # As one process would have begun; Adam's steps by sign alone soon part them by rounding.
    train(trainings.small(steps=2), folder / "data", tmp_path / "one", device=cases.CPU)
    for line, alone in zip(lines, steps_of(tmp_path / "one" / "stats.jsonl"), strict=False):
        assert line == pytest.approx(alone, rel=1e-3, abs=1e-3)
    # One process takes it up.
    more = train(
        trainings.small(steps=step + 2), folder / "data", out.path, device=cases.CPU, resume=True
    )
    assert more.step == step + 2
    assert [line["step"] for line in steps_of(out.stats)] == list(range(1, step + 3))


def flat(value: object, name: str = "") -> dict[str, torch.Tensor]:
    """All tensors of nested dicts, by their path."""
    if isinstance(value, torch.Tensor):
        return {name: value}
    items = value.items() if isinstance(value, dict) else ()
    return {k: v for key, part in items for k, v in flat(part, f"{name}.{key}").items()}


def test_resuming_is_exact_in_two_processes(two: tuple[Path, Results, Results]) -> None:
    folder = two[0]
    whole, parts = (
        flat(torch.load(folder / name / "state.pt", weights_only=True))
        for name in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert len(whole) > 300
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name
    assert steps_of(folder / "whole" / "stats.jsonl") == steps_of(folder / "parts" / "stats.jsonl")


def test_both_go_back_and_give_up_together(two: tuple[Path, Results, Results]) -> None:
    _, first, second = two
    for found in (first["astray"], second["astray"]):
        assert "again after going back 2 times" in found["error"]
    # One speaks.
    assert sum("back to step" in line for line in first["astray"]["notices"]) == 2
    assert second["astray"]["notices"] == []


def test_one_with_little_memory_is_considered_by_both(
    two: tuple[Path, Results, Results],
) -> None:
    _, first, second = two
    for found in (first["little"], second["little"]):
        assert found["at once"] == 3
        assert "takes 3 at most, in 2 parts" in found["said"]
        assert found["same"]
    assert first["little"]["losses"] == second["little"]["losses"]


def test_photos_are_read_once_a_machine(two: tuple[Path, Results, Results]) -> None:
    _, first, second = two
    assert first["photos"]["read"] == list(range(8))
    assert second["photos"]["read"] == []
    for found in (first["photos"], second["photos"]):
        assert found["same"]
        assert found["mapped"]
        assert found["left"] == []


def test_who_waits_for_one_that_has_ended_is_told(two: tuple[Path, Results, Results]) -> None:
    _, first, second = two
    assert first["left"] == ""
    assert second["left"].startswith("process 1 of 2: another process has ended")


def test_by_torchrun_and_on_by_one(tmp_path: Path) -> None:
    data, out = cases.write_data(tmp_path / "data"), RunFolder(tmp_path / "out")
    arguments = ["-m", "spade", "train", data, "--out", out.path, "--preset", "tiny", "--no-vgg"]
    code, said, errors = cases.torchrun(
        [*arguments, "--steps", "4", "--checkpoint-steps", "2", "--device", "cpu", "--json"]
    )
    assert code == 0, errors
    assert "Traceback" not in errors
    assert errors.count("step 4/4") == 1
    assert [json.loads(line)["step"] for line in said.splitlines()] == [4]
    assert torch.load(out.state, weights_only=True)["step"] == 4
    assert [line["step"] for line in steps_of(out.stats)] == [1, 2, 3, 4]
    # In the same folder without --resume: one clear line from the first, none from beneath.
    code, _, errors = cases.torchrun([*arguments, "--steps", "4", "--device", "cpu"])
    assert code != 0
    assert errors.count("a run is there already; use --resume or another --out") == 1
    assert "another process has ended" in errors
    from spade.cli import run_command

    assert run_command("train", ["--out", str(out.path), "--resume", "--steps", "5", "--json"]) == 0
    assert [line["step"] for line in steps_of(out.stats)] == [1, 2, 3, 4, 5]
