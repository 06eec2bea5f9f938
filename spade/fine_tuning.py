"""Recipes for going on with a finished model on other, often few, pictures. No torch here.

Rates are half and less of those a run from nothing has, as there is something to lose; the
average follows quickly, as the run is short; maps are drawn anew now and then, so that crude
strokes go on working. Where the model brings no discriminator, ``discriminator_steps`` gives the
new one a start.
"""

from __future__ import annotations

from typing import Any

from spade.presets import Recipe

_COMMON: dict[str, Any] = {
    "batch_size": 3,
    "min_scale": 0.6,
    "beta1": 0.5,
    "perceptual_weight": 20.0,
    "perceptual_quarter": True,
    "vgg_blocks": 4,
    "feature_weight": 5.0,
    "color_weight": 10.0,
    "kld_weight": 0.03,
    "simplify": 0.15,
    "unknown_patches": 0.05,
    "decay_from": 0.6,
    "ema_decay": 0.995,
}

FINE_TUNING: tuple[Recipe, ...] = (
    Recipe(
        "quick",
        "Quick",
        "400 steps; the light, colours and textures of some dozen pictures of one place",
        {
            "training": {
                **_COMMON,
                "steps": 400,
                "learning_rate_g": 2e-4,
                "learning_rate_d": 1e-4,
                "discriminator_steps": 10,
                "statistics_batches": 20,
                "checkpoint_minutes": 3.0,
                "sample_steps": 50,
            }
        },
    ),
    Recipe(
        "balanced",
        "Balanced",
        "3,000 steps; for a hundred pictures and more",
        {
            "training": {
                **_COMMON,
                "steps": 3_000,
                "learning_rate_g": 1.5e-4,
                "learning_rate_d": 1e-4,
                "discriminator_steps": 50,
                "augment_color": 0.2,
                "augment_translation": 0.125,
                "statistics_batches": 40,
                "checkpoint_minutes": 5.0,
                "sample_steps": 200,
            }
        },
    ),
    Recipe(
        "thorough",
        "Thorough",
        "12,000 steps; for many hundred pictures, and classes that are new to the model",
        {
            "training": {
                **_COMMON,
                "steps": 12_000,
                "learning_rate_g": 1e-4,
                "learning_rate_d": 1e-4,
                "discriminator_steps": 100,
                "augment_color": 0.3,
                "augment_translation": 0.125,
                "augment_cutout": 0.25,
                "rare_power": 0.3,
                "ema_decay": 0.999,
                "statistics_batches": 50,
                "checkpoint_minutes": 5.0,
                "sample_steps": 500,
            }
        },
    ),
)
"""By length."""
