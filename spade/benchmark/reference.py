"""A generator of the reference's size, with random weights that act like trained ones."""

from __future__ import annotations

import torch

from spade.config import GeneratorConfig
from spade.generator import Generator
from spade.model import Model, ModelConfig, resolve_device
from spade.normalization import Spade
from spade.spectral import glorot_init, plain_weights

CONFIG = GeneratorConfig(
    label_nc=182, contain_dontcare=True, instance_edges=True, ngf=64, z_dim=256, embedding=128
)
"""COCO-Stuff's: 182 classes, unknown and instance edges make 184 channels; with a VAE."""


def reference_size_model(
    device: str = "cpu", *, config: GeneratorConfig = CONFIG, seed: int = 0
) -> Model:
    """The same weights for the same seed. Raises InputError for a device that is not there."""
    target = resolve_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with plain_weights():
            generator = Generator(config)
        enliven(generator)
        z = torch.randn(1, config.z_dim) if config.use_vae else None
    generator.eval().requires_grad_(False)
    model = Model("reference-size", ModelConfig(config), generator, None, (), z)
    return model.to(target)


@torch.no_grad()
def enliven(generator: Generator) -> None:
    """Weights, biases and statistics as large as a trained network's, so that the classes,
    their borders and z all show in the picture."""
    glorot_init(generator, gain=0.75)  # largest singular values of 1, as spectral norm leaves them
    generator.to_rgb.weight.mul_(0.7)  # tanh would hide differences at its ends
    for name, parameter in generator.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.3)
    for module in generator.modules():
        if isinstance(module, Spade):
            # One-hot: nine rows of this are added up, whatever the number of classes.
            module.embed.weight.normal_(std=1 / 3)
            module.norm.running_mean.normal_(std=0.3)
            module.norm.running_var.uniform_(0.5, 1.5)
