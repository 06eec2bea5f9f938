"""The painter's core in random sequences, against a list of whole arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.core import fill
from app.core.brush import Brush, Stroke
from app.core.history import History
from app.core.label_map import LabelMap
from app.core.patch import LabelPatch
from app.core.project_file import Project, load_project, save_project
from app.core.tools import BrushShape
from spade.formats.palette import palette_from_classes
from spade.formats.rect import Rect

PALETTE = palette_from_classes("p", [(i, f"class {i}", "", "") for i in range(5)])
coordinates = st.floats(-25, 110, allow_nan=False)
classes = st.sampled_from([0, 1, 2, 3, 255])
points = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6)


class Painted:
    """A patch as a command on a label map."""

    def __init__(self, label_map: LabelMap, patch: LabelPatch) -> None:
        self.text, self.nbytes = "Paint", patch.nbytes
        self._label_map, self._patch = label_map, patch

    def undo(self) -> None:
        self._patch.revert(self._label_map.array)

    def redo(self) -> None:
        self._patch.apply(self._label_map.array)


class Painting(RuleBasedStateMachine):
    """``states`` is the model: the whole canvas after every step, and the place among them."""

    @initialize(
        width=st.integers(1, 90), height=st.integers(1, 90), background=classes, seed=st.integers(0)
    )
    def start(self, width: int, height: int, background: int, seed: int) -> None:
        array = np.full((height, width), background, np.uint8)
        if seed % 2:
            rng = np.random.default_rng(seed)
            array[rng.random(array.shape) < 0.3] = 1
        self.label_map = LabelMap(array)
        self.history = History(max_bytes=10_000, min_depth=1)
        self.states = [array]
        self.place = 0
        self.stroke: Stroke | None = None
        self.before = array

    # Painting

    @precondition(lambda self: self.stroke is None)
    @rule(
        x=coordinates,
        y=coordinates,
        class_id=classes,
        diameter=st.floats(0.5, 140),
        shape=st.sampled_from(list(BrushShape)),
        only_over=st.one_of(st.none(), classes),
        pressure=st.floats(0, 1),
    )
    def begin(
        self,
        x: float,
        y: float,
        class_id: int,
        diameter: float,
        shape: BrushShape,
        only_over: int | None,
        pressure: float,
    ) -> None:
        self.before = self.label_map.array.copy()
        self.class_id, self.only_over = class_id, only_over
        self.stroke = Stroke(self.label_map, class_id, Brush(diameter, shape), only_over)
        self._checked(lambda: self.stroke.extend(x, y, pressure))

    @precondition(lambda self: self.stroke is not None)
    @rule(x=coordinates, y=coordinates, pressure=st.floats(0, 1))
    def extend(self, x: float, y: float, pressure: float) -> None:
        self._checked(lambda: self.stroke.extend(x, y, pressure))
        changed = self.label_map.array != self.before
        assert (self.label_map.array[changed] == self.class_id).all()
        if self.only_over is not None:
            assert (self.before[changed] == self.only_over).all()

    @precondition(lambda self: self.stroke is not None)
    @rule()
    def commit(self) -> None:
        patch = self.stroke.commit()
        self.stroke = None
        self._record(patch)

    @precondition(lambda self: self.stroke is not None)
    @rule()
    def abort(self) -> None:
        self.stroke.abort()
        self.stroke = None
        assert np.array_equal(self.label_map.array, self.before)

    # Fills

    @precondition(lambda self: self.stroke is None)
    @rule(x=coordinates, y=coordinates, class_id=classes, contiguous=st.booleans())
    def flood(self, x: float, y: float, class_id: int, contiguous: bool) -> None:
        self._fill(lambda array: fill.flood_mask(array, x, y, contiguous), class_id)

    @precondition(lambda self: self.stroke is None)
    @rule(corners=points, class_id=classes)
    def polygon(self, corners: list[tuple[float, float]], class_id: int) -> None:
        self._fill(lambda array: fill.polygon_mask(array.shape, corners), class_id)

    @precondition(lambda self: self.stroke is None)
    @rule(
        corners=st.tuples(coordinates, coordinates, coordinates, coordinates),
        class_id=classes,
        mask=st.sampled_from([fill.rectangle_mask, fill.ellipse_mask]),
    )
    def box(
        self,
        corners: tuple[float, float, float, float],
        class_id: int,
        mask: Callable[..., tuple[Rect, np.ndarray]],
    ) -> None:
        self._fill(lambda array: mask(array.shape, *corners), class_id)

    @precondition(lambda self: self.stroke is None)
    @rule(old=classes, new=classes)
    def replace(self, old: int, new: int) -> None:
        before = self.label_map.array.copy()
        patch = fill.replace(self.label_map.array, old, new)
        if patch is not None:
            patch.apply(self.label_map.array)
        self._record(patch)
        assert np.array_equal(self.label_map.array, np.where(before == old, new, before))

    # The line of steps

    @precondition(lambda self: self.stroke is None)
    @rule()
    def undo(self) -> None:
        if self.history.undo() is not None:
            self.place -= 1
        else:
            assert self.place == 0

    @precondition(lambda self: self.stroke is None)
    @rule()
    def redo(self) -> None:
        if self.history.redo() is not None:
            self.place += 1
        else:
            assert self.place == len(self.states) - 1

    @precondition(lambda self: self.stroke is None)
    @rule()
    def save_and_reopen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "scene.ora"
            save_project(path, Project(self.label_map.snapshot(), PALETTE))
            again = load_project(path).labels
        assert np.array_equal(again, self.states[self.place])
        self.label_map.array[:] = again  # whatever follows works on the reopened pixels

    @invariant()
    def same_as_the_model(self) -> None:
        if hasattr(self, "stroke") and self.stroke is None:
            assert np.array_equal(self.label_map.array, self.states[self.place])
            assert self.history.nbytes <= 10_000 or self.history.depth <= 1
            assert self.history.can_undo == (self.place > 0)
            assert self.history.can_redo == (self.place < len(self.states) - 1)

    def _fill(self, mask: Callable[[np.ndarray], tuple[Rect, np.ndarray]], class_id: int) -> None:
        before = self.label_map.array.copy()
        rect, inside = mask(self.label_map.array)
        patch = LabelPatch.painting(self.label_map.array, rect, inside, class_id)
        expected = before.copy()
        if not rect.empty:
            expected[rect.slices][inside] = class_id
        if patch is not None:
            patch.apply(self.label_map.array)
        assert np.array_equal(self.label_map.array, expected)
        self._record(patch)

    def _record(self, patch: LabelPatch | None) -> None:
        if patch is None:
            assert np.array_equal(self.label_map.array, self.states[self.place])
            return
        del self.states[self.place + 1 :]
        self.states.append(self.label_map.array.copy())
        self.place += 1
        self.history.push(Painted(self.label_map, patch))
        dropped = self.place - self.history.depth
        del self.states[:dropped]
        self.place -= dropped

    def _checked(self, extend: Callable[[], Rect]) -> None:
        """Run an extend; its rectangle holds all that it changed and nothing around it."""
        before = self.label_map.array.copy()
        rect = extend()
        rows, columns = np.nonzero(self.label_map.array != before)
        if not rows.size:
            assert rect.empty
            return
        x, y = int(columns.min()), int(rows.min())
        assert rect == Rect(x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1)


TestPainting = Painting.TestCase
TestPainting.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
