"""The clean copy: free of what is mended, whole or not there, and the data set untouched."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from faulty_data import ALL, FAULTS, PALETTE, Planted, draw_pair, plant, to_ade20k
from PIL import Image

from spade.config import GeneratorConfig, TrainingConfig
from spade.data.dataset import PairedPictures
from spade.data.folder import open_data
from spade.doctor import Cancelled, ClassChoice, examine, repair
from spade.doctor.becoming import MARK, becoming
from spade.formats.errors import InputError
from spade.formats.label_png import read_label_map
from spade.formats.palette import Palette, load_palette
from spade.formats.photo import read_photo

PICTURES = 26


def loaded(folder: Path) -> int:
    """Read a DATA folder as training does; how many pairs there are."""
    data = open_data(folder)
    pairs = [*data.training, *data.validation]
    config = GeneratorConfig(
        label_nc=max(data.palette.ids) + 1, contain_dontcare=True, ngf=2, crop_size=64
    )
    return len(PairedPictures(pairs, data.palette, config, TrainingConfig(size=64, batch_size=2)))


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def by_name(labels: np.ndarray, palette: Palette) -> np.ndarray:
    """Ids as names, so that maps in differently numbered classes can be compared."""
    names = np.array([""] * 256, object)
    for entry in palette.classes:
        names[entry.id] = entry.name
    return names[labels]


def copied(data: Planted, out: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What a label map should be and is, by class names."""
    found = read_label_map(next(out.rglob(f"labels/{name}.png"))).labels
    return by_name(data.truth[name], data.palette), by_name(found, load_palette(out))


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind != "no-class-list"])
def test_a_copy_is_free_of_what_is_mended(tmp_path: Path, kind: str) -> None:
    data = plant(tmp_path / "data", (kind,), PICTURES, seed=3)
    before = digests(data.folder)
    checkup = examine(data.folder)
    copy = repair(checkup, tmp_path / "out")
    assert digests(data.folder) == before
    expected = () if checkup.problems[0].severity == "fixed" else (kind,)
    assert tuple(problem.kind for problem in copy.problems) == expected
    assert not copy.needs_import
    assert loaded(tmp_path / "out") == checkup.pictures == copy.pictures
    assert copy.folder == tmp_path / "out"
    loose = kind in ("stray-colours", "lossy-labels", "size-mismatch", "unlisted-colours")
    for entry, _ in copy.case.kept:
        should_be, found = copied(data, tmp_path / "out", entry.name)
        assert should_be.shape == found.shape
        assert (should_be == found).mean() > (0.9 if loose else 1 - 1e-9), entry.name


def test_a_copy_of_everything_at_once(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ALL, 70, seed=1)
    copy = repair(examine(data.folder), tmp_path / "out")
    explained = {"rare-classes", "much-unknown", "repeated-photos", "grey-photos"}
    assert {problem.kind for problem in copy.problems} == explained
    assert loaded(tmp_path / "out") == copy.pictures
    report = json.loads((tmp_path / "out" / "import.json").read_text())
    left_out = {entry["file"] for entry in report["left_out"]}
    for kind in ("missing-labels", "missing-pictures", "same-stem", "tiny-pictures", "duplicates"):
        assert set(data.found[kind]) <= left_out
    assert report["pictures"] == copy.pictures


def test_smoothed_maps_are_as_before(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("stray-colours",), PICTURES)
    repair(examine(data.folder), tmp_path / "out")
    for name in data.found["stray-colours"]:
        should_be, found = copied(data, tmp_path / "out", Path(name).stem)
        assert (should_be == found).mean() > 0.99


def test_turned_photos_come_upright_with_their_maps(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("orientation",), PICTURES)
    repair(examine(data.folder), tmp_path / "out")
    for name in data.found["orientation"]:
        stem = Path(name).stem
        before = read_photo(data.photo(stem))  # readers turn it
        after = next((tmp_path / "out" / "images").glob(f"{stem}.*"))
        assert (read_photo(after) == before).all()
        with Image.open(after) as image:
            assert not image.getexif()
        found = read_label_map(tmp_path / "out" / "labels" / f"{stem}.png").labels
        assert found.shape == before.shape[:2]
        colors = PALETTE.lut()[found].astype(int)
        known = found != 255
        assert np.abs(colors - before)[known].mean() < 25  # each class has its colour


def test_photos_are_copied_as_they_are(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("interlaced-labels",), 6)
    repair(examine(data.folder), tmp_path / "out")
    copies = {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in (data.folder / "images").iterdir()}


def test_maps_are_plain_indexed_pngs(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ALL, 70, seed=2)
    repair(examine(data.folder), tmp_path / "out")
    colors = load_palette(tmp_path / "out").lut().tobytes()
    for path in (tmp_path / "out" / "labels").iterdir():
        head = path.read_bytes()[:29]
        assert (head[24], head[25], head[28]) == (8, 3, 0)  # 8 bits, indexed, not interlaced
        with Image.open(path) as image:
            assert bytes(image.getpalette() or []) == colors


def test_ade20k_in_its_own_layout(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("off-by-one",), 6)
    to_ade20k(data.folder)
    copy = repair(examine(data.folder), tmp_path / "out")
    assert copy.problems == ()
    assert load_palette(tmp_path / "out").ids == (0, 1, 2, 3, 4)
    for name, truth in data.truth.items():
        assert (read_label_map(tmp_path / "out/train/labels" / f"{name}.png").labels == truth).all()


def test_training_and_validation_stay_apart(tmp_path: Path) -> None:
    data = plant(tmp_path / "plain", (), 10)
    for part in ("images", "labels"):
        for number, path in enumerate(sorted((data.folder / part).iterdir())):
            target = tmp_path / "data" / ("val" if number < 3 else "train") / part
            target.mkdir(parents=True, exist_ok=True)
            path.rename(target / path.name)
    (data.folder / "classes.json").rename(tmp_path / "data" / "classes.json")
    twin = tmp_path / "data" / "val"
    for part, ending in (("images", ".png"), ("labels", ".png")):
        source = tmp_path / "data" / "train" / part / f"scene-009{ending}"
        (twin / part / f"twin{ending}").write_bytes(source.read_bytes())
    checkup = examine(tmp_path / "data")
    assert [problem.kind for problem in checkup.problems] == ["duplicates"]
    copy = repair(checkup, tmp_path / "out")
    assert copy.problems == ()
    found = open_data(tmp_path / "out")
    assert (len(found.training), len(found.validation)) == (7, 3)
    assert not list((tmp_path / "out").rglob("twin*"))


def test_choices_merge_rename_and_number_through(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 6)
    choices = (
        ClassChoice(0, "air", "#112233"),
        ClassChoice(2, "water", "#1f5fa8", merge_into=1),
        ClassChoice(1, "ground", "#5aa03c"),
        ClassChoice(4, "snow", "#f7fbff", merge_into=2),  # by way of water
        ClassChoice(3, "rock", "#6e6259", merge_into=255),
    )
    repair(examine(data.folder), tmp_path / "out", choices=choices)
    palette = load_palette(tmp_path / "out")
    assert [(entry.id, entry.name, entry.color) for entry in palette.classes] == [
        (0, "air", "#112233"),
        (1, "ground", "#5aa03c"),
    ]
    lut = np.full(256, 255)
    lut[[0, 1, 2, 4]] = 0, 1, 1, 1
    for name, truth in data.truth.items():
        found = read_label_map(tmp_path / "out" / "labels" / f"{name}.png").labels
        assert (found == lut[truth]).all()


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ([ClassChoice(0, "grass", "#112233")], "used twice"),
        ([ClassChoice(77, "x", "#112233")], "class 77"),
        ([ClassChoice(0, "a", "#112233", 1), ClassChoice(1, "b", "#112234", 0)], "itself"),
        ([ClassChoice(k, "x", "#112233", 255) for k in range(5)], "no class is left"),
        ([ClassChoice(0, "sky", "blue")], "colour"),
    ],
)
def test_choices_that_can_not_be(tmp_path: Path, choices: list[ClassChoice], said: str) -> None:
    checkup = examine(plant(tmp_path / "data", (), 6).folder)
    with pytest.raises(InputError, match=said):
        repair(checkup, tmp_path / "out", choices=choices)
    assert not (tmp_path / "out").exists()


def photo_folder(folder: Path, count: int = 6) -> Path:
    rng = np.random.default_rng(1)
    folder.mkdir()
    for number in range(count):
        Image.fromarray(draw_pair(rng)[0]).save(folder / f"{number}.png")
    return folder


def test_photos_alone_are_labelled(tmp_path: Path) -> None:
    folder = photo_folder(tmp_path / "photos")

    def label(photo: np.ndarray) -> np.ndarray:
        assert photo.dtype == np.uint8
        labels = np.where(photo[..., 2] > 150, 0, 3).astype(np.uint8)
        labels[:2] = 255
        return labels

    checkup = examine(folder)
    copy = repair(checkup, tmp_path / "out", label_photos=label, label_classes=PALETTE)
    assert copy.problems == ()
    assert [(entry.id, entry.name) for entry in copy.classes] == [(0, "sky"), (1, "rock")]
    assert loaded(tmp_path / "out") == 6
    photo = read_photo(tmp_path / "out" / "images" / "0.png")
    expected = np.where(photo[..., 2] > 150, 0, 1)
    expected[:2] = 255
    assert (read_label_map(tmp_path / "out" / "labels" / "0.png").labels == expected).all()


def test_photos_alone_need_a_segmenter(tmp_path: Path) -> None:
    checkup = examine(photo_folder(tmp_path / "photos"))
    with pytest.raises(InputError, match="segmenter"):
        repair(checkup, tmp_path / "out")


def test_a_zip_is_imported(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("stray-colours",), 6)
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(data.folder.rglob("*.*")):
            archive.write(file, f"top/{file.relative_to(data.folder).as_posix()}")
    assert repair(examine(path), tmp_path / "out").problems == ()
    assert loaded(tmp_path / "out") == 6


def test_instances_and_tags_come_along(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("orientation",), PICTURES)
    (data.folder / "instances").mkdir()
    for name in data.truth:
        with Image.open(data.labels(name)) as image:
            instances = np.asarray(image).astype(np.uint16) * 300
        Image.fromarray(instances).save(data.folder / "instances" / f"{name}.png")
    best, rejected = data.free[:2]
    (data.folder / "photo-tags.json").write_text(
        json.dumps({"best": [best, rejected], "reject": [rejected]})
    )
    repair(examine(data.folder), tmp_path / "out")
    found = open_data(tmp_path / "out")
    pairs = {pair.image.stem: pair for pair in (*found.training, *found.validation)}
    assert rejected not in pairs
    assert pairs[best].best
    for pair in pairs.values():
        assert pair.instances is not None
        with Image.open(pair.instances) as image:
            instances = np.asarray(image)
        labels = read_label_map(pair.labels).labels
        assert ((labels.astype(int) * 300 == instances) | (labels == 255)).all()


def test_a_file_that_goes_away_meanwhile_is_left_out(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("interlaced-labels",), 8)
    checkup = examine(data.folder)
    data.photo(data.free[0]).unlink()
    copy = repair(checkup, tmp_path / "out")
    assert copy.pictures == 7
    left_out = json.loads((tmp_path / "out" / "import.json").read_text())["left_out"]
    assert [entry["file"] for entry in left_out] == [f"images/{data.free[0]}.png"]


def test_cancelled_half_way_nothing_is_left(tmp_path: Path) -> None:
    checkup = examine(plant(tmp_path / "data", (), PICTURES).folder)
    for stop_at in ("writing the copy", "checking the copy"):
        told: list[tuple[int, str]] = []
        with pytest.raises(Cancelled):
            repair(
                checkup,
                tmp_path / "out",
                on_progress=lambda done, total, what: told.append((done, what)),  # noqa: B023
                cancelled=lambda: (7, stop_at) in told,  # noqa: B023
            )
        assert (7, stop_at) in told
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkup = examine(plant(tmp_path / "data", (), PICTURES).folder)
    written: list[Path] = []
    plain = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if len(written) > 20:
            raise OSError(28, "No space left on device")
        written.append(self)
        return plain(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"No space left.*make room"):
        repair(checkup, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_killed_half_way_the_copy_is_not_there(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    script = f"""
        import os, signal
        from pathlib import Path
        from spade.doctor import examine, repair

        def progress(done, total, what):
            if what == "writing the copy" and done == 9:
                os.kill(os.getpid(), signal.SIGKILL)

        repair(examine(Path({str(data.folder)!r})), Path({str(tmp_path / "out")!r}),
               on_progress=progress)
    """
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, check=False)
    assert ended.returncode == -9
    left = [path for path in tmp_path.iterdir() if path != data.folder]
    assert [path.name.startswith(".out.import-") for path in left] == [True]
    assert (left[0] / MARK).exists()
    # A later import removes it, once it is clear that nobody works on it any more.
    repair(examine(data.folder), tmp_path / "out")
    assert left[0].exists()
    long_ago = time.time() - 3600
    os.utime(left[0] / MARK, (long_ago, long_ago))
    repair(examine(data.folder), tmp_path / "other")
    assert left[0].exists()  # it was for another name
    for path in sorted((tmp_path / "out").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    repair(examine(data.folder), tmp_path / "out")
    assert not left[0].exists()
    assert loaded(tmp_path / "out") == PICTURES


def test_where_a_copy_can_not_go(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 6)
    checkup = examine(data.folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    for out, said in (
        (tmp_path / "full", "not empty"),
        (tmp_path / "file", "no folder"),
        (data.folder / "out", "lies in the data set"),
        (data.folder, "lies in the data set"),
        (tmp_path / "file" / "below", "cannot be written"),
    ):
        with pytest.raises(InputError, match=said):
            repair(checkup, out)
    (tmp_path / "empty").mkdir()
    assert repair(checkup, tmp_path / "empty").pictures == 6
    assert repair(checkup, tmp_path / "new" / "below").pictures == 6


def test_nothing_usable_is_not_imported(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 3)
    for name in data.truth:
        data.labels(name).unlink()
        (data.folder / "labels" / "other.png").write_text("")
    with pytest.raises(InputError, match="nothing in it"):
        repair(examine(data.folder), tmp_path / "out")


def test_a_folder_that_becomes_is_not_there_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with becoming(out) as temporary:
        (temporary / "file").write_text("whole")
        assert not out.exists()
    assert [path.name for path in out.iterdir()] == ["file"]
    (tmp_path / "other").mkdir()
    assert out.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    first = becoming(tmp_path / "out")
    (first.__enter__() / "one").touch()
    with becoming(tmp_path / "out") as other:
        (other / "other").touch()
    with pytest.raises(InputError, match="not empty"):
        first.__exit__(None, None, None)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_class_that_only_blends_held_is_dropped(tmp_path: Path) -> None:
    """Numbering through happens again, once it is known what became of the borders."""
    colors = np.zeros((80, 112, 3), np.uint8)
    colors[:, 50:] = 255
    colors[10:14, 49], colors[10:14, 50] = 128, 200  # a smoothed border; 128 is "grey" exactly
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(6):
        photo, _ = draw_pair(rng)
        Image.fromarray(photo).save(tmp_path / "data" / "images" / f"{number}.png")
        Image.fromarray(colors).save(tmp_path / "data" / "labels" / f"{number}.png")
    names = {"black": "#000000", "grey": "#808080", "white": "#ffffff"}
    classes = [{"id": k, "name": n, "color": names[n]} for k, n in enumerate(names)]
    (tmp_path / "data" / "classes.json").write_text(json.dumps({"name": "x", "classes": classes}))
    copy = repair(examine(tmp_path / "data"), tmp_path / "out")
    assert copy.problems == ()
    assert [(entry.id, entry.name) for entry in copy.classes] == [(0, "black"), (1, "white")]
    found = read_label_map(tmp_path / "out" / "labels" / "0.png").labels
    assert (found[:, 51:] == 1).all()
    assert (found[:, :49] == 0).all()
