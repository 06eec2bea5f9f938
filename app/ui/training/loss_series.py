"""Curves of any length in bounded room: points that lie close together are kept as one bin.

A bin holds the lowest and highest value, the mean, the mean square and the number of its
points. When there
are more than ``LIMIT`` bins, neighbours are joined pairwise, so a curve of a million steps
costs no more to draw than one of some thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LIMIT: Final = 4096


@dataclass(frozen=True)
class Bins:
    """Columns of equal length: step (of the last point), low, high, mean, mean square, count."""

    step: Values
    low: Values
    high: Values
    mean: Values
    square: Values
    count: Values

    @property
    def spread(self) -> Values:
        """The standard deviation of the points in each bin."""
        result: Values = np.sqrt(np.maximum(self.square - self.mean**2, 0.0))
        return result


class Series:
    """One curve, to which points are added in the order of their steps."""

    def __init__(self) -> None:
        self._table = np.empty((6, 2 * LIMIT))
        self._length = 0
        self._span = 1  # points that a bin holds, where none was left out
        self._open = 0  # points in the last bin

    def __len__(self) -> int:
        return self._length

    @property
    def bins(self) -> Bins:
        """The curve so far; views that are valid until more is added."""
        return Bins(*self._table[:, : self._length])

    def extend(self, steps: Values, values: Values) -> None:
        """Add points; values that are not finite are left out."""
        known = np.isfinite(values)
        steps, values = steps[known], values[known]
        for start in range(0, len(steps), LIMIT):
            self._extend(steps[start : start + LIMIT], values[start : start + LIMIT])

    def _extend(self, steps: Values, values: Values) -> None:
        points = np.stack([steps, values, values, values, values**2, np.ones(len(steps))])
        if self._span > 1:
            points = self._fill_open(points)
            points = joined(points, self._span)
        count = points.shape[1]
        self._table[:, self._length : self._length + count] = points
        self._length += count
        if count and self._span > 1:
            self._open = int(points[5, -1]) % self._span
        while self._length > LIMIT:
            halved = joined(self._table[:, : self._length], 2)
            self._open = int(halved[5, -1]) % (2 * self._span)
            self._length = halved.shape[1]
            self._table[:, : self._length] = halved
            self._span *= 2

    def _fill_open(self, points: Values) -> Values:
        """Put the first points into the last bin, if that is not full; returns the others."""
        if not self._open or not self._length:
            return points
        room = self._span - self._open
        first, rest = points[:, :room], points[:, room:]
        if first.shape[1]:
            last = self._table[:, self._length - 1 : self._length]
            both = np.concatenate([last, first], axis=1)
            self._table[:, self._length - 1 : self._length] = joined(both, both.shape[1])
            self._open = (self._open + first.shape[1]) % self._span
        return rest


def joined(points: Values, size: int) -> Values:
    """Bins ``(6, n)`` joined in groups of ``size`` neighbours; the last group may be smaller."""
    if not points.shape[1]:
        return points
    starts = np.arange(0, points.shape[1], size)
    step, low, high, mean, square, count = points
    total = np.add.reduceat(count, starts)
    ends = np.append(starts[1:], points.shape[1]) - 1
    return np.stack(
        [
            step[ends],
            np.minimum.reduceat(low, starts),
            np.maximum.reduceat(high, starts),
            np.add.reduceat(mean * count, starts) / total,
            np.add.reduceat(square * count, starts) / total,
            total,
        ]
    )


def by_column(bins: Bins, first: float, last: float, columns: int) -> Bins:
    """The bins between the steps ``first`` and ``last`` by column of a chart, those of a column
    joined. ``step`` is the column's number; columns without points are left out."""
    inside = (bins.step >= first) & (bins.step <= last)
    scale = (columns - 1) / max(last - first, 1e-9)
    column = np.floor((bins.step[inside] - first) * scale + 0.5)
    if not len(column):
        empty = np.empty(0)
        return Bins(*[empty] * 6)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    count = bins.count[inside]
    total = np.add.reduceat(count, starts)
    return Bins(
        column[starts],
        np.minimum.reduceat(bins.low[inside], starts),
        np.maximum.reduceat(bins.high[inside], starts),
        np.add.reduceat(bins.mean[inside] * count, starts) / total,
        np.add.reduceat(bins.square[inside] * count, starts) / total,
        total,
    )


def smoothed(columns: Bins, values: Values, radius: float) -> Values:
    """Values of columns, each averaged with its neighbours by a Gaussian of ``radius`` columns.

    At the ends only what is there counts, so that a curve does not bend towards nothing.
    """
    if len(columns.step) < 3 or radius <= 0:
        return values
    first, last = int(columns.step[0]), int(columns.step[-1])
    place = columns.step.astype(int) - first
    weight, value = np.zeros(last - first + 1), np.zeros(last - first + 1)
    weight[place] = 1.0
    value[place] = values
    reach = min(int(3 * radius), len(value) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    wide = np.convolve(value, kernel)[reach : reach + len(value)]
    norm = np.convolve(weight, kernel)[reach : reach + len(value)]
    result: Values = wide[place] / norm[place]
    return result
