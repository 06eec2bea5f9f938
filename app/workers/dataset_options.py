"""What can be trained here: the device, sizes that fit its memory, models to start from."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import replace
from pathlib import Path

import torch

from app.state.known_runs import KnownRuns
from app.workers.training_messages import SizePreset, TrainingOptions
from app.workers.training_pace import model_times, preset_times
from app.workers.training_reader import describe
from spade.config import GeneratorConfig
from spade.formats.errors import InputError
from spade.formats.resources import bundled, bundled_models
from spade.formats.run_folder import RunFolder
from spade.memory import available_memory
from spade.model import resolve_device
from spade.presets import PRESETS, RECIPES, Preset, by_name
from spade.settings import build_run, merged
from spade.training_memory import parameters, training_bytes
from spade.vgg_weights import cached_vgg

SOME_CLASSES = 20
"""Counted on while the data set is not known; they matter little."""

HEADROOM = 0.95
"""Of the memory that is there, what a training may be planned to take."""


def training_options(wanted: str, classes: int, pictures: int) -> TrainingOptions:
    """See DatasetWorker.ask_options. A device that is not there is replaced by the CPU."""
    try:
        device = resolve_device(wanted)
    except InputError:
        device = torch.device("cpu")
    available = memory_of(device)
    found = cached_vgg()
    vgg = str(found) if found.is_file() else ""
    count = classes or SOME_CLASSES
    sizes = tuple(_size(preset, count, pictures, device, available, vgg) for preset in PRESETS)
    models = (*_bundled(), *_trained())
    return TrainingOptions(
        device=device.type,
        device_name=name_of(device),
        available=available,
        presets=sizes,
        models=models,
        vgg=vgg,
        model_times={path: model_times(_folder(path), count, device) for path, _ in models},
    )


def memory_of(device: torch.device) -> int:
    """Bytes that can be had on a device now; 0 if nobody knows."""
    if device.type == "mps":
        shared = int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
        return max(0, shared)
    return available_memory(str(device)) or 0


def name_of(device: torch.device) -> str:
    """For people."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    cores = os.cpu_count() or 1
    return f"{_processor()}, {cores} core{'s' if cores > 1 else ''}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "Processor"


def _size(
    preset: Preset, classes: int, pictures: int, device: torch.device, available: int, vgg: str
) -> SizePreset:
    recipe = by_name(RECIPES, preset.recipe or "balanced", "recipe")
    run = build_run(merged(preset.tables, recipe.tables), f"preset {preset.name}", classes)
    assert isinstance(run.generator, GeneratorConfig)
    run = replace(run, training=replace(run.training, vgg=vgg))
    needed = training_bytes(run, photos=pictures, device=device.type)
    return SizePreset(
        name=preset.name,
        title=preset.title,
        detail=preset.detail,
        size=run.training.size,
        ngf=run.generator.ngf,
        batch_size=run.training.batch_size,
        parameters=parameters(run.generator),
        bytes=needed,
        fits=not available or needed <= HEADROOM * available,
        times=preset_times(preset, classes, device),
    )


def _bundled() -> list[tuple[str, str]]:
    return [(name, name) for name in bundled_models() if _is_spade(_folder(name))]


def _folder(model: str) -> Path:
    """Of a bundled model by its name, or of any by its path."""
    return bundled(f"assets/models/{model}") if model in bundled_models() else Path(model)


def _trained() -> list[tuple[str, str]]:
    """The application's own trainings, newest first, as far as they have a model."""
    found = []
    for folder in KnownRuns().folders():
        model = RunFolder(folder).model
        run = describe(folder) if _is_spade(model) else None
        if run is not None:
            found.append((str(model), f"{run.name}, trained for {run.step:,} steps"))
    return found


def _is_spade(folder: Path) -> bool:
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        return bool(description["kind"] == "spade")
    except (OSError, ValueError, KeyError, TypeError):
        return False
