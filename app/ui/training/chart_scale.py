"""From values to heights in a chart, and where its lines and numbers go."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LINEAR_BELOW = 0.1
"""On the logarithmic scale, values nearer to 0 than this are drawn linearly: losses may be
negative, or 0."""


@dataclass(frozen=True)
class Scale:
    """``low``..``high`` over the chart's height, linear or (signed) logarithmic."""

    low: float
    high: float
    log: bool = False

    def place(self, value: Values) -> Values:
        """Where a value is: 0 at ``low``, 1 at ``high``; beyond them outside."""
        low, high = self.bent(self.low), self.bent(self.high)
        bent = np.arcsinh(value / LINEAR_BELOW) if self.log else value
        result: Values = (bent - low) / max(high - low, 1e-12)
        return result

    def bent(self, value: float) -> float:
        """What is linear in height."""
        return math.asinh(value / LINEAR_BELOW) if self.log else value

    def unbent(self, bent: float) -> float:
        """The value of which ``bent`` is."""
        return math.sinh(bent) * LINEAR_BELOW if self.log else bent

    def ticks(self, most: int) -> list[float]:
        """At most about ``most`` round values to mark."""
        return self._powers(most) if self.log else round_steps(self.low, self.high, most)

    def _powers(self, most: int) -> list[float]:
        top = max(abs(self.low), abs(self.high), LINEAR_BELOW)
        powers = [10.0**e for e in range(-1, math.ceil(math.log10(top)) + 1)]
        fine = [m * p for p in powers for m in (1, 2, 5)]
        for values in (fine, powers, powers[::2]):
            signed = [*(-v for v in reversed(values)), 0.0, *values]
            marks = [v for v in signed if self.low <= v <= self.high]
            if len(marks) <= most + 1:
                return marks
        return marks


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``, at most about
    ``most`` of them."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def fitting(curves: list[Values], *, log: bool) -> Scale:
    """A scale on which all curves show; rare outliers are let out of it.

    curves: the values that are drawn, one array a curve.
    """
    known = [curve for curve in curves if len(curve)]
    if not known:
        return Scale(0.0, 1.0, log)
    low = min(float(np.quantile(curve, 0.005)) for curve in known)
    high = max(float(np.quantile(curve, 0.985)) for curve in known)
    if not log and 0 < low < 0.5 * high:
        low = 0.0
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    bare = Scale(low, high, log)
    room = 0.06 * (bare.bent(high) - bare.bent(low))
    below = bare.unbent(bare.bent(low) - room) if low else 0.0
    return Scale(below, bare.unbent(bare.bent(high) + room), log)


def number(value: float) -> str:
    """A value as the axis says it: "0", "0.05", "12", "1,500"."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}".removesuffix(".0")
    text = f"{value:.3f}" if size < 0.1 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def step_text(step: float) -> str:
    """A step as the axis says it: "500", "12k", "1.5M"."""
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if step >= 10 * limit or (step >= limit and step % (limit / 10) == 0):
            return f"{step / limit:.1f}".removesuffix(".0") + unit
    return f"{step:.0f}"


def step_marks(first: float, last: float, most: int) -> list[tuple[float, str]]:
    """Whole steps from ``first`` to ``last`` as :func:`round_steps` has them, and how the axis
    says each: short where that is exact for all, else in full."""
    steps = [step for step in round_steps(first, last, most) if step >= 0 and step % 1 == 0]
    short = all(_is_short(step) for step in steps)
    return [(step, step_text(step) if short else f"{step:,.0f}") for step in steps]


def _is_short(step: float) -> bool:
    return step < 1e4 or step % (1e5 if step >= 1e7 else 1e2) == 0
