"""Sizes of model and recipes to choose from by name: tables of a configuration file.

A preset says how large the networks, the pictures and the batch are; a recipe how long and
with which losses, rates and augmentation a run learns. Anything that is written by hand wins
over both. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from spade.formats.errors import InputError

Tables = Mapping[str, Mapping[str, Any]]
"""Settings by section of a configuration file."""


@dataclass(frozen=True)
class Recipe:
    """How a run learns. ``title``, ``detail``: for people."""

    name: str
    title: str
    detail: str
    tables: Tables


@dataclass(frozen=True)
class Preset:
    """How large a run is. ``recipe``: the one that it takes if none is named, or ""."""

    name: str
    title: str
    detail: str
    tables: Tables
    recipe: str = "balanced"


PRESETS: tuple[Preset, ...] = (
    Preset(
        "tiny",
        "Tiny",
        "64 pixels; to try things out",
        {
            "generator": {"architecture": "spade", "ngf": 8, "z_dim": 32, "embedding": 16},
            "encoder": {"nef": 8, "input_size": 32},
            "discriminator": {"architecture": "patch", "ndf": 8, "layers": 3},
            "training": {
                "size": 64,
                "batch_size": 2,
                "statistics_batches": 10,
                "perceptual_quarter": False,
            },
        },
    ),
    Preset(
        "small",
        "Small",
        "128 pixels; overnight on a processor",
        {
            "generator": {"architecture": "spade", "ngf": 16, "z_dim": 64, "embedding": 32},
            "encoder": {"nef": 16, "input_size": 64},
            "discriminator": {"architecture": "patch", "ndf": 32},
            "training": {"size": 128, "batch_size": 4, "statistics_batches": 30},
        },
    ),
    Preset(
        "medium",
        "Medium",
        "256 pixels; for a graphics card",
        {
            "generator": {"architecture": "spade", "ngf": 32, "z_dim": 64, "embedding": 64},
            "encoder": {"nef": 32, "input_size": 128},
            "discriminator": {"architecture": "patch", "ndf": 64},
            "training": {"size": 256, "batch_size": 8},
        },
    ),
    Preset(
        "large",
        "Large",
        "256 pixels, the paper's widths at a quarter of its batch",
        {
            "generator": {"architecture": "spade", "ngf": 64, "z_dim": 256, "embedding": 128},
            "encoder": {"nef": 64, "input_size": 256},
            "discriminator": {"architecture": "patch", "ndf": 64},
            "training": {"size": 256, "batch_size": 4},
        },
    ),
    Preset(
        "paper",
        "As in the paper",
        "256 pixels, the paper's widths, batch and losses; for a large graphics card",
        {
            "generator": {"architecture": "spade", "ngf": 64, "z_dim": 256, "embedding": 128},
            "encoder": {"nef": 64, "input_size": 256},
            "discriminator": {"architecture": "patch", "ndf": 64},
            "training": {"size": 256, "batch_size": 16},
        },
        recipe="",
    ),
)
"""By size. ``z_dim`` of the encoder follows the generator's."""

# The first is what the bundled model learned its colours with on a processor; the others lean
# towards the paper's two time scales, which need more steps.
RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "quick",
        "Quick",
        "3,000 steps, high rates; colours and rough shapes",
        {
            "training": {
                "steps": 3_000,
                "min_scale": 0.6,
                "learning_rate_g": 4e-4,
                "learning_rate_d": 1e-4,
                "beta1": 0.5,
                "decay_from": 0.7,
                "perceptual_weight": 20.0,
                "perceptual_quarter": True,
                "vgg_blocks": 4,
                "feature_weight": 5.0,
                "color_weight": 10.0,
                "kld_weight": 0.03,
                "augment_color": 0.2,
                "augment_translation": 0.125,
                "ema_decay": 0.995,
                "checkpoint_minutes": 3.0,
                "sample_steps": 100,
            }
        },
    ),
    Recipe(
        "balanced",
        "Balanced",
        "20,000 steps; textures, for some hundred pictures and more",
        {
            "training": {
                "steps": 20_000,
                "min_scale": 0.6,
                "learning_rate_g": 2e-4,
                "learning_rate_d": 2e-4,
                "beta1": 0.0,
                "decay_from": 0.6,
                "color_weight": 5.0,
                "kld_weight": 0.02,
                "augment_color": 0.3,
                "augment_translation": 0.125,
                "augment_cutout": 0.25,
                "simplify": 0.2,
                "unknown_patches": 0.05,
                "ema_decay": 0.999,
                "checkpoint_minutes": 5.0,
                "sample_steps": 250,
            }
        },
    ),
    Recipe(
        "thorough",
        "Thorough",
        "80,000 steps at the paper's rates; for thousands of pictures",
        {
            "training": {
                "steps": 80_000,
                "min_scale": 0.6,
                "learning_rate_g": 1e-4,
                "learning_rate_d": 4e-4,
                "beta1": 0.0,
                "decay_from": 0.6,
                "color_weight": 2.0,
                "kld_weight": 0.02,
                "augment_color": 0.3,
                "augment_translation": 0.125,
                "augment_cutout": 0.25,
                "best_factor": 2.0,
                "rare_power": 0.5,
                "simplify": 0.3,
                "unknown_patches": 0.1,
                "ema_decay": 0.9995,
                "checkpoint_minutes": 5.0,
                "sample_steps": 1_000,
            }
        },
    ),
)
"""By length."""

N = TypeVar("N", Preset, Recipe)


def by_name(choices: Sequence[N], name: str, what: str) -> N:
    """The one of that name. Raises InputError that lists all; ``what`` they are: "--preset"."""
    for choice in choices:
        if choice.name == name:
            return choice
    raise InputError(f"{what} {name!r}: use one of {', '.join(c.name for c in choices)}")
