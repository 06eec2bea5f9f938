"""Measure how long a model takes: to load, for a first picture, after an edit, restyled."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from spade.commands import Report, add_model_arguments, open_model, parse_size, say


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_model_arguments(parser)
    parser.add_argument("--size", default="256", metavar="N|WxH", help="canvas (default: 256)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of each (default: 5)")


def run(args: argparse.Namespace) -> Report:
    """Time the plain network and the engine on a made-up scene."""
    width, height = parse_size(args.size)
    runs = max(1, min(args.runs, 1000))
    say("loading")
    started = time.perf_counter()
    import numpy as np
    import torch

    from spade.plain import render_plain

    imported = time.perf_counter()
    model = open_model(args)
    loaded = time.perf_counter()
    model.check_memory(width, height)
    labels = scene(width, height, model.config.generator.label_nc)
    z = model.latent()
    engine = model.engine
    device = model.device

    def timed(work: Callable[[], Any]) -> float:
        begun = time.perf_counter()
        work()  # the picture arrives on the CPU: nothing is left in the device's queue
        return time.perf_counter() - begun

    say(f"rendering {width}x{height} on {device}")
    first = timed(lambda: engine.render(labels, z))
    plain = [timed(lambda: render_plain(model, labels, z)) for _ in range(runs)]

    def fresh() -> None:
        engine.forget()
        engine.render(labels, z)

    full = [timed(fresh) for _ in range(runs)]
    edits, styles = [], []
    edited = labels.copy()
    random = np.random.default_rng(0)
    side = max(1, min(width, height) // 16)
    for _ in range(runs):
        x, y = (int(random.integers(0, max(1, length - side))) for length in (width, height))
        new = (int(edited[y, x]) + 1) % model.config.generator.label_nc
        edited[y : y + side, x : x + side] = new
        edits.append(timed(lambda: engine.render(edited, z)))
    if z is not None:
        for seed in range(runs):
            other = model.sample_z(seed)
            styles.append(timed(lambda other=other: engine.render(edited, other)))  # type: ignore[misc]
    data = {
        "model": model.name,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "width": width,
        "height": height,
        "parameters": model.parameter_count,
        "runs": runs,
        "import_seconds": round(imported - started, 4),
        "load_seconds": round(loaded - imported, 4),
        "first_seconds": round(first, 4),
        "plain_seconds": _median(plain),
        "full_seconds": _median(full),
        "edit_seconds": _median(edits),
        "restyle_seconds": _median(styles) if styles else None,
        "peak_memory_mb": _peak_memory_mb(),
    }
    lines = [
        f"{model.name} on {device}, {width}x{height}, {model.parameter_count:,} parameters",
        f"  importing torch  {data['import_seconds']:8.3f} s",
        f"  loading          {data['load_seconds']:8.3f} s",
        f"  first picture    {data['first_seconds']:8.3f} s",
        f"  plain network    {data['plain_seconds']:8.3f} s   median of {runs}",
        f"  engine, anew     {data['full_seconds']:8.3f} s",
        f"  engine, a dab    {data['edit_seconds']:8.3f} s",
    ]
    if styles:
        lines.append(f"  engine, restyled {data['restyle_seconds']:8.3f} s")
    if data["peak_memory_mb"] is not None:
        lines.append(f"  peak memory      {data['peak_memory_mb']:8.0f} MB")
    return Report(data, "\n".join(lines))


def scene(width: int, height: int, label_nc: int) -> Any:
    """A label map of 24 cells around random points, always the same. uint8 ``(H, W)``."""
    import numpy as np

    random = np.random.default_rng(7)
    points = random.random((24, 2)) * (height, width)
    classes = random.integers(0, label_nc, len(points))
    rows, columns = np.mgrid[:height, :width]
    best = np.full((height, width), np.inf)
    labels = np.zeros((height, width), np.uint8)
    for (y, x), class_id in zip(points, classes, strict=True):
        distance = (rows - y) ** 2 + (columns - x) ** 2
        nearer = distance < best
        best[nearer] = distance[nearer]
        labels[nearer] = class_id
    return labels


def _median(seconds: list[float]) -> float:
    return round(statistics.median(seconds), 4)


def _peak_memory_mb() -> float | None:
    """Most memory this process ever held, in MiB; None where the system doesn't tell."""
    try:
        import resource
    except ImportError:
        return None
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
