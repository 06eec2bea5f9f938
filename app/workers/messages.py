"""What the window and the workers say to each other: frozen values, no torch, no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.core.style import Style
from spade.formats.rect import Rect


class Purpose(Enum):
    """What a job is for; decides priority and which caches may be written."""

    PREVIEW = "preview"  # newest wins: one slot
    TILE = "tile"  # the scene in a gallery tile's style; at idle, small
    EXPORT = "export"  # never dropped, at any size
    SEGMENT = "segment"  # no picture: a photo becomes a label map; newest wins


@dataclass(frozen=True)
class ModelSource:
    """Which model: a bundled name, a model folder, or a reference checkpoint.

    The reference fields fill in what a ``.pth`` can't say; None means "from the file or
    its opt.txt, else the default".
    """

    path: str
    upsampling: str | None = None
    crop_size: int | None = None
    aspect_ratio: float | None = None


@dataclass(frozen=True)
class RenderRequest:
    """Everything a render depends on. ``labels`` is a read-only uint8 ``(H, W)`` snapshot.

    ``key`` names a tile or an export job; empty for previews. ``size`` is (width, height)
    of the picture; None renders at canvas size. ``live``: in the middle of a stroke, when a
    quick picture that is exact only near the change does. Else the picture is settled: exact.
    """

    revision: int
    labels: NDArray[np.uint8] = field(compare=False, repr=False)
    style: Style
    model: ModelSource
    size: tuple[int, int] | None = None
    live: bool = False
    purpose: Purpose = Purpose.PREVIEW
    key: str = ""


WorkKind = Literal["same", "style", "edit", "live", "full"]


@dataclass(frozen=True)
class WorkDone:
    """What the engine had to do for a picture; see ``spade.engine.Work``, whose values these are.

    ``rect``: the pixels whose labels had changed, for "edit" and "live"; else None.
    """

    kind: WorkKind = "full"
    rect: Rect | None = None


@dataclass(frozen=True)
class RenderResult:
    """``picture``: uint8 ``(H, W, 3)``, read-only, owned by the receiver."""

    request: RenderRequest
    picture: NDArray[np.uint8] = field(compare=False, repr=False)
    seconds: float
    device: str
    work: WorkDone = WorkDone()

    @property
    def exact(self) -> bool:
        """The picture is the network's own. A live request may get such a one too, where a
        quick one would save nothing."""
        return self.work.kind != "live"


@dataclass(frozen=True)
class SegmentRequest:
    """A photo to be made a label map. ``photo``: uint8 ``(H, W, 3)``, read-only.

    ``model``: whose segmenter, see ``SegmenterInfo.source``. ``key`` names the job.
    """

    photo: NDArray[np.uint8] = field(compare=False, repr=False)
    model: ModelSource
    key: str
    purpose: Purpose = field(default=Purpose.SEGMENT, init=False)


@dataclass(frozen=True)
class SegmentResult:
    """``labels``: uint8 ``(H, W)`` as large as the photo, read-only, in the ids of ``classes``:
    (id, name, "#rrggbb", group), those of the segmenter."""

    request: SegmentRequest
    labels: NDArray[np.uint8] = field(compare=False, repr=False)
    classes: tuple[tuple[int, str, str, str], ...]
    seconds: float


Request = RenderRequest | SegmentRequest


@dataclass(frozen=True)
class Failure:
    """``message`` is one line for a person; ``request`` is None if no request was under way."""

    message: str
    request: Request | None = None
    model: ModelSource | None = None


@dataclass(frozen=True)
class SegmenterInfo:
    """Who makes label maps of photos for a model: its own segmenter (``is_own``), or the
    bundled one. ``class_names``: what it can tell apart."""

    source: ModelSource
    class_names: tuple[str, ...]
    is_own: bool


@dataclass(frozen=True)
class ModelInfo:
    """What the window needs to know of a loaded model.

    ``classes``: (id, name, "#rrggbb", group) in id order; empty if the model states none
    (then a palette of ``label_nc`` entries is made or chosen). ``segmenter`` is None if there
    is none, neither with the model nor bundled.
    """

    source: ModelSource
    name: str
    label_nc: int
    has_dont_care: bool
    has_style: bool  # z enters the network
    has_encoder: bool  # a style image can be encoded
    trained_size: int
    device: str
    classes: tuple[tuple[int, str, str, str], ...] = ()
    licence: str = ""
    parameters: int = 0
    segmenter: SegmenterInfo | None = None


@dataclass(frozen=True)
class Notice:
    """Something worth a line in the status bar ("CUDA out of memory: rendering on the CPU")."""

    text: str


@dataclass(frozen=True)
class Progress:
    """``fraction`` in [0, 1] of the job under way, or None while it can't be told.

    ``key`` is that of the export or photo it belongs to; empty for previews and models.
    """

    text: str
    fraction: float | None = None
    key: str = ""
