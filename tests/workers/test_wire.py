"""Messages between the processes: whole, whatever the pipe makes of them."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from fake_backend import MODEL

from app.core.style import ImageStyle, Style
from app.workers import wire
from app.workers.messages import RenderRequest, RenderResult, WorkDone
from spade.formats.rect import Rect


class Trickle:
    """A pipe that takes and gives a few bytes at a time."""

    def __init__(self) -> None:
        self.data = io.BytesIO()
        self.random = random.Random(1)

    def write(self, data):
        return self.data.write(bytes(data[: self.random.randint(1, 5000)]))

    def readinto(self, buffer):
        return self.data.readinto(buffer[: self.random.randint(1, 5000)])


def test_a_request_arrives_whole_and_read_only():
    pixels = np.random.default_rng(0).integers(0, 255, (30, 50, 3)).astype(np.uint8)
    labels = np.random.default_rng(1).integers(0, 9, (200, 301)).astype(np.uint8)
    request = RenderRequest(5, labels, Style(ImageStyle(pixels, "photo")), MODEL, (64, 32))
    pipe = Trickle()
    wire.send(pipe, wire.Render(7, request))
    wire.send(pipe, wire.Cancel(7))
    pipe.data.seek(0)
    message = wire.receive(pipe)
    assert isinstance(message, wire.Render)
    assert message.job == 7
    assert message.request == request
    assert np.array_equal(message.request.labels, labels)
    assert np.array_equal(message.request.style.source.pixels, pixels)
    assert not message.request.labels.flags.writeable
    assert wire.receive(pipe) == wire.Cancel(7)


def test_arrays_that_are_not_contiguous_arrive_too():
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)[:, ::2]
    pipe = Trickle()
    work = WorkDone("edit", Rect(3, 4, 48, 51))
    wire.send(pipe, wire.Rendered(1, picture, 0.5, "cpu", work))
    pipe.data.seek(0)
    message = wire.receive(pipe)
    assert np.array_equal(message.picture, picture)
    assert message.work == work


@pytest.mark.parametrize(
    ("live", "kind", "exact"),
    [
        (False, "same", True),
        (False, "edit", True),
        (True, "live", False),
        (True, "same", True),
        (True, "full", True),  # there was nothing to start from
    ],
)
def test_what_came_of_a_request_is_exact_or_says_so(live, kind, exact):
    request = RenderRequest(1, np.zeros((2, 2), np.uint8), Style(), MODEL, live=live)
    picture = np.zeros((2, 2, 3), np.uint8)
    assert RenderResult(request, picture, 0.1, "cpu", WorkDone(kind)).exact == exact


@pytest.mark.parametrize("kept", [0, 3, 20])
def test_a_message_cut_off_is_the_end(kept):
    pipe = Trickle()
    wire.send(pipe, wire.Dropped(3))
    cut = Trickle()
    cut.data = io.BytesIO(pipe.data.getvalue()[:kept])
    with pytest.raises(EOFError):
        wire.receive(cut)
