"""Document: one drag is one step, every change is announced once, modified tells the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.core.brush import Brush
from app.core.geometry import Anchor
from app.core.style import ImageStyle, SampledStyle, Style
from app.core.tools import BrushShape
from app.state.document import Document
from spade.formats.errors import InputError
from spade.formats.palette import load_palette, palette_from_classes
from spade.formats.rect import Rect

SQUARE = Brush(3, BrushShape.SQUARE)
DOT = Brush(1, BrushShape.SQUARE)


def paint(document: Document, class_id: int, x: int, y: int) -> None:
    document.begin_stroke(class_id, DOT, x=x, y=y)
    document.commit_stroke()


def test_a_fresh_document_is_a_valid_scene_without_anything_to_undo() -> None:
    document = Document()
    assert document.labels.shape == (document.height, document.width)
    assert (document.modified, document.can_undo, document.can_redo) == (False, False, False)
    assert (document.path, document.trace, document.style) == (None, None, Style())
    assert document.palette.by_id(document.background) is not None


def test_labels_are_live_but_not_writable_and_snapshots_stay(document: Document) -> None:
    live, before = document.labels, document.snapshot()
    paint(document, 2, 5, 6)
    assert live[6, 5] == 2
    assert before[6, 5] == 0
    for array in (live, before):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_class_at_reads_pixels_and_gives_the_background_outside(document: Document) -> None:
    paint(document, 2, 23, 15)
    assert document.class_at(23, 15) == 2
    assert document.class_at(22, 15) == 0
    for x, y in ((-1, 0), (0, -1), (24, 0), (0, 16)):
        assert document.class_at(x, y) == 0


# Strokes


def test_a_drag_is_announced_bit_by_bit_and_undone_at_once(document, heard) -> None:
    document.begin_stroke(1, SQUARE, x=5.5, y=5.5)
    assert heard.take() == [("labels_changed", Rect(4, 4, 3, 3))]
    document.extend_stroke(7.5, 5.5)
    assert heard.take() == [("labels_changed", Rect(7, 4, 2, 3))]
    document.extend_stroke(7.5, 5.5)
    assert heard.take() == []
    assert (document.stroke_active, document.modified) == (True, False)
    document.commit_stroke()
    assert sorted(heard.take()) == [("history_changed",), ("modified_changed", True)]
    assert (document.stroke_active, document.undo_text) == (False, "Paint sea")
    document.undo()
    assert sorted(heard.take()) == [
        ("history_changed",),
        ("labels_changed", Rect(4, 4, 5, 3)),
        ("modified_changed", False),
    ]
    assert not document.labels.any()
    document.redo()
    heard.take()
    assert document.labels.sum() == 15


def test_a_stroke_that_changes_nothing_is_no_step(document, heard) -> None:
    document.begin_stroke(0, SQUARE, x=5, y=5)
    document.extend_stroke(20, 12)
    document.commit_stroke()
    assert heard.take() == []
    document.begin_stroke(1, SQUARE, x=-50, y=-50)
    document.commit_stroke()
    assert heard.take() == []
    assert not document.can_undo


def test_an_aborted_stroke_leaves_nothing_but_a_new_revision(document, heard) -> None:
    document.begin_stroke(1, SQUARE, x=5.5, y=5.5)
    heard.take()
    document.abort_stroke()
    assert heard.take() == [("labels_changed", Rect(4, 4, 3, 3))]
    assert not document.labels.any()
    assert (document.can_undo, document.modified) == (False, False)


def test_stroke_calls_without_a_stroke_do_nothing(document, heard) -> None:
    document.extend_stroke(3, 3)
    document.commit_stroke()
    document.abort_stroke()
    assert heard.take() == []


def test_undo_during_a_stroke_takes_back_the_stroke_alone(document, heard) -> None:
    paint(document, 2, 1, 1)
    document.begin_stroke(1, SQUARE, x=8, y=8)
    assert (document.can_undo, document.undo_text) == (True, "Paint sea")
    heard.skip()
    document.undo()
    heard.take()
    assert not document.stroke_active
    assert document.labels[1, 1] == 2
    assert document.labels.sum() == 2
    document.extend_stroke(20, 10)  # the button is still down
    document.commit_stroke()
    assert heard.take() == []
    assert document.undo_text == "Paint sand"


def test_redo_during_a_stroke_does_nothing(document, heard) -> None:
    paint(document, 2, 1, 1)
    document.undo()
    document.begin_stroke(1, SQUARE, x=8, y=8)
    heard.skip()
    assert (document.can_redo, document.redo_text) == (False, "")
    document.redo()
    assert heard.take() == []
    document.abort_stroke()
    assert document.redo_text == "Paint sand"


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.begin_stroke(3, DOT, x=20, y=2),
        lambda d: d.paint_mask(Rect(20, 2, 1, 1), np.ones((1, 1), bool), 3, "Dot"),
        lambda d: d.flood_fill(20, 2, 3),
        lambda d: d.replace_class(0, 3),
        lambda d: d.set_style(Style(SampledStyle(1))),
        lambda d: d.crop(Rect(0, 0, 20, 16)),
        lambda d: d.resize_canvas(30, 30, "top_left"),
        lambda d: d.scale_canvas(48, 32),
        lambda d: d.set_model("other", d.palette),
    ],
)
def test_any_other_change_commits_the_open_stroke_first(document, change) -> None:
    document.begin_stroke(1, DOT, x=3, y=3)
    document.extend_stroke(6, 3)
    change(document)
    document.commit_stroke()
    texts = []
    while document.can_undo:
        texts.append(document.undo_text)
        document.undo()
    assert texts[-1] == "Paint sea"
    assert not document.labels.any()
    assert document.labels.shape == (16, 24)
    document.redo()
    assert document.labels.sum() == 4


def test_painting_only_over_the_class_it_started_on(document: Document) -> None:
    document.paint_mask(Rect(8, 0, 4, 16), np.ones((16, 4), bool), 2, "Band")
    document.begin_stroke(1, SQUARE, only_over=True, x=2, y=5)
    document.extend_stroke(20, 5)
    document.commit_stroke()
    assert (document.labels[:, 8:12] == 2).all()
    assert document.labels[5, 6] == document.labels[5, 14] == 1
    document.begin_stroke(3, SQUARE, only_over=True, x=9.9, y=10)
    document.extend_stroke(23, 10)
    document.commit_stroke()
    assert (document.labels[10, 8:14] == [3, 3, 3, 3, 0, 0]).all()


def test_only_over_from_outside_takes_the_nearest_class_inside(document: Document) -> None:
    document.paint_mask(Rect(0, 0, 3, 16), np.ones((16, 3), bool), 2, "Band")
    document.begin_stroke(1, DOT, only_over=True, x=-7.5, y=4)
    document.extend_stroke(20, 4)
    document.commit_stroke()
    assert list(document.labels[4, :5]) == [1, 1, 1, 0, 0]


def test_pressure_scales_the_brush(document: Document) -> None:
    document.begin_stroke(1, Brush(8, BrushShape.SQUARE), x=8, y=8, pressure=0.5)
    document.commit_stroke()
    assert np.count_nonzero(document.labels) == 16


# Fills and shapes


def test_a_mask_may_reach_beyond_the_canvas_and_announces_what_changed(document, heard) -> None:
    document.paint_mask(Rect(-2, -2, 5, 4), np.ones((4, 5), bool), 3, "Ellipse")
    assert sorted(heard.take()) == [
        ("history_changed",),
        ("labels_changed", Rect(0, 0, 3, 2)),
        ("modified_changed", True),
    ]
    assert document.undo_text == "Ellipse"
    document.paint_mask(Rect(0, 0, 3, 2), np.ones((2, 3), bool), 3, "Again")
    assert heard.take() == []


def test_flood_fill_contiguous_or_not(document: Document) -> None:
    document.paint_mask(Rect(10, 0, 2, 16), np.ones((16, 2), bool), 2, "Wall")
    document.flood_fill(0, 0, 1)
    assert (document.labels[:, :10] == 1).all()
    assert (document.labels[:, 12:] == 0).all()
    assert document.undo_text == "Fill with sea"
    document.undo()
    document.flood_fill(0, 0, 1, contiguous=False)
    assert (document.labels[:, 12:] == 1).all()
    document.flood_fill(-1, 99, 3)
    assert document.undo_text == "Fill with sea"


def test_replacing_a_class_names_both_even_if_unknown(document, heard) -> None:
    document.flood_fill(0, 0, 255)
    heard.take()
    document.replace_class(255, 77)
    assert document.undo_text == "Replace unknown by class 77"
    assert (document.labels == 77).all()
    heard.take()
    document.replace_class(3, 1)
    assert heard.take() == []


# Style


def test_a_style_is_one_step(document, heard) -> None:
    style = Style(SampledStyle(7))
    document.set_style(style, "Surprise me")
    assert heard.names == ["history_changed", "modified_changed", "style_changed"]
    heard.take()
    document.set_style(Style(SampledStyle(7)))
    assert heard.take() == []
    assert document.undo_text == "Surprise me"
    document.undo()
    assert document.style == Style()
    assert heard.names == ["history_changed", "modified_changed", "style_changed"]
    heard.take()
    document.redo()
    assert document.style == style


def test_a_slider_drag_is_one_step_and_the_next_drag_another(document, heard) -> None:
    for step in range(1, 6):
        document.set_style(Style(strength=1 - step / 10), "Strength", merge_key="strength 1")
        heard.take()
    document.set_style(Style(strength=0.2), "Strength", merge_key="strength 2")
    document.undo()
    assert document.style.strength == 0.5
    document.undo()
    assert document.style.strength == 1.0
    assert not document.can_undo
    document.redo()
    assert document.style.strength == 0.5


def test_a_drag_does_not_merge_across_another_step_or_an_undo(document: Document) -> None:
    document.set_style(Style(strength=0.9), merge_key="a")
    paint(document, 1, 1, 1)
    document.set_style(Style(strength=0.8), merge_key="a")
    document.undo()
    assert document.style.strength == 0.9
    document.undo()
    document.set_style(Style(strength=0.7), merge_key="a")
    assert not document.can_redo
    document.undo()
    assert document.style.strength == 0.9


def test_a_drag_does_not_merge_into_the_saved_state(document: Document) -> None:
    document.set_style(Style(strength=0.9), merge_key="a")
    document.mark_saved(Path("scene.ora"))
    document.set_style(Style(strength=0.8), merge_key="a")
    assert document.modified
    document.undo()
    assert not document.modified
    assert document.style.strength == 0.9


def test_style_pictures_are_counted_in_the_history(document: Document) -> None:
    picture = ImageStyle(np.zeros((100, 100, 3), np.uint8), "night")
    before = document._history.nbytes
    document.set_style(Style(picture))
    assert 30_000 <= document._history.nbytes - before < 31_000


# Canvas


@pytest.mark.parametrize(
    ("mode", "corner"),
    [("top_left", (0, 0)), ("center", (3, 2)), (Anchor.BOTTOM_RIGHT, (6, 4)), ("top", (3, 0))],
)
def test_resizing_keeps_the_scene_at_its_anchor(document, heard, mode, corner) -> None:
    document.flood_fill(0, 0, 1)
    heard.take()
    document.resize_canvas(30, 20, mode)
    assert heard.names == ["canvas_replaced", "history_changed"]
    heard.take()
    expected = np.zeros((20, 30), np.uint8)
    x, y = corner
    expected[y : y + 16, x : x + 24] = 1
    np.testing.assert_array_equal(document.labels, expected)
    assert (document.width, document.height) == (30, 20)
    document.undo()
    assert heard.names == ["canvas_replaced", "history_changed"]
    assert document.labels.shape == (16, 24)
    document.redo()
    np.testing.assert_array_equal(document.labels, expected)


def test_scaling_and_cropping_are_undone_exactly(document, heard) -> None:
    paint(document, 1, 3, 4)
    original = document.snapshot()
    document.scale_canvas(48, 32)
    assert np.count_nonzero(document.labels) == 4
    document.crop(Rect(6, 8, 2, 100))
    assert document.labels.shape == (24, 2)
    assert document.undo_text == "Crop"
    document.undo()
    document.undo()
    np.testing.assert_array_equal(document.labels, original)
    document.undo()
    assert not document.labels.any()


def test_sizes_that_change_nothing_are_no_step(document, heard) -> None:
    document.resize_canvas(24, 16)
    document.scale_canvas(24, 16)
    document.crop(Rect(-5, -5, 100, 100))
    assert heard.take() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.resize_canvas(0, 16),
        lambda d: d.scale_canvas(24, 100_000),
        lambda d: d.crop(Rect(24, 0, 5, 5)),
        lambda d: d.new(-1, 16, 0, d.palette, "landscape"),
    ],
)
def test_a_size_out_of_range_is_refused_and_changes_nothing(document, heard, change) -> None:
    document.begin_stroke(1, DOT, x=3, y=3)
    heard.take()
    with pytest.raises(InputError):
        change(document)
    assert heard.take() == []
    assert document.stroke_active


def test_strokes_work_on_the_canvas_that_undo_brings_back(document, heard) -> None:
    document.resize_canvas(10, 10)
    document.undo()
    document.begin_stroke(1, DOT, x=23, y=15)
    document.commit_stroke()
    assert document.labels[15, 23] == 1
    heard.skip()


# Tracing


def gradient(width: int, height: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns % 256, rows % 256, (rows + columns) % 256], -1).astype(np.uint8)


def test_a_photo_covers_the_canvas_and_keeps_its_proportions(document, heard) -> None:
    stripes = np.zeros((40, 120, 3), np.uint8)
    stripes[:, :30] = stripes[:, 90:] = 255  # what a 3:2 canvas cuts off a 3:1 photo
    document.set_trace(stripes)
    assert heard.names == ["modified_changed", "trace_changed"]
    heard.take()
    trace = document.trace
    assert trace.pixels.shape == (16, 24, 3)
    assert (trace.pixels[:, 2:-2] == 0).all()
    assert trace.opacity == 0.5
    assert not document.can_undo


def test_opacity_is_clamped_announced_on_change_and_kept(document, heard) -> None:
    document.set_trace_opacity(0.3)
    assert heard.take() == []
    document.set_trace(gradient(24, 16))
    document.set_trace_opacity(4)
    heard.skip()
    document.set_trace_opacity(1)
    assert heard.take() == []
    document.set_trace(gradient(30, 30))
    assert document.trace.opacity == 1.0
    document.set_trace(None)
    assert document.trace is None
    heard.skip()
    document.set_trace(None)
    assert heard.take() == []


def test_the_photo_stays_aligned_with_the_labels(document, heard) -> None:
    document.set_trace(gradient(24, 16))
    original = document.trace.pixels
    heard.skip()
    document.crop(Rect(4, 2, 10, 8))
    assert heard.names == ["canvas_replaced", "history_changed", "trace_changed"]
    heard.take()
    np.testing.assert_array_equal(document.trace.pixels, original[2:10, 4:14])
    document.resize_canvas(12, 8, "left")
    np.testing.assert_array_equal(document.trace.pixels[:, :10], original[2:10, 4:14])
    document.set_trace_opacity(0.9)
    document.undo()
    document.undo()
    np.testing.assert_array_equal(document.trace.pixels, original)
    assert document.trace.opacity == 0.9
    document.redo()
    np.testing.assert_array_equal(document.trace.pixels, original[2:10, 4:14])


def test_a_photo_that_came_after_a_crop_survives_its_undo(document, heard) -> None:
    document.set_trace(gradient(24, 16))
    document.crop(Rect(0, 0, 6, 6))
    other = np.full((9, 9, 3), 77, np.uint8)
    document.set_trace(other)
    heard.skip()
    document.undo()
    heard.take()
    assert document.trace.pixels.shape == (16, 24, 3)
    assert (document.trace.pixels == 77).all()
    document.set_trace(None)
    document.redo()
    document.undo()
    assert document.trace is None


def test_a_photo_of_another_kind_is_refused(document: Document) -> None:
    with pytest.raises(ValueError, match="uint8"):
        document.set_trace(np.zeros((4, 4), np.uint8))


# Saving and loading


def test_modified_follows_the_saved_state_through_undo_and_redo(document, heard) -> None:
    paint(document, 1, 1, 1)
    document.mark_saved(Path("scene.ora"))
    assert (document.modified, document.path) == (False, Path("scene.ora"))
    paint(document, 1, 2, 2)
    document.undo()
    assert not document.modified
    document.undo()
    assert document.modified
    document.redo()
    assert not document.modified
    document.undo()
    paint(document, 2, 9, 9)  # the saved state can't be reached any more
    assert document.modified
    document.undo()
    assert document.modified


def test_the_path_is_announced_only_when_it_changes(document, heard) -> None:
    document.mark_saved(Path("a.ora"))
    assert heard.take() == [("path_changed",)]
    document.mark_saved(Path("a.ora"))
    assert heard.take() == []


def test_what_changes_while_the_file_is_written_stays_modified(document, heard) -> None:
    paint(document, 1, 1, 1)
    written = document.to_project({}, None)
    paint(document, 1, 2, 2)
    document.mark_saved(Path("a.ora"), written.revision)
    assert document.modified
    assert written.labels[2, 2] == 0
    again = document.to_project({}, None)
    document.mark_saved(Path("a.ora"), again.revision)
    assert not document.modified


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.set_trace(np.zeros((4, 4, 3), np.uint8)),
        lambda d: d.set_model("other", d.palette),
        lambda d: d.set_model(d.model, d.palette, {0: 1}),
    ],
)
def test_changes_outside_the_history_are_modifications_too(document, change) -> None:
    paint(document, 1, 1, 1)
    document.mark_saved(Path("a.ora"))
    edits = document.edit_count
    change(document)
    assert document.modified
    assert document.edit_count > edits
    document.undo()
    document.redo()
    assert document.modified


def test_a_project_holds_everything_and_loads_into_another_document(document, listen) -> None:
    paint(document, 1, 3, 4)
    document.set_style(Style(SampledStyle(3), strength=0.5))
    document.set_trace(gradient(30, 20))
    document.set_trace_opacity(0.25)
    picture = gradient(24, 16)
    project = document.to_project({"mode": "overlay"}, picture)
    other = Document()
    paint(other, 0, 1, 1)
    other.begin_stroke(1, DOT, x=2, y=2)
    heard = listen(other)
    other.load(project, Path("b.ora"))
    assert heard.names == [
        "canvas_replaced",
        "history_changed",
        "model_changed",
        "palette_changed",
        "path_changed",
        "style_changed",
        "trace_changed",
    ]
    heard.take()
    np.testing.assert_array_equal(other.labels, document.labels)
    np.testing.assert_array_equal(other.trace.pixels, document.trace.pixels)
    assert other.trace.opacity == 0.25
    for name in ("style", "palette", "model", "background"):
        assert getattr(other, name) == getattr(document, name)
    assert (other.path, other.modified, other.can_undo) == (Path("b.ora"), False, False)
    assert (other.stroke_active, project.view, project.picture is picture) == (
        False,
        {"mode": "overlay"},
        True,
    )
    paint(other, 2, 0, 0)
    assert project.labels[0, 0] == 0


def test_a_recovered_project_is_modified_until_saved(document, listen) -> None:
    project = document.to_project({}, None)
    document.load(project, Path("lost.ora"), modified=True)
    assert (document.path, document.modified) == (Path("lost.ora"), True)
    paint(document, 1, 1, 1)
    document.undo()
    assert document.modified
    document.mark_saved(Path("lost.ora"))
    assert not document.modified


def test_a_new_scene_forgets_the_old_one(document, heard) -> None:
    revision = document.revision
    paint(document, 1, 3, 4)
    document.set_style(Style(SampledStyle(3)))
    document.set_trace(gradient(9, 9))
    document.mark_saved(Path("a.ora"))
    heard.skip()
    document.new(8, 9, 2, load_palette("landscape"), "landscape")
    assert len(heard.take()) == 7
    assert (document.labels == 2).all()
    assert document.labels.shape == (9, 8)
    assert (document.background, document.style, document.trace) == (2, Style(), None)
    assert (document.path, document.modified, document.can_undo) == (None, False, False)
    assert document.revision > revision


# Switching the model


def test_the_same_model_is_no_change_and_another_palette_no_modification(document, heard) -> None:
    document.set_model("landscape", document.palette, {0: 0, 1: 1})
    assert heard.take() == []
    document.set_model("landscape", palette_from_classes("other", [(0, "sky", "#112233", "")]))
    assert heard.take() == [("palette_changed",)]


def test_a_switch_translates_labels_and_background_and_tells_once(document, heard) -> None:
    paint(document, 2, 1, 1)
    heard.take()
    palette = palette_from_classes("ade", [(2, "sky", "", ""), (9, "sand", "", "")])
    document.set_model("ade.pth", palette, {0: 2, 2: 9})
    assert heard.names == ["canvas_replaced", "model_changed", "palette_changed"]
    heard.take()
    assert (document.labels[0, 0], document.labels[1, 1], document.background) == (2, 9, 2)
    assert (document.model, document.palette) == ("ade.pth", palette)


def test_steps_before_a_switch_are_undone_in_the_new_ids(document, heard) -> None:
    paint(document, 2, 1, 1)
    document.flood_fill(20, 2, 1)
    document.crop(Rect(0, 0, 12, 12))
    palette = document.palette
    document.set_model("b", palette, {0: 10, 1: 11, 2: 12})
    paint(document, 0, 5, 5)
    document.set_model("c", palette, {0: 20, 10: 30, 11: 31, 12: 32})
    heard.skip()
    assert document.labels[5, 5] == 20
    document.undo()
    heard.take()
    assert set(np.unique(document.labels)) == {31, 32}
    document.undo()
    assert document.labels.shape == (16, 24)
    assert set(np.unique(document.labels)) == {31, 32}
    document.undo()
    heard.skip()
    assert document.labels[1, 1] == 32
    assert document.labels.sum() == 32 + 30 * (24 * 16 - 1)
    document.undo()
    assert (document.labels == 30).all()
    for _ in range(4):
        document.redo()
    heard.skip()
    assert document.labels[5, 5] == 20
    assert document.labels[1, 1] == 32
    assert document.labels.shape == (12, 12)


def test_a_handler_sees_a_finished_document_and_may_edit_it(document: Document) -> None:
    seen = []

    def react(rect: Rect) -> None:
        seen.append((rect, document.can_undo, document.can_redo, document.modified))
        if len(seen) == 2:
            document.set_style(Style(SampledStyle(1)))

    document.labels_changed.connect(react)
    document.flood_fill(0, 0, 1)
    document.undo()
    assert [entry[1:] for entry in seen] == [(True, False, True), (False, True, False)]
    assert (document.style, document.can_redo) == (Style(SampledStyle(1)), False)


def test_at_least_two_hundred_strokes_can_be_taken_back(document: Document) -> None:
    document.new(512, 512, 0, document.palette, "landscape")
    for step in range(230):
        document.begin_stroke(1 + step % 3, Brush(40), x=step, y=100)
        document.extend_stroke(500 - step, 400)
        document.commit_stroke()
    undone = 0
    while document.can_undo:
        document.undo()
        undone += 1
    assert undone >= 200
    assert not document.labels.any()
