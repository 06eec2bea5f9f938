"""Figures 1 and 2, and the sheets they are laid out on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spade.blocks import LEAK
from spade.figures import as_colors, modulations, style_grid
from spade.formats.errors import InputError
from spade.formats.label_png import colorize
from spade.labels import semantic_map
from spade.model import Model
from spade.normalization import Spade
from spade.sheet import covering, sheet


def found(figure: np.ndarray, picture: np.ndarray) -> list[tuple[int, int]]:
    """(row, column) of every exact occurrence of ``picture`` in ``figure``."""
    height, width = picture.shape[:2]
    corners = np.argwhere((figure[: 1 - height, : 1 - width] == picture[0, 0]).all(axis=-1))
    return [
        (int(y), int(x))
        for y, x in corners
        if np.array_equal(figure[y : y + height, x : x + width], picture)
    ]


def test_grid_has_maps_across_and_styles_down(tiny: Model, labels: np.ndarray) -> None:
    other = labels[::-1].copy()
    photo = np.zeros((50, 80, 3), np.uint8)
    photo[:, 40:] = 200
    z = tiny.latent(seed=5)
    calls: list[tuple[int, int]] = []
    figure = style_grid(
        tiny,
        [(colorize(m, tiny.palette), m) for m in (labels, other)],
        [(photo, tiny.latent(photo)), (None, z)],
        ["one", "two"],
        lambda done, total: calls.append((done, total)),
    )
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    cells = {
        (down, across): found(figure, tiny.render(m, style=style))[0]
        for down, style in enumerate((photo, z))
        for across, m in enumerate((labels, other))
    }
    assert cells[0, 0][0] == cells[0, 1][0] < cells[1, 0][0] == cells[1, 1][0]
    assert cells[0, 0][1] == cells[1, 0][1] < cells[0, 1][1] == cells[1, 1][1]
    (top, left), *_ = found(figure, colorize(labels, tiny.palette))
    assert (top < cells[0, 0][0], left) == (True, cells[0, 0][1])
    (row, column), *_ = found(figure, covering(photo, 96, 64))
    assert (row, column < left) == (cells[0, 0][0], True)


def test_modulations_are_what_the_network_computes(tiny: Model, labels: np.ndarray) -> None:
    layers = {name: m for name, m in tiny.generator.named_modules() if isinstance(m, Spade)}
    calls: dict[str, torch.Tensor] = {}
    hooks = [
        layer.register_forward_hook(
            lambda module, inputs, output, name=name: calls.update({name: output})
        )
        for name, layer in layers.items()
    ]
    inputs: dict[str, torch.Tensor] = {}
    hooks += [
        layer.register_forward_pre_hook(
            lambda module, given, name=name: inputs.update({name: given[0]})
        )
        for name, layer in layers.items()
    ]
    semantic = semantic_map(torch.from_numpy(labels)[None], tiny.config.generator)
    tiny.generator(semantic, tiny.default_z)
    for hook in hooks:
        hook.remove()
    seen = []
    for layer in modulations(tiny, labels):
        normal = layers[layer.name].norm(inputs[layer.name])[0]
        expected = layer.gamma * normal + layer.beta
        if not layer.name.endswith("norm_s"):  # the layer is asked for its leaky ReLU as well
            expected = torch.nn.functional.leaky_relu(expected, LEAK)
        assert torch.allclose(expected, calls[layer.name][0], atol=1e-5)
        seen.append(layer.name)
    assert sorted(seen) == sorted(layers)
    assert seen[0] == "head.norm_0"


def test_colors_tell_classes_apart_and_are_repeatable() -> None:
    torch.manual_seed(0)
    kinds = torch.randn(16, 3)
    labels = torch.randint(0, 3, (12, 20))
    field = kinds[:, labels]
    picture = as_colors(field)
    assert (picture.shape, picture.dtype) == ((12, 20, 3), np.uint8)
    colors = {tuple(picture[labels.numpy() == i][0]) for i in range(3)}
    assert len(colors) == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 3
    assert np.array_equal(picture, as_colors(field.clone()))
    assert np.unique(as_colors(torch.full((5, 4, 4), 2.0))).tolist() == [128]
    for channels in (1, 2):
        assert as_colors(torch.randn(channels, 4, 4)).shape == (4, 4, 3)


def test_sheets_place_pictures_of_any_size() -> None:
    small, large = np.full((10, 20, 3), 9, np.uint8), np.full((40, 30, 3), 77, np.uint8)
    page = sheet([[small, large], [None, small]], ["a", "b"], ["first\nline two", "second"])
    assert (page == 77).all(axis=-1).sum() == 40 * 30
    assert (page == 9).all(axis=-1).sum() == 2 * 10 * 20
    with pytest.raises(InputError, match="the limit is 8192"):
        sheet([[np.zeros((100, 900, 3), np.uint8)] * 10])
