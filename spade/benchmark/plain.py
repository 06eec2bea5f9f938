"""The network as the reference runs it: what the engine is measured by."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.labels import semantic_map
from spade.model import Model


class PlainNetwork:
    """fp32, contiguous, eager, with as many threads as torch takes by itself.

    A copy of the model's generator, so that nobody's preparations reach it: make it before
    the engine.
    """

    def __init__(self, model: Model) -> None:
        self.threads = torch.get_num_threads()
        self._device = model.device
        self._config = model.config.generator
        self._generator = copy.deepcopy(model.generator)
        self._layout = torch.contiguous_format
        self._lay_out(torch.contiguous_format)

    def render(self, labels: NDArray[np.uint8], z: Tensor | None) -> Tensor:
        """The picture of ``labels`` uint8 ``(H, W)``, both multiples of the stride: float32
        ``(3, H, W)`` in [-1, 1], on the CPU. z: ``(1, z_dim)``, None without a VAE."""
        with self._own_threads(), torch.inference_mode():
            ids = torch.from_numpy(labels).unsqueeze(0).to(self._device)
            semantic = semantic_map(ids, self._config).contiguous(memory_format=self._layout)
            latent = None if z is None else z.to(self._device)
            picture: Tensor = self._generator(semantic, latent)
            return picture[0].float().cpu().clone()

    @contextmanager
    def in_channels_last(self) -> Iterator[None]:
        """Inside, weights and activations lie in channels_last."""
        self._lay_out(torch.channels_last)
        try:
            yield
        finally:
            self._lay_out(torch.contiguous_format)

    def _lay_out(self, layout: torch.memory_format) -> None:
        self._layout = layout
        self._generator.to(memory_format=layout)  # type: ignore[call-overload]

    @contextmanager
    def _own_threads(self) -> Iterator[None]:
        """The engine may have chosen another number."""
        others = torch.get_num_threads()
        if others == self.threads:
            yield
            return
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(others)
