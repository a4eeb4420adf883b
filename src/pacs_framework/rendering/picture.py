"""Pictures: 8-bit greys or RGB, for a screen, and how they are written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

from pacs_framework.errors import InstanceError
from pacs_framework.rendering.samples import Array

__all__ = ["Picture", "PictureFormat", "resized"]

_LARGEST_JPEG = 65500
_PNG_LEVEL = 6


class PictureFormat(Enum):
    """What a picture is written as."""

    PNG = "png"
    JPEG = "jpeg"

    @property
    def suffix(self) -> str:
        """How its files end."""
        return ".jpg" if self is PictureFormat.JPEG else ".png"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """``pixels`` are unsigned bytes: (height, width) greys or (height, width, 3) RGB.

    ``voi`` tells which values of interest greys show; empty for colours. ``icc_profile`` says what
    the colours mean, where the image does.
    """

    pixels: Array
    voi: str = ""
    icc_profile: bytes = b""

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])

    @property
    def is_colour(self) -> bool:
        """RGB, not greys."""
        return self.pixels.ndim == 3

    def encoded(self, form: PictureFormat = PictureFormat.PNG, *, quality: int = 90) -> bytes:
        """The file. ``quality`` from 1 to 100 is that of JPEG, which loses detail.

        Raises `InstanceError` for what the format cannot hold.
        """
        image, file = Image.fromarray(np.ascontiguousarray(self.pixels)), io.BytesIO()
        profile = self.icc_profile or None
        if form is PictureFormat.PNG:
            image.save(file, "PNG", compress_level=_PNG_LEVEL, icc_profile=profile)
        else:
            if max(self.width, self.height) > _LARGEST_JPEG:
                raise InstanceError(f"JPEG has at most {_LARGEST_JPEG} pixels on a side; take PNG")
            image.save(file, "JPEG", quality=quality, icc_profile=profile)
        return file.getvalue()


def resized(pixels: Array, size: tuple[int, int]) -> Array:
    """``pixels`` in another (width, height).

    Bilinear, and averaged where it shrinks: no filter that overshoots, which would draw edges that
    are not there.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))
