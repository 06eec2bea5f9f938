"""Colour and contrast of a picture in CIELAB (CIE 15:2004; sRGB as of IEC 61966-2-1, D65)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)  # so that white is L 100, a 0, b 0 exactly
_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
_KNEE = 6 / 29


@dataclass(frozen=True, eq=False)
class ColorStatistics:
    """Mean and standard deviation of L, a and b over a picture, float64 ``(3,)`` each."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def color_distance(self, other: ColorStatistics) -> float:
        """Between the mean colours, in CIELAB units (Delta E of 1976)."""
        return float(np.linalg.norm(self.mean - other.mean))

    def contrast_distance(self, other: ColorStatistics) -> float:
        """Between the standard deviations, in the same units."""
        return float(np.linalg.norm(self.deviation - other.deviation))


def to_lab(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB uint8 ``(..., 3)`` -> L in [0, 100], a and b in about [-128, 128]: ``(..., 3)``."""
    xyz = _LINEAR[picture] @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > _KNEE**3, np.cbrt(xyz), xyz / (3 * _KNEE**2) + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def color_statistics(picture: NDArray[np.uint8]) -> ColorStatistics:
    """Of a picture, uint8 ``(H, W, 3)``."""
    pixels = to_lab(picture).reshape(-1, 3)
    return ColorStatistics(pixels.mean(axis=0), pixels.std(axis=0))
