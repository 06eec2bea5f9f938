"""Tool settings: clamped, announced once, recent classes without repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.tools import BrushShape, Tool
from app.state.tool_settings import MAX_BRUSH, RECENT_CLASSES, ToolSettings

SIGNALS = (
    "tool_changed",
    "class_changed",
    "recent_changed",
    "brush_changed",
    "options_changed",
)


def recorded(tools: ToolSettings) -> list[tuple]:
    calls: list[tuple] = []
    for name in SIGNALS:
        getattr(tools, name).connect(lambda *args, name=name: calls.append((name, *args)))
    return calls


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        ("tool", Tool.LASSO, ("tool_changed", Tool.LASSO)),
        ("brush_size", 33, ("brush_changed",)),
        ("brush_shape", BrushShape.SQUARE, ("brush_changed",)),
        ("contiguous", False, ("options_changed",)),
        ("only_over", True, ("options_changed",)),
        ("pressure_size", False, ("options_changed",)),
    ],
)
def test_a_change_is_announced_once_and_no_change_not_at_all(attribute, value, expected) -> None:
    tools = ToolSettings()
    calls = recorded(tools)
    setattr(tools, attribute, value)
    setattr(tools, attribute, value)
    assert calls == [expected]
    assert getattr(tools, attribute) == value


def test_two_instances_do_not_share_values() -> None:
    one, other = ToolSettings(), ToolSettings()
    one.brush_size = 7
    one.tool = Tool.PAN
    assert (other.brush_size, other.tool) == (32, Tool.BRUSH)


@pytest.mark.parametrize(("given_size", "kept"), [(0, 1), (-5, 1), (512, 512), (9999, 512)])
def test_brush_size_is_clamped(given_size: int, kept: int) -> None:
    tools = ToolSettings()
    tools.brush_size = given_size
    assert tools.brush_size == kept


def test_a_clamped_size_that_equals_the_present_one_is_silent() -> None:
    tools = ToolSettings()
    tools.brush_size = MAX_BRUSH
    calls = recorded(tools)
    tools.brush_size = MAX_BRUSH + 1
    assert calls == []


def test_growing_and_shrinking_reach_both_ends_and_move_every_time() -> None:
    tools = ToolSettings()
    sizes = [tools.brush_size]
    while tools.brush_size < MAX_BRUSH:
        tools.grow_brush()
        assert tools.brush_size > sizes[-1]
        sizes.append(tools.brush_size)
    while tools.brush_size > 1:
        before = tools.brush_size
        tools.grow_brush(-1)
        assert tools.brush_size < before
    assert len(sizes) < 40


def test_swapping_goes_back_and_forth() -> None:
    tools = ToolSettings(class_id=3)
    tools.class_id = 9
    tools.swap_classes()
    assert (tools.class_id, tools.previous_class) == (3, 9)
    tools.swap_classes()
    assert (tools.class_id, tools.previous_class) == (9, 3)


def test_values_are_complete_when_the_signal_comes() -> None:
    tools = ToolSettings(class_id=3)
    seen: list[tuple] = []
    tools.class_changed.connect(
        lambda _: seen.append((tools.class_id, tools.previous_class, tools.recent))
    )
    tools.class_id = 9
    assert seen == [(9, 3, (9, 3))]


@given(st.lists(st.integers(-10, 300), max_size=40))
def test_recent_classes_are_the_newest_distinct_ones(ids: list[int]) -> None:
    tools = ToolSettings()
    order = [0]
    for class_id in ids:
        tools.class_id = class_id
        kept = min(max(class_id, 0), 255)
        order = [kept, *(other for other in order if other != kept)]
    assert tools.recent == tuple(order[:RECENT_CLASSES])
    assert tools.class_id == order[0]


def test_restricting_to_another_palette_drops_what_it_lacks() -> None:
    tools = ToolSettings(class_id=3)
    for class_id in (9, 40, 5):
        tools.class_id = class_id
    calls = recorded(tools)
    tools.restrict_classes((3, 9, 11))
    assert (tools.class_id, tools.recent, tools.previous_class) == (9, (9, 3), 3)
    assert calls == [("class_changed", 9), ("recent_changed",)]


def test_restricting_to_a_palette_without_any_of_them_takes_its_first_class() -> None:
    tools = ToolSettings(class_id=3)
    tools.restrict_classes((7, 8))
    assert (tools.class_id, tools.recent, tools.previous_class) == (7, (7,), 7)


def test_restricting_to_what_is_there_is_silent() -> None:
    tools = ToolSettings(class_id=3)
    tools.class_id = 4
    calls = recorded(tools)
    tools.restrict_classes((1, 3, 4))
    assert calls == []
