"""Running something again and again, within a time that somebody is willing to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np


def milliseconds(work: Callable[[], object]) -> float:
    """How long ``work`` took."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def sample(work: Callable[[], object], *, runs: int, seconds: float, least: int = 1) -> list[float]:
    """Milliseconds of up to ``runs`` runs, ended early (but not before ``least``) after
    ``seconds``. A first run that is not counted warms up, unless it took half of the time."""
    begun = time.perf_counter()
    first = milliseconds(work)
    found = [first] if first > seconds * 500 else []
    while len(found) < runs and (len(found) < least or time.perf_counter() - begun < seconds):
        found.append(milliseconds(work))
    return found or [first]


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """``{"p50", "p95", "min"}`` of some milliseconds: the least is what other work on the
    machine disturbs least."""
    return {
        "p50": round(float(np.percentile(times, 50)), 3),
        "p95": round(float(np.percentile(times, 95)), 3),
        "min": round(min(times), 3),
    }
