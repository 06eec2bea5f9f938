"""The undo line: order, the clean mark, and its bound in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.history import DEFAULT_BYTES, History
from app.core.patch import LabelPatch
from spade.formats.rect import Rect


@dataclass
class Step:
    """Appends its name to a list, or takes it away again."""

    text: str
    state: list[str] = field(default_factory=list)
    nbytes: int = 1

    def redo(self) -> None:
        self.state.append(self.text)

    def undo(self) -> None:
        assert self.state.pop() == self.text


def done(history: History, state: list[str], text: str, nbytes: int = 1) -> None:
    step = Step(text, state, nbytes)
    step.redo()
    history.push(step)


def test_texts_and_turns() -> None:
    history, state = History(), []
    assert (history.can_undo, history.can_redo) == (False, False)
    assert (history.undo_text, history.redo_text) == ("", "")
    assert history.undo() is None
    assert history.redo() is None
    done(history, state, "Paint")
    done(history, state, "Fill")
    assert (history.undo_text, history.redo_text, history.depth) == ("Fill", "", 2)
    undone = history.undo()
    assert undone is not None
    assert undone.text == "Fill"
    assert (history.undo_text, history.redo_text) == ("Paint", "Fill")
    done(history, state, "Crop")
    assert not history.can_redo
    assert state == ["Paint", "Crop"]
    assert history.nbytes == 2


def test_clean_mark() -> None:
    history, state = History(), []
    assert history.is_clean
    done(history, state, "a")
    assert not history.is_clean
    history.undo()
    assert history.is_clean
    history.redo()
    history.mark_clean()
    done(history, state, "b")
    history.undo()
    assert history.is_clean
    history.undo()
    done(history, state, "c")  # the saved state is no longer on the line
    assert not history.is_clean
    history.undo()
    assert not history.is_clean
    history.mark_clean()
    assert history.is_clean
    history.mark_dirty()
    assert not history.is_clean
    history.clear()
    assert (history.is_clean, history.nbytes, history.can_redo) == (True, 0, False)


def test_replacing_the_last() -> None:
    history, state = History(), []
    with pytest.raises(IndexError):
        history.replace_last(Step("x"))
    done(history, state, "drag", 5)
    history.replace_last(Step("drag", state, 7))
    assert (history.depth, history.nbytes, history.is_clean) == (1, 7, False)
    history.mark_clean()
    history.replace_last(Step("drag", state, 7))
    assert not history.is_clean
    done(history, state, "more")
    history.undo()
    history.replace_last(Step("drag", state, 3))
    assert (history.nbytes, history.can_redo) == (3, False)


def test_the_oldest_go_when_the_bytes_are_full() -> None:
    history, state = History(max_bytes=10, min_depth=2), []
    for name in "abcd":
        done(history, state, name, 4)
        assert history.nbytes <= 10
    assert history.depth == 2
    assert not history.is_clean
    history.undo()
    history.undo()
    assert state == ["a", "b"]
    assert not history.is_clean
    history.redo()
    history.redo()
    done(history, state, "huge", 99)
    assert history.depth == 1
    assert history.undo() is not None
    assert history.undo() is None


def test_the_promised_depth_for_ordinary_commands() -> None:
    history, state = History(), []
    assert history.ordinary_bytes == DEFAULT_BYTES // 200
    for index in range(300):
        done(history, state, str(index), history.ordinary_bytes)
    assert history.depth == 200
    assert history.nbytes <= DEFAULT_BYTES


def test_a_large_stroke_on_a_large_canvas_is_ordinary() -> None:
    y, x = np.mgrid[:2048, :2048]
    before = (((x // 9) ^ (y // 13)) % 8).astype(np.uint8)
    after = np.where((x - 900) ** 2 + (y - 1000) ** 2 < 800**2, 3, before).astype(np.uint8)
    patch = LabelPatch.between(before, after, Rect(0, 0, 2048, 2048))
    assert patch is not None
    assert patch.nbytes < History().ordinary_bytes / 4


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="200"):
        History(max_bytes=100)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(st.sampled_from("urc"), st.integers(1, 40)), max_size=60))
def test_random_turns_against_a_list_of_states(moves: list[str | int]) -> None:
    """The model keeps every state and where it stands; the oldest fall off by bytes."""
    history, state = History(max_bytes=100, min_depth=1), []
    states: list[list[str]] = [[]]
    sizes: list[int] = []
    place, clean = 0, 0
    for move in moves:
        if move == "u":
            assert (history.undo() is not None) == (place > 0)
            place = max(place - 1, 0)
        elif move == "r":
            assert (history.redo() is not None) == (place < len(sizes))
            place = min(place + 1, len(sizes))
        elif move == "c":
            history.mark_clean()
            clean = place
        else:
            assert isinstance(move, int)
            if clean > place:
                clean = -1
            del states[place + 1 :], sizes[place:]
            done(history, state, f"{len(state)}:{move}", move)
            states.append(list(state))
            sizes.append(move)
            place += 1
            while sum(sizes) > 100:
                del states[0], sizes[0]
                place, clean = place - 1, clean - 1
        assert state == states[place]
        assert history.nbytes == sum(sizes)
        assert history.is_clean == (clean == place)
        assert (history.can_undo, history.can_redo) == (place > 0, place < len(sizes))
