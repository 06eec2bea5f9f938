"""Small generators for the tests of the engine, what they draw by themselves, and label maps
that are hard on it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from spade.blocks import LEAK
from spade.config import GeneratorConfig
from spade.engine import Engine
from spade.engine.costs import Rates
from spade.formats.rect import Rect
from spade.generator import Generator
from spade.labels import semantic_map
from spade.model import Model, ModelConfig
from spade.spectral import plain_weights

TOLERANCE = 1e-4
"""Of an exact picture on [-1, 1]. Never more."""

ALWAYS = float("inf")
"""For ``engine._WORTH_CROPPING``: take pieces however little they save."""

NEVER = -1.0

DIRECT = Rates(multiply_adds=1e9, products=1.0, traffic=1e9, memory=1e9, call=1e-7)
"""A machine on which direct convolutions always pay."""

TILES = Rates(multiply_adds=1.0, products=1e9, traffic=1e9, memory=1e9, call=1e-7)
"""One on which Winograd's tiles always do."""


def make_model(config: GeneratorConfig, seed: int = 0) -> Model:
    """Random weights with which much of a change in the labels arrives far away: activations
    stay about as large from stage to stage, and few pixels are wholly black or white."""
    torch.manual_seed(seed)
    with plain_weights():
        generator = Generator(config)
    with torch.no_grad():
        for name, value in [*generator.named_parameters(), *generator.named_buffers()]:
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.ndim < 2:  # biases and running means
                value.normal_(std=0.3)
            elif "embed" in name:  # one channel of its input is not zero
                value.normal_(std=0.5)
            else:
                gain = 0.25 if "to_rgb" in name else 0.85
                value.normal_(std=gain / value[0].numel() ** 0.5)
    generator.eval().requires_grad_(False)
    default = torch.randn(1, config.z_dim) if config.use_vae else None
    return Model("tiny", ModelConfig(config), generator, None, (), default)


kept_model = functools.lru_cache(maxsize=32)(make_model)
"""The same, made once: nobody writes to it."""


def small(**changes: object) -> GeneratorConfig:
    """A configuration of little arithmetic; ``changes`` to it."""
    settings: dict[str, object] = {
        "label_nc": 3,
        "ngf": 2,
        "z_dim": 5,
        "crop_size": 128,
        "embedding": 3,
    }
    return GeneratorConfig(**(settings | changes))  # type: ignore[arg-type]


def semantics(config: GeneratorConfig, labels: np.ndarray, instances: np.ndarray | None) -> Tensor:
    """The semantic map ``(1, C, H, W)`` of a canvas rounded up to the stride."""
    height, width = labels.shape
    pad = ((0, -height % config.stride), (0, -width % config.stride))

    def padded(ids: np.ndarray) -> Tensor:
        return torch.from_numpy(np.pad(ids, pad, mode="edge").astype(np.int64))[None]

    return semantic_map(padded(labels), config, None if instances is None else padded(instances))


def plain(
    model: Model, labels: np.ndarray, z: Tensor | None, instances: np.ndarray | None = None
) -> Tensor:
    """The network itself on a padded label map, cropped back."""
    semantic = semantics(model.config.generator, labels, instances)
    with torch.inference_mode():
        picture = model.generator(semantic, None if z is None else z.reshape(1, -1))
    return picture[0, :, : labels.shape[0], : labels.shape[1]].clone()


def check_exact(
    picture: Tensor,
    model: Model,
    labels: np.ndarray,
    z: Tensor | None,
    instances: np.ndarray | None = None,
) -> None:
    """``picture`` is what the network draws."""
    assert picture.shape == (3, *labels.shape)
    assert picture.dtype == torch.float32
    worst = float((picture - plain(model, labels, z, instances)).abs().max())
    assert worst < TOLERANCE


def random_z(config: GeneratorConfig, source: np.random.Generator) -> Tensor | None:
    """A style, if the generator knows styles."""
    if not config.use_vae:
        return None
    return torch.from_numpy(source.standard_normal(config.z_dim).astype(np.float32))


class PlainLive:
    """What a live render is, by the plain layers: every field computed whole, and put back as
    it was outside the change's rect and a halo."""

    def __init__(self, model: Model, pixels: int, cells: int) -> None:
        self._generator, self._config = model.generator, model.config.generator
        self._pixels, self._cells = pixels, cells

    def exact(self, labels: np.ndarray, z: Tensor | None) -> Tensor:
        """The exact picture, from which strokes begin."""
        self._z = None if z is None else z.reshape(1, -1)
        self._semantic = semantics(self._config, labels, None)
        self._fields: dict[str, Tensor] = {}
        return self._pass(None)[0]

    def live(self, labels: np.ndarray) -> tuple[Tensor, Rect]:
        """The picture after a change, and which part of it was computed."""
        semantic = semantics(self._config, labels, None)
        rect = box((semantic != self._semantic).any(1)[0].numpy())
        self._semantic = semantic
        return self._pass(rect)

    def _pass(self, changed: Rect | None) -> tuple[Tensor, Rect]:
        config, generator = self._config, self._generator
        height, width = self._semantic.shape[-2:]
        place = Rect(0, 0, width, height)

        def put(name: str, values: Tensor) -> Tensor:
            nonlocal place
            if changed is not None:
                step = width // values.shape[-1]
                top, left = changed.y // step, changed.x // step
                bottom, right = -(-changed.bottom // step), -(-changed.right // step)
                wide = Rect(left, top, right - left, bottom - top)
                halo = max(self._cells, self._pixels // step)
                place = wide.grown(halo, values.shape[-1], values.shape[-2])
                fresh = values[..., *place.slices]
                values = self._fields[name].clone()
                values[..., *place.slices] = fresh
            self._fields[name] = values
            return values

        with torch.inference_mode():
            semantic = self._semantic
            h = generator.base(semantic, self._z if config.use_vae else None)
            for name, block, doubled in generator.stages():
                if doubled:
                    h = F.interpolate(h, scale_factor=2, mode="nearest")
                dh = block.conv_0(F.leaky_relu(block.norm_0(h, semantic), LEAK))
                dh = put(f"{name} middle", dh)
                dh = block.conv_1(F.leaky_relu(block.norm_1(dh, semantic), LEAK))
                if block.learned_shortcut:
                    h = block.conv_s(block.norm_s(h, semantic))
                h = put(name, h + dh)
            picture = put("picture", torch.tanh(generator.to_rgb(F.leaky_relu(h, LEAK))))
        return picture[0].clone(), place


def box(marked: np.ndarray) -> Rect:
    """The smallest rect with all that is True in ``(H, W)``; empty if nothing is."""
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if not len(rows):
        return Rect(0, 0, 0, 0)
    x, y = int(columns[0]), int(rows[0])
    return Rect(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


class Countdown:
    """``cancelled()`` that is true from the ``calls``-th time on that it is asked."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def kept_state(engine: Engine) -> list[Tensor]:
    """Copies of all that an exact render left."""
    kept = engine._kept
    assert kept is not None
    state = [kept.picture.values, torch.from_numpy(kept.scene.symbols)]
    if kept.z is not None:
        state.append(kept.z)
    if kept.fields is not None:
        assert kept.base is not None
        planes = [kept.base, *(plane for pair in kept.fields for plane in pair)]
        state += [plane.values for plane in planes if plane.values is not None]
    return [each.clone() for each in state]


def same_state(before: list[Tensor], after: list[Tensor]) -> bool:
    """Bit for bit."""
    pairs = zip(before, after, strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# Label maps. Each takes a random source, the ids to choose from, and the size.

Pattern = Callable[[np.random.Generator, Sequence[int], int, int], np.ndarray]


def ids_of(config: GeneratorConfig) -> list[int]:
    """What may stand in a label map."""
    return [*range(config.label_nc), *([255] if config.contain_dontcare else [])]


def blobs(
    source: np.random.Generator, ids: Sequence[int], height: int, width: int, count: int = 6
) -> np.ndarray:
    """Rectangles."""
    labels = np.full((height, width), source.choice(ids), np.uint8)
    for _ in range(count):
        y, x = source.integers(0, height), source.integers(0, width)
        tall, wide = source.integers(1, height + 1), source.integers(1, width + 1)
        labels[y : y + tall, x : x + wide] = source.choice(ids)
    return labels


def _periodic(index: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Pattern:
    def pattern(
        source: np.random.Generator, ids: Sequence[int], height: int, width: int
    ) -> np.ndarray:
        order = source.permutation(np.array(ids, np.uint8))
        rows, columns = np.mgrid[:height, :width] + source.integers(0, 8, (2, 1, 1))
        return order[index(rows, columns) % len(order)]

    return pattern


def _one(source: np.random.Generator, ids: Sequence[int], height: int, width: int) -> np.ndarray:
    return np.full((height, width), source.choice(ids), np.uint8)


def _noise(source: np.random.Generator, ids: Sequence[int], height: int, width: int) -> np.ndarray:
    return source.choice(np.array(ids, np.uint8), (height, width))


def _pixels(source: np.random.Generator, ids: Sequence[int], height: int, width: int) -> np.ndarray:
    labels = _one(source, ids, height, width)
    for _ in range(3):
        labels[source.integers(0, height), source.integers(0, width)] = source.choice(ids)
    return labels


def _frame(source: np.random.Generator, ids: Sequence[int], height: int, width: int) -> np.ndarray:
    """One label, others only along the borders of the canvas."""
    labels = _one(source, ids, height, width)
    labels[0], labels[-1] = source.choice(ids, 2)
    labels[:, 0], labels[:, -1] = source.choice(ids, 2)
    return labels


PATTERNS: dict[str, Pattern] = {
    "blobs": blobs,
    "one class": _one,
    "noise": _noise,
    "single pixels": _pixels,
    "frame": _frame,
}
for _px in (1, 2, 3):
    PATTERNS[f"{_px} px horizontal"] = _periodic(lambda y, x, px=_px: y // px)
    PATTERNS[f"{_px} px vertical"] = _periodic(lambda y, x, px=_px: x // px)
    PATTERNS[f"{_px} px diagonal"] = _periodic(lambda y, x, px=_px: (x + y) // px)
for _px in (1, 2, 8):
    PATTERNS[f"{_px} px checkerboard"] = _periodic(lambda y, x, px=_px: x // px + y // px)


configs = st.builds(
    lambda nc, dontcare, edges, ngf, vae, kind, aspect: GeneratorConfig(
        label_nc=nc,
        contain_dontcare=dontcare,
        instance_edges=edges,
        ngf=ngf + ngf % 2 if kind == "most" else ngf,
        z_dim=5,
        use_vae=vae,
        upsampling=kind,
        crop_size=256,
        aspect_ratio=aspect,
        embedding=4,
    ),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from(["normal", "more", "most"]),
    st.sampled_from([0.5, 1.0, 2.0]),
)
"""All kinds of generators, of one to four channels in the end."""

sides = st.one_of(st.sampled_from([1, 2, 31, 32, 33, 64, 65, 128]), st.integers(1, 140))
"""Of a canvas, multiples of the stride or not."""
