"""How long a step takes: against steps that were timed, and against what must take longer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from spade.fine_tuning import FINE_TUNING
from spade.presets import PRESETS, RECIPES, by_name
from spade.run import Run
from spade.settings import build_run, merged
from spade.training_time import multiply_adds, step_seconds

BUNDLED = {
    "generator": {"architecture": "spade", "ngf": 16, "z_dim": 64, "embedding": 32},
    "encoder": {"nef": 32, "input_size": 64},
    "discriminator": {"architecture": "patch", "ndf": 32},
    "training": {"size": 256},
}
RATE = 9.0e10
"""Of the convolution, on two cores of an AMD EPYC: what measured_rate says there."""


def preset(name: str, recipe: str, *, vgg: str = "vgg16.pth", **training: object) -> Run:
    tables = merged(
        by_name(PRESETS, name, "").tables, by_name(RECIPES, recipe, "").tables, {"training": {}}
    )
    return build_run(tables, "", 18, training={"vgg": vgg, **training})


def bundled() -> Run:
    tables = merged(BUNDLED, by_name(FINE_TUNING, "balanced", "").tables)
    return build_run(tables, "", 18, training={"vgg": "vgg16.pth"})


# Seconds of both cores a step took, by their CPU time, with landscapes of 18 classes and VGG16;
# the median of five to seven steps, the mean of two such runs.
@pytest.mark.parametrize(
    ("run", "timed"),
    [
        pytest.param(bundled(), 1.6, id="bundled sizes, fine-tuning, batch 3"),
        pytest.param(preset("tiny", "quick"), 0.15, id="tiny, quick"),
        pytest.param(preset("tiny", "balanced", vgg=""), 0.10, id="tiny, without VGG"),
        pytest.param(preset("small", "quick"), 0.65, id="small, quick"),
        pytest.param(preset("small", "balanced"), 1.08, id="small, whole VGG"),
        pytest.param(preset("small", "balanced", vgg=""), 0.56, id="small, without VGG"),
        pytest.param(preset("medium", "quick", batch_size=2), 2.55, id="medium, batch 2"),
    ],
)
def test_steps_that_were_timed(run, timed):
    assert timed / 1.5 < step_seconds(run, rate=RATE) < timed * 1.5


def test_larger_takes_longer():
    sizes = [preset(name, "quick", batch_size=2) for name in ("tiny", "small", "medium", "large")]
    batches = [preset("small", "quick", batch_size=count) for count in (2, 4, 5, 16)]
    pixels = [preset("small", "quick", size=side) for side in (64, 128, 256)]
    losses = [
        preset("small", "quick", vgg=""),
        preset("small", "quick"),
        preset("small", "quick", perceptual_quarter=False),
        preset("small", "quick", perceptual_quarter=False, vgg_blocks=5),
    ]
    for device in ("cpu", "cuda"):
        for runs in (sizes, batches, pixels, losses):
            seconds = [step_seconds(run, rate=RATE, device=device) for run in runs]
            assert seconds == sorted(set(seconds))


def test_longer_recipes_take_longer():
    for preset_of in PRESETS:
        totals = []
        for recipe in RECIPES:
            run = preset(preset_of.name, recipe.name)
            totals.append(run.training.steps * step_seconds(run, rate=RATE))
        assert totals == sorted(set(totals))


def test_every_network_has_its_share():
    run = preset("small", "balanced")
    whole = multiply_adds(run)
    assert multiply_adds(replace(run, training=replace(run.training, r1_weight=1.0))) > whole
    alone = replace(run.training, gan_weight=0.0, feature_weight=0.0)
    assert multiply_adds(replace(run, training=alone)) < whole
    tables = merged(by_name(PRESETS, "small", "").tables)
    assert multiply_adds(build_run(tables, "", 18, style=False)) < multiply_adds(
        build_run(tables, "", 18)
    )
    for other in (
        {"discriminator": {"architecture": "oasis", "ndf": 32}},
        {"generator": {"architecture": "pix2pixhd", "ngf": 16}},
    ):
        few, many = (build_run(merged(tables, other), "", n) for n in (5, 50))
        assert 0 < multiply_adds(few) < multiply_adds(many)


def test_modulation_by_windows_is_the_processors_in_full_precision():
    run = preset("small", "balanced")
    assert multiply_adds(run, "cuda") > multiply_adds(run)
    bf16 = replace(run, training=replace(run.training, precision="bf16"))
    assert multiply_adds(bf16) == multiply_adds(run, "cuda")


def test_half_the_rate_nearly_twice_the_time():
    run = preset("medium", "balanced")
    assert step_seconds(run, rate=RATE / 2) == pytest.approx(
        2 * step_seconds(run, rate=RATE), rel=0.05
    )
    for rate in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="positive"):
            step_seconds(run, rate=rate)


def test_the_estimate_loads_no_torch():
    code = "import sys, spade.training_time; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
