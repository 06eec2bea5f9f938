"""OASIS: its network, its loss by hand, LabelMix, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spade.config import DiscriminatorConfig, OasisConfig, TrainingConfig
from spade.discriminator import Discriminator
from spade.formats.errors import InputError
from spade.losses import gradient_penalty
from spade.oasis import (
    OasisDiscriminator,
    class_weights,
    label_mix,
    map_regions,
    pixel_counts,
    should_be_fake,
    should_show,
)
from spade.training.adversary import discriminator_losses, generator_losses, r1_loss


def one_hot(labels: Tensor, channels: int) -> Tensor:
    """Integer ``(N, H, W)`` -> ``(N, channels, H, W)``; -1: no channel at all."""
    full = torch.zeros(len(labels), channels + 1, *labels.shape[1:])
    return full.scatter_(1, labels.unsqueeze(1) % (channels + 1), 1.0)[:, :channels]


@pytest.mark.parametrize(("levels", "size"), [(1, 2), (3, 24), (6, 64)])
def test_a_logit_for_every_pixel(levels: int, size: int) -> None:
    network = OasisDiscriminator(OasisConfig(3, ndf=2, levels=levels))
    assert network(torch.rand(2, 3, size, 2 * size)).shape == (2, 4, size, 2 * size)
    assert len(network.up) == len(network.down) == levels


def test_every_level_of_the_way_up_reads_its_partner() -> None:
    torch.manual_seed(0)
    network = OasisDiscriminator(OasisConfig(2, ndf=2, levels=3))
    network(torch.rand(1, 3, 16, 16)).square().sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
    assert [block.conv_0.in_channels for block in network.up] == [8, 4 + 4, 4 + 4]  # type: ignore[union-attr]


def test_settings_out_of_range() -> None:
    for levels in (0, 7):
        with pytest.raises(InputError, match="levels"):
            OasisConfig(3, levels=levels)
    with pytest.raises(InputError, match="label_nc"):
        OasisConfig(0)


def test_classes_weigh_by_their_rarity() -> None:
    semantic = one_hot(torch.tensor([[[0, 0, 0], [0, 2, -1]]]), 3)
    weights = class_weights(pixel_counts(semantic, 3)[:-1])
    # Five pixels, two classes: each class weighs as much as 2.5 pixels.
    assert weights.tolist() == pytest.approx([2.5 / 4, 0.0, 2.5])
    per_pixel = (semantic * weights[:, None, None]).sum(dim=1)
    assert per_pixel.sum().item() == pytest.approx(5)
    assert class_weights(torch.zeros(3)).tolist() == [0, 0, 0]
    # Counts of a whole batch times a share, even of less than a pixel, weigh as they do.
    assert class_weights(torch.tensor([4.0, 0.0, 1.0]) / 8).tolist() == weights.tolist()


def test_the_loss_by_hand() -> None:
    # Two classes and "don't care"; the last pixel was cut away.
    semantic = one_hot(torch.tensor([[[0, 0], [1, 2], [2, -1]]]), 3)
    logits = torch.randn(1, 3, 3, 2, generator=torch.Generator().manual_seed(1))
    p = logits.softmax(dim=1)[0]
    known = [-1.5 / 2 * math.log(p[0, 0, 0] * p[0, 0, 1]), -1.5 * math.log(p[1, 1, 0])]
    unknown = [-math.log(1 - p[2, 1, 1]), -math.log(1 - p[2, 2, 0])]
    assert should_show(logits, semantic, 2).item() == pytest.approx(
        (sum(known) + sum(unknown)) / 5, rel=1e-5
    )
    cells = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    expected = -sum(math.log(p[2, y, x]) for y, x in cells) / 5
    assert should_be_fake(logits, semantic, 2).item() == pytest.approx(expected, rel=1e-5)


def test_parts_of_a_batch_make_the_loss_of_the_whole() -> None:
    # Class 1 and unknown are in one part alone; the other has fewer pixels left.
    first = torch.tensor([[[0, 0, 1], [0, 2, 2]]])
    second = torch.tensor([[[0, -1, -1], [0, 0, -1]], [[0, 0, -1], [-1, -1, -1]]])
    semantic = one_hot(torch.cat([first, second]), 3).double()
    logits = torch.randn(3, 3, 2, 3, generator=torch.Generator().manual_seed(1)).double()
    counts = pixel_counts(semantic, 2)
    assert counts.tolist() == [8, 1, 2]
    for loss in (should_show, should_be_fake):
        whole = loss(logits, semantic, 2)
        parts = [
            share * loss(logits[part], semantic[part], 2, counts * share)
            for part, share in ((slice(0, 1), 1 / 3), (slice(1, 3), 2 / 3))
        ]
        assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-12)  # type: ignore[union-attr]
        apart = [loss(logits[part], semantic[part], 2) for part in (slice(0, 1), slice(1, 3))]
        assert abs((apart[0] + 2 * apart[1]) / 3 - whole) > 1e-3


def test_where_nothing_is_known_no_class_is_asked_for() -> None:
    labels = torch.full((1, 4, 4), 2)
    labels[:, :2] = 0
    semantic = one_hot(labels, 3)
    logits = torch.randn(1, 3, 4, 4, requires_grad=True)
    should_show(logits, semantic, 2).backward()
    assert logits.grad is not None
    gradient = logits.grad[0, :, 2:]
    # Both classes are pushed as a group: in the shares that they have already.
    share = logits.detach()[0, :2, 2:].softmax(dim=0)
    assert torch.allclose(gradient[:2] / gradient[:2].sum(dim=0), share, atol=1e-5)
    cut = one_hot(torch.where(labels == 2, -1, labels), 3)
    assert should_show(logits, cut, 2).isfinite()
    nothing = torch.zeros_like(semantic)
    assert should_show(logits, nothing, 2).item() == 0
    assert should_be_fake(logits, nothing, 2).item() == 0


def test_edges_are_no_region() -> None:
    labels = torch.tensor([[[0, 1], [1, 1]]])
    edges = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    for channels in (2, 3):  # without and with "don't care"
        semantic = torch.cat([one_hot(labels, channels), edges], dim=1)
        assert torch.equal(map_regions(semantic, 2), one_hot(labels, 3))
    assert torch.equal(map_regions(one_hot(labels, 2), 2), one_hot(labels, 3))


def test_label_mix_has_borders_only_where_the_map_has() -> None:
    labels = torch.tensor([[[0, 0, 1], [2, 2, 1]], [[1, 1, 1], [0, 2, 2]]])
    coins = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    mask = label_mix(one_hot(labels, 3), coins, 2)
    assert mask.shape == (2, 1, 2, 3)
    assert mask[0, 0].tolist() == [[1, 1, 0], [1, 1, 0]]
    assert mask[1, 0].tolist() == [[1, 1, 1], [0, 0, 0]]


def test_label_mix_is_for_consistency_alone() -> None:
    """A network that judges every pixel by itself is consistent already."""

    class Pixelwise(OasisDiscriminator):
        def forward(self, image: Tensor) -> Tensor:
            return image * 3 - 1

    network = Pixelwise(OasisConfig(2, ndf=1, levels=1))
    semantic = one_hot(torch.randint(0, 3, (2, 8, 8)), 3)
    real, fake = torch.rand(2, 2, 3, 8, 8)
    losses = discriminator_losses(network, TrainingConfig(), semantic, real, fake, 0)
    assert losses["labelmix"].item() == pytest.approx(0, abs=1e-10)
    assert losses["d"].item() > 0
    off = TrainingConfig(labelmix_weight=0.0)
    assert discriminator_losses(network, off, semantic, real, fake, 0).keys() == {"d"}


def test_it_learns_to_tell_classes_and_fakes() -> None:
    torch.manual_seed(0)
    network = OasisDiscriminator(OasisConfig(2, ndf=4, levels=1))
    config = TrainingConfig()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2, (0.0, 0.99))
    history = []
    for step in range(40):
        labels = torch.randint(0, 2, (4, 4, 4)).repeat_interleave(2, 1).repeat_interleave(2, 2)
        semantic = one_hot(labels, 2)
        real = semantic[:, [0, 1, 0]] * 2 - 1
        fake = torch.rand(4, 3, 8, 8) * 2 - 1
        losses = discriminator_losses(network, config, semantic, real, fake, step)
        optimizer.zero_grad()
        (losses["d"] + losses["labelmix"]).backward()
        optimizer.step()
        history.append(losses["d"].item())
    assert history[0] > 1.5
    assert sum(history[-5:]) / 5 < 0.4 * history[0]
    right = network(real)[:, :2].argmax(dim=1) == labels
    assert right.float().mean() > 0.9
    assert generator_losses(network, semantic, real, real).keys() == {"gan"}
    of_real, of_fake = (generator_losses(network, semantic, real, x)["gan"] for x in (real, fake))
    assert of_real < of_fake


def test_r1_is_the_squared_gradient() -> None:
    image = torch.rand(3, 3, 4, 4, requires_grad=True)
    slope = torch.tensor(0.5, requires_grad=True)
    # D(x) = slope * sum(x^2) / 2: its gradient is slope * x.
    score = slope * image.square().sum(dim=(1, 2, 3)) / 2
    penalty = gradient_penalty(score, image)
    expected = 0.25 * image.detach().square().sum(dim=(1, 2, 3)).mean()
    assert torch.allclose(penalty, expected)
    penalty.backward()
    assert slope.grad is not None
    assert torch.allclose(slope.grad, 2 * 0.5 * expected / 0.25)


def test_r1_of_a_single_picture_is_right_in_any_layout() -> None:
    torch.manual_seed(0)
    network = Discriminator(DiscriminatorConfig(2, ndf=2)).double().eval()
    semantic = one_hot(torch.randint(0, 2, (1, 32, 32)), 2).double()
    real = torch.rand(1, 3, 32, 32, dtype=torch.double)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network.zero_grad()
        network.to(memory_format=layout)
        given = (t.contiguous(memory_format=layout) for t in (semantic, real))
        r1_loss(network, *given).backward()
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("kind", ["patch", "oasis"])
def test_r1_follows_finite_differences(kind: str) -> None:
    torch.manual_seed(0)
    network: Discriminator | OasisDiscriminator
    if kind == "patch":
        network = Discriminator(DiscriminatorConfig(2, ndf=2, scales=1, layers=2))
    else:
        network = OasisDiscriminator(OasisConfig(2, ndf=2, levels=2))
    network = network.double().eval()  # the power iteration stands still
    semantic = one_hot(torch.randint(0, 2, (1, 8, 8)), 2).double()
    real = torch.rand(1, 3, 8, 8, dtype=torch.double)
    parameter = (network.patches[0] if kind == "patch" else network).last.weight  # type: ignore[union-attr,operator,index]
    assert isinstance(parameter, Tensor)
    with torch.no_grad():
        for each in network.parameters():
            each.mul_(3)
    r1_loss(network, semantic, real).backward()
    assert parameter.grad is not None
    at, eps = parameter.grad.abs().argmax(), 1e-3
    expected = parameter.grad.flatten()[at].item()

    def moved(by: float) -> float:
        with torch.no_grad():
            parameter.view(-1)[at] += by
        value = r1_loss(network, semantic, real).item()
        with torch.no_grad():
            parameter.view(-1)[at] -= by
        return value

    assert (moved(eps) - moved(-eps)) / (2 * eps) == pytest.approx(expected, rel=5e-3)
