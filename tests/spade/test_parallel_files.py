"""Commands over many files, shared by the processes that torchrun starts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import parallel_cases as cases
import pytest
from PIL import Image

from spade.cli import run_command
from spade.commands import own_device
from spade.formats.errors import InputError


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """Five scenes of four classes, the second much like the first."""
    folder = tmp_path / "maps"
    folder.mkdir()
    rng = np.random.default_rng(4)
    for index in range(5):
        labels = rng.integers(0, 4, (4, 4), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
        if index == 1:
            labels = np.asarray(Image.open(folder / "scene_0.png")).copy()
            labels[:8, :8] = 3
        Image.fromarray(labels).save(folder / f"scene_{index}.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rendered(
    capsys: pytest.CaptureFixture[str], maps: Path, model: Path, out: Path
) -> dict[str, object]:
    arguments = [maps, "-o", out, "--model", model, "--device", "cpu", "--json"]
    assert run_command("render", [str(argument) for argument in arguments]) == 0
    result: dict[str, object] = json.loads(capsys.readouterr().out)
    return result


def test_each_process_renders_its_share(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    maps: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    whole = rendered(capsys, maps, folder, tmp_path / "one")
    assert whole["share"] == {"process": 0, "of": 1}
    # More processes than pictures: the last has nothing to do.
    for count in (2, 6):
        out = tmp_path / f"by{count}"
        names: list[str] = []
        for rank in reversed(range(count)):
            monkeypatch.setenv("RANK", str(rank))
            monkeypatch.setenv("WORLD_SIZE", str(count))
            data = rendered(capsys, maps, folder, out)
            assert data["share"] == {"process": rank, "of": count}
            pictures = data["pictures"]
            assert isinstance(pictures, list)
            assert len(pictures) == len(range(rank, 5, count))
            names += [Path(picture["picture"]).name for picture in pictures]
        assert sorted(names) == [f"scene_{index}.png" for index in range(5)]
        assert contents(out) == contents(tmp_path / "one")
        monkeypatch.undo()


def test_what_is_wrong_is_told_by_all(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    maps: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    arguments = [str(maps / "scene_0.png"), str(maps), "-o", str(tmp_path / "out")]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in "01":
        monkeypatch.setenv("RANK", rank)
        assert run_command("render", [*arguments, "--model", str(folder)]) == 2
        assert "would be written to the same" in capsys.readouterr().err
    monkeypatch.delenv("RANK")
    assert run_command("render", [str(maps), *arguments[2:], "--model", str(folder)]) == 2
    assert "start with torchrun" in capsys.readouterr().err


def test_each_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert own_device("auto") == "auto"
    for name, value in (("WORLD_SIZE", 3), ("RANK", 2), ("LOCAL_WORLD_SIZE", 3)):
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert own_device("auto") == own_device("cuda") == "cuda:1"
    assert own_device("cuda:0") == "cuda:0"
    assert own_device("cpu") == "cpu"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(InputError, match="process 2 of this machine has no CUDA device, there are"):
        own_device("auto")


def test_by_torchrun(
    capsys: pytest.CaptureFixture[str], maps: Path, folder: Path, tmp_path: Path
) -> None:
    rendered(capsys, maps, folder, tmp_path / "one")
    arguments = ["-m", "spade", "render", maps, "-o", tmp_path / "two", "--model", folder]
    code, out, errors = cases.torchrun([*arguments, "--device", "cpu", "--json"])
    assert code == 0, errors
    reports = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert sorted(report["share"]["process"] for report in reports) == [0, 1]
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert "Traceback" not in errors
