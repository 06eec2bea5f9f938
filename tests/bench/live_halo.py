"""How far live edits are from exact ones, by the halo that is recomputed around the change.

    PYTHONPATH=. python tests/bench/live_halo.py [--json halo.json] [--model landscape]

The sample scenes, dabs and strokes of several sizes and classes at seeded places, each on the
untouched scene; a stroke is rendered live step by step, and its last picture counts.
Differences are in 8-bit levels, over the values of all channels: over the whole picture, where
labels changed, and in the box of the change with 16 pixels around it, the changed pixels left
out. Prints a Markdown table. A halo "16:2" is 16 pixels of the picture and at least two cells
at every scale, "0:3" three cells at every scale, "chosen" what the engine takes by itself;
"live" is the share of renders that were not made exact because that took no longer.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spade.benchmark.levels import Levels, box, level_difference
from spade.benchmark.scenes import Labels
from spade.benchmark.timing import percentiles
from spade.engine import Engine
from spade.engine.engine import HALOS
from spade.engine.regions import Halo
from spade.formats.label_png import read_label_map
from spade.formats.nearest import resize_ids
from spade.formats.rect import Rect
from spade.formats.resources import bundled_scenes
from spade.model import Model, load_model

CHOSEN = "chosen"
CELLS = (0, 1, 2, 3, 4, 6, 8, 12, 16)
SIZES = (8, 24, 64, 128)
"""Widths of the brush at 512 pixels; half of it at 256."""
STEPS = 8
"""Live renders of a stroke: each goes on from the one before."""
AROUND = 16
Point = NDArray[np.float64]
REGIONS = ("whole", "inside", "around")


@dataclass(frozen=True)
class Edit:
    """A scene as a dab, or a stroke step by step, changes it; ``exact`` after the last step."""

    kind: str
    size: int
    steps: list[Labels]
    changed: NDArray[np.bool_]
    rect: Rect
    exact: Tensor


def edits(
    labels: Labels, each: int, seed: int, classes: list[int]
) -> Iterator[tuple[str, int, list[Labels]]]:
    """(kind, size, steps) of ``each`` dabs and as many strokes with every brush."""
    random = np.random.default_rng(seed)
    scale = labels.shape[0] / 512
    for size in SIZES:
        for number in range(2 * each):
            start = random.uniform((0, 0), labels.shape)
            turn, length = random.uniform(0, 2 * np.pi), random.uniform(60, 200) * scale
            step = np.array([np.sin(turn), np.cos(turn)]) * length / STEPS
            new = random.choice(classes)
            steps, painted = [], labels
            for place in range(1 if number < each else STEPS):
                last, here = (start + max(0, at) * step for at in (place - 1, place))
                drawn = segment(labels.shape, last, here, size * scale / 2)
                painted = np.where(drawn, new, painted).astype(np.uint8)
                steps.append(painted)
            if not np.array_equal(steps[-1], labels):
                yield ("dab" if number < each else "stroke"), size, steps


def segment(shape: tuple[int, ...], start: Point, end: Point, radius: float) -> NDArray[np.bool_]:
    """bool ``shape``: what a round brush covers from ``start`` to ``end``, at least a pixel."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64) - start[:, None, None]
    y, x = end - start
    along = np.clip((rows * y + columns * x) / max(1e-9, y * y + x * x), 0, 1)
    return np.asarray(np.hypot(rows - along * y, columns - along * x) <= max(radius, 1))


def rect_of(changed: NDArray[np.bool_]) -> Rect:
    """The box of what is true; something must be."""
    y, x = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    return Rect(int(x[0]), int(y[0]), int(x[-1] - x[0]) + 1, int(y[-1] - y[0]) + 1)


class Seen:
    """What was seen with one halo."""

    def __init__(self) -> None:
        self.levels = {region: Levels() for region in REGIONS}
        self.by_brush: dict[str, Levels] = {}
        self.times: list[float] = []
        self.live: list[bool] = []

    def add(self, edit: Edit, picture: Tensor, times: list[float], live: bool) -> None:
        """A last picture, and what it and those on the way to it took. Not ``live``: the
        engine made it exact, as that took no longer."""
        difference = level_difference(picture, edit.exact)
        around = box(difference.shape, edit.rect, AROUND) & ~edit.changed
        self.levels["whole"].add(difference)
        self.levels["inside"].add(difference, edit.changed)
        self.levels["around"].add(difference, around)
        brush = self.by_brush.setdefault(f"{edit.kind} {edit.size}", Levels())
        brush.add(difference, around | edit.changed)
        self.times += times
        self.live.append(live)

    def report(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "ms": percentiles(self.times),
            "live_share": round(sum(self.live) / len(self.live), 3),
            **{region: levels.summary() for region, levels in self.levels.items()},
            "by_brush": {brush: levels.summary() for brush, levels in self.by_brush.items()},
        }


def parsed(name: str) -> Halo | None:
    """ "16:2", or None for "chosen"."""
    return None if name == CHOSEN else Halo(*map(int, name.split(":")))


def measure(model: Model, side: int, names: list[str], each: int) -> dict[str, Seen]:
    """Every halo over the same edits of all sample scenes, ``side`` pixels high."""
    found = {name: Seen() for name in names}
    exact = Engine(model, "cpu")
    z = model.latent()
    classes = [entry.id for entry in model.classes]
    for seed, path in enumerate(bundled_scenes()):
        source = read_label_map(path).labels
        labels = resize_ids(source, side, round(side * source.shape[1] / source.shape[0]))
        made = []
        for kind, size, steps in edits(labels, each, seed, classes):
            changed = steps[-1] != labels
            picture = exact.render(steps[-1], z)
            made.append(Edit(kind, size, steps, changed, rect_of(changed), picture))
        print(f"{path.stem}, {side} high: {len(made)} edits", file=sys.stderr, flush=True)
        for name, seen in found.items():
            engine = Engine(model, "cpu", halo=parsed(name))
            for edit in made:
                engine.render(labels, z)  # the exact picture that the edit begins from
                times = []
                for step in edit.steps:
                    begun = time.perf_counter()
                    picture = engine.render(step, z, live=True)
                    times.append((time.perf_counter() - begun) * 1e3)
                seen.add(edit, picture, times, engine.work.kind == "live")
    return found


def markdown(side: int, found: dict[str, dict[str, Any]]) -> str:
    """A table: a row a halo."""
    lines = [
        f"{side} pixels high, mean / 99th percentile / max in 8-bit levels",
        "",
        "| halo | ms | live | " + " | ".join(REGIONS) + " |",
        "|---" * (len(REGIONS) + 3) + "|",
    ]
    for halo, report in found.items():
        cells = [
            f"{level['mean']:.3f} / {level['p99']} / {level['max']}" if level else "-"
            for level in (report[region] for region in REGIONS)
        ]
        cells = [f"{report['ms']['p50']:.1f}", f"{100 * report['live_share']:.0f} %", *cells]
        lines.append(f"| {halo} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measure every halo."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="landscape")
    parser.add_argument("--sides", nargs="+", type=int, default=[256, 512])
    names = [f"0:{cells}" for cells in CELLS] + [f"{h.pixels}:{h.cells}" for h in HALOS]
    parser.add_argument("--halos", nargs="+", default=[*names, CHOSEN])
    parser.add_argument("--each", type=int, default=2, help="dabs and strokes per brush and scene")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    model = load_model(options.model, "cpu")
    data: dict[str, Any] = {"model": model.name, "sides": {}}
    for side in options.sides:
        halos = measure(model, side, options.halos, options.each)
        reports = {halo: each.report() for halo, each in halos.items()}
        data["sides"][side] = reports
        print(markdown(side, reports), end="\n\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(data, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
