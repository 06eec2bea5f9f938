"""Random sequences of edits against a plain list of states."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core.brush import Brush, Stroke
from app.core.geometry import Anchor
from app.core.label_map import LabelMap
from app.core.style import SampledStyle, Style
from app.core.tools import BrushShape
from app.state.document import Document
from spade.formats.palette import palette_from_classes
from spade.formats.rect import Rect

PALETTE = palette_from_classes(
    "small", [(0, "sky", "", ""), (1, "sea", "", ""), (2, "sand", "", "")]
)
BACKGROUND = 1
classes = st.sampled_from([0, 1, 2, 255])
sides = st.integers(1, 20)
coordinates = st.floats(-8, 26)
tips = st.builds(Brush, st.integers(1, 9), st.sampled_from(BrushShape))


class State(NamedTuple):
    """What one step of the history leads to; ``key`` is a style step's merge key."""

    labels: np.ndarray
    style: Style
    key: str | None = None


class PlainDocument:
    """The specification: every state kept whole."""

    def __init__(self) -> None:
        self.states = [State(np.full((12, 16), BACKGROUND, np.uint8), Style())]
        self.place = 0
        self.saved: int | None = 0
        self.open: np.ndarray | None = None  # the labels with the stroke so far

    @property
    def now(self) -> State:
        return self.states[self.place]

    @property
    def shown(self) -> np.ndarray:
        return self.now.labels if self.open is None else self.open

    def step(self, labels: np.ndarray, style: Style, key: str | None = None) -> None:
        if self.saved is not None and self.saved > self.place:
            self.saved = None
        del self.states[self.place + 1 :]
        self.states.append(State(labels, style, key))
        self.place += 1

    def paint(self, labels: np.ndarray) -> None:
        if labels.shape != self.now.labels.shape or (labels != self.now.labels).any():
            self.step(labels, self.now.style)

    def commit(self) -> None:
        if self.open is not None:
            labels, self.open = self.open, None
            self.paint(labels)

    def restyle(self, style: Style, key: str | None) -> None:
        if style == self.now.style:
            return
        newest = self.place == len(self.states) - 1
        if key is not None and key == self.now.key and newest and self.saved != self.place:
            self.states[-1] = State(self.now.labels, style, key)
        else:
            self.step(self.now.labels, style, key)


class DocumentMachine(RuleBasedStateMachine):
    """Does everything twice: to the document and to the plain one."""

    listen: type

    @initialize()
    def start(self) -> None:
        self.document = Document()
        self.document.new(16, 12, BACKGROUND, PALETTE, "landscape")
        self.plain = PlainDocument()
        self.heard = self.listen(self.document)
        self.stroke: Stroke | None = None
        self.project = None

    def painted(self, mask: np.ndarray, class_id: int) -> np.ndarray:
        labels = self.plain.now.labels.copy()
        labels[mask] = class_id
        return labels

    # A stroke's pixels are core's business (tested there): here a stroke is replayed on a copy.

    @rule(class_id=classes, brush=tips, over=st.booleans(), x=coordinates, y=coordinates)
    def begin(self, class_id, brush, over, x, y) -> None:
        self.plain.commit()
        start = self.plain.now.labels
        row = min(max(int(np.floor(y)), 0), start.shape[0] - 1)
        column = min(max(int(np.floor(x)), 0), start.shape[1] - 1)
        copy = LabelMap(start)
        self.stroke = Stroke(copy, class_id, brush, int(start[row, column]) if over else None)
        self.stroke.extend(x, y)
        self.plain.open = copy.array
        self.document.begin_stroke(class_id, brush, over, x=x, y=y)
        self.heard.skip()  # may have committed another stroke

    @rule(x=coordinates, y=coordinates, pressure=st.floats(0, 1))
    def extend(self, x, y, pressure) -> None:
        if self.plain.open is not None:
            self.stroke.extend(x, y, pressure)
        before = self.document.snapshot()
        self.document.extend_stroke(x, y, pressure)
        calls = self.heard.take()
        changed = np.argwhere(before != self.document.labels)
        if len(changed):
            (top, left), (bottom, right) = changed.min(0), changed.max(0)
            box = Rect(left, top, right - left + 1, bottom - top + 1)
            assert calls == [("labels_changed", box)]
        else:
            assert calls == []

    @rule()
    def commit(self) -> None:
        steps = len(self.plain.states), self.plain.place
        self.plain.commit()
        self.document.commit_stroke()
        names = {name for name, *_ in self.heard.take()}
        changed = steps != (len(self.plain.states), self.plain.place)
        assert ("history_changed" in names) == changed
        assert not names - {"history_changed", "modified_changed"}

    @precondition(lambda self: self.plain.open is not None)
    @rule()
    def abort(self) -> None:
        self.plain.open = None
        self.document.abort_stroke()
        assert {name for name, *_ in self.heard.take()} <= {"labels_changed"}

    # Few rules with several ways each, so that strokes, steps and undo often meet.

    @rule(
        way=st.sampled_from(["paint_mask", "fill_everywhere", "fill_area", "replace"]),
        data=st.data(),
        class_id=classes,
    )
    def change_area(self, way, data, class_id) -> None:
        self.plain.commit()
        getattr(self, way)(data, class_id)
        self.heard.skip()

    @rule(way=st.sampled_from(["resize", "scale", "crop"]), data=st.data())
    def change_canvas(self, way, data) -> None:
        self.plain.commit()
        self.document.commit_stroke()
        self.heard.skip()
        getattr(self, way)(data)
        self.heard.take()

    def paint_mask(self, data, class_id) -> None:
        rows, columns = self.plain.now.labels.shape
        x, y = data.draw(st.integers(-4, columns)), data.draw(st.integers(-4, rows))
        width, height = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9))
        bits = data.draw(st.integers(0, 2 ** (width * height) - 1))
        flat = [bits >> index & 1 for index in range(width * height)]
        mask = np.array(flat, bool).reshape(height, width)
        whole = np.zeros((rows, columns), bool)
        for row, column in np.argwhere(mask):
            if 0 <= row + y < rows and 0 <= column + x < columns:
                whole[row + y, column + x] = True
        self.plain.paint(self.painted(whole, class_id))
        self.document.paint_mask(Rect(x, y, width, height), mask, class_id, "Shape")

    def fill_everywhere(self, data, class_id) -> None:
        labels = self.plain.now.labels
        y = data.draw(st.integers(0, labels.shape[0] - 1))
        x = data.draw(st.integers(0, labels.shape[1] - 1))
        self.plain.paint(self.painted(labels == labels[y, x], class_id))
        self.document.flood_fill(x, y, class_id, contiguous=False)

    def fill_area(self, data, class_id) -> None:
        labels = self.plain.now.labels
        y = data.draw(st.integers(0, labels.shape[0] - 1))
        x = data.draw(st.integers(0, labels.shape[1] - 1))
        reached, fresh = set(), {(y, x)}
        while fresh:
            reached |= fresh
            fresh = {
                (r + dr, c + dc)
                for r, c in fresh
                for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0))
                if 0 <= r + dr < labels.shape[0]
                and 0 <= c + dc < labels.shape[1]
                and labels[r + dr, c + dc] == labels[y, x]
            } - reached
        mask = np.zeros(labels.shape, bool)
        mask[tuple(np.array(sorted(reached)).T)] = True
        self.plain.paint(self.painted(mask, class_id))
        self.document.flood_fill(x, y, class_id)

    def replace(self, data, new) -> None:
        old = data.draw(classes)
        self.plain.paint(self.painted(self.plain.now.labels == old, new))
        self.document.replace_class(old, new)

    @rule(
        seeds=st.lists(st.integers(0, 3), min_size=1, max_size=3),
        key=st.none() | st.sampled_from("ab"),
    )
    def restyle(self, seeds, key) -> None:
        self.plain.commit()
        self.document.commit_stroke()
        self.heard.skip()
        for seed in seeds:
            self.plain.restyle(Style(SampledStyle(seed)), key)
            self.document.set_style(Style(SampledStyle(seed)), "Style", key)
            self.heard.take()

    def resize(self, data) -> None:
        width, height = data.draw(sides), data.draw(sides)
        anchor = data.draw(st.sampled_from(Anchor))
        old = self.plain.now.labels
        x, y = anchor.offset((old.shape[1], old.shape[0]), (width, height))
        labels = np.full((height, width), BACKGROUND, np.uint8)
        for row in range(height):
            for column in range(width):
                if 0 <= row - y < old.shape[0] and 0 <= column - x < old.shape[1]:
                    labels[row, column] = old[row - y, column - x]
        self.plain.paint(labels)
        self.document.resize_canvas(width, height, anchor)

    def scale(self, data) -> None:
        factor = data.draw(st.integers(1, 2))
        rows, columns = self.plain.now.labels.shape
        if max(rows, columns) * factor <= 40:
            grown = np.kron(self.plain.now.labels, np.ones((factor, factor), np.uint8))
            self.plain.paint(grown)
            self.document.scale_canvas(columns * factor, rows * factor)

    def crop(self, data) -> None:
        rows, columns = self.plain.now.labels.shape
        x, y = data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1))
        width, height = data.draw(sides), data.draw(sides)
        self.plain.paint(self.plain.now.labels[y : y + height, x : x + width].copy())
        self.document.crop(Rect(x, y, width, height))

    @rule()
    def undo_once(self) -> None:
        self.undo()

    @rule(times=st.integers(1, 4), again=st.integers(0, 4))
    def undo_and_redo(self, times, again) -> None:
        for _ in range(times):
            self.undo()
        for _ in range(again):
            self.redo()

    def undo(self) -> None:
        if self.plain.open is not None:
            self.plain.open = None
        elif self.plain.place > 0:
            self.plain.place -= 1
        self.document.undo()
        self.heard.take()
        self.same()

    def redo(self) -> None:
        if self.plain.open is None and self.plain.place < len(self.plain.states) - 1:
            self.plain.place += 1
        self.document.redo()
        self.heard.take()
        self.same()

    @precondition(lambda self: self.plain.open is None)
    @rule()
    def save(self) -> None:
        self.plain.saved = self.plain.place
        self.document.mark_saved(Path("scene.ora"))
        self.heard.take()

    @rule()
    def keep_project(self) -> None:
        self.project = (self.document.to_project({}, None), self.plain.shown.copy())

    @precondition(lambda self: self.project is not None)
    @rule()
    def reload(self) -> None:
        project, labels = self.project
        self.document.load(project, None)
        self.plain.__init__()
        self.plain.states = [State(labels.copy(), project.style)]
        self.heard.take()

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "plain"):
            return
        document, plain = self.document, self.plain
        np.testing.assert_array_equal(document.labels, plain.shown)
        assert (document.height, document.width) == plain.shown.shape
        assert document.style == plain.now.style
        assert document.modified == (plain.saved != plain.place)
        assert document.stroke_active == (plain.open is not None)
        assert document.can_undo == (plain.open is not None or plain.place > 0)
        can_redo = plain.open is None and plain.place < len(plain.states) - 1
        assert document.can_redo == can_redo
        assert bool(document.undo_text) == document.can_undo
        assert bool(document.redo_text) == document.can_redo


def test_any_sequence_of_edits_matches_a_plain_list_of_states(listen) -> None:
    machine = type("Machine", (DocumentMachine,), {"listen": listen})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=150, stateful_step_count=40, deadline=None)
    )
