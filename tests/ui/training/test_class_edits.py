"""Names, colours and merges of classes: what is let through and what becomes of the rest."""

from __future__ import annotations

import pytest
from fakes import CLASSES

from app.ui.training import class_edits
from app.ui.training.class_edits import as_found, choice_of, kept, merge, recolor, rename, separate
from spade.formats.errors import InputError
from spade.formats.palette import UNKNOWN_COLOR, UNKNOWN_ID

FOUND = as_found(CLASSES)


def test_a_name_is_trimmed_and_must_be_the_only_one() -> None:
    assert choice_of(rename(FOUND, 0, "  short   grass "), 0).name == "short grass"
    for name in ("", "   ", "HEDGE"):
        with pytest.raises(InputError):
            rename(FOUND, 0, name)
    assert choice_of(rename(FOUND, 0, "Lawn"), 0).name == "Lawn"  # its own, in another case


def test_the_name_of_a_merged_class_is_free() -> None:
    merged = merge(FOUND, [1], 0)
    assert choice_of(rename(merged, 0, "hedge"), 0).name == "hedge"


def test_a_colour_must_be_the_only_one_and_never_that_of_unknown() -> None:
    assert choice_of(recolor(FOUND, 0, "#ABCDEF"), 0).color == "#abcdef"
    for color in ("red", "#12345", CLASSES[1].color.upper(), UNKNOWN_COLOR):
        with pytest.raises(InputError):
            recolor(FOUND, 0, color)


def test_merging_takes_along_what_was_merged_before() -> None:
    choices = merge(merge(FOUND, [4], 3), [3], 2)
    assert {c.id: c.merge_into for c in choices} == {0: None, 1: None, 2: None, 3: 2, 4: 2}


def test_merging_into_a_merged_class_means_where_that_went() -> None:
    choices = merge(merge(FOUND, [3], 2), [4], 3)
    assert choice_of(choices, 4).merge_into == 2
    # and into one that has become part of itself: nothing
    assert merge(merge(FOUND, [3], 2), [2], 3) == merge(FOUND, [3], 2)


def test_one_class_must_be_left() -> None:
    choices = merge(FOUND, [1, 2, 3, 4], UNKNOWN_ID)
    assert [c.id for c in kept(choices)] == [0]
    with pytest.raises(InputError):
        merge(choices, [0], UNKNOWN_ID)


def test_separated_classes_get_a_free_name_and_colour() -> None:
    choices = merge(FOUND, [1], 0)
    choices = recolor(rename(choices, 0, "hedge"), 0, CLASSES[1].color)
    choices = separate(choices, [1])
    names = [c.name.casefold() for c in kept(choices)]
    colors = [c.color for c in kept(choices)]
    assert len(set(names)) == len(set(colors)) == len(CLASSES)


def test_shares_go_along() -> None:
    total = class_edits.shares(CLASSES, merge(merge(FOUND, [4], 3), [3], UNKNOWN_ID))
    assert total == pytest.approx({0: 0.42, 1: 0.23, 2: 0.18, UNKNOWN_ID: 0.0902})
