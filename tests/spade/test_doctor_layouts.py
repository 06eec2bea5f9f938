"""Where data sets keep their files: tiny ones of every layout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from faulty_data import PALETTE, draw_pair, plant
from PIL import Image

from spade.doctor import Checkup, examine
from spade.doctor.layouts.roles import place_of
from spade.formats.palette import Palette, load_palette

COUNT = 8


def scenes(count: int = COUNT) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    return [draw_pair(rng) for _ in range(count)]


def save(path: Path, pixels: np.ndarray, palette: Palette | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette.lut().tobytes())
    image.save(path)
    return path


def kinds(checkup: Checkup) -> set[str]:
    return {problem.kind for problem in checkup.problems}


def pairs(checkup: Checkup) -> dict[str, tuple[str | None, str | None]]:
    return {entry.name: (entry.photo, entry.labels) for entry, _ in checkup.case.kept}


def zipped(folder: Path, top: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("img", "masks"),
        ("photos", "annotations"),
        ("JPEGImages", "labels"),
        ("rgb", "ground_truth"),
        ("Photos", "label-maps"),
        ("set 1/images", "set 1/labels"),
    ],
)
def test_folders_by_other_names(tmp_path: Path, images: str, labels: str) -> None:
    plant(tmp_path / "plain", (), COUNT)
    for part, name in (("images", images), ("labels", labels)):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / part).rename(tmp_path / "data" / name)
    (tmp_path / "plain" / "classes.json").rename(tmp_path / "data" / "classes.json")
    checkup = examine(tmp_path / "data")
    assert checkup.problems == ()
    assert checkup.pictures == COUNT
    assert checkup.needs_import == ((images, labels) != ("images", "labels"))
    assert [entry.name for entry in checkup.classes] == [entry.name for entry in PALETTE.classes]


@pytest.mark.parametrize(
    "form",
    [
        "{split}/images/{name}.png {split}/labels/{name}.png",
        "images/{split}/{name}.png labels/{split}/{name}.png",
        "{split}_img/{name}.png {split}_label/{name}.png",
        "{split}/images/{name}.png {split}/masks/{name}_mask.png",
        "images/{split}ing/a/{name}.png annotations/{split}ing/a/{name}.png",
    ],
)
def test_training_and_validation_folders(tmp_path: Path, form: str) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        split = "val" if number < 2 else "train"
        for part, pixels in zip(form.split(), (photo, labels), strict=True):
            name = part.format(split=split, name=f"picture{number}").replace("valing", "val")
            save(tmp_path / "data" / name, pixels)
    plant(tmp_path / "list", (), 4)
    (tmp_path / "list" / "classes.json").rename(tmp_path / "data" / "classes.json")
    checkup = examine(tmp_path / "data")
    assert checkup.problems == ()
    assert (checkup.pictures, checkup.validation) == (COUNT, 2)
    assert checkup.needs_import == (not form.startswith("{split}/images/{name}.png {split}/labels"))
    assert set(pairs(checkup)) == {f"picture{number}" for number in range(COUNT)}


def test_test_photos_are_not_used(tmp_path: Path) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        split = "test" if number < 2 else "train"
        save(tmp_path / split / "images" / f"{number}.png", photo)
        save(tmp_path / split / "labels" / f"{number}.png", labels)
    checkup = examine(tmp_path)
    assert checkup.pictures == COUNT - 2
    assert checkup.layout.endswith("2 photos in test/ are not used")


def test_a_photo_and_its_map_side_by_side(tmp_path: Path) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        save(tmp_path / "data" / f"{number}.jpg", photo)
        save(tmp_path / "data" / (f"{number}.png" if number % 2 else f"{number}_mask.png"), labels)
    checkup = examine(tmp_path / "data")
    assert checkup.pictures == COUNT
    assert kinds(checkup) == {"no-class-list"}
    assert pairs(checkup)["2"] == ("2.jpg", "2_mask.png")


@pytest.mark.parametrize("top", ["", "my data/", "a/b/"])
def test_a_zip_or_a_folder_too_deep(tmp_path: Path, top: str) -> None:
    plant(tmp_path / "data", (), COUNT)
    path = zipped(tmp_path / "data", top)
    for given in (path, tmp_path / "deeper"):
        if given.suffix != ".zip":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(given)
        checkup = examine(given)
        assert checkup.problems == ()
        assert checkup.pictures == COUNT
        assert checkup.needs_import == (given == path or bool(top))


def test_coco_stuff(tmp_path: Path) -> None:
    stuff = (0, 94, 156, 181)
    for number, (photo, labels) in enumerate(scenes()):
        split = "val2017" if number < 2 else "train2017"
        ids = np.array([*stuff, 0, *[255] * 251], np.uint8)[labels]
        save(tmp_path / split / f"{number:012d}.jpg", photo)
        save(tmp_path / "stuffthingmaps" / split / f"{number:012d}.png", ids)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train2017.json").write_text("{}")
    checkup = examine(tmp_path)
    assert checkup.problems == ()
    assert checkup.layout == "COCO-Stuff"
    assert (checkup.pictures, checkup.validation) == (COUNT, 2)
    named = load_palette("coco-stuff")
    assert [entry.name for entry in checkup.classes] == [
        entry.name for entry in named.classes if entry.id in stuff
    ]


def test_ade20k_counts_from_one(tmp_path: Path) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        split, short = ("validation", "val") if number < 2 else ("training", "train")
        name = f"ADE_{short}_{number:08d}"
        ids = np.where(labels == 255, 0, np.array([3, 10, 22, 35, 150])[labels % 5])
        save(tmp_path / "images" / split / f"{name}.jpg", photo)
        save(tmp_path / "annotations" / split / f"{name}.png", ids.astype(np.uint8))
    checkup = examine(tmp_path)
    assert checkup.layout == "ADE20K"
    assert {problem.kind: problem.count for problem in checkup.problems} == {"off-by-one": COUNT}
    names = {entry.id: entry.name for entry in load_palette("ade20k").classes}
    assert {entry.name for entry in checkup.classes} == {names[k] for k in (2, 9, 21, 34, 149)}
    assert (checkup.pictures, checkup.validation) == (COUNT, 2)


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds", "color"])
def test_cityscapes(tmp_path: Path, kind: str) -> None:
    palette = load_palette("cityscapes")
    full = (23, 21, 7, 11, 26)  # sky, vegetation, road, building, car
    trained = (10, 8, 0, 2, 13)
    names = [entry.name for id_ in sorted(full) if (entry := palette.by_id(id_))]
    for number, (photo, labels) in enumerate(scenes()):
        split, city = ("val", "lindau") if number < 2 else ("train", "aachen")
        scene = f"{city}_{number:06d}_000019"
        known = np.where(labels == 255, 0, labels)
        save(tmp_path / "leftImg8bit" / split / city / f"{scene}_leftImg8bit.png", photo)
        there = {
            "labelIds": np.array(full, np.uint8)[known],
            "labelTrainIds": np.where(labels == 255, 255, np.array(trained)[known]),
            "color": palette.lut()[np.array(full)[known]],
            "instanceIds": known,
        }
        for ending in (kind, "instanceIds"):
            path = tmp_path / "gtFine" / split / city / f"{scene}_gtFine_{ending}.png"
            save(path, there[ending].astype(np.uint8))
        path.with_name(f"{scene}_gtFine_polygons.json").write_text("{}")
    checkup = examine(tmp_path)
    assert checkup.problems == ()
    assert checkup.layout == "Cityscapes"
    assert (checkup.pictures, checkup.validation) == (COUNT, 2)
    assert [entry.name for entry in checkup.classes] == names
    assert "lindau_000000_000019" in pairs(checkup)
    assert all(entry.instances for entry, _ in checkup.case.kept)


def write_cvat(folder: Path, *, indexed: bool = False) -> None:
    lines = ["# label:color_rgb:parts:actions"]
    lines += [f"{entry.name}:{','.join(map(str, entry.rgb))}::" for entry in PALETTE.classes]
    folder.mkdir()
    (folder / "labelmap.txt").write_text("\n".join([*lines, "background:0,0,0::"]) + "\n")
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for number, (photo, labels) in enumerate(scenes()):
        name = f"frame {number}"
        lists["val" if number < 2 else "train"].append(name)
        save(folder / "JPEGImages" / f"{name}.jpg", photo)
        colors = PALETTE.lut()[labels]
        colors[labels == 255] = 0
        save(folder / "SegmentationClass" / f"{name}.png", colors)
        save(folder / "SegmentationObject" / f"{name}.png", colors[::-1].copy())
        if indexed:  # numbered by something of its own
            wild = Image.fromarray(colors).quantize(16)
            wild.save(folder / "SegmentationClass" / f"{name}.png")
    for split, names in lists.items():
        path = folder / "ImageSets" / "Segmentation" / f"{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(names) + "\n")


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_cvat_masks(tmp_path: Path, indexed: bool, packed: bool) -> None:
    write_cvat(tmp_path / "task", indexed=indexed)
    checkup = examine(zipped(tmp_path / "task") if packed else tmp_path / "task")
    assert checkup.problems == ()
    assert checkup.layout.startswith("CVAT")
    assert (checkup.pictures, checkup.validation) == (COUNT, 2)
    assert [entry.name for entry in checkup.classes] == [
        *(entry.name for entry in PALETTE.classes),
        "background",
    ]
    assert all(entry.pictures for entry in checkup.classes)
    assert [entry.color for entry in checkup.classes][:2] == ["#87ceeb", "#5aa03c"]


def test_a_list_says_which_photos_count(tmp_path: Path) -> None:
    write_cvat(tmp_path / "task")
    (tmp_path / "task" / "ImageSets" / "Segmentation" / "val.txt").unlink()
    checkup = examine(tmp_path / "task")
    assert (checkup.pictures, checkup.problems) == (COUNT - 2, ())


def test_labelme_export(tmp_path: Path) -> None:
    names = ["__ignore__", *(entry.name for entry in PALETTE.classes)]
    (tmp_path / "class_names.txt").write_text("\n".join(names) + "\n")
    for number, (photo, labels) in enumerate(scenes()):
        save(tmp_path / "JPEGImages" / f"{number}.jpg", photo)
        save(tmp_path / "SegmentationClassPNG" / f"{number}.png", labels, PALETTE)
        save(tmp_path / "SegmentationClassVisualization" / f"{number}.jpg", photo)
        (tmp_path / "SegmentationClass").mkdir(exist_ok=True)
        np.save(tmp_path / "SegmentationClass" / f"{number}.npy", labels)
    checkup = examine(tmp_path)
    assert checkup.problems == ()
    assert checkup.layout == "labelme export"
    assert checkup.pictures == COUNT
    assert [entry.name for entry in checkup.classes] == names[1:]


def test_pascal_voc_by_its_folders(tmp_path: Path) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        name = f"2007_{number:06d}"
        save(tmp_path / "VOC2012" / "JPEGImages" / f"{name}.jpg", photo)
        path = tmp_path / "VOC2012" / "Annotations" / f"{name}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("<annotation/>")
        if number < 5:
            save(tmp_path / "VOC2012" / "SegmentationClass" / f"{name}.png", labels)
    lists = tmp_path / "VOC2012" / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for split, numbers in (("train", range(4)), ("val", range(4, 5)), ("trainval", range(5))):
        (lists / f"{split}.txt").write_text("".join(f"2007_{n:06d}\n" for n in numbers))
    checkup = examine(tmp_path)
    assert checkup.problems == ()
    assert (checkup.pictures, checkup.validation) == (5, 1)
    assert [entry.name for entry in checkup.classes][:3] == ["background", "aeroplane", "bicycle"]


def test_photos_alone(tmp_path: Path) -> None:
    for number, (photo, _) in enumerate(scenes()):
        save(tmp_path / "holiday" / f"{number}.jpg", photo)
    checkup = examine(tmp_path / "holiday")
    assert checkup.photos_alone
    assert checkup.needs_import
    assert {problem.kind: problem.count for problem in checkup.problems} == {
        "missing-labels": COUNT
    }
    assert "sky" in [entry.name for entry in checkup.classes]


def test_outlines_are_named_not_read(tmp_path: Path) -> None:
    for number, (photo, _) in enumerate(scenes()):
        save(tmp_path / f"{number}.jpg", photo)
        (tmp_path / f"{number}.json").write_text('{"shapes": []}')
    checkup = examine(tmp_path)
    problem = checkup.problem("outlines")
    assert problem is not None
    assert (problem.count, problem.severity) == (COUNT, "explained")


def test_files_of_boxes_are_named_too(tmp_path: Path) -> None:
    for number, (photo, _) in enumerate(scenes()):
        save(tmp_path / "images" / f"{number}.jpg", photo)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train.json").write_text("{}")
    assert kinds(examine(tmp_path)) == {"outlines", "missing-labels"}


def test_of_maps_of_two_kinds_one_is_read(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", (), COUNT)
    (data.folder / "masks").mkdir()
    for name, labels in data.truth.items():
        Image.fromarray(PALETTE.lut()[labels]).save(data.folder / "masks" / f"{name}_mask.png")
    checkup = examine(data.folder)
    assert checkup.problems == ()
    assert {labels for _, labels in pairs(checkup).values()} == {
        f"labels/{name}.png" for name in data.truth
    }


def test_classes_of_colours_that_nobody_lists(tmp_path: Path) -> None:
    for number, (photo, labels) in enumerate(scenes()):
        save(tmp_path / "images" / f"{number}.png", photo)
        save(tmp_path / "labels" / f"{number}.png", PALETTE.lut()[labels])
    checkup = examine(tmp_path)
    assert kinds(checkup) == {"no-class-list", "colour-labels"}
    assert {entry.color for entry in checkup.classes} == {entry.color for entry in PALETTE.classes}


@pytest.mark.parametrize(
    ("folder", "role", "split"),
    [
        (".", "", ""),
        ("images", "photos", ""),
        ("images/training", "photos", "train"),
        ("val_label", "labels", "val"),
        ("stuffthingmaps/train2017", "labels", "train"),
        ("train2017", "", "train"),
        ("gtFine/test/berlin", "labels", "test"),
        ("SegmentationObject", "aside", ""),
        ("train_inst", "instances", "train"),
        ("labelled seas", "", ""),
    ],
)
def test_what_a_folder_says(folder: str, role: str, split: str) -> None:
    place = place_of(folder)
    assert (place.role, place.split) == (role, split)
