"""Without packed weights (other builds of torch, other devices): the same picture."""

from __future__ import annotations

import numpy as np
import pytest
from engine_models import blobs, check_exact, ids_of, make_model, random_z, small

from spade.engine import Engine, convolution, costs, products


@pytest.mark.parametrize("by_tiles", [False, True])
def test_plain_operations_serve_as_well(monkeypatch, by_tiles):
    for module in (products, convolution, costs):
        monkeypatch.setattr(module, "packs", lambda device, dtype: False)
    monkeypatch.setattr(convolution.Convolution, "_by_tiles", lambda *_: by_tiles)
    config = small()
    model = make_model(config)
    source = np.random.default_rng(1)
    engine = Engine(model, "cpu")
    z = random_z(config, source)
    for _ in range(3):
        labels = blobs(source, ids_of(config), 96, 64)
        check_exact(engine.render(labels, z), model, labels, z)
