"""From a frozen request to a picture. With its neighbours all of the application's torch."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.core.style import DefaultStyle, ImageStyle, LatentStyle, SampledStyle, Style, StyleSource
from app.workers.backend import Cancelled, JobCancelled, Report
from app.workers.devices import is_out_of_memory, usable_device
from app.workers.messages import (
    ModelInfo,
    ModelSource,
    Notice,
    Progress,
    Purpose,
    RenderRequest,
    RenderResult,
    SegmenterInfo,
    WorkDone,
)
from app.workers.segment_service import find_segmenter
from spade.engine import Engine, RenderCancelled
from spade.formats.errors import InputError
from spade.labels import IGNORE_INDEX
from spade.memory import CACHE_BYTES, available_memory, check_render_fits
from spade.model import Model, load_model, resize_labels

LATENTS_KEPT = 128
"""Encoded style images remembered: 1 KB each, the oldest forgotten first."""

TILE_CACHE_BYTES = 64 << 20
"""What the engine of the gallery's tiles may keep: the scene is the same in all of them."""

PROGRESS_INTERVAL = 0.1
"""Seconds between two reports of progress, so that quick renders make no noise."""

PATIENCE = 0.4
"""Seconds that a preview takes before it reports any: a bar for each dab would flicker."""

_BUDGET = {Purpose.PREVIEW: CACHE_BYTES, Purpose.TILE: TILE_CACHE_BYTES, Purpose.EXPORT: 0}


class RenderService:
    """Holds one model and its engine. Tiles and exports go through engines that share the
    prepared weights and keep things of their own, so that what the preview's engine keeps
    stays. One thread at a time.

    device: "auto" (CUDA, then MPS, then CPU) or a device's name; one that is not there is
    replaced by the CPU, with a notice.
    """

    def __init__(self, device: str = "auto") -> None:
        self._wanted_device = device
        self._source: ModelSource | None = None
        self._model: Model | None = None
        self._segmenter: SegmenterInfo | None = None
        self._engines: dict[Purpose, Engine] = {}
        self._latents: OrderedDict[str, Tensor] = OrderedDict()
        self._told_no_style = False

    def load(self, source: ModelSource, report: Report, cancelled: Cancelled) -> ModelInfo:
        """Make ``source`` the current model. If it can't be loaded, the one before stays.

        Raises InputError, JobCancelled.
        """
        _ask(cancelled)
        if source != self._source:
            model = self._load(source, report)
            _ask(cancelled)
            self._use(source, model)
            self._segmenter = _segmenter_for(source, report)
        assert self._model is not None
        return _describe(source, self._model, self._segmenter)

    def render(self, request: RenderRequest, report: Report, cancelled: Cancelled) -> RenderResult:
        """The picture of a request, loading its model first if it is not the current one.

        Raises InputError (ids or styles the model does not have, too large for memory) and
        JobCancelled.
        """
        begin = time.perf_counter()
        self.load(request.model, report, cancelled)
        model = self._model
        assert model is not None
        _check_ids(request.labels, model)
        labels = request.labels
        if request.size is not None:
            labels = resize_labels(labels, request.size)
        z = self._latent(request.style, report)
        try:
            picture, work = self._draw(request, labels, z, report, cancelled)
            device = str(model.device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            picture, work = self._draw_after_all(request, labels, z, report, cancelled)
            device = "cpu"
        picture.setflags(write=False)
        return RenderResult(request, picture, time.perf_counter() - begin, device, work)

    def _load(self, source: ModelSource, report: Report) -> Model:
        device = usable_device(self._wanted_device, report)
        report(Progress(f"Loading {source.path}", None))

        def load(device: str) -> Model:
            return load_model(
                source.path,
                device,
                upsampling=source.upsampling,
                crop_size=source.crop_size,
                aspect_ratio=source.aspect_ratio,
            )

        try:
            return load(device)
        except RuntimeError as error:
            if not is_out_of_memory(error) or device == "cpu":
                raise
            report(Notice("The model does not fit into the GPU's memory: rendering on the CPU"))
            return load("cpu")

    def _use(self, source: ModelSource, model: Model) -> None:
        self._source, self._model = source, model
        self._latents.clear()
        self._told_no_style = False
        self._make_engines()

    def _make_engines(self) -> None:
        model = self._model
        assert model is not None
        engine = Engine(model, model.device, cache_bytes=_BUDGET[Purpose.PREVIEW])
        self._engines = {Purpose.PREVIEW: engine}
        for purpose in (Purpose.TILE, Purpose.EXPORT):
            self._engines[purpose] = engine.share(cache_bytes=_BUDGET[purpose])

    def _draw(
        self,
        request: RenderRequest,
        labels: NDArray[np.uint8],
        z: Tensor | None,
        report: Report,
        cancelled: Cancelled,
    ) -> tuple[NDArray[np.uint8], WorkDone]:
        height, width = labels.shape
        self._make_room(width, height)
        engine = self._engines[request.purpose]
        patience = PATIENCE if request.purpose is Purpose.PREVIEW else PROGRESS_INTERVAL
        progress = None if request.live else _paced(report, patience)
        try:
            with _threads(live=request.live):
                picture = engine.render_pixels(
                    labels, z, live=request.live, cancelled=cancelled, progress=progress
                )
            return picture, WorkDone(engine.work.kind, engine.work.rect)
        except RenderCancelled:
            raise JobCancelled from None
        finally:
            if request.purpose is Purpose.EXPORT:
                engine.forget()  # large, and hardly asked for again

    def _make_room(self, width: int, height: int) -> None:
        """Check that the render fits; what engines keep goes if that helps."""
        model = self._model
        assert model is not None
        if model.device.type == "cuda":
            return  # its own allocator tells, and the CPU is there to fall back on
        config = model.config.generator
        try:
            check_render_fits(config, width, height, available_memory())
        except InputError:
            for engine in self._engines.values():
                engine.forget()
            check_render_fits(config, width, height, available_memory())

    def _draw_after_all(
        self,
        request: RenderRequest,
        labels: NDArray[np.uint8],
        z: Tensor | None,
        report: Report,
        cancelled: Cancelled,
    ) -> tuple[NDArray[np.uint8], WorkDone]:
        """Again on the CPU, when the device's memory did not suffice. After an export, which
        may be large, the model goes back to its device; else it stays on the CPU."""
        model = self._model
        assert model is not None
        height, width = labels.shape
        device = model.device
        self._engines.clear()
        if device.type == "cpu":
            self._make_engines()
            raise InputError(
                f"not enough memory for a picture of {width}x{height}: make it smaller, or "
                "close other programs"
            ) from None
        report(
            Notice(f"{device.type.upper()} out of memory at {width}x{height}: rendering on the CPU")
        )
        self._move("cpu")
        try:
            return self._draw(request, labels, z, report, cancelled)
        finally:
            if request.purpose is Purpose.EXPORT:
                self._move(device)

    def _move(self, device: str | torch.device) -> None:
        assert self._model is not None
        self._engines.clear()
        self._model.to(device)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self._make_engines()

    def _latent(self, style: Style, report: Report) -> Tensor | None:
        """The z of a style, as app.core.style.Style defines it; None if none is used."""
        model = self._model
        assert model is not None
        if model.default_z is None:
            if style != Style() and not self._told_no_style:
                self._told_no_style = True
                report(Notice(f"Model {model.name} has one look only: the style is not used"))
            return None
        z = self._source_latent(style.source)
        if style.second is not None and style.mix != 0:
            z = torch.lerp(z, self._source_latent(style.second), style.mix)
        if style.strength != 1:
            z = torch.lerp(model.default_z, z, style.strength)
        return z

    def _source_latent(self, source: StyleSource) -> Tensor:
        model = self._model
        assert model is not None
        assert model.default_z is not None
        if isinstance(source, DefaultStyle):
            return model.default_z
        if isinstance(source, SampledStyle):
            return model.sample_z(source.seed)
        if isinstance(source, LatentStyle):
            return _present(model.latent(torch.tensor(source.z)))
        return self._encoded(source, model)

    def _encoded(self, style: ImageStyle, model: Model) -> Tensor:
        known = self._latents.pop(style.digest, None)
        if known is None:
            if model.encoder is None:
                raise InputError(
                    f"model {model.name} has no encoder, so it can't follow a picture: choose "
                    "its default style or Surprise me"
                )
            known, _ = model.encode(style.pixels)
        self._latents[style.digest] = known
        while len(self._latents) > LATENTS_KEPT:
            self._latents.popitem(last=False)
        return known


def _check_ids(labels: NDArray[np.uint8], model: Model) -> None:
    """Raise InputError, naming what to repaint, for ids that the model does not have."""
    config = model.config.generator
    if labels.max() < config.label_nc:
        return  # as nearly always; counting takes longer than a live render should
    counts = np.bincount(labels.ravel(), minlength=256)
    unknown = int(counts[IGNORE_INDEX]) if config.label_nc <= IGNORE_INDEX else 0
    if unknown and not config.contain_dontcare:
        raise InputError(
            f"{unknown:,} pixels are unknown (255) and model {model.name} has no class for that: "
            "paint them with one of its classes"
        )
    strange = [int(i) for i in np.flatnonzero(counts[:IGNORE_INDEX]) if i >= config.label_nc]
    if strange:
        named = ", ".join(map(str, strange[:4])) + (", ..." if len(strange) > 4 else "")
        named = f"classes {named} are" if len(strange) > 1 else f"class {named} is"
        raise InputError(
            f"{named} painted, but model {model.name} has only classes 0 to "
            f"{config.label_nc - 1}: paint other classes there (Replace class), or choose another "
            "model"
        )


def _segmenter_for(source: ModelSource, report: Report) -> SegmenterInfo | None:
    """Who segments photos for a model; a damaged segmenter doesn't cost the model."""
    try:
        return find_segmenter(source)
    except InputError as error:
        report(Notice(f"Photos can't be segmented: {error}"))
        return None


def _describe(source: ModelSource, model: Model, segmenter: SegmenterInfo | None) -> ModelInfo:
    config = model.config.generator
    return ModelInfo(
        source=source,
        name=model.name,
        label_nc=config.label_nc,
        has_dont_care=config.contain_dontcare,
        has_style=config.use_vae,
        has_encoder=config.use_vae and model.encoder is not None,
        trained_size=max(model.trained_size),
        device=str(model.device),
        classes=tuple((c.id, c.name, c.color, c.group) for c in model.classes),
        licence=model.licence,
        parameters=model.parameter_count,
        segmenter=segmenter,
    )


@contextmanager
def _threads(*, live: bool) -> Iterator[None]:
    """While somebody paints, a core is the window's: threads that wait for one another would
    all wait for the one whose core it took. Little is lost, live renders being small."""
    threads = torch.get_num_threads()
    if not live or threads == 1:
        yield
        return
    torch.set_num_threads(threads - 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _paced(report: Report, patience: float) -> Callable[[float], None]:
    """A progress callback that reports now and then, after ``patience`` seconds for the first
    time, not for every step of a quick render."""
    due = time.monotonic() + patience

    def tell(fraction: float) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + PROGRESS_INTERVAL
            report(Progress("Rendering", fraction))

    return tell


def _present(z: Tensor | None) -> Tensor:
    assert z is not None
    return z


def _ask(cancelled: Cancelled) -> None:
    if cancelled():
        raise JobCancelled
