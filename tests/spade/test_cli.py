"""The command line, from the outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spade.__main__ import console
from spade.cli import COMMANDS
from spade.formats.label_png import write_label_rgb
from spade.formats.picture import read_scene
from spade.model import load_model

ROOT = Path(__file__).parent.parent.parent


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spade", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """As :func:`run`, in this process."""
    capsys.readouterr()
    code = console([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def succeed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, out, err = call(capsys, *arguments, "--json")
    assert (code, out.count("\n")) == (0, 1), err
    result: dict[str, Any] = json.loads(out)
    return result


def fail(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 1, err
    assert "Traceback" not in err
    return errors[0]


def test_render_from_a_shell(folder: Path, map_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.png"
    done = run("render", map_file, "-o", out, "--model", folder, "--seed", 7, "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["pictures"][0]["picture"] == str(out)
    assert (data["seed"], data["model"]) == (7, "tiny")
    labels = pixels_of(map_file)
    picture = pixels_of(out)
    assert np.array_equal(picture, load_model(folder).render(labels, seed=7))
    scene = read_scene(out)
    assert scene is not None
    assert np.array_equal(scene[0], labels)
    assert scene[1].seed == 7
    missing = run("render", tmp_path / "none.png", "-o", out, "--model", folder)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.count("\n") == 1
    assert "none.png" in missing.stderr


def test_ctrl_c_is_quiet(folder: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    Image.fromarray(np.zeros((512, 512), np.uint8)).save(maps / "0.png")
    for index in range(1, 100):
        (maps / f"{index}.png").hardlink_to(maps / "0.png")
    # Tests that run in the background ignore the signal, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "spade", "render", maps, "-o", tmp_path / "out", "--model", folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert first.startswith("1/100")
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_render_writes_what_the_model_draws(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    map_file: Path,
    photo_file: Path,
    tmp_path: Path,
) -> None:
    model = load_model(folder)
    labels = pixels_of(map_file)
    photo = pixels_of(photo_file)
    out = tmp_path / "out.png"
    common = ("render", map_file, "-o", out, "--model", folder)
    succeed(capsys, *common)
    assert np.array_equal(pixels_of(out), model.render(labels))
    succeed(capsys, *common, "--style", photo_file)
    assert np.array_equal(pixels_of(out), model.render(labels, style=photo))
    data = succeed(capsys, *common, "--size", "40x30")
    assert (data["pictures"][0]["width"], data["pictures"][0]["height"]) == (40, 30)
    assert np.array_equal(pixels_of(out), model.render(labels, size=(40, 30)))
    succeed(capsys, *common, "--engine", "plain")
    plain = pixels_of(out).astype(int)
    assert np.abs(plain - model.render(labels)).max() <= 1
    code, text, _ = call(capsys, *common)
    assert (code, text) == (0, f"{out}\n")


def test_render_folders_patterns_and_sequences(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    for index in (1, 2, 10):
        Image.fromarray(np.full((8, 8 + index), index % 4, np.uint8)).save(
            maps / f"frame_{index}.png"
        )
    (maps / "notes.txt").write_text("not a map")
    expected = ["frame_1.png", "frame_2.png", "frame_10.png"]
    for source in (maps, maps / "*.png", maps / "frame_%d.png"):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        data = succeed(capsys, "render", source, "-o", out, "--model", folder)
        assert [Path(p["picture"]).name for p in data["pictures"]] == expected
        assert sorted(p.name for p in out.iterdir()) == sorted(expected)
    assert "several" not in fail(
        capsys, "render", maps, "-o", tmp_path / "x.png", "--model", folder
    )
    message = fail(
        capsys, "render", maps / "frame_1.png", maps, "-o", tmp_path / "y", "--model", folder
    )
    assert "same" in message
    assert "also an input" in fail(capsys, "render", maps, "-o", maps, "--model", folder)
    assert "no file matches" in fail(
        capsys, "render", maps / "z*.png", "-o", tmp_path / "y", "--model", folder
    )


def test_rgb_maps(
    capsys: pytest.CaptureFixture[str], folder: Path, labels: np.ndarray, tmp_path: Path
) -> None:
    model = load_model(folder)
    path, out = tmp_path / "rgb.png", tmp_path / "out.png"
    write_label_rgb(path, labels, model.palette)
    succeed(capsys, "render", path, "-o", out, "--model", folder)
    assert np.array_equal(pixels_of(out), model.render(labels))
    pixels = pixels_of(path).copy()
    pixels[0, 0] += 1
    Image.fromarray(pixels).save(path)
    assert "--nearest" in fail(capsys, "render", path, "-o", out, "--model", folder)
    succeed(capsys, "render", path, "-o", out, "--model", folder, "--nearest")
    assert np.array_equal(pixels_of(out), model.render(labels))


def test_info(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    data = succeed(capsys, "info", "--model", folder)
    assert data["name"] == "tiny"
    assert data["classes"][0] == {"id": 0, "name": "sky", "color": "#78b4e6", "group": "air"}
    assert data["config"]["generator"]["label_nc"] == 4
    assert data["config"]["encoder"]["input_size"] == 64
    code, text, _ = call(capsys, "info", "--model", folder)
    assert code == 0
    assert "grass" in text


def test_washout(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figure.png"
    data = succeed(capsys, "washout", "--model", folder, "-o", out, "--size", "64", "--ngf", "4")
    assert [entry["name"] for entry in data["classes"]] == ["sky", "grass"]
    assert data["pix2pixhd"]["difference"] < 1e-6
    assert data["spade"]["difference"] > 0.02
    assert data["holds"]
    assert (data["spade"]["weights"], data["pix2pixhd"]["weights"]) == (
        "trained",
        "freshly initialised",
    )
    assert pixels_of(out).shape[1] > 128
    assert "class 'moss'" in fail(capsys, "washout", "--model", folder, "--classes", "sky", "moss")
    assert "two different" in fail(capsys, "washout", "--model", folder, "--classes", "sky", "0")


def test_grid_and_modulation(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    map_file: Path,
    photo_file: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "grid.png"
    data = succeed(
        capsys, "grid", map_file, map_file, "--style", photo_file, photo_file, "--seed", 3,
        "-o", out, "--model", folder, "--size", "48x32",
    )  # fmt: skip
    assert pixels_of(out).shape[:2] == (data["height"], data["width"])
    assert data["width"] > 3 * 48
    assert data["height"] > 4 * 32
    sheets = tmp_path / "fields"
    data = succeed(capsys, "modulation", map_file, "-o", sheets, "--model", folder)
    assert len(data["layers"]) == 18
    names = {path.name for path in sheets.iterdir()}
    assert "sheet.png" in names
    assert {
        f"{layer['layer']}.{field}.png" for layer in data["layers"] for field in ("gamma", "beta")
    } <= names
    succeed(capsys, "modulation", map_file, "-o", tmp_path / "new" / "one.png", "--model", folder)
    assert (tmp_path / "new" / "one.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("render",), "required"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "nothing"), "no such model"),
        (("render", "MAP", "-o", "OUT/a.gif", "--model", "DIR"), ".gif"),
        (("render", "MAP", "-o", "OUT/a", "--model", "DIR"), "written as .png"),
        (("render", "MAP", "-o", "MAP", "--model", "DIR"), "also an input"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--size", "big"), "'big'"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--size", "0x9"), "0"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--size", "9999"), "9999"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--seed", "x"), "'x'"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--seed", "-4"), "seed -4"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--style", "MISSING"), "MISSING"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--style", "DIR"), "folder"),
        (
            ("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--style", "MAP", "--seed", "1"),
            "not allowed with",
        ),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--device", "abacus"), "abacus"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--engine", "steam"), "steam"),
        (("render", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--crop-size", "64"), "crop_size"),
        (("render", "JSON", "-o", "OUT/a.png", "--model", "DIR"), "model.json"),
        (("render", "ODD", "-o", "OUT/a.png", "--model", "DIR"), "class id 77"),
        (("render", "EMPTY", "-o", "OUT", "--model", "DIR"), "no PNG"),
        (("info", "--model", "MAP"), "scene.png"),
        (("info", "--model", "DIR", "--unknown"), "--unknown"),
        (("washout", "--model", "DIR", "--size", "100"), "multiples of 32"),
        (("washout", "--model", "DIR", "--baseline", "DIR", "--size", "64"), "'pix2pixhd'"),
        (("grid", "MAP", "-o", "OUT/a.png", "--model", "DIR", "--seed", "-1"), "seed -1"),
        (("modulation", "MAP", "-o", "MAP", "--model", "DIR"), "also an input"),
        (("modulation", "MAP", "-o", "JSON", "--model", "DIR"), "model.json"),
        (("grid", "MAP", "-o", "OUT/a", "--model", "DIR"), "written as .png"),
        (("washout", "--model", "DIR", "-o", "JSON"), "written as .png"),
        (("washout", "--model", "DIR", "-o", "JSON/a.png"), "is a file"),
        (("rneder", "MAP"), "no command 'rneder'"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    map_file: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    odd, empty = tmp_path / "odd.png", tmp_path / "empty"
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(odd)
    empty.mkdir()
    (tmp_path / "out").mkdir()
    before = map_file.read_bytes()
    names = {
        "MAP": map_file,
        "DIR": folder,
        "JSON": folder / "model.json",
        "JSON/a.png": folder / "model.json" / "a.png",
        "OUT": tmp_path / "out2",
        "OUT/a.png": tmp_path / "out" / "a.png",
        "OUT/a.gif": tmp_path / "out" / "a.gif",
        "OUT/a": tmp_path / "out" / "a",
        "MISSING": tmp_path / "MISSING.jpg",
        "ODD": odd,
        "EMPTY": empty,
    }
    assert said in fail(capsys, *(names.get(argument, argument) for argument in arguments))
    assert not list((tmp_path / "out").iterdir())
    assert map_file.read_bytes() == before


def test_help_needs_no_torch(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert all(name in out for name in COMMANDS)
    code, out, _ = call(capsys, "--version")
    assert (code, out.split()[0]) == (0, "spadework")
    program = (
        "import sys; from spade.__main__ import console\n"
        f"for name in {list(COMMANDS)}: assert console([name, '--help']) == 0, name\n"
        "sys.exit('torch' in sys.modules or 'PySide6' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert f"usage: spadework {name}" in done.stdout


def test_anything_else_opens_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []

    class Application:
        @staticmethod
        def main(arguments: list[str]) -> int:
            opened.append(arguments)
            return 0

    monkeypatch.setitem(sys.modules, "app.main", Application)
    assert console([]) == 0
    assert console(["scene.ora"]) == 0
    assert console(["folder/render"]) == 0
    assert opened == [[], ["scene.ora"], ["folder/render"]]


def test_unexpected_errors_are_one_line_too(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("wires\ncrossed")

    monkeypatch.setattr("spade.model.load_model", broken)
    code, out, err = call(capsys, "info", "--model", folder)
    assert (code, out) == (1, "")
    assert err.startswith("spadework info: error: unexpected RuntimeError: wires crossed")
    monkeypatch.setattr("spade.model.load_model", lambda *_, **__: [0] * (1 << 60))
    code, _, err = call(capsys, "info", "--model", folder)
    assert (code, "not enough memory" in err) == (2, True)
