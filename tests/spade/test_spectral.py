"""Spectral norm: one, folded or not; saved without it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from spade.config import GeneratorConfig
from spade.generator import Generator
from spade.labels import semantic_map
from spade.spectral import fold_spectral_norm, plain_weights, settle_spectral_norm, spectral_norm
from spade.weights import plain_state


def trained_a_bit() -> tuple[Generator, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    config = GeneratorConfig(3, ngf=2, z_dim=4, embedding=4, crop_size=64)
    generator = Generator(config)
    semantic = semantic_map(torch.randint(0, 3, (2, 64, 64)), config)
    z = torch.randn(2, 4)
    optimizer = torch.optim.Adam(generator.parameters(), lr=1e-2)
    for _ in range(3):
        loss = generator(semantic, z).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return generator.eval(), semantic, z


def test_folding_changes_nothing_but_the_form() -> None:
    generator, semantic, z = trained_a_bit()
    before = generator(semantic, z)
    folded = fold_spectral_norm(copy.deepcopy(generator))
    assert not any("parametrizations" in key for key in folded.state_dict())
    assert torch.allclose(folded(semantic, z), before, atol=1e-6)


def test_plain_state_is_the_folded_one_and_touches_nothing() -> None:
    generator, semantic, z = trained_a_bit()
    generator.train()
    kept = {key: value.clone() for key, value in generator.state_dict().items()}
    state = plain_state(generator)
    assert generator.training
    for key, value in generator.state_dict().items():
        assert torch.equal(value, kept[key])
    folded = fold_spectral_norm(copy.deepcopy(generator).eval())
    expected = folded.state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.allclose(state[key], value) for key, value in expected.items())
    with plain_weights():
        bare = Generator(generator.config).eval()
    bare.load_state_dict(state)
    assert torch.allclose(bare(semantic, z), folded(semantic, z), atol=1e-6)


def test_plain_weights_ends_with_its_block() -> None:
    with plain_weights():
        assert not hasattr(spectral_norm(nn.Conv2d(2, 2, 1)), "parametrizations")
    assert hasattr(spectral_norm(nn.Conv2d(2, 2, 1)), "parametrizations")


@pytest.mark.parametrize("kernel", [None, 1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_its_gradient_is_that_of_the_quotient(
    kernel: int | None, layout: torch.memory_format
) -> None:
    torch.manual_seed(2)
    module: nn.Module = nn.Linear(7, 5) if kernel is None else nn.Conv2d(7, 5, kernel)
    module = spectral_norm(module).double().train()
    if kernel is not None:
        module.to(memory_format=layout)
    norm = module.parametrizations.weight[0]
    norm._scale.fill_(3.0)
    weight = module.parametrizations.weight.original
    u, v = norm._u.clone(), norm._v.clone()
    found = module.weight  # takes a power iteration
    factors = torch.randn_like(found).contiguous()  # not always laid out as the weight is
    (found * factors).sum().backward()

    own = weight.detach().clone().requires_grad_(True)
    matrix = own.flatten(1)
    with torch.no_grad():
        u = torch.nn.functional.normalize(matrix @ v, dim=0)
        v = torch.nn.functional.normalize(matrix.t() @ u, dim=0)
    expected = own / (u @ matrix @ v) * 3
    (expected * factors).sum().backward()
    assert torch.allclose(norm._u, u, rtol=0, atol=1e-14)
    assert torch.allclose(norm._v, v, rtol=0, atol=1e-14)
    assert torch.allclose(found, expected, rtol=0, atol=1e-13)
    assert torch.allclose(weight.grad, own.grad, rtol=0, atol=1e-12)
    assert weight.grad.stride() == weight.stride()


def test_settled_norm_is_one() -> None:
    torch.manual_seed(1)
    conv = spectral_norm(nn.Conv2d(8, 8, 3))
    with torch.no_grad():
        conv.parametrizations.weight.original.normal_(std=5.0)
    settle_spectral_norm(conv, iterations=60)
    conv.eval()
    norm = torch.linalg.matrix_norm(conv.weight.flatten(1), 2)
    assert abs(norm.item() - 1) < 1e-2
