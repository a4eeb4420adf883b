"""How somebody wants to see an image (PS3.18 8.3.5): without NumPy, so that it costs nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus

from pacs_http.api import Problem

__all__ = ["MOST_PIXELS_ON_A_SIDE", "Annotation", "IccProfile", "Look", "Region"]

MOST_PIXELS_ON_A_SIDE = 65_500
"""What JPEG can hold, and more than any screen has."""


class IccProfile(Enum):
    """What is said of colours (PS3.18 8.3.5.1.5): nothing, the image's own profile, or sRGB."""

    NO = "no"
    YES = "yes"
    SRGB = "srgb"


class Annotation(Enum):
    """What is written into a picture (PS3.18 8.3.5.1.1)."""

    PATIENT = "patient"
    TECHNIQUE = "technique"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of an image: its left and top edge, its width and height, None where they are not
    said, in pixels or in ``shares`` of the image. A negative width or height flips the picture.
    """

    left: float = 0.0
    top: float = 0.0
    width: float | None = None
    height: float | None = None
    shares: bool = False

    @property
    def mirrored(self) -> bool:
        """Left and right are exchanged."""
        return self.width is not None and self.width < 0

    @property
    def upside_down(self) -> bool:
        """Top and bottom are exchanged."""
        return self.height is not None and self.height < 0

    def box(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        """First and behind the last row, first and behind the last column: whole pixels.

        Raises `Problem` 400 for a region outside of the image.
        """
        top, bottom = self._edges(self.top, self.height, rows)
        left, right = self._edges(self.left, self.width, columns)
        return top, bottom, left, right

    def _edges(self, first: float, length: float | None, size: int) -> tuple[int, int]:
        scale = size if self.shares else 1
        start = first * scale
        end = size if length is None else start + abs(length) * scale
        low, high = max(math.floor(start), 0), min(math.ceil(end), size)
        if low >= high:
            raise Problem(HTTPStatus.BAD_REQUEST, "the region is outside of the image")
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """By default as the header says, in its own size.

    ``window`` is center, width and VOI LUT Function, in modality values. ``box`` is the width and
    height that the picture fits into, in pixels.
    """

    window: tuple[float, float, str] | None = None
    box: tuple[int, int] | None = None
    region: Region | None = None
    annotations: frozenset[Annotation] = frozenset()
    quality: int = 90
    icc_profile: IccProfile | None = None

    def without_window(self) -> Look:
        """For colours, where several images are seen and windows are for the grey ones."""
        return replace(self, window=None)
