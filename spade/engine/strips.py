"""Large canvases: the last stages in strips of rows, each with the rows around that it reads.

The first stages are small and are computed whole. Nothing is approximate: a strip's pieces
of the middle and of the input are larger than its output by what the convolutions see.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from spade.engine.network import Network, Stage
from spade.engine.planes import Plane, Source
from spade.engine.regions import level_size, strip_of
from spade.engine.scene import Scene
from spade.engine.walk import Walk
from spade.formats.rect import Rect
from spade.memory import strip_rows


def render_in_strips(network: Network, scene: Scene, base: Plane, first: int, walk: Walk) -> Tensor:
    """The picture, float32 ``(3, H, W)`` on the CPU, of the padded canvas.

    first: index of the first stage that is computed in strips.
    """
    size = scene.size
    width, height = size
    count = -(-height // strip_rows(network.config, width, first))
    edges = [height * i // count for i in range(count + 1)]
    upper, lower = network.stages[:first], network.stages[first:]
    costs = []
    for stage in network.stages:
        whole = Rect(0, 0, *level_size(size, stage.level.halvings))
        costs.append(stage.seconds(whole, whole))
    walk.expect([*costs[:first], *([sum(costs[first:]) / count] * count)])

    x = base
    for stage in upper:
        whole = Rect(0, 0, *level_size(size, stage.level.halvings))
        x = _stage_piece(network, scene, stage, x, (whole, whole), walk)
        walk.advance()
    result = torch.empty(3, height, width)
    for top, bottom in itertools.pairwise(edges):
        pieces, _ = strip_of(lower, size, top, bottom)
        piece = x
        for stage, rects in zip(lower, pieces, strict=True):
            piece = _stage_piece(network, scene, stage, piece, rects, walk)
        result[:, top:bottom] = network.picture(piece, Rect(0, top, width, bottom - top), size)
        network.tidy()
        walk.advance()
    return result


def _stage_piece(
    network: Network,
    scene: Scene,
    stage: Stage,
    x: Source,
    rects: tuple[Rect, Rect],
    walk: Walk,
) -> Plane:
    """The output of a stage on ``rects[1]``; its middle, on ``rects[0]``, is not kept."""
    halvings = stage.level.halvings
    bounds = level_size(scene.size, halvings)
    origin = rects[0].grown(1, *bounds)
    walk.check()
    found = stage.level.book.index(scene.level(halvings), origin)
    numbers = torch.from_numpy(found).to(network.device), origin
    middle, out = Plane(rects[0]), Plane(rects[1])
    stage.run(x, numbers, rects, (middle, out), bounds, network.room, walk.check)
    return out
