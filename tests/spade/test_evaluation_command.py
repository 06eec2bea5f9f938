"""``spadework evaluate`` from end to end, with a tiny model and drawn photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spade.__main__ import console
from spade.checkpoint import save_baseline, save_model
from spade.config import Pix2PixHDConfig
from spade.data.folder import name_hash
from spade.evaluation.held_out import open_material
from spade.evaluation.report import to_text
from spade.formats.errors import InputError
from spade.model import Model
from spade.pix2pixhd import Pix2PixHDGenerator

COLORS = {"sky": "#78b4e6", "grass": "#5aa03c", "water": "#2a5f8f", "rock": "#807468"}
"""Of the classes that the tests' models have, in the order of their ids."""
SHARE = 0.25
"""Of the photos' names below, five are held out."""
NAMES = [f"p{i}" for i in range(12)]
HELD_OUT = sorted((n for n in NAMES if name_hash(n) < SHARE), key=name_hash)


def draw(folder: Path, names: list[str], *, photos: bool = True, shift: int = 0) -> None:
    """Photos of 40x32 in four quarters of plain classes, and their maps (ids + shift)."""
    rng = np.random.default_rng(4)
    lut = np.array([list(bytes.fromhex(color[1:])) for color in COLORS.values()], np.uint8)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in names:
        quarters = rng.integers(0, 4, (2, 2), dtype=np.uint8)
        labels = quarters.repeat(16, axis=0).repeat(20, axis=1)
        if photos:
            Image.fromarray(lut[labels]).save(folder / "images" / f"{name}.png")
        Image.fromarray(labels + np.uint8(shift)).save(folder / "labels" / f"{name}.png")
    classes = [{"id": i + shift, "name": name} for i, name in enumerate(COLORS)]
    (folder / "classes.json").write_text(json.dumps({"name": "four", "classes": classes}))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    draw(folder, NAMES)
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = console(["evaluate", *map(str, arguments), "--size", "32", "--device", "cpu"])
    out, err = capsys.readouterr()
    return code, out, err


def succeed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    code, out, err = call(capsys, *arguments, "--json")
    assert (code, out.count("\n")) == (0, 1), err
    result: dict[str, Any] = json.loads(out)
    return result


def fail(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, ""), err
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 1, err
    assert "Traceback" not in err
    return errors[0]


def test_everything_at_once(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    data: Path,
    vgg_file: Path,
    no_vae: Model,
    tmp_path: Path,
) -> None:
    baseline, plain, named = tmp_path / "hd", tmp_path / "plain", tmp_path / "named"
    save_baseline(
        baseline,
        Pix2PixHDGenerator(Pix2PixHDConfig(4, True, ngf=2, downsamplings=2, blocks=1)),
        no_vae.classes,
    )
    save_model(plain, no_vae)
    draw(named, NAMES, photos=False, shift=7)  # the same maps under other ids
    scorer, card = tmp_path / "scorer.safetensors", tmp_path / "new" / "card"
    common = (data, "--model", folder, "--vgg", vgg_file, "--share", SHARE, "--scorer", scorer)
    result = succeed(
        capsys, *common, "--baseline", baseline, "--no-style-model", plain, "--named", named,
        "--card", card,
    )  # fmt: skip
    assert result["pictures"] == result["judged_pictures"] == len(HELD_OUT) == 5
    assert result["frechet_pictures_a_side"] == 2
    assert result["judged_pixels"] == 5 * 32 * 32
    assert result["map_agreement"] == 1
    assert result["scorer_photos"] == 7
    assert set(result["scores"]) == {
        "photos", "own_style", "other_style", "default_style", "no_style_model", "pix2pixhd",
        "retrieval",
    }  # fmt: skip
    for score in result["scores"].values():
        assert 0 <= score["miou"] <= 1
        assert 0 <= score["accuracy"] <= 1
        assert set(score["frechet"]) == set(score["frechet_full"]) == {"relu5_3", "relu4_3"}
        assert set(score["ious"]) == set(COLORS)
    # The photos are their classes' plain colours: the scorer knows them best.
    best = max(result["scores"], key=lambda name: result["scores"][name]["accuracy"])
    assert best in ("photos", "retrieval")
    assert result["scores"]["photos"]["accuracy"] > 0.4  # 0.25 by chance
    assert result["scores"]["photos"]["frechet_over_floor"] == {"relu5_3": 1, "relu4_3": 1}
    assert set(result["style"]) == {"other_style", "own_style"}
    variety = result["variety"]
    assert (variety["maps"], variety["styles"], variety["samples"]) == (5, 5, 10)
    assert 0 <= variety["agreement"] <= 1
    assert variety["samples_lpips"] > 0
    # The card
    sheets = {"held_out", "classes", "crude", "sizes", "variety"}
    assert {path.name for path in card.iterdir()} == {
        *(f"{name}.jpg" for name in sheets), "card.md", "evaluation.json"
    }  # fmt: skip
    for name in sheets:
        path = Path(result["card"][name])
        assert 1000 < path.stat().st_size <= 1_000_000
        with Image.open(path) as image:
            assert image.format == "JPEG"
    figures = json.loads((card / "evaluation.json").read_text())
    assert figures["scores"] == result["scores"]
    text = (card / "card.md").read_text()
    for said in ("pix2pixHD", "held_out.jpg", "| sky |", "spadework evaluate", "--named"):
        assert said in text
    # Cards are published: they tell nothing of this machine's folders.
    assert str(tmp_path) not in text
    assert str(tmp_path) not in (card / "evaluation.json").read_text()
    table = to_text(result, result["remarks"])
    assert "the photos themselves" in table
    assert "5,120 pixels of 5 of the 5 held-out photos" in table
    # Again, with the scorer that is there now and nothing else: the same figures.
    before = scorer.stat().st_mtime_ns
    again = succeed(capsys, *common, "--named", named)
    assert scorer.stat().st_mtime_ns == before
    for name in ("photos", "own_style", "other_style", "default_style", "retrieval"):
        assert again["scores"][name] == result["scores"][name]
    assert again["variety"] == variety


def test_only_hand_named_regions_are_judged(
    capsys: pytest.CaptureFixture[str], folder: Path, data: Path, vgg_file: Path, tmp_path: Path
) -> None:
    named, merge = tmp_path / "named", tmp_path / "merge.json"
    one = HELD_OUT[1]
    draw(named, [n for n in NAMES if n not in HELD_OUT], photos=False)
    labels = np.full((32, 40), 3, np.uint8)  # rock
    labels[:, :12] = 9  # lava, merged into rock
    labels[:, 12:20] = 8  # a boat, unknown
    Image.fromarray(labels).save(named / "labels" / f"{one}.png")
    fine = [
        *({"id": i, "name": name} for i, name in enumerate(COLORS)),
        {"id": 8, "name": "boat"},
        {"id": 9, "name": "lava"},
    ]
    (named / "classes.json").write_text(json.dumps({"name": "fine", "classes": fine}))
    merge.write_text(
        json.dumps({"palette": "p.json", "merge": {"lava": "rock"}, "unknown": ["boat"]})
    )
    (tmp_path / "p.json").write_text((data / "classes.json").read_text())
    result = succeed(
        capsys, data, "--model", folder, "--vgg", vgg_file, "--share", SHARE,
        "--named", named, "--merge", merge,
    )  # fmt: skip
    assert (result["pictures"], result["judged_pictures"]) == (5, 1)
    assert result["judged_pixels"] == 32 * 24  # the middle square without the boat
    assert set(result["scores"]["photos"]["ious"]) == {"rock"}
    assert 0 <= result["map_agreement"] < 1
    assert "hand-named but not judged: boat" in result["remarks"]
    assert "judged by hand-named regions alone" in result["remarks"]


def test_a_model_without_style_and_with_other_classes(
    capsys: pytest.CaptureFixture[str], no_vae: Model, data: Path, vgg_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plain"
    no_vae.provenance = {"training": {"validation_share": SHARE}}
    save_model(path, no_vae)
    classes = json.loads((data / "classes.json").read_text())
    classes["classes"][3]["name"] = "lava"
    (data / "classes.json").write_text(json.dumps(classes))
    card = tmp_path / "card"
    result = succeed(capsys, data, "--model", path, "--vgg", vgg_file, "--limit", 4, "--card", card)
    assert (result["pictures"], result["share"]) == (4, SHARE)
    assert set(result["scores"]) == {"photos", "default_style", "retrieval"}
    assert (result["style"], result["variety"]) == ({}, None)
    assert "classes the model lacks, rendered as unknown: lava" in result["remarks"]
    assert any("the model's training" in remark for remark in result["remarks"])
    assert not (card / "variety.jpg").exists()


def test_what_the_scorer_may_see(data: Path, tmp_path: Path) -> None:
    named = tmp_path / "named"
    draw(named, NAMES)
    (data / "photo-tags.json").write_text(json.dumps({"reject": ["p1", "p2"]}))
    material = open_material(data, SHARE, [named])
    hidden = {scene.name for scene in material.held_out}
    assert hidden == set(HELD_OUT) - {"p2"}
    assert {scene.name for scene in material.scorer} == set(NAMES) - set(HELD_OUT)
    assert [scene.name for scene in material.held_out] == sorted(hidden, key=name_hash)
    # Photos beside the hand-named maps are preferred to DATA's.
    assert {scene.photo.parent.parent for scene in material.scorer} == {named}
    with pytest.raises(InputError, match="at least 4"):
        open_material(data, 0.01)
    # With val/ it is the folders that say what is held out.
    split = tmp_path / "split"
    draw(split / "train", NAMES[:6])
    draw(split / "val", NAMES[6:])
    (split / "classes.json").write_text((data / "classes.json").read_text())
    material = open_material(split, SHARE, [named])
    assert {scene.name for scene in material.held_out} == set(NAMES[6:])
    assert {scene.name for scene in material.scorer} == set(NAMES[:6])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("DATA", "--vgg", "MISSING"), "MISSING"),
        (("DATA",), "--vgg"),
        (("MISSING", "--vgg", "VGG"), "no such folder"),
        (("DATA", "--vgg", "VGG", "--share", "2"), "share 2"),
        (("DATA", "--vgg", "VGG", "--limit", "0"), "limit 0"),
        (("DATA", "--vgg", "VGG", "--limit", "3"), "at least 4"),
        (("DATA", "--vgg", "VGG", "--scorer-photos", "0"), "scorer-photos 0"),
        (("DATA", "--vgg", "VGG", "--size", "50"), "size 50"),
        (("DATA", "--vgg", "VGG", "--merge", "CLASSES"), "--named"),
        (("DATA", "--vgg", "VGG", "--named", "EMPTY"), "classes.json"),
        (("DATA", "--vgg", "VGG", "--named", "DATA", "--merge", "CLASSES"), "palette"),
        (("DATA", "--vgg", "VGG", "--scorer", "CLASSES"), "not readable as a scorer"),
        (("DATA", "--vgg", "VGG", "--scorer", "EMPTY/no/s.safetensors"), "does not exist"),
        (("DATA", "--vgg", "CLASSES"), "classes.json"),
        (("DATA", "--vgg", "VGG", "--baseline", "MODEL"), "'pix2pixhd'"),
        (("DATA", "--vgg", "VGG", "--no-style-model", "MISSING"), "no such model"),
        (("DATA", "--vgg", "VGG", "--card", "CLASSES"), "is a file"),
    ],
)
def test_bad_input_is_one_line(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    data: Path,
    vgg_file: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "EMPTY").mkdir()
    names = {
        "DATA": data,
        "VGG": vgg_file,
        "MODEL": folder,
        "CLASSES": data / "classes.json",
        "MISSING": tmp_path / "MISSING",
        "EMPTY": tmp_path / "EMPTY",
        "EMPTY/no/s.safetensors": tmp_path / "EMPTY" / "no" / "s.safetensors",
    }
    given = [names.get(argument, argument) for argument in arguments]
    share = () if "--share" in arguments else ("--share", SHARE)
    capsys.readouterr()
    code = console(
        [
            "evaluate", "--model", str(folder), "--device", "cpu", "--size", "32",
            *map(str, (*share, *given)),
        ]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    errors = [line for line in err.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert said in errors[0]


def test_scorers_and_maps_that_do_not_fit(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    data: Path,
    vgg_file: Path,
    tmp_path: Path,
) -> None:
    scorer = tmp_path / "scorer.safetensors"
    common = (data, "--model", folder, "--vgg", vgg_file, "--scorer", scorer)
    succeed(capsys, *common, "--share", SHARE)
    # With more held out, photos that the scorer knows would be judged.
    assert "which is held out here" in fail(capsys, *common, "--share", 0.9)
    capsys.readouterr()
    arguments = [*map(str, common), "--share", str(SHARE), "--device", "cpu", "--size", "48"]
    assert console(["evaluate", *arguments]) == 2
    assert "trained at 32 pixels, not 48" in capsys.readouterr().err
    # Maps of another size than the photo, and ids that nobody named
    path = data / "labels" / f"{HELD_OUT[0]}.png"
    Image.fromarray(np.zeros((10, 10), np.uint8)).save(path)
    assert "10x10" in fail(capsys, *common, "--share", SHARE)
    Image.fromarray(np.full((32, 40), 77, np.uint8)).save(path)
    assert "class id 77" in fail(capsys, *common, "--share", SHARE)
    classes = json.loads((data / "classes.json").read_text())
    classes["classes"][0]["name"] = "heaven"
    (data / "classes.json").write_text(json.dumps(classes))
    assert "other classes" in fail(capsys, *common, "--share", SHARE)
