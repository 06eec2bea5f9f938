"""Windows of labels: their numbers describe exactly what lies around each pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from engine_models import PATTERNS, ids_of, make_model, small
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from spade.engine import modulation
from spade.engine.modulation import Modulation, ModulationTable
from spade.engine.windows import Hash, WindowBook, sub_windows, symbol_count, symbols
from spade.formats.rect import Rect
from spade.labels import semantic_map

OUTSIDE = 5


def windows(level: np.ndarray) -> np.ndarray:
    """The 25 symbols around every pixel, ``(H, W, 25)``."""
    height, width = level.shape
    padded = np.pad(level, 2, constant_values=OUTSIDE)
    result = np.empty((height, width, 25), np.int16)
    for y in range(height):
        for x in range(width):
            result[y, x] = padded[y : y + 5, x : x + 5].ravel()
    return result


@st.composite
def levels(draw: st.DrawFn) -> np.ndarray:
    pattern = PATTERNS[draw(st.sampled_from(sorted(PATTERNS)))]
    source = np.random.default_rng(draw(st.integers(0, 1000)))
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    ids = range(draw(st.integers(1, OUTSIDE)))
    level = pattern(source, ids, height, width).astype(np.int16)
    # As halving makes them: views that leave pixels out.
    step = draw(st.sampled_from([1, 2]))
    return np.repeat(np.repeat(level, step, 0), step, 1)[::step, ::step]


@st.composite
def rects(draw: st.DrawFn, height: int, width: int) -> Rect:
    y, x = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
    tall, wide = draw(st.integers(1, height - y)), draw(st.integers(1, width - x))
    return Rect(x, y, wide, tall)


def check_book(book: WindowBook, level: np.ndarray, rect: Rect) -> None:
    numbers = book.index(level, rect)
    assert numbers.shape == (rect.height, rect.width)
    assert numbers.dtype == np.int32
    assert numbers.min() >= 0
    assert np.array_equal(book.contents[numbers], windows(level)[rect.slices])


@given(data=st.data(), maps=st.lists(levels(), min_size=1, max_size=4))
def test_numbers_stand_for_the_25_symbols_around_a_pixel(data, maps):
    book = WindowBook(OUTSIDE)
    for level in maps:
        check_book(book, level, data.draw(rects(*level.shape)))
        check_book(book, level, Rect(0, 0, level.shape[1], level.shape[0]))
    assert len(np.unique(book.contents, axis=0)) == len(book)  # none is kept twice


@given(maps=st.lists(levels(), min_size=2, max_size=3))
def test_numbers_stay_what_they_are_until_the_book_is_cleared(maps):
    book = WindowBook(OUTSIDE)
    known = np.empty((0, 25), np.int16)
    first = book.index(maps[0], Rect(0, 0, *maps[0].shape[::-1]))
    for level in maps:
        book.index(level, Rect(0, 0, *level.shape[::-1]))
        assert np.array_equal(book.contents[: len(known)], known)
        known = book.contents.copy()
    count = len(book)
    assert np.array_equal(book.index(maps[0], Rect(0, 0, *maps[0].shape[::-1])), first)
    assert len(book) == count
    book.clear()
    assert len(book) == 0
    for level in maps:
        check_book(book, level, Rect(0, 0, *level.shape[::-1]))


def bad_luck(monkeypatch: pytest.MonkeyPatch, weights: Iterator[np.ndarray | int]) -> None:
    """Hashes draw these weights first, ordinary ones after."""
    ordinary = Hash.reseed

    def reseed(self: Hash) -> None:
        ordinary(self)
        if (drawn := next(weights, None)) is not None:
            self._weights = np.broadcast_to(np.int64(drawn), self._weights.shape).copy()

    monkeypatch.setattr(Hash, "reseed", reseed)


@pytest.mark.parametrize("weights", [[0], [1], [0, 0, 1, 7], [2**62]])
@pytest.mark.parametrize("pattern", ["noise", "2 px diagonal", "blobs"])
def test_equal_hashes_of_unequal_windows_are_found_out(monkeypatch, weights, pattern):
    bad_luck(monkeypatch, iter(weights))
    book = WindowBook(OUTSIDE)
    source = np.random.default_rng(1)
    for height, width in ((3, 5), (9, 16), (20, 7)):
        level = PATTERNS[pattern](source, range(OUTSIDE), height, width).astype(np.int16)
        check_book(book, level, Rect(0, 0, width, height))
        check_book(book, level, Rect(width // 2, height // 2, 2, 1))


def test_a_hash_that_goes_bad_between_two_maps_costs_only_room(monkeypatch):
    """Codes of before and after are of different weights: even where they are equal by
    chance, a window is never taken for another."""
    book = WindowBook(OUTSIDE)
    source = np.random.default_rng(2)
    for weight in (0, 3, 0, 1, 1 << 40):
        level = source.integers(0, 2, (6, 9)).astype(np.int16)
        # A lone window, so that no collision within the map makes the hash draw anew.
        book._hash._weights[:] = weight
        for x in range(9):
            check_book(book, level, Rect(x, 3, 1, 1))
        check_book(book, level, Rect(0, 0, 9, 6))
    assert len(book) < 1000


@given(level=levels(), bad=st.booleans())
def test_the_3x3_windows_within_5x5_ones(level, bad):
    contents = windows(level).reshape(-1, 25)
    hashing = Hash(9)
    if bad:
        hashing._weights[:] = 0
    found = sub_windows(contents, OUTSIDE, hashing)
    assert len(np.unique(found.contents, axis=0)) == len(found.contents)
    assert not (found.contents[:, 4] == OUTSIDE).any()
    assert found.inside.shape == (len(contents), 9)
    beyond = len(found.contents)
    for window, inside in zip(contents.reshape(-1, 5, 5), found.inside, strict=True):
        for place, number in enumerate(inside):
            y, x = divmod(place, 3)
            part = window[y : y + 3, x : x + 3].ravel()
            if part[4] == OUTSIDE:
                assert number == beyond
            else:
                assert np.array_equal(found.contents[number], part)


@given(
    nc=st.integers(1, 4),
    dontcare=st.booleans(),
    edges=st.booleans(),
    given_instances=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_symbol_is_a_combination_of_channels(nc, dontcare, edges, given_instances, seed):
    config = small(label_nc=nc, contain_dontcare=dontcare, instance_edges=edges)
    source = np.random.default_rng(seed)
    labels = torch.from_numpy(source.choice(ids_of(config), (7, 9)))
    instances = torch.from_numpy(source.integers(0, 2, (7, 9))) if given_instances else None
    found = symbols(labels, config, instances)
    semantic = semantic_map(labels[None], config, None if instances is None else instances[None])
    assert found.min() >= 0
    assert found.max() < symbol_count(config)
    of = semantic[0].permute(1, 2, 0).reshape(63, -1).numpy()
    for symbol in np.unique(found):
        assert len(np.unique(of[found.ravel() == symbol], axis=0)) == 1
    assert len(np.unique(of, axis=0)) == len(np.unique(found))


@pytest.fixture(scope="module")
def layer():
    """A SPADE layer whose symbols are those of ``levels``: four classes and don't care."""
    config = small(label_nc=4, contain_dontcare=True, ngf=1, embedding=6)
    assert symbol_count(config) == OUTSIDE
    return config, make_model(config).generator.up_1.norm_0


def nothing() -> None:
    """A check that always wants to go on."""


def rows_of(prepared: Modulation, level: np.ndarray) -> torch.Tensor:
    """Scale and shift of every pixel, ``(pixels, 2 * channels)``."""
    contents = windows(level).reshape(-1, 25)
    return prepared.rows(contents, sub_windows(contents, OUTSIDE, Hash(9)), nothing)


def prepared_layer(config, spade, offset: float = 0.0) -> Modulation:
    missing = torch.full((spade.gamma.out_channels,), offset)
    return Modulation(spade, config, missing, torch.float32)


@pytest.mark.parametrize("product_bytes", [256 << 20, 1])
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_rows_are_scale_and_shift_of_the_layer(monkeypatch, layer, pattern, product_bytes):
    monkeypatch.setattr(modulation, "PRODUCT_BYTES", product_bytes)
    config, spade = layer
    source = np.random.default_rng(3)
    height, width = 17, 23
    level = PATTERNS[pattern](source, range(5), height, width).astype(np.int16)
    with torch.inference_mode():
        # What h lacks of a bias the shift makes up for.
        rows = rows_of(prepared_layer(config, spade, 0.7), level)
        scale, shift = rows.view(height, width, 2, -1).permute(2, 3, 0, 1)
        h = torch.randn(1, spade.gamma.out_channels, height, width)
        semantic = F.one_hot(torch.from_numpy(level).long(), 5).permute(2, 0, 1)[None].float()
        expected = spade(h + 0.7, semantic)[0]
    torch.testing.assert_close(h[0] * scale + shift, expected, rtol=0, atol=1e-5)


@given(data=st.data(), steps=st.lists(st.sampled_from(["more", "clear"]), max_size=6))
def test_a_table_gives_the_same_rows_however_they_come_about(layer, data, steps):
    """Made beforehand, in several goes, or only when asked for, as there is room."""
    config, spade = layer
    with torch.inference_mode():
        prepared = prepared_layer(config, spade)
        book = WindowBook(OUTSIDE)
        table = ModulationTable(prepared, book)
        for step in ["more", *steps]:
            if step == "clear":
                book.clear()
                table.clear()
                assert table.nbytes == 0
            level = data.draw(levels())
            numbers = book.index(level, Rect(0, 0, *level.shape[::-1])).ravel()
            room = data.draw(st.sampled_from([0, 100, 5000, 1 << 30]))
            held = table.nbytes
            filled = table.fill(room, nothing)
            assert table.nbytes - held <= room
            assert filled or room < 1 << 30
            found = table.look_up(torch.from_numpy(numbers), nothing)
            expected = rows_of(prepared, level)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_table_interrupted_while_it_is_filled_is_right_afterwards(layer, monkeypatch):
    monkeypatch.setattr(modulation, "PRODUCT_BYTES", 1)
    config, spade = layer
    level = np.random.default_rng(4).integers(0, 5, (30, 30)).astype(np.int16)
    calls = 0

    def interrupt() -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise InterruptedError

    with torch.inference_mode():
        book = WindowBook(OUTSIDE)
        table = ModulationTable(prepared := prepared_layer(config, spade), book)
        book.index(level, Rect(0, 0, 3, 3))
        table.fill(1 << 30, nothing)
        numbers = torch.from_numpy(book.index(level, Rect(0, 0, 30, 30)).ravel())
        with pytest.raises(InterruptedError):
            table.fill(1 << 30, interrupt)
        expected = rows_of(prepared, level)
        for _ in range(2):
            found = table.look_up(numbers, nothing)
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
            table.fill(1 << 30, nothing)
