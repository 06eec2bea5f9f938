"""Sizes, parameter counts, gradients, and that a generator can learn."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spade.config import (
    DiscriminatorConfig,
    EncoderConfig,
    GeneratorConfig,
    Pix2PixHDConfig,
    from_dict,
)
from spade.discriminator import Discriminator
from spade.encoder import Encoder, reparameterize
from spade.formats.errors import InputError
from spade.generator import Generator
from spade.labels import semantic_map
from spade.losses import feature_matching, hinge_discriminator, hinge_generator
from spade.model import count_parameters
from spade.pix2pixhd import Pix2PixHDGenerator
from spade.weights import build_plain


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (GeneratorConfig(182, True, True, use_vae=False), 97_480_899),
        (GeneratorConfig(182, True, True), 112_626_883),
        (GeneratorConfig(150, True, use_vae=False), 96_492_483),
        (GeneratorConfig(150, True), 111_942_595),
        (
            GeneratorConfig(
                35,
                instance_edges=True,
                use_vae=False,
                upsampling="more",
                crop_size=512,
                aspect_ratio=2.0,
            ),
            93_048_003,
        ),
    ],
)
def test_parameters_of_the_papers_generators(config: GeneratorConfig, expected: int) -> None:
    assert count_parameters(build_plain(Generator, config, "test")) == expected


def test_parameters_of_encoder_and_discriminator() -> None:
    assert count_parameters(build_plain(Encoder, EncoderConfig(), "test")) == 10_463_424
    discriminator = build_plain(Discriminator, DiscriminatorConfig(184), "test")
    assert count_parameters(discriminator) == 5_904_514


def test_pix2pixhd_is_the_size_its_authors_report() -> None:
    # 35 Cityscapes labels and the edge channel: 182.5 million.
    config = Pix2PixHDConfig(35, instance_edges=True)
    assert round(count_parameters(build_plain(Pix2PixHDGenerator, config, "test")) / 1e6, 1) == (
        182.5
    )


@pytest.mark.parametrize(
    ("kind", "crop", "aspect", "grid"),
    [
        ("normal", 256, 1.0, (8, 8)),
        ("more", 512, 2.0, (4, 8)),
        ("most", 512, 1.0, (4, 4)),
        ("normal", 256, 4 / 3, (6, 8)),
    ],
)
def test_base_grid(kind: str, crop: int, aspect: float, grid: tuple[int, int]) -> None:
    config = GeneratorConfig(3, upsampling=kind, crop_size=crop, aspect_ratio=aspect)  # type: ignore[arg-type]
    assert config.base_grid == grid


@pytest.mark.parametrize("kind", ["normal", "more", "most"])
@pytest.mark.parametrize("vae", [True, False])
def test_generator_takes_any_multiple_of_its_stride(kind: str, vae: bool) -> None:
    config = GeneratorConfig(
        3,
        ngf=2,
        z_dim=4,
        embedding=4,
        upsampling=kind,  # type: ignore[arg-type]
        crop_size=256,
        use_vae=vae,  # type: ignore[arg-type]
    )
    network = Generator(config).eval().requires_grad_(False)
    z = torch.zeros(1, 4) if vae else None
    for rows, columns in ((1, 1), (1, 3), (2, 1)):
        height, width = rows * config.stride, columns * config.stride
        semantic = semantic_map(torch.zeros(1, height, width, dtype=torch.uint8), config)
        picture = network(semantic, z)
        assert picture.shape == (1, 3, height, width)
        assert float(picture.abs().max()) <= 1


def test_generator_refuses_what_does_not_fit() -> None:
    network = Generator(GeneratorConfig(3, ngf=1, z_dim=4, embedding=2, crop_size=32)).eval()
    z = torch.zeros(1, 4)
    with pytest.raises(ValueError, match="40x32"):
        network(torch.zeros(1, 3, 32, 40), z)
    with pytest.raises(ValueError, match="4 channels"):
        network(torch.zeros(1, 4, 32, 32), z)
    for bad in (None, torch.zeros(1, 5), torch.zeros(2, 4)):
        with pytest.raises(ValueError, match="z must be"):
            network(torch.zeros(1, 3, 32, 32), bad)


def test_one_hot_map_with_unknown_and_edges() -> None:
    config = GeneratorConfig(3, contain_dontcare=True, instance_edges=True)
    labels = torch.tensor([[[0, 2, 255], [1, 1, 1]]], dtype=torch.uint8)
    instances = torch.tensor([[[0, 0, 0], [0, 0, 5]]])
    semantic = semantic_map(labels, config, instances)
    assert semantic.shape == (1, 5, 2, 3)
    assert semantic[0, :4].argmax(0).tolist() == [[0, 2, 3], [1, 1, 1]]
    assert torch.equal(semantic[:, :4].sum(1), torch.ones(1, 2, 3))
    # Both sides of a border are edges; diagonal neighbours are none.
    assert semantic[0, 4].tolist() == [[0, 0, 1], [0, 1, 1]]
    assert semantic_map(labels, config)[0, 4].sum() == 0


def test_labels_a_model_does_not_have() -> None:
    with pytest.raises(InputError, match="class id 3"):
        semantic_map(torch.full((1, 2, 2), 3), GeneratorConfig(3))
    with pytest.raises(InputError, match="class id 4"):
        semantic_map(torch.full((1, 2, 2), 4), GeneratorConfig(3, contain_dontcare=True))
    with pytest.raises(InputError, match="unknown pixels"):
        semantic_map(torch.full((1, 2, 2), 255), GeneratorConfig(3))
    with pytest.raises(InputError, match="class id -1"):
        semantic_map(torch.full((1, 2, 2), -1), GeneratorConfig(3))


def test_config_errors_name_the_value() -> None:
    with pytest.raises(InputError, match=r"crop_size 100 is not a multiple of 32.*128"):
        GeneratorConfig(3, crop_size=100)
    with pytest.raises(InputError, match="'several'"):
        GeneratorConfig(3, upsampling="several")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"there: unknown setting 'nfg'"):
        from_dict(GeneratorConfig, {"label_nc": 3, "nfg": 4}, "there")


def without_gradient(network: nn.Module) -> list[str]:
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not bool(parameter.grad.abs().sum() > 0)
    ]


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(
        3, ngf=2, z_dim=4, embedding=4, crop_size=256, upsampling="most", instance_edges=True
    )
    generator = Generator(config).train()
    encoder = Encoder(EncoderConfig(nef=2, z_dim=4)).train()
    discriminator = Discriminator(DiscriminatorConfig(config.semantic_nc, ndf=2)).train()
    labels = torch.randint(0, 3, (2, 256, 256))
    semantic = semantic_map(labels, config, labels)
    photo = torch.rand(2, 3, 256, 256) * 2 - 1
    mu, logvar = encoder(photo)
    picture = generator(semantic, reparameterize(mu, logvar))
    real, fake = discriminator(semantic, photo), discriminator(semantic, picture)
    loss = hinge_generator(fake) + feature_matching(real, fake)
    loss.backward()
    assert without_gradient(generator) == []
    assert without_gradient(encoder) == []
    hinge_discriminator(
        real=discriminator(semantic, photo),
        fake=[[layer.detach() for layer in scale] for scale in fake],
    ).backward()
    assert without_gradient(discriminator) == []


def test_gradients_of_pix2pixhd() -> None:
    torch.manual_seed(0)
    config = Pix2PixHDConfig(3, ngf=2, downsamplings=2, blocks=2)
    network = Pix2PixHDGenerator(config)
    semantic = semantic_map(torch.randint(0, 3, (1, 32, 48)), config)
    picture = network(semantic)
    assert picture.shape == (1, 3, 32, 48)
    (picture * torch.rand_like(picture)).sum().backward()
    # Instance norm takes the biases before it away again.
    assert [name for name in without_gradient(network) if not name.endswith("bias")] == []


def test_a_tiny_generator_learns_two_pictures() -> None:
    torch.manual_seed(0)
    config = GeneratorConfig(2, ngf=3, embedding=8, use_vae=False, crop_size=32)
    generator = Generator(config).train()
    labels = torch.zeros(2, 32, 32, dtype=torch.long)
    labels[0, 16:] = 1
    labels[1, :, :12] = 1
    semantic = semantic_map(labels, config)
    colors = torch.tensor([[0.6, -0.2, -0.7], [-0.5, 0.4, 0.8]])
    pictures = colors[labels].permute(0, 3, 1, 2)
    pictures = pictures * torch.linspace(0.5, 1.2, 32)
    optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3, betas=(0.0, 0.9))
    losses = []
    for _ in range(100):
        loss = (generator(semantic) - pictures).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.4
    assert sum(losses[-5:]) / 5 < 0.09
