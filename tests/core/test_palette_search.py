"""Type-to-find, number keys and recent classes."""

from __future__ import annotations

from app.core.palette_search import number_keys, search
from spade.formats.palette import palette_from_classes

PALETTE = palette_from_classes(
    "test",
    [
        (4, "sea", "", "water"),
        (0, "sky-other", "", "air"),
        (11, "snow", "", "ground"),
        (3, "mountain", "", "ground"),
        (7, "house", "", "built"),
        (9, "greenhouse", "", "built"),
        (12, "tree house", "", "built"),
        (2, "river", "", "water"),
        (40, "Sky", "", "air"),
    ],
)


def names(query: str, recent: tuple[int, ...] = ()) -> list[str]:
    return [entry.name for entry in search(PALETTE, query, recent)]


def test_blank_is_everything_in_palette_order() -> None:
    assert names("  ") == [entry.name for entry in PALETTE.classes]


def test_whole_name_then_start_then_word_then_part() -> None:
    assert names("house") == ["house", "tree house", "greenhouse"]
    assert names("SKY") == ["Sky", "sky-other"]
    assert names("other")[0] == "sky-other"
    assert names("s")[:3] == ["sea", "sky-other", "snow"]


def test_groups_and_letters_in_order() -> None:
    assert names("water") == ["sea", "river"]
    assert names("mtn") == ["mountain"]
    assert names("tr h") == ["tree house"]
    assert names("xyz") == []


def test_ids() -> None:
    assert names("4")[0] == "sea"
    assert names("40") == ["Sky"]


def test_recent_classes_win_among_equals_only() -> None:
    assert names("s", recent=(11, 0))[:4] == ["snow", "sky-other", "sea", "Sky"]
    assert names("house", recent=(9,)) == ["house", "tree house", "greenhouse"]


def test_number_keys() -> None:
    keys = number_keys(PALETTE)
    assert keys["1"] == 4
    assert keys["9"] == 40
    assert "0" not in keys
    many = palette_from_classes("many", [(i, f"class {i}", "", "") for i in range(30)])
    assert number_keys(many)["0"] == 9
    assert len(number_keys(many)) == 10
