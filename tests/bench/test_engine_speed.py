"""The engine and the plain network under pytest-benchmark (the extra [bench]).

    python -m pytest tests/bench/test_engine_speed.py --benchmark-group-by=group
    python -m pytest tests/bench/test_engine_speed.py -k landscape --benchmark-autosave

Not part of the test run: it measures. `spadework bench` measures the same and more, without
pytest, at larger sizes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch

pytest.importorskip("pytest_benchmark")

from pytest_benchmark.fixture import BenchmarkFixture

from spade.benchmark.plain import PlainNetwork
from spade.benchmark.reference import reference_size_model
from spade.benchmark.scenes import Labels, checkerboard, dab, painted_scene
from spade.engine import Engine
from spade.model import Model, load_model

ROUNDS = 5
TOLERANCE = 1e-4
CANVASES = [("landscape", 256), ("landscape", 512), ("reference-size", 256)]


@dataclass
class Stand:
    """A model, its two renderers, and the painted scene at one size."""

    model: Model
    plain: PlainNetwork
    engine: Engine
    labels: Labels
    z: torch.Tensor | None


@pytest.fixture(scope="module")
def models() -> Callable[[str], tuple[Model, PlainNetwork, Engine]]:
    made: dict[str, tuple[Model, PlainNetwork, Engine]] = {}

    def get(name: str) -> tuple[Model, PlainNetwork, Engine]:
        if name not in made:
            made.clear()  # one at a time: the large one takes a gigabyte
            model = load_model(name, "cpu") if name == "landscape" else reference_size_model()
            plain = PlainNetwork(model)
            made[name] = model, plain, Engine(model, "cpu")
        return made[name]

    return get


@pytest.fixture(params=CANVASES, ids=lambda canvas: f"{canvas[0]}-{canvas[1]}", scope="module")
def stand(
    request: pytest.FixtureRequest, models: Callable[[str], tuple[Model, PlainNetwork, Engine]]
) -> Stand:
    name, side = request.param
    model, plain, engine = models(name)
    labels = painted_scene(side, model.config.generator.label_nc)
    return Stand(model, plain, engine, labels, model.latent())


@pytest.fixture(autouse=True)
def grouped(benchmark: BenchmarkFixture, stand: Stand) -> Iterator[None]:
    """All cases of a canvas beside each other; nothing kept from the test before."""
    benchmark.group = f"{stand.model.name} {len(stand.labels)}"
    stand.engine.forget()
    yield
    stand.engine.forget()


def measured(
    benchmark: BenchmarkFixture,
    stand: Stand,
    prepare: Callable[[int], tuple[Labels, torch.Tensor | None]],
    *,
    live: bool = False,
) -> torch.Tensor:
    """Time renders of what ``prepare`` gives for each round; the last picture."""
    numbers = itertools.count()
    last = None

    def setup() -> tuple[tuple[Labels, torch.Tensor | None], dict[str, bool]]:
        nonlocal last
        last = prepare(next(numbers))
        return last, {"live": live}

    picture = benchmark.pedantic(
        stand.engine.render, setup=setup, rounds=ROUNDS, warmup_rounds=1, iterations=1
    )
    benchmark.extra_info["work"] = stand.engine.work.kind
    assert last is not None
    settled = stand.engine.render(*last) if live else picture
    difference = (settled - stand.plain.render(*last)).abs().max().item()
    benchmark.extra_info["max_abs_diff"] = difference
    assert difference < TOLERANCE
    return picture


def test_plain(benchmark: BenchmarkFixture, stand: Stand) -> None:
    benchmark.pedantic(
        stand.plain.render, (stand.labels, stand.z), rounds=3, warmup_rounds=1, iterations=1
    )


@pytest.mark.parametrize("scene", ["painted", "checkerboard"])
def test_full(benchmark: BenchmarkFixture, stand: Stand, scene: str) -> None:
    labels = stand.labels
    if scene == "checkerboard":
        labels = checkerboard(len(labels), stand.model.config.generator.label_nc)

    def prepare(_: int) -> tuple[Labels, torch.Tensor | None]:
        stand.engine.forget()
        return labels, stand.z

    measured(benchmark, stand, prepare)


def test_style(benchmark: BenchmarkFixture, stand: Stand) -> None:
    stand.engine.render(stand.labels, stand.z)
    measured(benchmark, stand, lambda number: (stand.labels, stand.model.sample_z(number)))


@pytest.mark.parametrize("live", [False, True], ids=["exact", "live"])
@pytest.mark.parametrize("diameter", [16, 48, 128])
def test_edit(benchmark: BenchmarkFixture, stand: Stand, diameter: int, live: bool) -> None:
    def prepare(number: int) -> tuple[Labels, torch.Tensor | None]:
        stand.engine.render(stand.labels, stand.z)
        return dab(stand.labels, diameter, number).labels, stand.z

    measured(benchmark, stand, prepare, live=live)
