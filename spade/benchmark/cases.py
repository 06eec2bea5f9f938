"""The cases of ``spadework bench`` on one canvas: full, style, edit and live, beside plain.

The plain network takes the same time whatever changed, so its renders of a canvas, which
are spread over the cases, make one sample for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spade.benchmark.levels import Levels, box, level_difference
from spade.benchmark.memory import PeakMemory, growth
from spade.benchmark.plain import PlainNetwork
from spade.benchmark.scenes import Dab, Labels, dab
from spade.benchmark.timing import milliseconds, percentiles, sample
from spade.engine import Engine
from spade.model import Model

Row = dict[str, Any]

AROUND = 16
"""Pixels around a dab's box that count as near it."""

_SLOW = 3000.0
"""Milliseconds from which on the plain network is asked for one picture a case."""


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    runs: of each case at most. seconds: after which a case ends, once it had ``least`` runs.
    compared: pictures of each case that are held against the plain network's.
    """

    runs: int = 20
    seconds: float = 10.0
    least: int = 3
    compared: int = 3


@dataclass(frozen=True)
class _Run:
    """One timed render, and the exact picture that it gave or settled to."""

    ms: float
    labels: Labels
    z: Tensor | None
    exact: Tensor
    live: Tensor | None = None
    settle_ms: float | None = None
    painted: Dab | None = None


class Canvas:
    """Measures one scene, uint8 ``(side, side)``; without the plain network if that is None."""

    def __init__(
        self,
        model: Model,
        engine: Engine,
        plain: PlainNetwork | None,
        scene: str,
        labels: Labels,
        effort: Effort,
        memory: PeakMemory,
    ) -> None:
        self._model, self._engine, self._plain = model, engine, plain
        self._scene, self._labels, self._effort, self._memory = scene, labels, effort, memory
        self._side = len(labels)
        self._z = model.latent()
        self._plain_times: list[float] = []
        self._plain_peaks: list[float] = []
        self._plain_pictures: dict[tuple[bytes, bytes], Tensor] = {}
        self._peaks: list[float] = []
        self._work = ""

    def measure(self, dabs: tuple[int, ...]) -> list[Row]:
        """The rows of all cases, those of edits for every size in ``dabs``."""
        if self._plain is not None:
            self._warm_plain()
        self._engine.forget()
        nothing_kept = self._memory.now()
        rows = [self._full()]
        if self._z is not None:
            rows.append(self._style())
        for diameter in dabs:
            rows += [self._edit(diameter), self._live(diameter)]
        plain = percentiles(self._plain_times) if self._plain_times else None
        for row in rows:
            row["plain_ms"] = plain
            row["plain_runs"] = len(self._plain_times)
            row["plain_peak_mb"] = max(self._plain_peaks, default=None)
            row["fast_peak_mb"] = growth(row.pop("marks"), nothing_kept)
            row["ratio"] = plain and round(plain["p50"] / row["fast_ms"]["p50"], 2)
        self._engine.forget()
        return rows

    def channels_last_ms(self) -> dict[str, float] | None:
        """The plain network with everything in channels_last."""
        plain = self._plain
        if plain is None:
            return None
        runs, seconds = min(self._effort.runs, 5), self._effort.seconds
        with plain.in_channels_last():
            times = sample(lambda: plain.render(self._labels, self._z), runs=runs, seconds=seconds)
        return percentiles(times)

    def _full(self) -> Row:
        def step(_: int) -> _Run:
            self._engine.forget()
            return self._timed(self._labels, self._z)

        return self._case("full", step)

    def _style(self) -> Row:
        self._engine.forget()
        self._engine.render(self._labels, self._z)
        return self._case(
            "style", lambda number: self._timed(self._labels, self._model.sample_z(number + 1))
        )

    def _edit(self, diameter: int) -> Row:
        def step(number: int) -> _Run:
            painted = self._painted(diameter, number)
            return self._timed(painted.labels, self._z)

        self._engine.forget()
        self._plain_pictures.clear()
        return self._case("edit", step, diameter)

    def _live(self, diameter: int) -> Row:
        everywhere, around, differing = Levels(), Levels(), Levels()
        shares: list[float] = []
        furthest = 0.0

        def step(number: int) -> _Run:
            painted = self._painted(diameter, number)
            live = self._timed(painted.labels, self._z, live=True)
            work = self._work
            settled = self._timed(painted.labels, self._z)
            self._work = work
            return _Run(
                live.ms, live.labels, live.z, settled.exact, live.exact, settled.ms, painted
            )

        def look(run: _Run) -> None:
            nonlocal furthest
            assert run.live is not None
            assert run.painted is not None
            difference = level_difference(run.live, run.exact)
            other = np.asarray(difference.any(axis=2))
            everywhere.add(difference)
            around.add(difference, box(difference.shape, run.painted.rect, AROUND))
            differing.add(difference, other)
            shares.append(float(other.mean()))
            furthest = max(furthest, float((run.live - run.exact).abs().max()))

        self._engine.forget()
        row = self._case("live", step, diameter, look)
        row["settled_max_abs_diff"], row["max_abs_diff"] = row["max_abs_diff"], furthest
        row["levels"] = {
            "all": everywhere.summary(),
            "around": around.summary(),
            "differing": differing.summary(),
            "differing_share": round(sum(shares) / len(shares), 4),
        }
        return row

    def _painted(self, diameter: int, number: int) -> Dab:
        """A dab on the scene; the engine has the scene without it as its last exact picture."""
        self._engine.render(self._labels, self._z)
        return dab(self._labels, diameter, number)

    def _case(
        self,
        name: str,
        step: Callable[[int], _Run],
        diameter: int | None = None,
        look: Callable[[_Run], None] | None = None,
    ) -> Row:
        effort = self._effort
        step(0)  # warms up
        self._peaks = []
        times: list[float] = []
        settle_times: list[float] = []
        work: set[str] = set()
        difference: float | None = None
        levels = Levels()
        slow = bool(self._plain_times) and min(self._plain_times) > _SLOW
        compared = min(1, effort.compared) if slow else effort.compared
        spent = 0.0
        while len(times) < effort.runs and (len(times) < effort.least or spent < effort.seconds):
            begun = time.perf_counter()
            run = step(len(times) + 1)
            spent += time.perf_counter() - begun
            work.add(self._work)
            if look is not None:
                look(run)
            if self._plain is not None and len(times) < compared:
                expected = self._plain_picture(self._plain, run.labels, run.z)
                difference = max(difference or 0.0, float((run.exact - expected).abs().max()))
                levels.add(level_difference(run.exact, expected))
            times.append(run.ms)
            if run.settle_ms is not None:
                settle_times.append(run.settle_ms)
        row: Row = {
            "scene": self._scene,
            "case": name,
            "side": self._side,
            "dab": diameter,
            "fast_ms": percentiles(times),
            "max_abs_diff": difference,
            "levels_from_plain": levels.summary(),
            "runs": len(times),
            "work": sorted(work),
            "marks": self._peaks,
        }
        if settle_times:
            row["settle_ms"] = percentiles(settle_times)
        return row

    def _timed(self, labels: Labels, z: Tensor | None, *, live: bool = False) -> _Run:
        with self._memory.watched(self._peaks):
            begun = time.perf_counter()
            picture = self._engine.render(labels, z, live=live)
            ms = (time.perf_counter() - begun) * 1e3
        self._work = self._engine.work.kind
        return _Run(ms, labels, z, picture)

    def _warm_plain(self) -> None:
        """The first picture of a size is slower; it counts only where each takes long."""
        plain, marks = self._plain, list[float]()
        assert plain is not None
        before = self._memory.now()
        with self._memory.watched(marks):
            ms = milliseconds(lambda: plain.render(self._labels, self._z))
        found = growth(marks, before)
        self._plain_peaks += [] if found is None else [found]
        self._plain_times += [ms] if ms > _SLOW else []

    def _plain_picture(self, plain: PlainNetwork, labels: Labels, z: Tensor | None) -> Tensor:
        """Timed. The pictures of an edit case serve the live case that follows it."""
        key = (labels.tobytes(), b"" if z is None else z.numpy().tobytes())
        known = self._plain_pictures.get(key)
        if known is None:
            begun = time.perf_counter()
            known = self._plain_pictures[key] = plain.render(labels, z)
            self._plain_times.append((time.perf_counter() - begun) * 1e3)
        return known
