"""Colours of presentation states: P-Values, and CIELab (PS3.3 C.10.7.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import numbers_of

__all__ = ["BLACK", "WHITE", "Ink", "ink_of"]

_LARGEST, _MIDDLE = 65535.0, 127
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27  # CIE 15
_D50 = np.array((0.96422, 1.0, 0.82521))
# XYZ of D50, which CIELab of DICOM is for, to the linear light of sRGB (IEC 61966-2-1).
_TO_SRGB = np.array(
    (
        (3.1338561, -1.6168667, -0.4906146),
        (-0.9787684, 1.9161415, 0.0334540),
        (0.0719453, -0.2289914, 1.4052427),
    )
)


@dataclass(frozen=True, slots=True)
class Ink:
    """Red, green and blue from 0 to 255, in sRGB."""

    red: int
    green: int
    blue: int

    @property
    def is_grey(self) -> bool:
        """Whether a picture in greys can show it."""
        return self.red == self.green == self.blue

    @property
    def opposite(self) -> Ink:
        """Black or white, whichever it stands out from."""
        light = 0.299 * self.red + 0.587 * self.green + 0.114 * self.blue
        return BLACK if light > _MIDDLE else WHITE

    @property
    def rgb(self) -> tuple[int, int, int]:
        """All three."""
        return self.red, self.green, self.blue


BLACK, WHITE = Ink(0, 0, 0), Ink(255, 255, 255)


def ink_of(item: Dataset, cielab: str = "", grey: str = "") -> Ink | None:
    """The colour under the keyword ``cielab``, else the P-Value under ``grey``; None without both.

    Raises `UnreadableInstance`.
    """
    lab = numbers_of(item, cielab) if cielab else ()
    if lab:
        if len(lab) != 3:
            raise UnreadableInstance(f"{cielab} has {len(lab)} values, not 3")
        return _from_cielab(lab)
    value = numbers_of(item, grey) if grey else ()
    if not value:
        return None
    level = round(min(max(value[0] / _LARGEST, 0.0), 1.0) * 255)
    return Ink(level, level, level)


def _from_cielab(encoded: tuple[float, ...]) -> Ink:
    """L* is encoded from 0 to 100, a* and b* from -128 to 127, over 16 bits each."""
    scaled = [min(max(value / _LARGEST, 0.0), 1.0) for value in encoded]
    lightness, a, b = scaled[0] * 100, scaled[1] * 255 - 128, scaled[2] * 255 - 128
    y = (lightness + 16) / 116
    roots = np.array((y + a / 500, y, y - b / 200))
    cubes = roots**3
    xyz = np.where(cubes > _EPSILON, cubes, (116 * roots - 16) / _KAPPA) * _D50
    linear = np.clip(_TO_SRGB @ xyz, 0.0, 1.0)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(curved * 255).astype(int).tolist()
    return Ink(red, green, blue)
