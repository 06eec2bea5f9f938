"""``spadework check``: its report, its exit codes, its JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty_data import ALL, plant
from PIL import Image

from spade.cli import run_command
from spade.commands import check
from spade.formats.palette import Palette, PaletteClass

PICTURES = 26


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = run_command("check", [*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_clean_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path / "data", (), PICTURES)
    code, data = run_json(capsys, str(tmp_path / "data"))
    assert code == 0
    assert (data["pictures"], data["problems"], data["size"]) == (PICTURES, [], 64)
    assert [entry["name"] for entry in data["classes"]][:2] == ["sky", "grass"]
    assert run_command("check", [str(tmp_path / "data")]) == 0
    out = capsys.readouterr().out
    assert "No problems." in out
    assert "--fix" not in out


def test_problems_are_1_and_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = plant(tmp_path / "data", ALL, 70)
    code, data = run_json(capsys, str(tmp_path / "data"))
    assert code == 1
    found = {problem["kind"]: problem for problem in data["problems"]}
    assert {kind: problem["count"] for kind, problem in found.items()} == {
        kind: len(files) for kind, files in planted.found.items()
    }
    assert all(problem["remedy"] and problem["title"] for problem in found.values())
    assert set(found["truncated"]["examples"]) == set(planted.found["truncated"])
    assert run_command("check", [str(tmp_path / "data")]) == 1
    text = capsys.readouterr().out
    for kind in planted.found:
        assert f"({kind})" in text
    assert max(map(len, text.splitlines()[1:])) <= 96  # after the folder's own name
    assert planted.found["truncated"][0] in text
    assert "lighthouse" in text


def test_fixed_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = plant(tmp_path / "data", ("colour-labels", "missing-labels"), PICTURES)
    out = tmp_path / "out"
    code, data = run_json(capsys, str(tmp_path / "data"), "--fix", str(out))
    assert code == 0
    assert data["fixed"]["out"] == str(out)
    assert data["fixed"]["pictures"] == PICTURES - 3
    assert data["fixed"]["problems"] == []
    assert {entry["file"] for entry in data["fixed"]["left_out"]} == set(
        planted.found["missing-labels"]
    )
    assert {problem["kind"] for problem in data["problems"]} == set(planted.found)
    assert run_command("check", [str(out)]) == 0


def test_what_is_left_after_fixing_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path / "data", ("colour-labels", "grey-photos"), PICTURES)
    code, data = run_json(capsys, str(tmp_path / "data"), "--fix", str(tmp_path / "out"))
    assert code == 1
    assert [problem["kind"] for problem in data["fixed"]["problems"]] == ["grey-photos"]


def test_unusable_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = plant(tmp_path / "data", (), 3)
    for name in planted.truth:
        planted.photo(name).write_text("none")
    (tmp_path / "empty").mkdir()
    for folder, said in (
        (tmp_path / "missing", "no such folder"),
        (tmp_path / "empty", "no pictures"),
        (tmp_path / "data", "no photo has a label map"),
    ):
        assert run_command("check", [str(folder), "--json"]) == 2
        answer = capsys.readouterr()
        data = json.loads(answer.out)
        assert data["pictures"] == 0
        assert said in data["error"]
        line = answer.err.splitlines()[-1]
        assert line.startswith("spadework check: error: ")
        assert said in line
        assert run_command("check", [str(folder)]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0", "9000", "x"])
def test_a_size_out_of_range(tmp_path: Path, size: str) -> None:
    plant(tmp_path / "data", (), 3)
    assert run_command("check", [str(tmp_path / "data"), "--size", size]) == 2


def test_a_full_folder_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(tmp_path / "data", (), 6)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    code, data = run_json(capsys, str(tmp_path / "data"), "--fix", str(tmp_path / "out"))
    assert code == 2
    assert "not empty" in data["error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_photos_alone_get_the_chosen_segmenter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        pixels = rng.integers(0, 255, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    palette = Palette("p", (PaletteClass(3, "field", "#112233"), PaletteClass(9, "sky", "#445566")))

    def segmenter(model: str, device: str) -> tuple[object, Palette]:
        assert (model, device) == ("mine", "cpu")
        return lambda photo: np.where(photo[..., 0] > 99, 3, 9).astype(np.uint8), palette

    monkeypatch.setattr(check, "_segmenter", segmenter)
    arguments = ["--fix", str(tmp_path / "out"), "--segmenter", "mine", "--device", "cpu"]
    code, data = run_json(capsys, str(tmp_path / "photos"), *arguments)
    assert code == 0
    assert data["photos_alone"]
    assert [problem["kind"] for problem in data["problems"]] == ["missing-labels"]
    assert data["fixed"]["pictures"] == 5


def test_interrupted_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "data", (), PICTURES)

    class Interrupted:
        def __call__(self, done: int, total: int, what: str) -> None:
            if (done, what) == (9, "writing the copy"):
                raise KeyboardInterrupt

    monkeypatch.setattr(check, "_Progress", Interrupted)
    assert run_command("check", [str(tmp_path / "data"), "--fix", str(tmp_path / "out")]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


class Terminal:
    """A stderr that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    progress = check._Progress()
    for done in range(5):
        progress(done, 4, "reading pictures")
    assert "[########################] 4/4" in terminal.text
    assert terminal.text.endswith("\r")
    assert "\n" not in terminal.text
