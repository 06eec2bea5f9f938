"""How time grows with the canvas and with a dab, plain network and engine: a plot and its data.

    PYTHONPATH=. python tests/bench/growth_plot.py --json growth.json
    PYTHONPATH=. python tests/bench/growth_plot.py --from-json growth.json

A row of plots for each model, on the painted scene of assets/bench: left, time against the
side of the canvas; right, against the diameter of a dab on a canvas of 512 pixels. Medians, or
with --least the least times, which other work on the machine disturbs least. The plain network
is left out where its picture would not fit into memory, or would take over --patience seconds
by the time of the canvas before. Needs the extra [bench].
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from spade.benchmark.cases import Canvas, Effort, Row
from spade.benchmark.memory import PeakMemory
from spade.benchmark.plain import PlainNetwork
from spade.benchmark.reference import reference_size_model
from spade.benchmark.scenes import PAINTED, painted_scene
from spade.engine import Engine
from spade.formats.errors import InputError
from spade.model import load_model

OUT = Path(__file__).parents[2] / "assets/readme/engine-growth.png"
REFERENCE = "reference-size"
DAB_SIDE = 512

# Okabe and Ito's colours, which colour-blind readers tell apart; each also has its own mark.
CURVES = {
    "plain": ("plain network", "#555555", "s"),
    "full": ("engine: full render", "#0072B2", "o"),
    "style": ("engine: another style", "#E69F00", "^"),
    "edit": ("engine: exact edit", "#009E73", "D"),
    "live": ("engine: live edit", "#D55E00", "v"),
}


class Meter:
    """One model, its engine and its plain network."""

    def __init__(self, name: str, effort: Effort, patience: float) -> None:
        self.model = reference_size_model() if name == REFERENCE else load_model(name, "cpu")
        self._plain = PlainNetwork(self.model)
        self._engine = Engine(self.model, "cpu")
        self._effort, self._patience = effort, patience
        self._memory = PeakMemory(torch.device("cpu"))
        self._plain_ms_per_pixel = 0.0

    def measure(self, sides: list[int], dabs: list[int]) -> dict[str, Any]:
        """Median milliseconds; None where there are none."""
        canvases = [self._rows(side, ()) for side in sides]
        painted = self._rows(DAB_SIDE, tuple(dabs))
        return {
            "model": self.model.name,
            "parameters": self.model.parameter_count,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "sides": sides,
            "by_side": {
                "plain": [median(rows, "full", "plain_ms") for rows in canvases],
                "full": [median(rows, "full") for rows in canvases],
                "style": [median(rows, "style") for rows in canvases],
            },
            "dab_side": DAB_SIDE,
            "dabs": dabs,
            "by_dab": {
                "plain": [median(painted, "edit", "plain_ms", dab) for dab in dabs],
                "edit": [median(painted, "edit", dab=dab) for dab in dabs],
                "live": [median(painted, "live", dab=dab) for dab in dabs],
            },
        }

    def _rows(self, side: int, dabs: tuple[int, ...]) -> list[Row]:
        tell(f"{self.model.name}, {side}x{side}")
        if not self._fits(side, plain=False):
            return []
        beside = self._fits(side, plain=True)
        if beside and self._plain_ms_per_pixel * side**2 > self._patience * 1e3:
            tell(f"plain at {side}: would take over {self._patience:.0f} s")
            beside = False
        labels = painted_scene(side, self.model.config.generator.label_nc)
        canvas = Canvas(
            self.model,
            self._engine,
            self._plain if beside else None,
            PAINTED,
            labels,
            self._effort,
            self._memory,
        )
        rows = canvas.measure(dabs)
        taken = rows[0]["plain_ms"]
        if taken is not None:
            self._plain_ms_per_pixel = taken["p50"] / side**2
        return rows

    def _fits(self, side: int, *, plain: bool) -> bool:
        try:
            self.model.check_memory(side, side, plain=plain)
        except InputError as error:
            tell(f"{'plain' if plain else 'engine'} at {side}: {error}")
            return False
        return True


def median(
    rows: list[Row], case: str, key: str = "fast_ms", dab: int | None = None
) -> float | None:
    """The median of a case, if it was measured."""
    for row in rows:
        if (row["case"], row["dab"]) == (case, dab) and row[key] is not None:
            return float(row[key]["p50"])
    return None


def draw(data: dict[str, Any], out: Path) -> None:
    """The plot, a PNG on white."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 10, "axes.titlesize": 11, "figure.facecolor": "white"})
    models = data["models"]
    figure, grid = plt.subplots(
        len(models), 2, figsize=(11, 3.9 * len(models) + 0.4), squeeze=False, layout="constrained"
    )
    for (left, right), model in zip(grid, models, strict=True):
        name = f"{model['model']}, {model['parameters'] / 1e6:.1f} M parameters"
        panel(left, model["sides"], model["by_side"])
        left.set(title=name, xlabel="side of the canvas, pixels", ylabel="time for a picture")
        panel(right, model["dabs"], model["by_dab"])
        side = model["dab_side"]
        right.set(title=name, xlabel=f"diameter of a dab, pixels, on a canvas of {side}x{side}")
        # One scale in a row, so that the two plots can be read together.
        low = min(left.get_ylim()[0], right.get_ylim()[0])
        high = max(left.get_ylim()[1], right.get_ylim()[1])
        for axes in (left, right):
            axes.set_ylim(low, high)
    curves = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    figure.legend(
        list(curves.values()), list(curves), loc="outside lower center", ncols=5, frameon=False
    )
    threads = models[0]["threads"]
    cores = "one thread" if threads == 1 else f"{threads} threads"
    figure.suptitle(f"Time of a render, fp32 on a CPU, {cores}, medians", fontsize=12)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def panel(axes: Any, places: list[int], curves: dict[str, list[float | None]]) -> None:
    """Curves of milliseconds over ``places``, both logarithmic."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for key, times in curves.items():
        known = [(x, y) for x, y in zip(places, times, strict=True) if y is not None]
        if not known:
            continue
        label, color, mark = CURVES[key]
        axes.plot(*zip(*known, strict=True), color=color, marker=mark, label=label, lw=1.8, ms=6)
    axes.set_xticks(places, [str(place) for place in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(10))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: in_words(ms)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#dddddd", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def in_words(ms: float) -> str:
    """A tick's milliseconds, or seconds from 1000 on."""
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def tell(what: str) -> None:
    """What is going on, on stderr."""
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    """Measure or read, save, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[REFERENCE, "landscape"])
    parser.add_argument("--sides", nargs="+", type=int, default=[256, 512, 1024, 2048])
    parser.add_argument("--dabs", nargs="+", type=int, default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=8.0, help="a case, about")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds, for plain")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the measurements")
    parser.add_argument("--from-json", type=Path, metavar="FILE", help="draw these instead")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if options.from_json:
        data = json.loads(options.from_json.read_text("utf-8"))
    else:
        effort = Effort(options.runs, options.seconds, least=1, compared=1)
        data = {"models": []}
        for name in options.models:
            meter = Meter(name, effort, options.patience)
            data["models"].append(meter.measure(options.sides, options.dabs))
            if options.json:  # as far as it has come: a run takes long
                options.json.write_text(json.dumps(data, indent=1), "utf-8")
    draw(data, options.out)
    print(options.out)


if __name__ == "__main__":
    main()
