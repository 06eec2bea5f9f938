"""Training by distinct windows: the same numbers as by convolutions, forward and backward."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import enliven
from torch import Tensor
from torch.nn import functional as F

from spade import label_windows
from spade.config import GeneratorConfig
from spade.generator import Generator
from spade.label_windows import LabelWindows, Selection, find_windows, symbols, worth
from spade.labels import resize_nearest, semantic_map
from spade.normalization import Spade

LABELS = 4


def blobs(rng: np.random.Generator) -> np.ndarray:
    small = rng.integers(0, LABELS, (2, 5, 6))
    return small.repeat(5, axis=1).repeat(4, axis=2)[:, :23, :21]


def speckles(rng: np.random.Generator) -> np.ndarray:
    """Single pixels in corners, on borders and inside; the corners of the maps differ."""
    maps = np.zeros((2, 16, 16), np.int64)
    maps[0, 0, 0] = maps[0, -1, 7] = maps[1, 9, 9] = 1
    maps[1, 0, -1] = maps[1, -1, -2] = maps[0, 5, 0] = 2
    return maps


def checkerboard(rng: np.random.Generator) -> np.ndarray:
    return np.indices((2, 12, 15)).sum(axis=0) % 2


def one_class(rng: np.random.Generator) -> np.ndarray:
    return np.full((1, 9, 17), 2)


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, LABELS, (1, 13, 11))


def unknown(rng: np.random.Generator) -> np.ndarray:
    maps = blobs(rng)
    maps[0, 3:11] = 255
    return maps


def one_pixel(rng: np.random.Generator) -> np.ndarray:
    return np.array([[[0]], [[3]]])


MAPS = (blobs, speckles, checkerboard, one_class, noise, unknown, one_pixel)


def config_of(edges: bool) -> GeneratorConfig:
    return GeneratorConfig(
        LABELS, True, instance_edges=edges, ngf=2, z_dim=4, crop_size=32, embedding=6
    )


def instances_of(maps: np.ndarray) -> Tensor:
    """Objects that cut across the classes."""
    halves = np.arange(maps.shape[2]) > maps.shape[2] // 3
    return torch.from_numpy(maps * 2 + halves)


def layer_of(config: GeneratorConfig, channels: int) -> Spade:
    layer = Spade(channels, config.semantic_nc, config.embedding).train()
    enliven(layer, 3)
    return layer


def windows_of(semantic: Tensor, config: GeneratorConfig, most: float) -> LabelWindows:
    known = symbols(semantic, config)
    assert known is not None
    found = find_windows(*known, config.instance_edges, most)
    assert found is not None
    return found


def outcome(
    layer: Spade, h: Tensor, what: Tensor | LabelWindows, slope: float | None
) -> list[Tensor]:
    """The result, gradients of h and of all weights, and the running statistics."""
    layer, h = copy.deepcopy(layer), h.clone().requires_grad_(True)
    result = layer(h, what, slope)
    target = torch.linspace(-1, 2, result.numel(), dtype=h.dtype).view(result.shape).cos()
    (result * target).sum().backward()
    grads = [p.grad for p in layer.parameters()]
    assert all(g is not None for g in [h.grad, *grads])
    return [result.detach(), h.grad, *grads, *layer.buffers()]  # type: ignore[list-item]


@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("draw", MAPS, ids=lambda draw: draw.__name__)
def test_a_layer_by_windows_is_the_dense_layer(draw, edges: bool, slope: float | None) -> None:
    rng = np.random.default_rng(4)
    maps, config = draw(rng), config_of(edges)
    labels = torch.from_numpy(maps)
    semantic = semantic_map(labels, config, instances_of(maps) if edges else None)
    windows = windows_of(semantic, config, most=2.0)
    layer = layer_of(config, 5)
    h = torch.randn(len(maps), 5, *maps.shape[1:], generator=torch.Generator().manual_seed(1))
    h = h * 3 + 2  # a mean that does not vanish
    exact = outcome(layer.double(), h.double(), semantic.double(), slope)
    found = outcome(layer, h.double(), windows, slope)
    for a, b in zip(exact, found, strict=True):
        assert (a - b).abs().max() <= 1e-10 * (1 + a.abs().max())
    layer.float()
    dense = outcome(layer, h, semantic, slope)
    found = outcome(layer, h, windows, slope)
    for a, b, c in zip(exact, dense, found, strict=True):
        scale = 1e-6 * (1 + a.abs().max())
        assert (a - c).abs().max() <= 4 * (a - b).abs().max() + 4 * scale


def test_the_windows_are_the_distinct_ones() -> None:
    rng = np.random.default_rng(0)
    for draw in MAPS:
        maps = draw(rng)
        maps[maps == 255] = LABELS
        found = find_windows(maps, LABELS + 1, most=2.0)
        assert found is not None
        around = np.pad(maps, ((0, 0), (2, 2), (2, 2)), constant_values=LABELS + 1)
        views = np.lib.stride_tricks.sliding_window_view(around, (5, 5), axis=(1, 2))
        contents, number = np.unique(views.reshape(-1, 25), axis=0, return_inverse=True)
        assert len(found.products.index) == len(contents)
        # The same pixels share a window, whatever its number is.
        pairs = set(zip(number.ravel().tolist(), found.pixels.index.tolist(), strict=True))
        assert len(pairs) == len(contents)


def test_a_collision_of_hashes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = blobs(np.random.default_rng(1))
    expected = find_windows(maps, LABELS)
    tried: list[int] = []
    factors = label_windows._factors

    def weak(seed: int) -> np.ndarray:
        tried.append(seed)
        return factors(seed) * (seed > 1)

    monkeypatch.setattr(label_windows, "_factors", weak)
    found = find_windows(maps, LABELS)
    assert tried == [0, 1, 2, 0, 1, 2]
    assert expected is not None
    assert found is not None
    assert len(found.products.index) == len(expected.products.index)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_sums_go_both_ways_and_are_repeatable(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(2)
    index = rng.integers(0, 40, (5000, 3))
    index[:4000] = 7  # long sums, made of pieces
    index[index == 11] = 12  # a row that nothing selects
    selection = Selection(index, 40)
    table = torch.randn(40, 6, dtype=dtype)
    values = torch.randn(5000, 6, dtype=dtype)
    exact = table.double()[torch.from_numpy(index)].sum(dim=1)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    assert (selection.gather(table) - exact).abs().max() < tolerance
    back = torch.zeros(40, 6, dtype=torch.float64)
    for place in range(3):
        back.index_add_(0, torch.from_numpy(index[:, place]), values.double())
    found = selection.scatter(values)
    assert (found - back).abs().max() < 100 * tolerance
    assert (found[11] == 0).all()
    torch.set_num_threads(2)  # the fixture one_thread sets it back
    assert all(torch.equal(selection.scatter(values), selection.scatter(values)) for _ in range(20))


def test_only_maps_of_zeros_and_ones_have_symbols() -> None:
    config = config_of(edges=True)
    maps = blobs(np.random.default_rng(3))
    semantic = semantic_map(torch.from_numpy(maps), config, instances_of(maps))
    known = symbols(semantic, config)
    assert known is not None
    ids, count = known
    assert count == 2 * (LABELS + 1)
    assert (ids % (LABELS + 1) == maps).all()
    assert ((ids > LABELS) == (semantic[:, -1] == 1).numpy()).all()
    for channel, value in ((0, 0.5), (0, 1.0), (-1, 0.5), (-1, -1.0), (1, 1e-30)):
        odd = semantic.clone()
        odd[0, channel, 2, 2] = value
        if not torch.equal(odd, semantic):
            assert symbols(odd, config) is None, (channel, value)
    nothing = semantic.clone()
    nothing[:, :-1, 4, 4] = 0
    assert symbols(nothing, config) is None


def generators() -> tuple[Generator, GeneratorConfig, Tensor, Tensor]:
    config = GeneratorConfig(LABELS, True, ngf=2, z_dim=4, crop_size=64, embedding=6)
    network = Generator(config).train()
    enliven(network, 5)
    maps = np.zeros((2, 64, 64), np.int64)
    maps[:, 30:], maps[1, :, 20:41], maps[0, 5:9] = 1, 2, 255
    z = torch.randn(2, 4, generator=torch.Generator().manual_seed(2))
    return network, config, semantic_map(torch.from_numpy(maps), config), z


def test_where_windows_serve() -> None:
    network, config, semantic, _ = generators()

    def kinds() -> list[bool]:
        return [isinstance(level, LabelWindows) for level in network.levels(semantic).values()]

    assert kinds() == [True, True, True, False, False, False]  # 64, 32, 16; at 8 too many
    wide = Generator(replace(config, embedding=64)).train()
    served = [isinstance(level, LabelWindows) for level in wide.levels(semantic).values()]
    assert served == [True, True, True, True, False, False]  # products cost more there
    with torch.autocast("cpu", torch.bfloat16):
        assert not any(kinds())
    assert not any(
        isinstance(level, LabelWindows) for level in network.levels(semantic * 0.5).values()
    )
    network.eval()
    assert not any(kinds())
    noisy = torch.from_numpy(np.random.default_rng(0).integers(0, LABELS, (2, 64, 64)))
    network.train()
    levels = network.levels(semantic_map(noisy, config))
    for size, level in levels.items():
        assert isinstance(level, Tensor)
        assert level.shape[-2:] == size


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_generator_by_windows_is_the_dense_one(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, _, semantic, z = generators()
    network.to(dtype, memory_format=torch.channels_last)
    semantic, z = semantic.to(dtype), z.to(dtype)

    def run() -> tuple[Tensor, list[Tensor], list[Tensor]]:
        one = copy.deepcopy(network)
        picture = one(semantic, z)
        weight = torch.linspace(-1, 2, picture.numel(), dtype=dtype).view(picture.shape).cos()
        (picture * weight).sum().backward()
        grads = [p.grad for p in one.parameters() if p.grad is not None]
        return picture.detach(), grads, list(one.buffers())

    mine = run()
    again = run()
    assert all(torch.equal(a, b) for a, b in zip(mine[1], again[1], strict=True))
    monkeypatch.setattr(Generator, "levels", Generator.pyramid)
    dense = run()
    tolerance = 1e-10 if dtype == torch.float64 else 3e-4
    assert (mine[0] - dense[0]).abs().max() < tolerance
    largest = max(float(g.abs().max()) for g in dense[1])
    for a, b in zip(mine[1], dense[1], strict=True):
        assert (a - b).abs().max() < tolerance * largest
    for a, b in zip(mine[2], dense[2], strict=True):
        assert (a - b).abs().max() < tolerance


def test_levels_are_those_of_the_resized_map() -> None:
    network, config, semantic, _ = generators()
    rows = torch.arange(config.semantic_nc).view(1, -1, 1, 1)
    for size, level in network.levels(semantic).items():
        resized = resize_nearest(semantic, size)
        if isinstance(level, LabelWindows):
            known = symbols(resized, config)
            assert known is not None
            expected = find_windows(*known, most=worth(config.embedding))
            assert expected is not None
            assert torch.equal(level.pixels.index, expected.pixels.index)
            assert torch.equal(level.embedding.index, expected.embedding.index)
            assert (known[0] == (resized * rows).sum(dim=1).numpy()).all()
        else:
            assert torch.equal(level, F.interpolate(semantic, size=size))
