"""A film as it was asked for: what the services hand to composing.

Everything here is a value: nothing knows a printer, an association or a file. A film says what its
images, words and densities shall be (PS3.3 C.13); how large a pixel of the printer is, and where
the boxes lie, is for `pacs_print.layout` and `pacs_print.composing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pacs_print.terms import (
    DecimateCrop,
    Density,
    FilmError,
    Magnification,
    Medium,
    Orientation,
    Polarity,
    PresentationLutShape,
    Resolution,
    Smoothing,
)

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[Any]
    """Samples as uint8 or uint16; NumPy's functions do not say which they return."""

__all__ = [
    "DecimateCrop",
    "Density",
    "Film",
    "FilmError",
    "FilmImage",
    "Magnification",
    "Medium",
    "Orientation",
    "Polarity",
    "PresentationLut",
    "PresentationLutShape",
    "Resolution",
    "Smoothing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationLut:
    """A Presentation LUT (PS3.3 C.11.4): a shape, or a table that makes P-values of pixels.

    ``table`` has as many entries as its input has values (256 for 8 bit, 4096 for 12); each is a
    P-value of ``bits`` bits (10 to 16).
    """

    shape: PresentationLutShape = PresentationLutShape.IDENTITY
    table: NDArray[np.uint16] | None = field(default=None, compare=False)
    bits: int = 16

    def __post_init__(self) -> None:
        if self.table is None:
            return
        if self.table.ndim != 1 or not 2 <= self.table.size <= 1 << 16:
            raise FilmError("a Presentation LUT has 2 to 65536 entries in one row")
        if not 8 <= self.bits <= 16 or int(self.table.max()) >= 1 << self.bits:
            raise FilmError(f"an entry of the Presentation LUT needs more than {self.bits} bits")


IDENTITY = PresentationLut()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilmImage:
    """What an Image Box holds (PS3.3 C.13.5).

    ``pixels`` are (rows, columns) of uint8 or uint16, or (rows, columns, 3) of uint8 for RGB, with
    ``bits`` bits in use. ``pixel_aspect_ratio`` is vertical to horizontal, as Pixel Aspect Ratio
    (0028,0034) has it. ``requested_size`` is the width in mm. What is None is as the film has it.
    """

    pixels: Pixels
    bits: int = 8
    photometric_interpretation: str = "MONOCHROME2"
    pixel_aspect_ratio: tuple[int, int] = (1, 1)
    polarity: Polarity = Polarity.NORMAL
    magnification: Magnification | None = None
    smoothing: Smoothing | None = None
    requested_size: float | None = None
    decimate_or_crop: DecimateCrop | None = None
    min_density: int | None = None
    max_density: int | None = None
    presentation_lut: PresentationLut | None = None

    def __post_init__(self) -> None:
        colour = self.photometric_interpretation == "RGB"
        if not colour and self.photometric_interpretation not in ("MONOCHROME1", "MONOCHROME2"):
            raise FilmError(
                f"an image in {self.photometric_interpretation!r} cannot be printed; MONOCHROME1, "
                "MONOCHROME2 and RGB can"
            )
        if colour != (self.pixels.ndim == 3) or 0 in self.pixels.shape:
            raise FilmError(
                f"pixels of shape {self.pixels.shape} are no {self.photometric_interpretation}"
            )
        wide = self.pixels.dtype == np.uint16
        if not (wide or self.pixels.dtype == np.uint8) or (colour and wide):
            raise FilmError(f"pixels of type {self.pixels.dtype} cannot be printed")
        if not 1 <= self.bits <= (16 if wide else 8):
            raise FilmError(f"pixels of type {self.pixels.dtype} do not hold {self.bits} bits")
        if min(self.pixel_aspect_ratio) < 1:
            raise FilmError(f"a pixel aspect ratio of {self.pixel_aspect_ratio!r} cannot be")
        if self.requested_size is not None and self.requested_size <= 0:
            raise FilmError(f"an image of {self.requested_size} mm cannot be printed")

    @property
    def colour(self) -> bool:
        """Three samples for each pixel."""
        return self.pixels.ndim == 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """One film (PS3.3 C.13.3), with the images and words of its boxes.

    Densities are names or hundredths of OD. What is None is as the printer has it. ``images`` go
    by Image Box Position and ``annotations`` by Annotation Position, both from 1; positions that
    have none are left empty. ``illumination`` and ``reflected_ambient_light`` are in cd/m².
    """

    display_format: str = "STANDARD\\1,1"
    orientation: Orientation = Orientation.PORTRAIT
    size_id: str | None = None
    magnification: Magnification | None = None
    smoothing: Smoothing | None = None
    border_density: Density | int | None = None
    empty_image_density: Density | int | None = None
    min_density: int | None = None
    max_density: int | None = None
    trim: bool = False
    illumination: int | None = None
    reflected_ambient_light: int | None = None
    presentation_lut: PresentationLut = IDENTITY
    resolution: Resolution = Resolution.STANDARD
    medium: Medium | None = None
    colour: bool = False
    images: Mapping[int, FilmImage] = field(default_factory=dict)
    annotation_format: str | None = None
    annotations: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.colour and any(image.colour for image in self.images.values()):
            raise FilmError("an image in RGB cannot be printed on a film of gray ones")
        if self.illumination is not None and self.illumination < 1:
            raise FilmError(f"an illumination of {self.illumination} cd/m² shows nothing")
