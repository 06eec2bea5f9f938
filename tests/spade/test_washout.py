"""The paper's figure 3, and that it could come out otherwise."""

from __future__ import annotations

import pytest
import torch

from spade.config import Pix2PixHDConfig
from spade.formats.errors import InputError
from spade.model import Model
from spade.pix2pixhd import Pix2PixHDGenerator, normalized
from spade.washout import compare, fresh_baseline, fresh_generator


def test_pix2pixhd_washes_out_and_spade_does_not(tiny: Model) -> None:
    result = compare(tiny, fresh_baseline(tiny, ngf=4), tiny.classes[:2], (64, 64))
    assert result.pix2pixhd.difference < 1e-6
    assert result.spade.difference > 0.02
    assert result.two_classes.difference > 0.02
    assert result.without_norm.difference > 0.02
    assert result.holds
    assert result.spade_parameters == tiny.parameter_count
    assert {picture.shape for picture in result.spade.pictures} == {(64, 64, 3)}


@pytest.mark.parametrize("seed", range(3))
def test_with_fresh_weights_of_any_seed(tiny: Model, seed: int) -> None:
    spade = fresh_generator(tiny, seed)
    baseline = fresh_baseline(tiny, ngf=4, seed=seed)
    assert compare(tiny, baseline, tiny.classes[2:4], (64, 32), generator=spade).holds


def test_it_fails_where_it_should(tiny: Model) -> None:
    # Zero padding lets the class through: at the border the map is not uniform.
    leaky = fresh_baseline(tiny, ngf=4)
    leaky.stem.padding_mode = "zeros"
    result = compare(tiny, leaky, tiny.classes[:2], (64, 64))
    assert result.pix2pixhd.difference > 0.02
    assert not result.holds
    # A baseline without normalisation keeps the class, too.
    config = Pix2PixHDConfig(4, True, ngf=4, downsamplings=2, blocks=1, normalize=False)
    torch.manual_seed(0)
    bare = Pix2PixHDGenerator(config)
    for parameter in bare.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    assert not compare(tiny, bare.requires_grad_(False), tiny.classes[:2], (64, 64)).holds


def test_what_does_not_fit(tiny: Model) -> None:
    baseline = fresh_baseline(tiny, ngf=2)
    with pytest.raises(InputError, match=r"50x64.*multiples of 32.*64x64"):
        compare(tiny, baseline, tiny.classes[:2], (50, 64))
    other = Pix2PixHDGenerator(Pix2PixHDConfig(7, ngf=2, downsamplings=2, blocks=1))
    with pytest.raises(InputError, match=r"7 semantic channels, the model 5"):
        compare(tiny, other, tiny.classes[:2], (64, 64))


def test_instance_norm_is_torchs_except_for_rounding() -> None:
    torch.manual_seed(0)
    h = torch.randn(2, 3, 9, 7) * torch.tensor([0.5, 2.0, 30.0])[:, None, None] + 4
    expected = torch.nn.functional.instance_norm(h)
    assert torch.allclose(normalized(h, True), expected, atol=1e-5)
    assert normalized(h, False) is h
    h[:, 1] = 0.1 + torch.rand(2, 9, 7) * 1e-8
    assert normalized(h, True)[:, 1].abs().max() == 0


def test_pix2pixhd_refuses_what_does_not_fit() -> None:
    network = Pix2PixHDGenerator(Pix2PixHDConfig(3, ngf=1, downsamplings=2, blocks=1))
    assert network(torch.zeros(1, 3, 8, 12)).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match="no z"):
        network(torch.zeros(1, 3, 8, 8), torch.zeros(1, 4))
    with pytest.raises(ValueError, match="2 channels"):
        network(torch.zeros(1, 2, 8, 8))
    for size in ((8, 10), (4, 8)):
        with pytest.raises(ValueError, match="multiples of 4"):
            network(torch.zeros(1, 3, *size))
