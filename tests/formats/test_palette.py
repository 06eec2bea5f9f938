from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spade.formats.errors import InputError
from spade.formats.palette import (
    UNKNOWN_COLOR,
    Palette,
    PaletteClass,
    load_palette,
    numbered_palette,
    palette_from_classes,
    palette_from_json,
    palette_to_json,
)
from spade.formats.resources import bundled, bundled_palettes

BUNDLED = {"landscape": 16, "ade20k": 150, "coco-stuff": 182, "cityscapes": 35}


def test_all_bundled_palettes_are_known() -> None:
    assert set(bundled_palettes()) == set(BUNDLED)


@pytest.mark.parametrize(("name", "count"), BUNDLED.items())
def test_bundled_palettes(name: str, count: int) -> None:
    palette = load_palette(name)
    given_up = {3, 10} if name == "landscape" else set()  # hill and dirt
    assert set(palette.ids) == set(range(count + len(given_up))) - given_up
    assert len({entry.color for entry in palette.classes} | {UNKNOWN_COLOR}) == count + 1
    assert len({entry.name.casefold() for entry in palette.classes}) == count
    assert all(entry.group for entry in palette.classes)
    assert palette.ignore == 255
    assert load_palette(bundled(f"palettes/{name}.json")) == palette


@pytest.mark.parametrize(
    ("palette", "class_id", "name", "color"),
    [
        ("ade20k", 0, "wall", "#787878"),
        ("ade20k", 2, "sky", "#06e6e6"),
        ("ade20k", 6, "road", "#8c8c8c"),
        ("ade20k", 16, "mountain", "#8fff8c"),
        ("ade20k", 26, "sea", "#0907e6"),
        ("ade20k", 113, "waterfall", "#00e0ff"),
        ("ade20k", 149, "flag", "#5c00ff"),
        ("coco-stuff", 0, "person", "#00c040"),
        ("coco-stuff", 11, "street sign", None),
        ("coco-stuff", 123, "grass", "#002080"),
        ("coco-stuff", 154, "sea", None),
        ("coco-stuff", 156, "sky-other", None),
        ("coco-stuff", 181, "wood", "#404000"),
        ("cityscapes", 0, "unlabeled", "#000000"),
        ("cityscapes", 7, "road", "#804080"),
        ("cityscapes", 11, "building", "#464646"),
        ("cityscapes", 17, "pole", "#999999"),
        ("cityscapes", 23, "sky", "#4682b4"),
        ("cityscapes", 33, "bicycle", "#770b20"),
        ("landscape", 7, "water", "#3f8fd0"),
    ],
)
def test_published_entries(palette: str, class_id: int, name: str, color: str | None) -> None:
    entry = load_palette(palette).by_id(class_id)
    assert entry is not None
    assert entry.name == name
    assert color is None or entry.color == color


@pytest.mark.parametrize(
    ("palette", "first", "second"),
    [
        ("ade20k", "road", "skyscraper"),
        ("cityscapes", "pole", "polegroup"),
        ("cityscapes", "car", "license plate"),
        ("coco-stuff", "person", "bicycle"),
    ],
)
def test_shared_colours_are_shifted_a_little(palette: str, first: str, second: str) -> None:
    entries = load_palette(palette)
    one, two = entries.find(first), entries.find(second)
    assert one is not None
    assert two is not None
    assert 0 < np.abs(np.subtract(one.rgb, two.rgb)).max() <= 24


def test_lut_is_all_different_and_holds_the_colours() -> None:
    for name in BUNDLED:
        palette = load_palette(name)
        lut = palette.lut()
        assert lut.shape == (256, 3)
        assert lut.dtype == np.uint8
        assert len({tuple(row) for row in lut.tolist()}) == 256
        assert all(tuple(lut[entry.id]) == entry.rgb for entry in palette.classes)
        assert "#" + bytes(lut[255]).hex() == UNKNOWN_COLOR


def test_changing_a_lut_changes_no_other() -> None:
    palette = load_palette("landscape")
    palette.lut()[:] = 0
    assert palette.lut().any()


@pytest.mark.parametrize("count", [1, 18, 255])
def test_numbered_palette(count: int) -> None:
    palette = numbered_palette(count)
    assert palette.ids == tuple(range(count))
    assert len({entry.color for entry in palette.classes}) == count
    assert palette.find("CLASS 0") == palette.by_id(0)


@pytest.mark.parametrize("count", [-1, 0, 256])
def test_numbered_palette_out_of_range(count: int) -> None:
    with pytest.raises(InputError, match=f"{count} classes"):
        numbered_palette(count)


def test_lookup_misses() -> None:
    palette = load_palette("landscape")
    assert palette.by_id(18) is None
    assert palette.find("swimming pool") is None


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "no classes"),
        ([(0, "a", "#000000"), (0, "b", "#111111")], "id 0 is used twice"),
        ([(0, "a", "#000000"), (1, "a", "#111111")], "name a is used twice"),
        ([(0, "a", "#00aa00"), (1, "b", "#00AA00")], "colour #00aa00 is used twice"),
        ([(255, "a", "#000000")], "ids must be 0 to 254"),
        ([(-1, "a", "#000000")], "ids must be 0 to 254"),
        ([(0, " ", "#000000")], "has no name"),
        ([(0, "a", "red")], "must look like"),
        ([(0, "a", "#12345")], "must look like"),
        ([(0, "a", UNKNOWN_COLOR)], "stands for unknown"),
    ],
)
def test_bad_palettes(classes: list[tuple[int, str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        palette_from_classes("bad", [(*row, "") for row in classes])


def test_another_ignore_id_is_refused() -> None:
    with pytest.raises(InputError, match="ignore id 0"):
        Palette("p", (PaletteClass(1, "a", "#000000"),), ignore=0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1, 2]",
        "null",
        '{"name": "x"}',
        '{"classes": {}}',
        '{"classes": [3]}',
        '{"classes": [{"name": "a"}]}',
        '{"classes": [{"id": "0", "name": "a"}]}',
        '{"classes": [{"id": true, "name": "a"}]}',
        '{"classes": [{"id": 0}]}',
        '{"classes": [{"id": 0, "name": "a", "color": 7}]}',
        '{"name": 4, "classes": [{"id": 0, "name": "a"}]}',
        '{"ignore": "no", "classes": [{"id": 0, "name": "a"}]}',
        "[" * 100_000,
        "\x00\x01",
    ],
)
def test_bad_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_palette(path)
    assert str(path) in str(caught.value)


def test_undecodable_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(b"\xff\xfe\x80")
    with pytest.raises(InputError, match=r"p\.json"):
        load_palette(path)


@pytest.mark.parametrize("name", ["no-such-palette", "", "a\0b", "x" * 5000])
def test_missing_palette_names_the_bundled_ones(name: str) -> None:
    with pytest.raises(InputError):
        load_palette(name)


def test_folder_with_classes_json_and_missing_colours(tmp_path: Path) -> None:
    data = {"name": "mine", "classes": [{"id": 4, "name": "fog"}, {"id": 2, "name": "lava"}]}
    (tmp_path / "classes.json").write_text(json.dumps(data), encoding="utf-8-sig")
    palette = load_palette(tmp_path)
    assert palette.ids == (4, 2)
    assert len({entry.color for entry in palette.classes}) == 2


texts = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)


@given(
    st.lists(
        st.tuples(st.integers(0, 254), texts, st.integers(0, 0xFFFFFF), st.text(max_size=6)),
        min_size=1,
        max_size=30,
        unique_by=(lambda row: row[0], lambda row: row[1], lambda row: row[2]),
    ),
    texts,
)
def test_json_round_trip(rows: list[tuple[int, str, int, str]], name: str) -> None:
    colored = [(i, label, f"#{color:06x}", group) for i, label, color, group in rows]
    if any(row[2] == UNKNOWN_COLOR for row in colored):
        return
    palette = palette_from_classes(name, colored)
    text = json.dumps(palette_to_json(palette))
    assert palette_from_json(json.loads(text), "test") == palette
    assert len({tuple(row) for row in palette.lut().tolist()}) == 256
