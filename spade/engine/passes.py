"""One way through the network: windows numbered, every stage's piece computed, the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spade.engine.network import Network
from spade.engine.planes import Target
from spade.engine.regions import Pieces, level_size
from spade.engine.scene import Scene
from spade.engine.walk import Walk
from spade.formats.rect import Rect


@dataclass(frozen=True)
class Numbers:
    """The window of every pixel at every level, by number: int32 ``(H, W)`` each; they mean
    something as long as the network's generation is this one."""

    generation: int
    levels: dict[int, Tensor]

    def copy(self) -> Numbers:
        """The same, to be changed."""
        return Numbers(self.generation, {k: level.clone() for k, level in self.levels.items()})


def number_all(network: Network, scene: Scene, walk: Walk) -> Numbers:
    """The windows of a whole canvas."""
    levels = {}
    for k, level in network.levels.items():
        walk.check()
        symbols = scene.level(k)
        found = level.book.index(symbols, Rect(0, 0, symbols.shape[1], symbols.shape[0]))
        levels[k] = torch.from_numpy(found).to(network.device)
    return Numbers(network.generation, levels)


def number_again(
    network: Network, scene: Scene, changed: dict[int, Rect], numbers: Numbers
) -> None:
    """Bring ``numbers`` up to date where windows changed, by level."""
    for k, rect in changed.items():
        if not rect.empty:
            found = network.levels[k].book.index(scene.level(k), rect)
            numbers.levels[k][rect.slices] = torch.from_numpy(found).to(network.device)


def run_stages(
    network: Network,
    size: tuple[int, int],
    numbers: Numbers,
    base: Target,
    pieces: Pieces,
    fields: Sequence[tuple[Target, Target]],
    walk: Walk,
    *,
    keep: bool = True,
) -> Tensor:
    """Compute ``pieces`` of every stage into ``fields`` (middle, output), and of the picture.

    size: (width, height) of the canvas. keep: False if nobody needs the fields afterwards.
    Returns float32 ``(3, height, width)``.
    """
    walk.expect([s.seconds(*each) for s, each in zip(network.stages, pieces.stages, strict=True)])
    x: Target = base
    for stage, rects, (middle, out) in zip(network.stages, pieces.stages, fields, strict=True):
        k = stage.level.halvings
        whole = Rect(0, 0, *level_size(size, k))
        stage.run(
            x,
            (numbers.levels[k], whole),
            rects,
            (middle, out),
            level_size(size, k),
            network.room,
            walk.check,
        )
        if not keep:
            middle.clear()
            x.clear()
        x = out
        walk.advance()
    walk.check()
    return network.picture(x, pieces.picture, size)
