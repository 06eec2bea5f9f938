"""A model small enough to render in a moment, whose classes and styles show."""

from __future__ import annotations

import torch

from spade.config import EncoderConfig, GeneratorConfig
from spade.encoder import Encoder
from spade.formats.palette import PaletteClass
from spade.generator import Generator
from spade.model import Model, ModelConfig
from spade.spectral import fold_spectral_norm, glorot_init

CLASSES = (
    PaletteClass(0, "sky", "#78b4e6", "air"),
    PaletteClass(1, "grass", "#5aa03c"),
    PaletteClass(2, "water", "#2a5f8f"),
)


def make_model(*, encoder: bool = True, **changes: object) -> Model:
    """Random weights from a fixed seed; ``changes`` go to the GeneratorConfig."""
    settings: dict[str, object] = {
        "label_nc": 3,
        "contain_dontcare": True,
        "ngf": 2,
        "z_dim": 6,
        "crop_size": 64,
        "embedding": 8,
    }
    config = GeneratorConfig(**(settings | changes))  # type: ignore[arg-type]
    torch.manual_seed(0)
    generator = _ready(Generator(config))
    encoder_config = EncoderConfig(nef=2, z_dim=config.z_dim, input_size=32) if encoder else None
    return Model(
        name="tiny",
        config=ModelConfig(config, encoder_config),
        generator=generator,
        encoder=_ready(Encoder(encoder_config)) if encoder_config else None,
        classes=CLASSES,
        default_z=torch.linspace(-1, 1, 6).unsqueeze(0) if config.use_vae else None,
        licence="Test use only",
    )


def _ready(network: torch.nn.Module) -> torch.nn.Module:
    glorot_init(network, gain=1.0)
    return fold_spectral_norm(network).eval().requires_grad_(False)
