"""What the dataset doctor finds: every kind of fault, planted alone, and nothing else."""

from __future__ import annotations

import json
import os
import pickle
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faulty_data import ALL, FAULTS, PALETTE, Planted, plant
from PIL import Image

from spade.data.folder import name_hash
from spade.doctor import Cancelled, Checkup, examine, thumbnail
from spade.doctor.duplicates import bit_count, find_repeats, find_twins
from spade.doctor.room import Room
from spade.formats.errors import InputError

PICTURES = 26


def counts(checkup: Checkup) -> dict[str, int]:
    return {problem.kind: problem.count for problem in checkup.problems}


def planted_counts(data: Planted) -> dict[str, int]:
    return {kind: len(files) for kind, files in data.found.items()}


def test_a_clean_set_has_no_problems(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), PICTURES)
    checkup = examine(tmp_path / "data")
    assert checkup.problems == ()
    assert not checkup.needs_import
    assert not checkup.photos_alone
    assert (checkup.pictures, checkup.size) == (PICTURES, 64)
    held = sum(name_hash(f"scene-{number:03d}") < 0.03 for number in range(PICTURES))
    assert checkup.validation == held
    assert [entry.name for entry in checkup.classes] == [entry.name for entry in PALETTE.classes]
    assert sum(entry.share for entry in checkup.classes) == pytest.approx(1)
    assert all(entry.pictures == PICTURES for entry in checkup.classes)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_found_with_its_files_and_nothing_else(tmp_path: Path, kind: str) -> None:
    data = plant(tmp_path / "data", (kind,), PICTURES, seed=3)
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == planted_counts(data)
    problem = checkup.problem(kind)
    assert problem is not None
    assert problem.text
    assert problem.remedy
    named = [name for name in data.found[kind] if name]
    if named:
        assert set(problem.examples) <= set(named)
        assert len(problem.examples) == min(8, len(named))
    assert checkup.needs_import == (problem.severity == "fixed")


def test_all_faults_together_are_found_apart(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ALL, 70, seed=1)
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == planted_counts(data)
    for problem in checkup.problems:
        assert set(problem.examples) <= set(data.found[problem.kind]) or data.found[
            problem.kind
        ] == [""]


def test_a_size_that_most_photos_do_not_fill_leaves_none_out(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), PICTURES)
    checkup = examine(tmp_path / "data", size=256)
    problem = checkup.problem("tiny-pictures")
    assert problem is not None
    assert (problem.count, problem.severity) == (PICTURES, "explained")
    assert (checkup.size, checkup.pictures) == (256, PICTURES)


def test_too_few_depends_on_the_size(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), 7)
    assert counts(examine(tmp_path / "data")) == {}
    assert counts(examine(tmp_path / "data", size=128)) == {"too-few": 7}


def test_exif_that_was_heeded_is_no_fault(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 8)
    for name, number in zip(sorted(data.truth), (1, 2, 3, 4, 5, 6, 7, 8), strict=True):
        path = data.photo(name)
        with Image.open(path) as image:
            exif = Image.Exif()
            exif[0x0112] = number
            # As a camera stores it: the inverse of what readers do with it.
            back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
            pixels = image if number == 1 else image.transpose(Image.Transpose(back[number]))
            pixels.convert("RGB").save(path.with_suffix(".jpg"), exif=exif, quality=95)
        path.unlink()
    assert counts(examine(tmp_path / "data")) == {}


def test_maps_of_unknown_and_one_class_are_no_masks(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    for index, (name, labels) in enumerate(data.truth.items()):
        only = np.where(labels == 0, 0, 255) if index == 0 else labels
        Image.fromarray(only.astype(np.uint8)).save(data.labels(name))  # grey, all of them
    assert set(counts(examine(tmp_path / "data"))) == {"much-unknown"}


def test_a_set_of_masks_is_two_classes(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 6)
    for name, labels in data.truth.items():
        Image.fromarray(np.where(labels == 0, 255, 0).astype(np.uint8)).save(data.labels(name))
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == {"binary-masks": 6}
    assert [entry.name for entry in checkup.classes] == ["background", "object"]
    assert checkup.pictures == 6


def test_one_class_too_many_is_not_taken_for_off_by_one(tmp_path: Path) -> None:
    """Id 5 is not in the list of 5, and 0 is used: skies are above grounds as it is."""
    data = plant(tmp_path / "data", (), PICTURES)
    for name, labels in data.truth.items():
        labels[labels == 255] = 5
        data.write(name, labels)
    assert counts(examine(tmp_path / "data")) == {"ids-beyond": PICTURES}


def test_off_by_one_shows_by_sky_and_ground_if_the_last_class_is_missing(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    for name, labels in data.truth.items():
        kept = np.where((labels == 4) | (labels == 255), 1, labels)
        data.write(name, (kept + 1).astype(np.uint8))
    assert "off-by-one" not in counts(examine(tmp_path / "data"))  # "sky" itself is not there
    for name, labels in data.truth.items():
        kept = np.where((labels == 4) | (labels == 255), 1, labels)
        shifted = (kept + 1).astype(np.uint8)
        shifted[-4:] = 0  # "other", below: as it is, a sky under the ground
        data.write(name, shifted)
    assert counts(examine(tmp_path / "data")) == {"off-by-one": PICTURES, "unused-ids": 1}


def test_rejected_photos_do_not_count(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("missing-labels",), PICTURES)
    rejected = [Path(name).stem for name in data.found["missing-labels"]]
    (tmp_path / "data" / "photo-tags.json").write_text(json.dumps({"reject": rejected}))
    assert counts(examine(tmp_path / "data")) == {}


def test_a_damaged_class_list_is_said(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), PICTURES)
    (tmp_path / "data" / "classes.json").write_text('{"name": "cut off", "cla')
    problem = examine(tmp_path / "data").problem("no-class-list")
    assert problem is not None
    assert "not valid JSON" in problem.text


def test_nothing_usable(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 5)
    for name in data.truth:
        data.photo(name).write_text("no picture")
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == {"unreadable": 5, "nothing-usable": 0}
    assert not checkup.usable
    assert checkup.pictures == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.mkdir(), "has no pictures"),
        (lambda path: path.write_text("text"), "neither a folder nor a whole zip"),
    ],
)
def test_what_is_no_data_set(tmp_path: Path, make: object, said: str) -> None:
    path = tmp_path / "data"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=said):
        examine(path)


def test_hostile_files_stop_nothing(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    absurd, head, loop, pipe = data.take(4)
    content = bytearray(data.labels(absurd).read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height, unchecked by Pillow
    data.labels(absurd).write_bytes(bytes(content))
    data.photo(head).write_bytes(data.photo(head).read_bytes()[:30])
    data.photo(loop).unlink()
    (tmp_path / "data" / "images" / f"{loop}.png").symlink_to(f"{loop}.png")
    (tmp_path / "data" / "images" / "deeper").symlink_to(tmp_path / "data")
    data.photo(pipe).unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "data" / "images" / f"{pipe}.png")
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == {"unreadable": 2, "truncated": 1, "missing-pictures": 1}
    assert checkup.pictures == PICTURES - 4


def test_a_zip_with_names_that_lead_out(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(data.folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(data.folder).as_posix())
        archive.writestr("../images/evil.png", b"x")
        archive.writestr("/labels/evil.png", b"x")
        archive.writestr("C:\\evil.png", b"x")
    checkup = examine(path)
    assert counts(checkup) == {"unsafe-names": 3}
    assert checkup.pictures == PICTURES


def test_a_zip_bomb_is_one_unreadable_file(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), PICTURES)
    (name,) = data.take(1)
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(data.folder.rglob("*.*")):
            if file != data.photo(name):
                archive.write(file, file.relative_to(data.folder).as_posix())
        archive.writestr(f"images/{name}.png", bytes(80 * 2**20))
    assert counts(examine(path)) == {"unreadable": 1}


def test_cancelling_stops_between_files(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), PICTURES)
    seen: list[int] = []

    def progress(done: int, total: int, what: str) -> None:
        if what == "reading pictures":
            seen.append(done)
            assert total == PICTURES

    with pytest.raises(Cancelled):
        examine(tmp_path / "data", on_progress=progress, cancelled=lambda: 5 in seen)
    assert seen == [0, 1, 2, 3, 4, 5]


def test_progress_ends_at_all(tmp_path: Path) -> None:
    plant(tmp_path / "data", (), 6)
    told: list[tuple[int, int, str]] = []
    examine(tmp_path / "data", on_progress=lambda *news: told.append(news))
    assert [news for news in told if news[2] == "reading pictures"] == [
        (done, 6, "reading pictures") for done in range(7)
    ]


def test_a_checkup_can_be_pickled(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("colour-labels",), PICTURES)
    checkup = pickle.loads(pickle.dumps(examine(tmp_path / "data")))
    assert counts(checkup) == planted_counts(data)
    assert thumbnail(checkup, data.found["colour-labels"][0]) is not None


def test_thumbnails(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ("truncated",), 6)
    checkup = examine(tmp_path / "data")
    name = data.free[0]
    photo = thumbnail(checkup, f"images/{name}.png")
    labels = thumbnail(checkup, f"labels/{name}.png")
    assert photo is not None
    assert labels is not None
    for shown in (photo, labels):
        assert shown.dtype == np.uint8
        assert shown.shape == (69, 96, 3)
    assert {tuple(color) for color in labels.reshape(-1, 3).tolist()} <= {
        tuple(color) for color in PALETTE.lut().tolist()
    }
    assert thumbnail(checkup, data.found["truncated"][0]) is None
    assert thumbnail(checkup, "images/gone.png") is None


def test_thumbnails_of_a_zip(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), 4)
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(data.folder.rglob("*.*")):
            archive.write(file, f"top/{file.relative_to(data.folder).as_posix()}")
    shown = thumbnail(examine(path), f"top/labels/{data.free[0]}.png")
    assert shown is not None
    assert shown.shape == (69, 96, 3)


def test_names_with_spaces_and_of_other_scripts(tmp_path: Path) -> None:
    data = plant(tmp_path / "Ünser Bild 山", ("interlaced-labels",), 6)
    for name in sorted(data.truth):
        data.photo(name).rename(data.photo(name).with_stem(f"山 {name} é"))
        data.labels(name).rename(data.labels(name).with_stem(f"山 {name} é"))
    checkup = examine(data.folder)
    assert counts(checkup) == {"interlaced-labels": 2}
    assert all(example.startswith("labels/山 ") for example in checkup.problems[0].examples)


def test_many_files_with_duplicates(tmp_path: Path) -> None:
    """Two thousand small ones, four hundred of them held out, a hundred of those trained on."""
    rng = np.random.default_rng(0)
    base = rng.integers(40, 215, (2000, 8, 8, 3), dtype=np.uint8)
    base[1900:] = base[:100]  # in val: the last 400
    for split, numbers in (("train", range(1600)), ("val", range(1600, 2000))):
        for part in ("images", "labels"):
            (tmp_path / "data" / split / part).mkdir(parents=True)
        for number in numbers:
            photo = Image.fromarray(base[number]).resize((64, 64), Image.Resampling.BICUBIC)
            photo.save(tmp_path / "data" / split / "images" / f"{number}.bmp")
            labels = np.full((64, 64), number % 2, np.uint8)
            Image.fromarray(labels).save(tmp_path / "data" / split / "labels" / f"{number}.png")
    (tmp_path / "data" / "classes.json").write_text(
        '{"name": "two", "classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}'
    )
    checkup = examine(tmp_path / "data")
    assert counts(checkup) == {"duplicates": 100}
    assert (checkup.pictures, checkup.validation) == (1900, 300)


def test_bits_are_counted() -> None:
    values = np.random.default_rng(0).integers(0, 2**63, (5, 7), dtype=np.uint64) * 2 + 1
    expected = [[bin(value).count("1") for value in row] for row in values.tolist()]
    assert bit_count(values).tolist() == expected


def test_pictures_that_show_nothing_are_no_twins() -> None:
    """Their hashes are alike, but fog is not yet the same fog."""
    grey = np.full((2, 16, 16), 128, np.uint8)
    grey[1, 3, 3] = 131
    hashes = np.zeros(1, np.uint64)
    assert find_twins(hashes, grey[:1], hashes, grey[1:]).tolist() == [-1]
    assert find_twins(hashes, grey[:1], hashes, grey[:1]).tolist() == [0]
    assert find_repeats(np.zeros(2, np.uint64), grey).tolist() == [-1, -1]


def test_room_for_huge_pictures_is_shared() -> None:
    room = Room(100)
    inside: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def decode(pixels: int) -> None:
        with room.place() as place:
            place.check(pixels, 1, "picture")
            with lock:
                inside.append(pixels)
                most.append(sum(inside))
            sum(range(20_000))  # others may come in meanwhile
            with lock:
                inside.remove(pixels)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [30, 60, 500, 10, 90, 40, 40, 40, 700, 5] * 6))
    assert max(most) == 700  # alone: nothing beside what is larger than the room
    assert max(total for total in most if total < 500) <= 100
    with room.place() as place, pytest.raises(InputError, match="too many"):
        place.check(20_000, 20_000, "picture")
    with room.place() as place:  # the refused one took nothing
        place.check(100, 1, "picture")
        assert place.taken == 100
