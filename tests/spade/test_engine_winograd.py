"""Convolutions by tiles against the definition, in double precision."""

from __future__ import annotations

import pytest
import torch
from engine_models import DIRECT, TILES
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from spade.engine import convolution, winograd
from spade.engine.convolution import Convolution
from spade.engine.costs import Rates, measured
from spade.engine.winograd import Winograd, Workspace, kernel_transform, transformed_bytes


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def exactly(x: Tensor, weight: Tensor) -> Tensor:
    """``(h + 2, w + 2, in)`` -> float64 ``(h, w, out)``."""
    return F.conv2d(x.double().permute(2, 0, 1)[None], weight.double())[0].permute(1, 2, 0)


def prepared(weight: Tensor, rates: Rates, dtype: torch.dtype = torch.float32) -> Convolution:
    return Convolution(weight, rates, Workspace(), dtype)


def check(found: Tensor, expected: Tensor, inputs: int) -> None:
    """Of normal values: what is summed up has a deviation of sqrt(9 * inputs)."""
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    assert (found.double() - expected).abs().max() < 2e-5 * (9 * inputs) ** 0.5


@settings(max_examples=60)
@given(
    tile=st.sampled_from([2, 4]),
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 40),
    chunk=st.sampled_from([1, 5_000, 60_000, 16 << 20]),
)
def test_tiles_make_the_same_convolution(tile, rows, columns, inputs, outputs, chunk):
    weight = drawn(outputs, inputs, 3, 3)
    x = drawn(rows * tile + 2, columns * tile + 2, inputs, seed=1)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(winograd, "CHUNK_BYTES", chunk)
        found = Winograd(weight, tile, Workspace())(x)
    check(found, exactly(x, weight), inputs)


@pytest.mark.parametrize("chunk", [1, 200_000, 16 << 20])
def test_rows_of_tiles_at_a_time_are_the_rows_of_all(monkeypatch, chunk):
    """However many go into a chunk, and also where the last has fewer."""
    weight, x = drawn(16, 24, 3, 3), drawn(4 * 11 + 2, 4 * 5 + 2, 24, seed=1)
    monkeypatch.setattr(winograd, "CHUNK_BYTES", chunk)
    with torch.inference_mode():
        check(Winograd(weight, 4, Workspace())(x), exactly(x, weight), 24)


@pytest.mark.parametrize("tile", [2, 4])
def test_many_channels_lose_little_precision(tile):
    """Beside the deviation of the sums: some units in the last place of float32 on average,
    and a few times that of a direct convolution in the worst place."""
    weight, x = drawn(192, 320, 3, 3), drawn(10, 10, 320, seed=1)
    expected = exactly(x, weight)
    with torch.inference_mode():
        error = (Winograd(weight, tile, Workspace())(x).double() - expected) / expected.std()
    assert error.square().mean().sqrt() < (1e-6 if tile == 2 else 3e-6)
    assert error.abs().max() < (1e-5 if tile == 2 else 3e-5)


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("large", [1.0, 1e4, 1e-6])
def test_a_lone_value_reaches_its_nine_neighbours_and_no_others(tile, large):
    """A tile mixes all its values: what should be zero is zero to rounding."""
    weight = drawn(3, 2, 3, 3)
    for y in range(2 * tile + 2):
        x = torch.zeros(2 * tile + 2, 2 * tile + 2, 2)
        x[y, 3, 1] = large
        with torch.inference_mode():
            found = Winograd(weight, tile, Workspace())(x)
        assert (found.double() - exactly(x, weight)).abs().max() < 5e-6 * large


def test_kernels_of_ones_sum_up():
    weight, x = torch.ones(1, 5, 3, 3), torch.ones(10, 10, 5)
    for tile in (2, 4):
        found = Winograd(weight, tile, Workspace())(x)
        torch.testing.assert_close(found, torch.full((8, 8, 1), 45.0), rtol=1e-6, atol=0)


def test_only_two_sizes_of_tile_are_known():
    with pytest.raises(ValueError, match="tiles of 3"):
        kernel_transform(3)
    assert transformed_bytes(8, 4, 2) == 16 * 32 * 4
    assert transformed_bytes(8, 4, 4) == 36 * 32 * 4


@settings(max_examples=60)
@given(
    rates=st.sampled_from([DIRECT, TILES]),
    small_tiles=st.booleans(),
    height=st.integers(1, 13),
    width=st.integers(1, 13),
    inputs=st.integers(1, 12),
    outputs=st.integers(1, 12),
    beforehand=st.booleans(),
)
def test_any_size_by_any_method(rates, small_tiles, height, width, inputs, outputs, beforehand):
    """Sizes that are no whole number of tiles are computed larger and cut off."""
    weight = drawn(outputs, inputs, 3, 3)
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        if small_tiles:
            patch.setattr(convolution, "TRANSFORMED_BYTES", 0)
        conv = prepared(weight, rates)
        if beforehand:
            conv.prepare(16, 16)
        for seed in range(2):  # with weights just packed, and with those packed before
            x = conv.room(height, width)
            rows, columns = x.shape[0] - 2, x.shape[1] - 2
            assert (rows, columns) == (height, width) or rates is TILES
            assert 0 <= rows - height < conv.tile
            assert 0 <= columns - width < conv.tile
            x.copy_(drawn(*x.shape, seed=seed))
            check(conv(x, height, width), exactly(x, weight)[:height, :width], inputs)
    assert conv.tile == (2 if small_tiles else 4)


def test_what_lies_beyond_the_output_makes_no_difference():
    """The rest of the last tiles is computed and cut off, whatever it was."""
    conv = prepared(drawn(5, 6, 3, 3), TILES)
    found = []
    for beyond in (0.0, 1e30):
        x = torch.full((10, 10, 6), beyond)
        x[:8, :7] = drawn(8, 7, 6, seed=1)
        with torch.inference_mode():
            found.append(conv(x, 4, 4))  # of whole tiles: these do not see it
    assert torch.equal(*found)


def test_layers_share_a_workspace():
    """What one leaves there is nothing to the other."""
    workspace, x = Workspace(), drawn(34, 18, 8, seed=1)
    layers = [(drawn(4, 8, 3, 3, seed=i), tile) for i, tile in enumerate((2, 4, 2, 4))]
    with torch.inference_mode():
        tiles = [Winograd(weight, tile, workspace) for weight, tile in layers]
        for made, (weight, _) in zip(tiles, layers, strict=True):
            for part in (x, x[:6, :10].contiguous(), x):
                check(made(part), exactly(part, weight), 8)


def test_a_workspace_gives_tensors_that_do_not_overlap():
    workspace = Workspace()
    for shapes in (((2, 3), (4,), (1, 1, 5)), ((1,), (100, 7)), ((2, 2),)):
        taken = workspace.take(*shapes)
        for number, tensor in enumerate(taken):
            tensor.fill_(number)
        for number, (tensor, shape) in enumerate(zip(taken, shapes, strict=True)):
            assert tensor.shape == shape
            assert (tensor == number).all()


def test_the_method_expected_to_be_faster_is_taken():
    def rows(conv: Convolution, side: int) -> int:
        return conv.room(side, side).shape[0] - 2

    weight = drawn(64, 64, 3, 3)
    conv = prepared(weight, DIRECT)
    assert rows(conv, 5) == 5
    assert conv.seconds(5, 5) == DIRECT.direct(5, 5, 64, 64)
    conv = prepared(weight, TILES)
    assert rows(conv, 5) == 8
    assert conv.seconds(5, 5) == TILES.winograd(5, 5, 64, 64, 4)
    # A machine where multiplying is all that costs: many tiles pay, one output does not.
    even = Rates(1e9, 1e9, 1e15, 1e15, 1e-6)
    conv = prepared(weight, even)
    assert rows(conv, 63) == 64
    assert conv.seconds(64, 64) == even.winograd(64, 64, 64, 64, 4)
    assert rows(conv, 1) == 1
    assert conv.seconds(1, 1) == even.direct(1, 1, 64, 64)


def test_other_precisions_are_convolved_directly():
    weight = drawn(3, 2, 3, 3).bfloat16()
    conv = prepared(weight.float(), TILES, torch.bfloat16)
    x = drawn(7, 8, 2).bfloat16()
    assert conv.room(5, 6).shape == (7, 8, 2)
    assert conv.room(5, 6).dtype == torch.bfloat16
    assert conv.seconds(5, 6) == TILES.direct(5, 6, 2, 3)
    found = conv(x, 5, 6)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exactly(x, weight), rtol=1e-2, atol=1e-2)


def test_what_this_machine_measures_makes_sense():
    rates = measured("cpu", torch.get_num_threads())
    assert measured("cpu", torch.get_num_threads()) is rates  # once
    for rate in (rates.multiply_adds, rates.products, rates.traffic, rates.memory):
        assert 1e6 < rate < 1e15
    assert 0 < rates.call < 1e-3
    for cost in (rates.direct, lambda *sizes: rates.winograd(*sizes, 4)):
        assert cost(256, 256, 64, 64) > cost(64, 64, 64, 64) > 0
        assert cost(64, 64, 256, 256) > cost(64, 64, 64, 64)
