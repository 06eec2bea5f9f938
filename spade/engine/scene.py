"""What a render is asked for: the label map in symbols, and how two of them differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.config import GeneratorConfig
from spade.engine.windows import Symbols, symbols
from spade.formats.rect import Rect

Labels = NDArray[np.integer[Any]] | Tensor


class Scene:
    """A canvas in symbols, rounded up to the generator's stride by repeating its edge.

    label_map, instance_map: integer ``(H, W)``. Raises ValueError for other shapes,
    InputError for ids that the network does not have.
    """

    def __init__(
        self, label_map: Labels, instance_map: Labels | None, config: GeneratorConfig
    ) -> None:
        labels = np.asarray(label_map)
        instances = None if instance_map is None else np.asarray(instance_map)
        if labels.ndim != 2 or 0 in labels.shape:
            raise ValueError(f"label map must be (H, W), not {labels.shape}")
        if instances is not None and instances.shape != labels.shape:
            raise ValueError(
                f"instance map {instances.shape} does not match the label map {labels.shape}"
            )
        self.height, self.width = labels.shape
        pad = ((0, -self.height % config.stride), (0, -self.width % config.stride))

        def padded(ids: NDArray[Any]) -> Tensor:
            # int64, as torch lacks some of numpy's types.
            return torch.from_numpy(np.pad(ids, pad, mode="edge").astype(np.int64))

        self.symbols: Symbols = symbols(
            padded(labels), config, None if instances is None else padded(instances)
        )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the padded canvas."""
        return self.symbols.shape[1], self.symbols.shape[0]

    def level(self, halvings: int) -> Symbols:
        """The canvas halved so often, as nearest neighbour makes it."""
        step = 1 << halvings
        return self.symbols[::step, ::step]

    def changed_since(self, other: Scene) -> Rect | None:
        """Where symbols differ, empty if nowhere; None if the canvas has another size."""
        if (self.height, self.width) != (other.height, other.width):
            return None
        different = self.symbols != other.symbols
        rows = np.flatnonzero(different.any(axis=1))
        if not len(rows):
            return Rect(0, 0, 0, 0)
        columns = np.flatnonzero(different[rows[0] : rows[-1] + 1].any(axis=0))
        x, y = int(columns[0]), int(rows[0])
        return Rect(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)
