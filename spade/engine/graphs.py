"""Whole renders on CUDA as recorded graphs: one launch instead of some hundred.

A graph reads and writes memory at fixed addresses: the windows' numbers, the base grid, the
tables of modulation, every activation and the picture. One is recorded for each canvas size
and recorded again when a table had to grow.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from spade.engine.network import Network
from spade.engine.passes import Numbers, run_stages
from spade.engine.planes import Plane
from spade.engine.regions import Pieces
from spade.engine.walk import Walk

log = logging.getLogger(__name__)

SIZES_KEPT = 2
"""Canvas sizes whose graphs, with their activations, stay in the GPU's memory."""

Fields = list[tuple[Plane, Plane]]


class _Graph:
    """A whole render of one canvas size, recorded."""

    def __init__(
        self,
        network: Network,
        size: tuple[int, int],
        numbers: Numbers,
        base: Tensor,
        pieces: Pieces,
    ) -> None:
        self.addresses = network.table_addresses()
        self._numbers = numbers.copy()
        self._base = base.clone()
        self._pieces = pieces
        idle = Walk(lambda: False, lambda _: None)

        def run() -> tuple[Tensor, Fields]:
            fields = [(Plane(middle), Plane(out)) for middle, out in pieces.stages]
            plane = Plane(pieces.windows[network.config.doublings], self._base)
            return run_stages(network, size, self._numbers, plane, pieces, fields, idle), fields

        stream = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(network.device))
        with torch.cuda.stream(stream):
            run()  # whatever is set up by a first call must not be recorded
        torch.cuda.current_stream(network.device).wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._picture, self._fields = run()
        self._tensors = [(middle.values, out.values) for middle, out in self._fields]

    def replay(self, numbers: Numbers, base: Tensor) -> tuple[Tensor, Fields]:
        """The picture and all activations: valid until the next replay."""
        for k, level in self._numbers.levels.items():
            level.copy_(numbers.levels[k])
        self._base.copy_(base)
        self._graph.replay()
        # Planes anew: an edit may have put other tensors into those of before.
        rects: Sequence[tuple[Plane, Plane]] = self._fields
        fields = [
            (Plane(middle.rect, values[0]), Plane(out.rect, values[1]))
            for (middle, out), values in zip(rects, self._tensors, strict=True)
        ]
        return self._picture, fields


class WholeGraphs:
    """Graphs by canvas size. ``render`` gives None where there can be none."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._graphs: OrderedDict[tuple[int, int], _Graph] = OrderedDict()
        self._usable = network.device.type == "cuda"

    def render(
        self, size: tuple[int, int], numbers: Numbers, base: Tensor, pieces: Pieces, walk: Walk
    ) -> tuple[Tensor, Fields] | None:
        """The picture ``(3, H, W)`` and all activations, valid until the next call."""
        if not self._usable or not self._network.fill(walk.check):
            return None
        graph = self._graphs.pop(size, None)
        if graph is not None and graph.addresses != self._network.table_addresses():
            graph = None
        try:
            if graph is None:
                graph = _Graph(self._network, size, numbers, base, pieces)
            result = graph.replay(numbers, base)
        except torch.OutOfMemoryError:
            self._graphs.clear()
            raise
        except RuntimeError:
            log.exception("no CUDA graphs on this machine: rendering without")
            self._usable = False
            return None
        self._graphs[size] = graph
        while len(self._graphs) > SIZES_KEPT:
            self._graphs.popitem(last=False)
        return result

    def forget(self) -> None:
        """Let all graphs go."""
        self._graphs.clear()
