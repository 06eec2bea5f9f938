from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spade.cli import run_command
from spade.data.folder import open_data
from spade.formats.errors import InputError
from spade.formats.palette import Palette, PaletteClass
from spade.preparation.data_writer import DataWriter
from spade.preparation.prepare import Preparation, PrepareSettings, prepare
from spade.preparation.report import making, report
from spade.preparation.sheets import write_histogram, write_sheets
from spade.preparation.sources import collect

PALETTE = Palette(
    "three",
    (
        PaletteClass(0, "sky", "#3060f0"),
        PaletteClass(1, "grass", "#20c040"),
        PaletteClass(2, "rock", "#c03020"),
    ),
)
COLORS = np.array([PALETTE.lut()[i] for i in range(3)])


@dataclass(frozen=True)
class Answer:
    labels: np.ndarray
    confidence: np.ndarray


@dataclass
class ColorSegmenter:
    """Names the class whose colour is nearest, less sure the more the pixel differs."""

    palette: Palette = PALETTE
    sure: Mapping[int, float] = field(default_factory=dict)
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def segment(self, photo: np.ndarray) -> Answer:
        self.seen.append(photo.shape)
        away = np.abs(photo[:, :, None].astype(int) - COLORS).sum(axis=-1)
        confidence = np.clip(1 - away.min(axis=-1) / 300, 0, 1)
        return Answer(away.argmin(axis=-1).astype(np.uint8), confidence.astype(np.float32))


def write_photo(path: Path, labels: np.ndarray, off: int = 0) -> Path:
    """A photo in its classes' colours, 255 in black, all ``off`` by so much in blue."""
    pixels = COLORS[np.minimum(labels, 2)].astype(int)
    pixels[labels == 255] = 0
    pixels[..., 2] = (pixels[..., 2] + off).clip(0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def halves(upper: int = 0, lower: int = 1, width: int = 40, height: int = 32) -> np.ndarray:
    labels = np.full((height, width), lower, np.uint8)
    labels[: height // 2] = upper
    return labels


def write_named(folder: Path, names: list[str], maps: dict[str, np.ndarray]) -> Path:
    (folder / "labels").mkdir(parents=True)
    classes = [{"id": i, "name": name} for i, name in enumerate(names)]
    (folder / "classes.json").write_text(json.dumps({"name": "fine", "classes": classes}))
    for name, labels in maps.items():
        Image.fromarray(labels).save(folder / "labels" / f"{name}.png")
    return folder


def make(
    out: Path,
    files: list[Path],
    *,
    segmenter: ColorSegmenter | None = None,
    named: tuple[Path, ...] = (),
    merge: Path | None = None,
    tags: dict[str, frozenset[str]] | None = None,
    resume: bool = False,
    pages: bool = False,
    **settings: Any,
) -> tuple[Preparation, dict[str, Any]]:
    segmenter = segmenter or ColorSegmenter()
    chosen = PrepareSettings(**settings)
    sources = collect(files, named, merge, segmenter.palette)
    writer = DataWriter(out, segmenter.palette)
    made_with = making("colours", segmenter, chosen, sources)
    writer.open(made_with, resume)
    none: dict[str, frozenset[str]] = {"reject": frozenset(), "best": frozenset()}
    result = prepare(sources, segmenter, writer, chosen, none | (tags or {}))
    data = report(result, sources, writer, made_with)
    if pages:
        write_histogram(out / "histogram.png", data, segmenter.palette)
        write_sheets(writer, result, 3)
    writer.write_json("report.json", data)
    return result, data


def labels_of(out: Path, name: str) -> np.ndarray:
    with Image.open(out / "labels" / f"{name}.png") as image:
        return np.array(image)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def reasons(data: dict[str, Any]) -> dict[str, str]:
    return {Path(entry["photo"]).stem: entry["reason"] for entry in data["why"]}


def test_the_folder_opens_as_data_and_everything_is_counted(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    files = [write_photo(photos / f"p{i}.png", halves(i % 2, 2)) for i in range(6)]
    files.append(write_photo(photos / "dark.png", np.full((32, 40), 255, np.uint8)))
    files.append(write_photo(photos / "city.png", halves()))
    files.append(write_photo(tmp_path / "other" / "p3.png", halves()))
    (photos / "torn.jpg").write_bytes(b"no picture")
    files.append(photos / "torn.jpg")
    out = tmp_path / "data"
    tags = {"reject": frozenset({"city"}), "best": frozenset({"p1", "city"}), "sea": frozenset("x")}
    result, data = make(out, files, tags=tags, pages=True)
    folder = open_data(out, 0.0)
    assert [pair.image.stem for pair in folder.training] == [f"p{i}" for i in range(6)]
    assert [pair.best for pair in folder.training] == [False, True, False, False, False, False]
    assert folder.palette.classes == PALETTE.classes
    for i, path in enumerate(files[:6]):
        assert np.array_equal(labels_of(out, f"p{i}"), halves(i % 2, 2))
        assert (out / "images" / path.name).read_bytes() == path.read_bytes()
    assert (data["photos"], data["kept"]) == (10, 6)
    assert data["dropped"] == {"rejected": 1, "same name": 1, "unreadable": 1, "unknown": 1}
    assert reasons(data) == {
        "p3": "same name",
        "city": "rejected",
        "dark": "unknown",
        "torn": "unreadable",
    }
    assert [(c["name"], c["share"], c["photos"]) for c in data["classes"]] == [
        ("sky", 0.25, 3),
        ("grass", 0.25, 3),
        ("rock", 0.5, 6),
    ]
    tags_there = json.loads((out / "photo-tags.json").read_text())
    assert tags_there == {"reject": [], "best": ["p1"], "sea": []}
    assert [entry.detail for entry in result.dropped if entry.reason == "unknown"] == ["1.000"]
    sheets = {path.name for path in (out / "sheets").iterdir()}
    assert sheets == {
        "kept.jpg",
        "unknown.jpg",
        "class-000-sky.jpg",
        "class-001-grass.jpg",
        "class-002-rock.jpg",
    }
    with Image.open(out / "histogram.png") as picture:
        assert picture.width > 200


def test_the_same_again_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    files = [
        write_photo(tmp_path / "photos" / f"p{i:02}.png", halves(i % 3, 1), off=4 * i)
        for i in range(20)
    ]
    make(tmp_path / "a", files, pages=True)
    make(tmp_path / "b", files, pages=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_unsure_pixels_are_unknown_by_each_class_own_threshold(tmp_path: Path) -> None:
    # Blue off by 60: confidence 0.8.
    files = [write_photo(tmp_path / "photos" / "p.png", halves(1, 2), off=60)]
    out = tmp_path / "a"
    make(out, files, segmenter=ColorSegmenter(sure={1: 0.9, 2: 0.7}), max_unknown=0.5)
    assert np.array_equal(labels_of(out, "p"), halves(255, 2))
    _, data = make(
        tmp_path / "b", files, segmenter=ColorSegmenter(sure={1: 0.9, 2: 0.7}), sure=0.75
    )
    assert np.array_equal(labels_of(tmp_path / "b", "p"), halves(1, 2))
    assert data["made_with"]["sure"] == {"sky": 0.75, "grass": 0.75, "rock": 0.75}
    _, data = make(tmp_path / "c", files, segmenter=ColorSegmenter(sure={1: 0.9}))
    assert reasons(data) == {"p": "unknown"}
    assert not list((tmp_path / "c" / "labels").iterdir())
    assert not list((tmp_path / "c" / "images").iterdir())


def test_hand_named_regions_win_and_gaps_are_filled_where_sure(tmp_path: Path) -> None:
    seen = halves(0, 1)
    seen[:, :4] = 255  # black: the segmenter is not sure there
    files = [write_photo(tmp_path / "photos" / "p.png", seen)]
    hand = np.full((32, 40), 255, np.uint8)
    hand[:, :2] = 1  # cliff
    hand[:, 10:20] = 1
    hand[:, 30:] = 2  # a boat
    names = ["sky", "cliff", "boat", "never"]
    named = write_named(tmp_path / "hand", names, {"p": hand, "gone": hand})
    merge = tmp_path / "merge.json"
    (tmp_path / "palette.json").write_text(
        json.dumps({"name": "x", "classes": [{"id": 7, "name": "rock"}, {"id": 3, "name": "sky"}]})
    )
    merge.write_text(
        json.dumps(
            {"palette": "palette.json", "merge": {"cliff": "rock"}, "unknown": ["boat", "never"]}
        )
    )
    out = tmp_path / "data"
    _, data = make(out, files, named=(named,), merge=merge, max_unknown=0.4)
    expected = halves(0, 1)
    expected[:, 2:4] = 255
    expected[:, :2] = 2
    expected[:, 10:20] = 2
    expected[:, 30:] = 255  # a boat is no sky, however sure the segmenter is
    assert np.array_equal(labels_of(out, "p"), expected)
    assert data["named_by_hand"] == 1
    assert data["share_named_by_hand"] == pytest.approx(22 / 40)
    assert data["hand_named_maps_without_photo"] == 1


def test_pictures_that_only_the_hand_named_have_are_taken_along(tmp_path: Path) -> None:
    files = [write_photo(tmp_path / "photos" / "p.png", halves())]
    maps = {"p": halves(2, 1), "q": halves(1, 2), "odd": halves(0, 1, width=8)}
    first = write_named(tmp_path / "one", ["sky", "grass", "rock"], maps)
    second = write_named(tmp_path / "two", ["grass", "sky"], {"q": halves(0, 0)})
    for name in ("p", "q", "odd", "unnamed"):
        write_photo(first / "images" / f"{name}.png", halves())
    out = tmp_path / "data"
    _, data = make(out, files, named=(first, second))
    assert np.array_equal(labels_of(out, "p"), maps["p"])
    assert np.array_equal(labels_of(out, "q"), maps["q"])  # the first folder counts
    assert data["kept"] == 2
    assert reasons(data) == {"odd": "unreadable"}
    assert "8x32, but its photo is 40x32" in data["why"][0]["detail"]


def test_classes_that_have_no_place_are_named(tmp_path: Path) -> None:
    named = write_named(tmp_path / "hand", ["sky", "lava"], {"p": halves()})
    with pytest.raises(InputError, match=r"classes\.json: class 'lava' is none of .*--merge FILE"):
        collect([], [named], None, PALETTE)
    merge = tmp_path / "merge.json"
    merge.write_text('{"palette": "landscape", "merge": {"lava": "water"}}')
    with pytest.raises(InputError, match=r"merge\.json: class 'water' is none .*mend the merge"):
        collect([], [named], merge, PALETTE)
    with pytest.raises(InputError, match="no label maps"):
        collect([], [write_named(tmp_path / "empty", ["sky"], {})], None, PALETTE)
    strange = write_named(tmp_path / "strange", ["sky"], {"p": halves(0, 9)})
    photo = write_photo(tmp_path / "photos" / "p.png", halves())
    _, data = make(tmp_path / "data", [photo], named=(strange,))
    assert "class id 9 is not in its classes.json" in data["why"][0]["detail"]


def test_large_photos_are_reduced_and_their_maps_with_them(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photos" / "p.png", halves(0, 1, 200, 100))
    gif = tmp_path / "photos" / "small.gif"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(gif)
    named = write_named(
        tmp_path / "hand",
        ["rock", "sky"],
        {"p": halves(0, 1, 200, 100), "small": halves(1, 1, 30, 20)},
    )
    segmenter = ColorSegmenter()
    out = tmp_path / "data"
    make(out, [photo, gif], segmenter=segmenter, named=(named,), size=50)
    assert segmenter.seen == [(50, 100, 3), (20, 30, 3)]
    assert np.array_equal(labels_of(out, "p"), halves(2, 0, 100, 50))
    with Image.open(out / "images" / "p.webp") as image:
        assert image.size == (100, 50)
    with Image.open(out / "images" / "small.webp") as image:
        assert image.size == (30, 20)
    open_data(out, 0.0)


class Killed(BaseException):
    pass


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    files = [write_photo(tmp_path / "photos" / f"p{i}.png", halves(i % 3, 1)) for i in range(20)]
    files.append(write_photo(tmp_path / "photos" / "dark.png", np.full((32, 40), 255, np.uint8)))

    class Dying(ColorSegmenter):
        def segment(self, photo: np.ndarray) -> Answer:
            if len(self.seen) == 12:
                raise Killed
            return super().segment(photo)

    out = tmp_path / "data"
    with pytest.raises(Killed):
        make(out, files, segmenter=Dying())
    (out / "labels" / ".spadework-torn.tmp").write_bytes(b"half a map")
    done = len(list((out / "labels").glob("*.png")))
    assert 0 < done <= 12
    with pytest.raises(InputError, match="is not empty; use --resume"):
        make(out, files)
    segmenter = ColorSegmenter()
    make(out, files, segmenter=segmenter, resume=True)
    assert len(segmenter.seen) == 21 - done
    make(tmp_path / "whole", files)
    assert contents(out) == contents(tmp_path / "whole")


def test_going_on_with_other_settings_is_refused(tmp_path: Path) -> None:
    files = [write_photo(tmp_path / "photos" / f"p{i}.png", halves()) for i in range(3)]
    out = tmp_path / "data"
    make(out, files)
    with pytest.raises(InputError, match=r"prepare\.json: sure, max_unknown differed"):
        make(out, files, resume=True, sure=0.9, max_unknown=0.1)
    named = write_named(tmp_path / "hand", ["sky"], {"p1": halves(0, 0)})
    with pytest.raises(InputError, match=r"prepare\.json: named_by_hand differed"):
        make(out, files, resume=True, named=(named,))
    (out / "prepare.json").write_text("[]")
    with pytest.raises(InputError, match=r"prepare\.json: not readable"):
        make(out, files, resume=True)
    (tmp_path / "mine").mkdir()
    write_photo(tmp_path / "mine" / "images" / "precious.png", halves())
    with pytest.raises(InputError, match="mine: is not empty; choose another"):
        make(tmp_path / "mine", files, resume=True)


def test_photos_no_longer_wanted_go_when_it_is_run_again(tmp_path: Path) -> None:
    files = [write_photo(tmp_path / "photos" / f"p{i}.png", halves()) for i in range(4)]
    out = tmp_path / "data"
    make(out, files)
    make(out, files[1:], resume=True, tags={"reject": frozenset({"p2"})})
    assert [pair.image.stem for pair in open_data(out, 0.0).training] == ["p1", "p3"]
    assert len(list((out / "images").iterdir())) == 2


def test_a_full_disk_stops_it_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write_photo(tmp_path / "photos" / f"p{i}.png", halves()) for i in range(9)]

    def full(self: DataWriter, photo: Path, *rest: object) -> None:
        raise InputError(f"{photo.name}: cannot be written (No space left)")

    monkeypatch.setattr(DataWriter, "write_pair", full)
    with pytest.raises(InputError, match=r"p0\.png: cannot be written"):
        make(tmp_path / "data", files)


@pytest.mark.parametrize(
    ("setting", "value"), [("sure", 1.5), ("sure", -0.1), ("max_unknown", 2.0), ("size", 3)]
)
def test_settings_out_of_range_are_named(setting: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{setting} is {value}: it must lie in"):
        PrepareSettings(**{setting: value})  # type: ignore[arg-type]


@pytest.fixture
def landscape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose segmenter is the one of this file."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "segmenter.safetensors").write_bytes(b"colours")
    monkeypatch.setattr("spade.segmenter.load_segmenter", lambda *_: ColorSegmenter())
    return folder


def test_the_command(landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(5):
        write_photo(tmp_path / "photos" / f"p{i}.png", halves(i % 3, 1))
    (tmp_path / "photos" / "torn.webp").write_bytes(b"")
    tags = tmp_path / "tags.json"
    tags.write_text('{"reject": ["p4"], "best": ["p0"]}')
    named = write_named(tmp_path / "hand", ["rock"], {"p1": np.zeros((32, 40), np.uint8)})
    out = tmp_path / "data"
    arguments = [str(tmp_path / "photos"), "--out", str(out), "--segmenter", str(landscape)]
    more = ["--tags", str(tags), "--named", str(named), "--json"]
    assert run_command("prepare", [*arguments, *more]) == 0
    printed = capsys.readouterr()
    data = json.loads(printed.out)
    assert (data["kept"], data["photos"], data["named_by_hand"]) == (4, 6, 1)
    assert data["made_with"]["segmenter"].startswith("model ")
    assert "5/5 photos, 4 kept" in printed.err
    assert "torn.webp: is empty" in printed.err
    assert json.loads((out / "report.json").read_text()) == {
        key: value for key, value in data.items() if key != "data"
    }
    assert run_command("prepare", [*arguments, *more[:-1], "--resume"]) == 0
    assert "4 of 6 photos kept (dropped: 1 rejected" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tags", "none.json"], "none.json: no such file"),
        (["--merge", "m.json"], "is for the folders of --named"),
        (["--seed", "-1"], "--seed -1: must not be negative"),
        (["--sure", "7"], "sure is 7.0: it must lie in"),
        (["--named", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_bad_arguments_are_one_line(
    landscape: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    write_photo(tmp_path / "photos" / "p.png", halves())
    common = [str(tmp_path / "photos"), "--segmenter", str(landscape)]
    assert run_command("prepare", [*common, "--out", str(tmp_path / "data"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_the_folder_of_the_photos_is_never_written_to(
    landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "data" / "images" / "p.png", halves())
    arguments = [str(photo), "--segmenter", str(landscape), "--out", str(tmp_path / "data")]
    assert run_command("prepare", [*arguments, "--resume"]) == 2
    assert "which is written; choose another --out" in capsys.readouterr().err
    assert photo.is_file()


def test_nothing_kept_is_an_error_with_a_report(
    landscape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_photo(tmp_path / "photos" / "p.png", np.full((32, 40), 255, np.uint8))
    out = tmp_path / "data"
    arguments = [str(tmp_path / "photos"), "--segmenter", str(landscape), "--out", str(out)]
    assert run_command("prepare", arguments) == 2
    assert "no photo was kept" in capsys.readouterr().err
    assert json.loads((out / "report.json").read_text())["dropped"]["unknown"] == 1
