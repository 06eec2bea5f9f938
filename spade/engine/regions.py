"""Which pieces of each activation a change of the label map reaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spade.engine.network import Network, Stage
from spade.engine.windows import REACH
from spade.formats.rect import Rect

NOTHING = Rect(0, 0, 0, 0)


@dataclass(frozen=True)
class Pieces:
    """For every stage the rects to compute of its middle and of its output; of the picture;
    and the part of the label map's windows, by level, that changed."""

    stages: tuple[tuple[Rect, Rect], ...]
    picture: Rect
    windows: dict[int, Rect]

    def seconds(self, network: Network) -> float:
        """Expected time of their convolutions."""
        pairs = zip(network.stages, self.stages, strict=True)
        return sum(stage.seconds(*rects) for stage, rects in pairs)


def level_size(size: tuple[int, int], halvings: int) -> tuple[int, int]:
    """(width, height) of a level; those of the canvas are multiples of the stride."""
    return size[0] >> halvings, size[1] >> halvings


def whole(network: Network, size: tuple[int, int]) -> Pieces:
    """Everything. size: (width, height) of the canvas."""
    levels = {k: Rect(0, 0, *level_size(size, k)) for k in network.levels}
    stages = tuple((levels[s.level.halvings],) * 2 for s in network.stages)
    return Pieces(stages, levels[0], levels)


def reached(network: Network, size: tuple[int, int], changed: Rect) -> Pieces:
    """All that a change of labels in ``changed`` can alter: nothing else differs at all."""
    windows = _windows(network, size, changed)
    dirty = NOTHING
    if not network.config.use_vae:  # the base grid is made from the labels
        dirty = windows[network.config.doublings]
    stages = []
    for stage in network.stages:
        bounds = level_size(size, stage.level.halvings)
        if stage.doubled:
            dirty = dirty.doubled()
        modulated = windows[stage.level.halvings]
        middle = dirty.united(modulated).grown(1, *bounds)
        dirty = middle.united(modulated).grown(1, *bounds)
        stages.append((middle, dirty))
    return Pieces(tuple(stages), dirty.grown(1, *size), windows)


@dataclass(frozen=True)
class Halo:
    """How far around a change live renders compute: ``pixels`` of the picture, but at coarse
    scales, where those are few or none, at least ``cells`` of the scale's own."""

    pixels: int
    cells: int

    def at(self, halvings: int) -> int:
        """Cells around the change at a scale."""
        return max(self.cells, self.pixels >> halvings)


def nearby(network: Network, size: tuple[int, int], changed: Rect, halo: Halo) -> Pieces:
    """At every scale the change's own pixels and a halo around: what live renders compute."""
    levels = {k: changed.halved(k).grown(halo.at(k), *level_size(size, k)) for k in network.levels}
    stages = tuple((levels[s.level.halvings],) * 2 for s in network.stages)
    return Pieces(stages, levels[0], _windows(network, size, changed))


def strip_of(
    stages: Sequence[Stage], size: tuple[int, int], top: int, bottom: int
) -> tuple[tuple[tuple[Rect, Rect], ...], Rect]:
    """What rows ``top`` to ``bottom`` of the picture need of the last ``stages``, and of what
    goes into the first of these."""
    out = Rect(0, top, size[0], bottom - top).grown(1, *size)
    pieces = []
    for stage in reversed(stages):
        bounds = level_size(size, stage.level.halvings)
        middle = out.grown(1, *bounds)
        pieces.append((middle, out))
        out = middle.grown(1, *bounds)
        if stage.doubled:
            out = out.halved()
    return tuple(reversed(pieces)), out


def _windows(network: Network, size: tuple[int, int], changed: Rect) -> dict[int, Rect]:
    """By level, the pixels whose 5x5 window a change of labels can touch."""
    return {k: changed.halved(k).grown(REACH, *level_size(size, k)) for k in network.levels}
