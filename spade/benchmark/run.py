"""A whole run of ``spadework bench``: every scene at every size, and what the machine can do."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from spade.benchmark.arithmetic import (
    block_convolutions,
    convolution_milliseconds,
    matrix_gflops,
    modulation_convolutions,
    multiply_adds,
)
from spade.benchmark.cases import Canvas, Effort, Row
from spade.benchmark.memory import PeakMemory
from spade.benchmark.plain import PlainNetwork
from spade.benchmark.scenes import (
    CHECKERBOARD,
    PAINTED,
    Labels,
    border_windows,
    checkerboard,
    painted_scene,
)
from spade.engine import Engine
from spade.formats.errors import InputError
from spade.model import Model

DABS = (16, 48, 128)
"""Diameters in pixels; on a canvas under twice as wide they are left out."""


def check_sides(model: Model, sides: list[int]) -> None:
    """Raise InputError unless the generator can draw squares of all these sides."""
    stride = model.config.generator.stride
    for side in sides:
        if side < stride or side % stride:
            near = max(stride, round(side / stride) * stride)
            raise InputError(
                f"side {side}: {model.name} draws multiples of {stride} pixels; use {near}"
            )


def measure(
    model: Model, sides: list[int], effort: Effort, say: Callable[[str], None]
) -> dict[str, Any]:
    """Everything that ``spadework bench --json`` prints but for the loading of the model.

    Raises InputError for sides that the generator can't draw.
    """
    check_sides(model, sides)
    memory = PeakMemory(model.device)
    plain = PlainNetwork(model)  # before the engine: it may choose another number of threads
    begun = time.perf_counter()
    engine = Engine(model, model.device)
    prepared = time.perf_counter() - begun
    z, label_nc = model.latent(), model.config.generator.label_nc
    begun = time.perf_counter()
    engine.render(painted_scene(sides[0], label_nc), z)
    first = time.perf_counter() - begun

    rows: list[Row] = []
    machine: list[dict[str, Any]] = []
    scenes: list[dict[str, Any]] = []
    skipped: list[str] = []
    for side in sides:
        machine.append(_machine(model, side, effort, say))
        for name, scene, dabs in (
            (PAINTED, painted_scene, tuple(d for d in DABS if 2 * d <= side)),
            (CHECKERBOARD, checkerboard, ()),
        ):
            say(f"{name} scene, {side}x{side}")
            labels = scene(side, label_nc)
            scenes.append(_described(model, name, labels))
            if not _fits(model, side, False, skipped):
                continue
            beside = plain if _fits(model, side, True, skipped) else None
            canvas = Canvas(model, engine, beside, name, labels, effort, memory)
            rows += _canvas_rows(canvas, dabs, machine[-1], with_layouts=name == PAINTED)
    return {
        "model": model.name,
        "device": str(model.device),
        "device_name": _device_name(model.device),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "threads": plain.threads,
        "engine_threads": torch.get_num_threads(),
        "parameters": model.parameter_count,
        "effort": asdict(effort),
        "engine_seconds": round(prepared, 4),
        "first_seconds": round(first, 4),
        "rows": rows,
        "gemm_gflops": round(statistics.median(each["gemm_gflops"] for each in machine), 1),
        "conv_gflops": machine[0]["conv_gflops"],
        "peak_mb": memory.most,
        "machine": machine,
        "scenes": scenes,
        "skipped": list(dict.fromkeys(skipped)),
    }


def _fits(model: Model, side: int, plain: bool, skipped: list[str]) -> bool:
    try:
        model.check_memory(side, side, plain=plain)
    except InputError as error:
        skipped.append(f"{'plain' if plain else 'engine'} at {side}: {error}")
        return False
    return True


def _canvas_rows(
    canvas: Canvas, dabs: tuple[int, ...], machine: dict[str, Any], *, with_layouts: bool
) -> list[Row]:
    rows = canvas.measure(dabs)
    other = canvas.channels_last_ms() if with_layouts else None
    for row in rows:
        row["plain_channels_last_ms"] = other
        if row["case"] == "full":
            row["ideal_ms"] = machine["ideal_ms"]
            row["over_ideal"] = round(row["fast_ms"]["p50"] / machine["ideal_ms"], 2)
    return rows


def _machine(model: Model, side: int, effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """What the arithmetic of one picture costs at best, measured at about the same time."""
    say(f"convolutions and matrix products, {side}x{side}")
    config, device = model.config.generator, model.device
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    blocks = block_convolutions(config, side, side)
    count = multiply_adds(blocks)
    seconds = effort.seconds
    gemm = matrix_gflops(device, dtype, seconds=seconds / 5)
    milliseconds = convolution_milliseconds(blocks, device, dtype, seconds=seconds)
    gemm = (gemm + matrix_gflops(device, dtype, seconds=seconds / 5)) / 2
    return {
        "side": side,
        "dtype": str(dtype).removeprefix("torch."),
        "block_multiply_adds": count,
        "modulation_multiply_adds": multiply_adds(modulation_convolutions(config, side, side)),
        "gemm_gflops": round(gemm, 1),
        "conv_gflops": round(2 * count / milliseconds / 1e6, 1),
        "conv_ms": round(milliseconds, 3),
        "ideal_ms": round(2 * count / gemm / 1e6, 6),
    }


def _described(model: Model, name: str, labels: Labels) -> dict[str, Any]:
    levels = border_windows(labels, model.config.generator.doublings)
    return {"scene": name, "side": len(labels), "levels": [asdict(level) for level in levels]}


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()
