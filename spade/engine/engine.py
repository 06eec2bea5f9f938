"""The engine: one model on one device, and what the last render left for the next.

Exact renders leave the activations of every block, from which the next begins:

- same labels, same z: the picture is there;
- same labels, another z: all windows' modulation is there, the convolutions are run;
- other labels, same z: only what the change reaches is computed, and only windows never
  met are modulated anew;
- ``live``: only the change and a halo around it at every scale, the rest taken
  from the last exact render (as SIGE does: Li et al., NeurIPS 2022). Approximate. It leaves
  nothing to exact renders; the next live one goes on from it.

What exact renders leave changes only when one completes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spade.engine import regions
from spade.engine.graphs import WholeGraphs
from spade.engine.network import Network
from spade.engine.passes import Numbers, number_again, number_all, run_stages
from spade.engine.pictures import Picture
from spade.engine.planes import Overlay, Plane
from spade.engine.prepare import settled
from spade.engine.regions import Halo, Pieces
from spade.engine.scene import Labels, Scene
from spade.engine.strips import render_in_strips
from spade.engine.walk import Walk
from spade.formats.rect import Rect
from spade.memory import CACHE_BYTES, available_memory, first_strip_stage, room_to_keep

if TYPE_CHECKING:
    from spade.model import Model

HALOS = (
    Halo(pixels=16, cells=1),
    Halo(pixels=16, cells=2),
    Halo(pixels=24, cells=2),
    Halo(pixels=32, cells=2),
    Halo(pixels=48, cells=2),
)
"""Of live renders: the largest that LIVE_SECONDS allow, else the first. How far each is from
exact: tests/bench/live_halo.py."""

LIVE_SECONDS = 0.02
"""What the convolutions of a live render may take."""

_WORTH_CROPPING = 0.9
"""Share of a whole render's time up to which pieces are taken instead."""

EnginePrecision = Literal["auto", "fp32", "fp16", "bf16"]

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


@dataclass
class _Render:
    """A finished picture, what it was made from, and what is left.

    ``fields``: middle and output of every stage. Both they and ``numbers`` are missing if the
    canvas is too large to keep them.
    """

    scene: Scene
    z: Tensor | None
    picture: Picture
    numbers: Numbers | None = None
    base: Plane | None = None
    fields: list[tuple[Plane, Plane]] | None = None


class _Stroke:
    """Where live renders have come to: changes to a render that it knows nothing of."""

    def __init__(self, start: _Render, numbers: Numbers) -> None:
        assert start.base is not None
        assert start.fields is not None
        self.scene = start.scene
        self.numbers = numbers
        self.base = Overlay(start.base)
        self.fields = [(Overlay(middle), Overlay(out)) for middle, out in start.fields]
        self.picture = start.picture.copy()


class Engine:
    """Renders label maps with one model. Not thread-safe: one thread at a time.

    The model is moved to ``device`` if it is elsewhere, and its weights are read as they are
    now: a generator in training, or with spectral norm not yet folded, is copied first.
    cache_bytes: bound on the activations kept between renders; a canvas that needs more
    keeps none, so that every edit is a render anew. halo: of live
    renders; None chooses by what it costs here, see HALOS. precision: "auto" is fp32, but
    fp16 on CUDA.
    """

    def __init__(
        self,
        model: Model,
        device: str | torch.device | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
        halo: Halo | None = None,
        precision: EnginePrecision = "auto",
    ) -> None:
        self.device = torch.device(device) if device is not None else model.device
        if model.device != self.device:
            model.to(self.device)
        with torch.inference_mode():
            self._network = Network(settled(model.generator), _dtype(precision, self.device))
        self._config = model.generator.config
        self._cache_bytes = cache_bytes
        self._halo = halo
        self._graphs = WholeGraphs(self._network)
        self._owner = True
        self._kept: _Render | None = None
        self._stroke: _Stroke | None = None
        self.work = Work("full")
        """What the last completed render did."""

    def share(self, *, cache_bytes: int) -> Engine:
        """Another engine with this one's prepared network and windows, and nothing kept yet.
        One thread for both."""
        other = object.__new__(Engine)
        other.__dict__.update(self.__dict__)
        other._cache_bytes, other._owner = cache_bytes, False
        other._kept = other._stroke = None
        other._graphs = WholeGraphs(self._network)  # what they hold is what an engine keeps
        return other

    def forget(self) -> None:
        """Drop everything kept between renders; windows too, unless they are another's."""
        self._kept = self._stroke = None
        if self._owner:
            self._graphs.forget()
            self._network.forget_windows()

    @property
    def cached_bytes(self) -> int:
        """Bytes of activations kept."""
        fields = self._kept.fields if self._kept is not None else None
        return sum(plane.nbytes for pair in fields or () for plane in pair)

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
        live: a passing state: approximate where that is faster.
        cancelled: asked between steps; once true, RenderCancelled is raised and what is kept
        stays as it was. progress: called with the fraction done, in (0, 1].
        Raises InputError for class ids that the model does not have.
        """
        picture, scene = self._render(label_map, z, instance_map, live, cancelled, progress)
        with torch.inference_mode():
            result = picture.values[:, : scene.height, : scene.width].float().cpu()
        return result.clone()  # a normal tensor, and the caller's own

    def render_pixels(
        self,
        label_map: Labels,
        z: Tensor | NDArray[Any] | None,
        *,
        instance_map: Labels | None = None,
        live: bool = False,
        cancelled: Callable[[], bool] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> NDArray[np.uint8]:
        """The same as uint8 ``(H, W, 3)``; of an edit only the piece that changed is converted."""
        picture, scene = self._render(label_map, z, instance_map, live, cancelled, progress)
        with torch.inference_mode():
            return picture.pixels()[: scene.height, : scene.width].copy()

    def _render(
        self,
        label_map: Labels,
        z: Tensor | NDArray[Any] | None,
        instance_map: Labels | None,
        live: bool,
        cancelled: Callable[[], bool] | None,
        progress: Callable[[float], None] | None,
    ) -> tuple[Picture, Scene]:
        latent = self._latent(z)
        scene = Scene(label_map, instance_map, self._config)
        walk = Walk(cancelled or (lambda: False), progress or (lambda _: None))
        # fp32 means it: else CUDA's convolutions would round what they read to 10 bits.
        exactly = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), exactly:
            self._network.tidy()
            picture, self.work = self._answer(scene, latent, live, walk)
        walk.finish()
        return picture, scene

    def _answer(
        self, scene: Scene, z: Tensor | None, live: bool, walk: Walk
    ) -> tuple[Picture, Work]:
        kept = self._kept
        changed = None if kept is None else scene.changed_since(kept.scene)
        if kept is None or changed is None:
            return self._anew(scene, z, walk), Work("full")
        if not _same(kept.z, z):
            if changed.empty:
                return self._anew(scene, z, walk, kept.numbers), Work("style")
            return self._anew(scene, z, walk), Work("full")
        if changed.empty:
            self._stroke = None
            return kept.picture, Work("same")
        if kept.fields is None:
            return self._anew(scene, z, walk), Work("full")
        if live:
            return self._touch_up(kept, scene, walk)
        return self._edit(kept, scene, changed, walk), Work("edit", changed)

    def _anew(
        self, scene: Scene, z: Tensor | None, walk: Walk, numbers: Numbers | None = None
    ) -> Picture:
        """A whole render; ``numbers`` of the same scene, if there are any."""
        network, size = self._network, scene.size
        walk.check()
        base = Plane(Rect(0, 0, *regions.level_size(size, self._config.doublings)))
        base.write(base.rect, network.base(scene.level(self._config.doublings), z))
        available = available_memory(str(self.device))
        keep = room_to_keep(self._config, *size, self._cache_bytes, available)
        first = None if keep else first_strip_stage(self._config, *size)
        if first is not None:
            picture = Picture(render_in_strips(network, scene, base, first, walk))
            self._replace(_Render(scene, z, picture))
            return picture
        if numbers is None or numbers.generation != network.generation:
            numbers = number_all(network, scene, walk)
        pieces = regions.whole(network, size)
        if not keep:
            fields = [(Plane(middle), Plane(out)) for middle, out in pieces.stages]
            values = run_stages(network, size, numbers, base, pieces, fields, walk, keep=False)
            self._replace(_Render(scene, z, Picture(values)))
            return Picture(values)
        recorded = self._graphs.render(size, numbers, base.read(base.rect), pieces, walk)
        if recorded is not None:
            values, fields = recorded
        else:
            fields = [(Plane(middle), Plane(out)) for middle, out in pieces.stages]
            values = run_stages(network, size, numbers, base, pieces, fields, walk)
        picture = Picture(values)
        self._replace(_Render(scene, z, picture, numbers, base, fields))
        return picture

    def _edit(self, kept: _Render, scene: Scene, changed: Rect, walk: Walk) -> Picture:
        """Exactly what a change reaches."""
        network, size = self._network, scene.size
        assert kept.base is not None
        assert kept.fields is not None
        pieces, everything = regions.reached(network, size, changed), regions.whole(network, size)
        if pieces.seconds(network) > _WORTH_CROPPING * everything.seconds(network):
            pieces = everything
        numbers = self._numbers(kept, kept.scene, walk).copy()
        number_again(network, scene, pieces.windows, numbers)
        base = Overlay(kept.base)
        self._write_base(base, scene, kept)
        fields = [(Overlay(middle), Overlay(out)) for middle, out in kept.fields]
        piece = run_stages(network, size, numbers, base, pieces, fields, walk)
        # From here on nothing can fail or be cancelled.
        for overlay in (base, *(overlay for pair in fields for overlay in pair)):
            overlay.commit()
        kept.picture.write(pieces.picture, piece)
        kept.scene, kept.numbers, self._stroke = scene, numbers, None
        return kept.picture

    def _touch_up(self, kept: _Render, scene: Scene, walk: Walk) -> tuple[Picture, Work]:
        """The change since the last live render, and a little around it."""
        network, size = self._network, scene.size
        stroke, self._stroke = self._stroke, None  # gone if anything goes wrong
        if stroke is None or stroke.numbers.generation != network.generation:
            stroke = _Stroke(kept, self._numbers(kept, kept.scene, walk).copy())
        changed = scene.changed_since(stroke.scene)
        assert changed is not None
        if not changed.empty:
            pieces = self._nearby(size, changed)
            everything = regions.whole(network, size)
            if pieces.seconds(network) > _WORTH_CROPPING * everything.seconds(network):
                since = scene.changed_since(kept.scene)
                assert since is not None
                return self._edit(kept, scene, since, walk), Work("edit", since)
            number_again(network, scene, pieces.windows, stroke.numbers)
            self._write_base(stroke.base, scene, kept)
            piece = run_stages(
                network, size, stroke.numbers, stroke.base, pieces, stroke.fields, walk
            )
            stroke.picture.write(pieces.picture, piece)
            stroke.scene = scene
        self._stroke = stroke
        return stroke.picture, Work("live", changed)

    def _nearby(self, size: tuple[int, int], changed: Rect) -> Pieces:
        """What a live render computes."""
        if self._halo is not None:
            return regions.nearby(self._network, size, changed, self._halo)
        smallest, *larger = HALOS
        pieces = regions.nearby(self._network, size, changed, smallest)
        for halo in larger:
            more = regions.nearby(self._network, size, changed, halo)
            if more.seconds(self._network) > LIVE_SECONDS:
                break
            pieces = more
        return pieces

    def _numbers(self, kept: _Render, scene: Scene, walk: Walk) -> Numbers:
        """The numbers of a kept render, made again if the windows were forgotten."""
        if kept.numbers is None or kept.numbers.generation != self._network.generation:
            kept.numbers = number_all(self._network, scene, walk)
        return kept.numbers

    def _write_base(self, base: Overlay, scene: Scene, kept: _Render) -> None:
        """Without a VAE the base grid is made from the labels; else it stays."""
        if not self._config.use_vae:
            assert kept.base is not None
            values = self._network.base(scene.level(self._config.doublings), None)
            base.write(kept.base.rect, values)

    def _replace(self, render: _Render) -> None:
        self._stroke = None
        fits = 4 * render.picture.values.numel() <= self._cache_bytes
        self._kept = render if fits else None

    def _latent(self, z: Tensor | NDArray[Any] | None) -> Tensor | None:
        if not self._config.use_vae:
            return None
        if z is None or np.prod(tuple(z.shape)) != self._config.z_dim:
            shape = None if z is None else tuple(z.shape)
            raise ValueError(f"z must be {self._config.z_dim} values, not {shape}")
        return torch.as_tensor(z).detach().float().cpu().reshape(1, -1).clone()


def _dtype(precision: EnginePrecision, device: torch.device) -> torch.dtype:
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))
