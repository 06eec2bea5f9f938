"""What decides the picture's light and mood: a frozen value inside every render request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DefaultStyle:
    """The model's own default latent."""


@dataclass(frozen=True)
class SampledStyle:
    """z drawn from N(0, 1) with this seed ("Surprise me")."""

    seed: int


@dataclass(frozen=True)
class LatentStyle:
    """A latent vector given as numbers (read back from a project file)."""

    z: tuple[float, ...]


@dataclass(frozen=True)
class ImageStyle:
    """A style image; the encoder's mean of it is the latent.

    ``pixels``: uint8 ``(H, W, 3)``, read-only, longest side at most 512.
    Equality and hash go by ``digest`` alone.
    """

    pixels: NDArray[np.uint8] = field(compare=False, repr=False)
    name: str = field(compare=False, default="")
    digest: str = ""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"style image must be uint8 (H, W, 3), not {self.pixels.shape}")
        pixels = np.array(self.pixels)
        pixels.setflags(write=False)
        object.__setattr__(self, "pixels", pixels)
        digest = hashlib.sha1(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        object.__setattr__(self, "digest", digest)


StyleSource = DefaultStyle | SampledStyle | LatentStyle | ImageStyle


@dataclass(frozen=True)
class Style:
    """``z = default + strength * ((1 - mix) * z(source) + mix * z(second) - default)``.

    ``strength`` and ``mix`` lie in [0, 1]; without ``second``, ``mix`` has no effect.
    """

    source: StyleSource = field(default_factory=DefaultStyle)
    second: StyleSource | None = None
    mix: float = 0.0
    strength: float = 1.0
