"""Classes of two models are matched by name."""

from __future__ import annotations

from app.state.class_match import match_classes
from spade.formats.palette import palette_from_classes

OLD = palette_from_classes("old", [(0, "sky", "", ""), (3, "Sea", "", ""), (4, "lava", "", "")])
NEW = palette_from_classes("new", [(2, "SEA", "", ""), (7, "sky", "", "")])


def test_names_decide_and_the_rest_is_unknown() -> None:
    matched = match_classes(OLD, NEW)
    assert (matched[0], matched[3], matched[4], matched[9], matched[255]) == (7, 2, 255, 255, 255)
    assert sorted(matched) == list(range(256))


def test_a_model_without_unknown_gets_a_class_instead() -> None:
    matched = match_classes(OLD, NEW, fallback=7)
    assert (matched[3], matched[4], matched[255]) == (2, 7, 7)
    assert set(matched.values()) <= set(NEW.ids)
