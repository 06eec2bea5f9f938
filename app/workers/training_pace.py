"""How long the recipes take here: one convolution is timed, the rest is reckoned from it."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from app.workers.training_messages import RecipeTime
from spade.fine_tuning import FINE_TUNING
from spade.formats.errors import InputError
from spade.presets import RECIPES, Preset, Recipe, Tables
from spade.settings import build_run, merged
from spade.training_time import step_seconds

MEASURING = 0.3
"""Seconds spent on timing, but at least ``RUNS`` runs: the first has more to do."""
RUNS = 3

CORES_TOGETHER = 0.9
"""n cores are as fast as n to this power of one: they share memory."""

SOME_VGG = "vgg"
"""Stands for any weights in settings that are never trained with."""


def preset_times(preset: Preset, classes: int, device: torch.device) -> tuple[RecipeTime, ...]:
    """From scratch, at a preset's size, by every recipe."""
    return _times([preset.tables], RECIPES, classes, device)


def model_times(folder: Path, classes: int, device: torch.device) -> tuple[RecipeTime, ...]:
    """Fine-tuning the model in ``folder``, by every recipe; () if its sizes can't be read."""
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return _times([_sizes(description)], FINE_TUNING, classes, device)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        return ()


def _sizes(description: dict[str, Any]) -> Tables:
    """A finished model's sizes as the tables of a run that starts from it."""
    config = {name: dict(part) for name, part in description["config"].items() if part}
    config["generator"].pop("label_nc", None)  # the data's
    config.get("discriminator", {}).pop("semantic_nc", None)
    size = min(int(side) for side in description["trained_size"])
    return {
        "generator": config["generator"] | {"contain_dontcare": True, "instance_edges": False},
        "encoder": config.get("encoder", {}),
        "discriminator": config.get("discriminator", {}),
        "training": {"size": size},
    }


def _times(
    sizes: Sequence[Tables], recipes: Sequence[Recipe], classes: int, device: torch.device
) -> tuple[RecipeTime, ...]:
    try:
        rate = measured_rate(device)
    except RuntimeError:  # a GPU whose memory others have
        return ()
    found = []
    for recipe in recipes:
        run = build_run(merged(*sizes, recipe.tables), recipe.name, classes)
        seconds = [
            step_seconds(
                replace(run, training=replace(run.training, vgg=vgg)), rate=rate, device=device.type
            )
            for vgg in (SOME_VGG, "")
        ]
        found.append(RecipeTime(recipe.name, run.training.steps, *seconds))
    return tuple(found)


@functools.cache
def measured_rate(device: torch.device) -> float:
    """Multiply-adds a second of a 3x3 convolution of 256 channels at 32 x 32, forward and
    back in fp32, on a device that has nothing else to do: the best of what ``MEASURING``
    seconds allow.
    """
    if device.type != "cpu":
        return _rate(device, time.perf_counter)
    # By the CPU time of one core, which other programs' work does not lengthen.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _rate(device, time.thread_time) * float(threads**CORES_TOGETHER)
    finally:
        torch.set_num_threads(threads)


def _rate(device: torch.device, clock: Callable[[], float]) -> float:
    pictures = 1 if device.type == "cpu" else 32  # as many as keep the device busy
    x, weight = (
        torch.ones(shape, device=device)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
        for shape in ((pictures, 256, 32, 32), (256, 256, 3, 3))
    )
    gradient = torch.ones_like(x)
    until = time.monotonic() + MEASURING
    spent: list[float] = []
    while len(spent) < RUNS or time.monotonic() < until:
        began = clock()
        torch.autograd.grad(F.conv2d(x, weight, padding=1), (x, weight), gradient)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        spent.append(clock() - began)
    rate: float = 3 * x.numel() * 9 * 256 / max(min(spent), 1e-9)
    return rate
