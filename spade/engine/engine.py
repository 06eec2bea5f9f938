"""The engine: one model on one device, and what the last render left for the next.

The plain network, wrapped: nothing is approximated. What is kept, and when it serves:

- the picture: the same label map and z again;
- the semantic pyramid (the one-hot map at every scale): the same label map, another z;
- 1 + gamma and beta of every SPADE layer, as far as they fit into ``cache_bytes``, coarse
  layers first: the same label map, another z. They depend on the label map alone, and
  computing them is most of a render's work.

They are replaced only by a completed render that is not ``live``. Of the last live render
the picture alone is kept: nothing here is approximated, so it serves the settled request
that usually follows, when the stroke has ended.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils import parametrize

from spade.blocks import LEAK, SpadeResBlock
from spade.engine.modulation import Fields, apply_fields, compute_fields, modulate
from spade.formats.rect import Rect
from spade.generator import Generator
from spade.labels import semantic_map
from spade.memory import CACHE_BYTES
from spade.normalization import Spade
from spade.spectral import fold_spectral_norm

if TYPE_CHECKING:
    from spade.model import Model

Labels = NDArray[np.integer[Any]] | Tensor


WorkKind = Literal["same", "style", "edit", "live", "full"]


@dataclass(frozen=True)
class Work:
    """What a render had to do.

    kind: "same" (nothing: the picture was there), "style" (same labels, another z), "edit"
    (only what the change reaches, exact), "live" (only the change and a halo, approximate) or
    "full". rect: the pixels whose labels changed, for "edit" and "live"; else None.
    """

    kind: WorkKind
    rect: Rect | None = None


class RenderCancelled(Exception):  # noqa: N818 - it was asked for
    """``cancelled()`` became true between two steps of a render."""


@dataclass(frozen=True)
class _Scene:
    """What the semantic map is made of."""

    labels: Tensor
    instances: Tensor | None

    def equals(self, other: _Scene) -> bool:
        return _same(self.labels, other.labels) and _same(self.instances, other.instances)


@dataclass(frozen=True)
class _Rendered:
    """A picture ``(3, H, W)`` and what it was made from."""

    scene: _Scene
    z: Tensor | None
    picture: Tensor

    def answers(self, scene: _Scene, z: Tensor | None) -> bool:
        return _same(self.z, z) and self.scene.equals(scene)


@dataclass
class _Kept:
    """What one scene needs for any z."""

    scene: _Scene
    pyramid: dict[tuple[int, int], Tensor]
    fields: dict[Spade, Fields] = field(default_factory=dict)


class Engine:
    """Renders label maps with one model. Not thread-safe: one thread at a time.

    The model is moved to ``device`` if it is elsewhere, and its weights are read as they are
    now: a generator in training, or with spectral norm not yet folded, is copied first.
    ``cache_bytes`` bounds the modulation fields kept between renders; 0 keeps none.
    """

    def __init__(
        self,
        model: Model,
        device: str | torch.device | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.device = torch.device(device) if device is not None else model.device
        if model.device != self.device:
            model.to(self.device)
        self._model = model
        self._generator = _settled(model.generator)
        self._config = model.generator.config
        self._cache_bytes = cache_bytes
        self._kept: _Kept | None = None
        self._settled: _Rendered | None = None
        self._live: _Rendered | None = None
        self.work = Work("full")
        """What the last completed render did."""
        if self.device.type == "cpu":
            # A quarter less work than NCHW: oneDNN reads it without reordering.
            self._generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def render(
        self,
        label_map: Labels,
        z: Tensor | NDArray[Any] | None,
        *,
        instance_map: Labels | None = None,
        live: bool = False,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Tensor:
        """The generator's picture, float32 ``(3, H, W)`` in [-1, 1], on the CPU.

        label_map, instance_map: integer ``(H, W)``, any size; rounded up to the generator's
        stride by repeating the last row and column, and the picture cropped back.
        z: ``z_dim`` values, ``(z_dim,)`` or ``(1, z_dim)``; not used without a VAE.
        live: a passing state: leave what is kept as it is, for the settled one to use.
        cancelled: asked between steps; once true, RenderCancelled is raised and nothing new is
        kept. progress: called with the fraction done, in (0, 1].
        Raises InputError for class ids that the model does not have.
        """
        instances = None if instance_map is None else _as_tensor(instance_map)
        scene = _Scene(_as_tensor(label_map), instances)
        if scene.labels.ndim != 2 or 0 in scene.labels.shape:
            raise ValueError(f"label map must be (H, W), not {tuple(scene.labels.shape)}")
        if scene.instances is not None and scene.instances.shape != scene.labels.shape:
            raise ValueError(
                f"instance map {tuple(scene.instances.shape)} does not match the label map "
                f"{tuple(scene.labels.shape)}"
            )
        latent = self._latent(z)
        for rendered in (self._settled, self._live):
            if rendered is not None and rendered.answers(scene, latent):
                self.work = Work("same")
                return rendered.picture.clone()
        kept = self._kept if self._kept is not None and self._kept.scene.equals(scene) else None
        if kept is None and self._kept is not None and not live:
            self._kept.fields = {}  # another scene's: old and new at once would pass the bound
        walk = _Walk(cancelled or (lambda: False), progress or (lambda _: None))
        with torch.inference_mode():
            found = kept or _Kept(scene, self._pyramid(scene))
            fields: dict[Spade, Fields] = dict(found.fields)
            picture = self._forward(found.pyramid, latent, fields, walk, keep=not live)
        height, width = scene.labels.shape
        result = picture[0, :, :height, :width].float().cpu().clone()
        if live:
            self._live = _Rendered(scene, latent, result)
        else:
            found.fields = fields
            self._kept, self._settled, self._live = found, _Rendered(scene, latent, result), None
        self.work = Work("full" if kept is None else "style")
        return result.clone()

    def share(self, *, cache_bytes: int) -> Engine:
        """Another engine with this one's prepared network and nothing kept yet."""
        return Engine(self._model, self.device, cache_bytes=cache_bytes)

    def forget(self) -> None:
        """Drop everything kept between renders."""
        self._kept = self._settled = self._live = None

    def _latent(self, z: Tensor | NDArray[Any] | None) -> Tensor | None:
        if not self._config.use_vae:
            return None
        if z is None or np.prod(tuple(z.shape)) != self._config.z_dim:
            shape = None if z is None else tuple(z.shape)
            raise ValueError(f"z must be {self._config.z_dim} values, not {shape}")
        return torch.as_tensor(z).detach().float().cpu().reshape(1, -1).clone()

    def _pyramid(self, scene: _Scene) -> dict[tuple[int, int], Tensor]:
        """The semantic map at every layer's size, as nearest neighbour makes it."""
        labels = _padded(scene.labels, self._config.stride).to(self.device)
        instances = None
        if scene.instances is not None:
            instances = _padded(scene.instances, self._config.stride).to(self.device)
        semantic = semantic_map(labels, self._config, instances)
        layout = torch.channels_last if self.device.type == "cpu" else torch.contiguous_format
        levels = [
            semantic[:, :, :: 1 << i, :: 1 << i].contiguous(memory_format=layout)
            for i in range(self._config.doublings + 1)
        ]
        return {(level.shape[-2], level.shape[-1]): level for level in levels}

    def _forward(
        self,
        pyramid: dict[tuple[int, int], Tensor],
        z: Tensor | None,
        fields: dict[Spade, Fields],
        walk: _Walk,
        *,
        keep: bool,
    ) -> Tensor:
        """Generator.forward, step by step. New fields are added to ``fields`` if ``keep``."""
        generator = self._generator
        stages = list(generator.stages())
        full = next(iter(pyramid.values()))
        walk.expect([block for _, block, _ in stages], [doubled for _, _, doubled in stages])
        h = generator.base(full, None if z is None else z.to(self.device))

        def normalised(spade: Spade, h: Tensor, semantic: Tensor) -> Tensor:
            known = fields.get(spade)
            if known is None:
                room = self._cache_bytes - sum(each.nbytes for each in fields.values())
                if not keep or 2 * h.numel() * h.element_size() > room:
                    return modulate(spade, h, semantic, walk.check)
                known = fields[spade] = compute_fields(spade, semantic, walk.check)
            return apply_fields(spade, h, known)

        for _, block, doubled in stages:
            walk.check()
            if doubled:
                h = F.interpolate(h, scale_factor=2, mode="nearest")
            h = _block(block, h, pyramid[(h.shape[-2], h.shape[-1])], normalised)
            walk.advance()
        picture: Tensor = torch.tanh(generator.to_rgb(F.leaky_relu_(h, LEAK)))
        walk.finish()
        return picture


class _Walk:
    """How far a render has come: asks ``cancelled``, tells ``progress``."""

    def __init__(self, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> None:
        self._cancelled, self._progress = cancelled, progress
        self._costs: list[float] = []
        self._done = 0

    def expect(self, blocks: list[SpadeResBlock], doubled: list[bool]) -> None:
        """Multiplications of each block per cell of the base grid."""
        cells = 1
        for block, twice in zip(blocks, doubled, strict=True):
            cells *= 4 if twice else 1
            self._costs.append(cells * _multiplications(block))

    def check(self) -> None:
        if self._cancelled():
            raise RenderCancelled

    def advance(self) -> None:
        self._done += 1
        # The last convolution is small, but not nothing.
        self._progress(0.99 * sum(self._costs[: self._done]) / sum(self._costs))

    def finish(self) -> None:
        self._progress(1.0)


def _block(
    block: SpadeResBlock,
    h: Tensor,
    semantic: Tensor,
    normalised: Callable[[Spade, Tensor, Tensor], Tensor],
) -> Tensor:
    """SpadeResBlock.forward with the norms done by ``normalised``, in place where it can be."""
    shortcut: Tensor = h
    if block.learned_shortcut:
        shortcut = block.conv_s(normalised(block.norm_s, h, semantic))
    dh: Tensor = normalised(block.norm_0, h, semantic)
    dh = block.conv_0(F.leaky_relu_(dh, LEAK))
    dh = normalised(block.norm_1, dh, semantic)
    dh = block.conv_1(F.leaky_relu_(dh, LEAK))
    dh.add_(shortcut)
    return dh


def _settled(generator: Generator) -> Generator:
    folded = not any(parametrize.is_parametrized(module) for module in generator.modules())
    if folded and not generator.training:
        return generator
    return fold_spectral_norm(copy.deepcopy(generator).eval()).requires_grad_(False)


def _multiplications(block: SpadeResBlock) -> float:
    return float(sum(p.numel() for p in block.parameters() if p.ndim == 4))


def _padded(ids: Tensor, stride: int) -> Tensor:
    """``(H, W)`` -> ``(1, H', W')``: rounded up to ``stride`` by repeating the edge."""
    height, width = ids.shape
    rows = torch.arange(-(-height // stride) * stride).clamp_(max=height - 1)
    columns = torch.arange(-(-width // stride) * stride).clamp_(max=width - 1)
    return ids[rows][:, columns].unsqueeze(0)


def _as_tensor(ids: Labels) -> Tensor:
    """A private copy, as nobody promises that the caller's array stays as it is."""
    if isinstance(ids, Tensor):
        return ids.detach().cpu().clone()
    # Through int64 where torch lacks the dtype (uint16, uint32).
    array = ids if ids.dtype == np.uint8 else ids.astype(np.int64)
    return torch.from_numpy(np.array(array))


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))
