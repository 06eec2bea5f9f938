"""What the discriminator sees: moved, cut and coloured alike, and differentiable."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spade.config import TrainingConfig
from spade.formats.errors import InputError
from spade.training.augment import Augmentation, draw_augmentation

CPU = torch.device("cpu")
ALL = TrainingConfig(
    batch_size=6, augment_color=1.0, augment_translation=0.25, augment_cutout=0.5, seed=3
)


def pictures() -> tuple[Tensor, Tensor, Tensor]:
    """A map of 4 classes and two pictures that show, pixel by pixel, the class's number."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (6, 1, 32, 32), generator=random)
    semantic = torch.zeros(6, 4, 32, 32).scatter_(1, labels, 1.0)
    image = (labels + 1.0).expand(-1, 3, -1, -1)
    return semantic, image, -image


def test_off_is_nothing_at_all() -> None:
    assert draw_augmentation(TrainingConfig(), 32, 0, 0, CPU) is None


def test_map_and_pictures_move_alike() -> None:
    change = draw_augmentation(replace(ALL, augment_color=0.0), 32, 5, 0, CPU)
    assert change is not None
    before = pictures()
    semantic, real, fake = change(*before)
    ids = (semantic * torch.arange(1.0, 5.0)[:, None, None]).sum(dim=1, keepdim=True)
    assert torch.equal(real, ids.expand_as(real))  # 0 in all where nothing is left
    assert torch.equal(fake, -real)
    assert change.shift is not None
    assert len(set(change.shift)) > 3
    for i, (down, right) in enumerate(change.shift):
        kept = semantic[i].sum(dim=0) > 0
        moved = torch.roll(before[0][i], (down, right), dims=(1, 2))
        assert torch.equal(semantic[i][:, kept], moved[:, kept])
        # The hole is at most a quarter, the strip that moved in at most 1/4 each way.
        assert kept.float().mean() >= 0.75 * 0.75 - 0.25
        if down > 0:
            assert not kept[:down].any()


def test_a_shift_has_no_wrap_around() -> None:
    image = torch.ones(1, 3, 4, 4)
    semantic = torch.ones(1, 1, 4, 4)
    _, moved = Augmentation(None, ((1, -2),), None)(semantic, image)
    assert moved[0, 0].tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    _, cut = Augmentation(None, None, torch.tensor([[-1, 2, 3, 3]]))(semantic, image)
    assert cut[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]


def test_colors_by_hand() -> None:
    image = torch.tensor([0.0, 0.3, 0.6]).view(1, 3, 1, 1).expand(1, 3, 2, 2).clone()
    image[..., 1] += 0.2
    semantic = torch.zeros(1, 1, 2, 2)

    def colored(*factors: float) -> Tensor:
        change = Augmentation(torch.tensor([factors]), None, None)
        return change(semantic, image)[1]

    assert torch.allclose(colored(0, 1, 1), image)
    assert torch.allclose(colored(0.25, 1, 1), image + 0.25)
    grey = colored(0, 0, 1)
    assert torch.allclose(grey, image.mean(dim=1, keepdim=True).expand_as(image))
    assert torch.allclose(colored(0, 1, 0), image.mean().expand_as(image))


def test_the_same_step_sees_the_same_and_others_do_not() -> None:
    seen = {}
    for step, turn in ((4, 0), (4, 1), (5, 0)):
        first, again = (draw_augmentation(ALL, 32, step, turn, CPU) for _ in range(2))
        assert first is not None
        assert again is not None
        results = first(*pictures()), again(*pictures())
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
        seen[step, turn] = results[0][1]
    assert not torch.equal(seen[4, 0], seen[4, 1])
    assert not torch.equal(seen[4, 0], seen[5, 0])
    color_alone = draw_augmentation(
        replace(ALL, augment_translation=0.0, augment_cutout=0.0), 32, 4, 0, CPU
    )
    both = draw_augmentation(ALL, 32, 4, 0, CPU)
    assert color_alone is not None
    assert both is not None
    assert torch.equal(color_alone.color, both.color)  # type: ignore[arg-type]


def test_gradients_pass_as_finite_differences_say() -> None:
    change = draw_augmentation(replace(ALL, batch_size=2), 6, 1, 0, CPU)
    assert change is not None
    semantic = torch.rand(2, 2, 6, 6, dtype=torch.double)
    image = torch.rand(2, 3, 6, 6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: change(semantic, x)[1], (image,))


@pytest.mark.parametrize("name", ["augment_color", "augment_translation", "augment_cutout"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_strengths_out_of_range_are_told(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        TrainingConfig(**{name: value})  # type: ignore[arg-type]
