"""Losses against values worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spade.formats.errors import InputError
from spade.losses import feature_matching, hinge_discriminator, hinge_generator, kl_divergence
from spade.perceptual import (
    LAYER_WEIGHTS,
    PerceptualLoss,
    VggFeatures,
    load_vgg,
    quarter_view,
)


def features(*scales: list[list[float]]) -> list[list[Tensor]]:
    return [[torch.tensor(layer, requires_grad=True) for layer in scale] for scale in scales]


def test_hinge() -> None:
    real = features([[9.0], [2.0, 0.5]], [[9.0], [-1.0]])
    fake = features([[9.0], [-3.0, 0.0]], [[9.0], [0.5]])
    # Scale 0: real (0 + 0.5) / 2, fake (0 + 1) / 2. Scale 1: real 2, fake 1.5. Mean of scales.
    assert hinge_discriminator(real, fake).item() == pytest.approx((0.25 + 0.5 + 2 + 1.5) / 2)
    assert hinge_generator(fake).item() == pytest.approx((1.5 - 0.5) / 2)


def test_feature_matching_leaves_the_score_out() -> None:
    real = features([[0.0, 2.0], [1.0], [50.0]], [[1.0], [1.0], [-50.0]])
    fake = features([[1.0, 1.0], [4.0], [0.0]], [[1.0], [1.5], [0.0]])
    # Scale 0: 1 + 3. Scale 1: 0 + 0.5. Mean of scales.
    loss = feature_matching(real, fake)
    assert loss.item() == pytest.approx((4 + 0.5) / 2)
    loss.backward()
    assert all(layer.grad is None for scale in real for layer in scale)
    assert fake[0][1].grad is not None
    assert fake[0][2].grad is None


def test_kl_divergence_is_a_mean_over_the_batch() -> None:
    mu = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    logvar = torch.tensor([[0.0, 0.0], [0.0, math.log(4)]])
    # Of N(2, 4): (4 + 4 - 1 - log 4) / 2; of N(1, 1): 1 / 2; of N(0, 1): nothing.
    expected = (0.5 + (4 + 4 - 1 - math.log(4)) / 2) / 2
    assert kl_divergence(mu, logvar).item() == pytest.approx(expected)
    assert kl_divergence(mu.repeat(3, 1), logvar.repeat(3, 1)).item() == pytest.approx(expected)


def test_perceptual_loss_weighs_each_layer() -> None:
    torch.manual_seed(0)
    vgg = VggFeatures(16, blocks=3)
    loss = PerceptualLoss(vgg)
    a = torch.rand(1, 3, 32, 32, requires_grad=True)
    b = torch.rand(1, 3, 32, 32, requires_grad=True)
    layers = zip(LAYER_WEIGHTS, vgg(a), vgg(b), strict=False)
    expected = sum(weight * (x - y).abs().mean() for weight, x, y in layers)
    value = loss(a, b)
    assert value.item() == pytest.approx(torch.as_tensor(expected).item(), rel=1e-5)
    value.backward()
    assert a.grad is not None
    assert b.grad is None
    assert loss(a, a).item() == 0
    assert all(parameter.grad is None for parameter in vgg.parameters())


def torchvision_state(depth: int) -> dict[str, Tensor]:
    """A state dict named and shaped as torchvision's, of values that broadcasting shrinks."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in VggFeatures(depth).state_dict().items()}
    state = {
        key: torch.full((1,), 0.01, dtype=torch.float16).expand(shape)
        for key, shape in shapes.items()
    }
    return state | {"classifier.0.weight": torch.zeros(1)}


@pytest.mark.parametrize(("depth", "convolutions"), [(16, 11), (19, 13)])
def test_vgg16_and_vgg19_are_told_apart(depth: int, convolutions: int, tmp_path: Path) -> None:
    torch.save(torchvision_state(depth), tmp_path / "vgg.pth")
    vgg = load_vgg(tmp_path / "vgg.pth")
    assert len(vgg.features) == convolutions
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
    assert {parameter.dtype for parameter in vgg.parameters()} == {torch.float32}


def test_files_that_are_no_vgg_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    with pytest.raises(InputError, match=r"vgg\.pth: no such file"):
        load_vgg(path)
    for content in (torch.zeros(3), [1, 2], {"features.0.weight": 3}):
        torch.save(content, path)
        with pytest.raises(InputError, match=r"vgg\.pth: holds no VGG weights"):
            load_vgg(path)
    torch.save({"features.0.weight": torch.zeros(64, 3, 5, 5)}, path)
    with pytest.raises(InputError, match=r"features\.0\.weight is \(64, 3, 5, 5\), expected"):
        load_vgg(path, blocks=1)
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(InputError, match=r"features\.0\.bias is missing"):
        load_vgg(path, blocks=1)
    torch.save(Path("x"), path)
    with pytest.raises(InputError, match=r"vgg\.pth: refused, not a plain weights file"):
        load_vgg(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"vgg\.pth: "):
        load_vgg(path)
    (tmp_path / "vgg.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match=r"vgg\.safetensors: not readable"):
        load_vgg(tmp_path / "vgg.safetensors")


def test_vgg_layers_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        for depth, last in ((16, "24"), (19, "28")):
            vgg = VggFeatures(depth)
            assert list(vgg.features)[-1] == last  # conv5_1, in torchvision's numbering
            shapes = [tuple(f.shape[1:]) for f in vgg(torch.empty(1, 3, 64, 64))]
            assert shapes == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (512, 4, 4)]


def test_quarter_views_show_both_pictures_the_same_places() -> None:
    fake = torch.arange(2 * 3 * 16 * 24, dtype=torch.float32).view(2, 3, 16, 24)
    places = set()
    for step in range(30):
        a, b = quarter_view(fake, fake.clone(), step)
        assert a.shape == (2, 3, 8, 12)
        assert torch.equal(a, b)
        again, _ = quarter_view(fake, fake, step)
        assert torch.equal(a, again)
        if step % 2:
            places.add(float(a[0, 0, 0, 0]))
    assert len(places) > 10
    assert float(quarter_view(fake, fake, 0)[0].mean()) == pytest.approx(float(fake.mean()))
