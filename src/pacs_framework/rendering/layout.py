"""How the samples of a frame lie in its bytes (PS3.3 C.7.6.3.1, PS3.5 section 8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset
from pydicom.uid import RLELossless

from pacs_framework.codecs.pixels import LARGEST_FRAME, PixelFormat
from pacs_framework.errors import UnreadableInstance
from pacs_framework.rendering.attributes import integer_of, text_of

__all__ = ["FrameLayout", "decoded_layout", "floating_layout", "native_layout"]

_ALLOCATED = (1, 8, 16, 32)
_SUBSAMPLED = frozenset(("YBR_FULL_422", "YBR_PARTIAL_422"))

# Compressed cell by cell, so that High Bit means what it means in native pixel data.
_CELLS = frozenset((str(RLELossless), "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLayout:
    """One native frame, little endian.

    ``bits_allocated`` is 1 (packed, the first pixel in the lowest bit), 8, 16, 32, or 64 where
    samples are ``floating``. ``subsampled`` has two pixels share their colour: Y Y Cb Cr.
    """

    rows: int
    columns: int
    samples_per_pixel: int = 1
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool = False
    floating: bool = False
    photometric_interpretation: str = "MONOCHROME2"
    planar_configuration: int = 0
    subsampled: bool = False

    def __post_init__(self) -> None:
        if not (self.rows > 0 and self.columns > 0):
            raise UnreadableInstance(f"an image of {self.rows} rows and {self.columns} columns")
        if self.samples_per_pixel not in (1, 3):
            raise UnreadableInstance(f"{self.samples_per_pixel} samples per pixel, not 1 or 3")
        if self.bits_allocated not in _ALLOCATED and not self.floating:
            raise UnreadableInstance(f"Bits Allocated is {self.bits_allocated}, not 1, 8, 16 or 32")
        if not 1 <= self.bits_stored <= self.high_bit + 1 <= self.bits_allocated:
            raise UnreadableInstance(
                f"Bits Stored is {self.bits_stored} up to High Bit {self.high_bit}, of "
                f"{self.bits_allocated} allocated"
            )
        if self.bits_allocated == 1 and self.samples_per_pixel != 1:
            raise UnreadableInstance("colour pixels of single bits")
        if self.planar_configuration not in (0, 1):
            raise UnreadableInstance(f"Planar Configuration is {self.planar_configuration}")
        if self.subsampled and (self.columns % 2 or self.bits_allocated != 8):
            raise UnreadableInstance(
                f"{self.photometric_interpretation} of {self.columns} columns and "
                f"{self.bits_allocated} bits: it takes an even number of columns, and 8 bits"
            )
        if self.frame_bits > 8 * LARGEST_FRAME:
            raise UnreadableInstance(
                f"a frame of {self.frame_bits // 8} bytes, more than {LARGEST_FRAME} are not read"
            )

    @property
    def frame_bits(self) -> int:
        """Bits of one frame, without padding."""
        samples = 2 if self.subsampled else self.samples_per_pixel
        return self.rows * self.columns * samples * self.bits_allocated

    @property
    def is_monochrome(self) -> bool:
        """Whether the grayscale pipeline is for it (PS3.4 N.2)."""
        return self.photometric_interpretation in ("MONOCHROME1", "MONOCHROME2")

    @property
    def least(self) -> int:
        """The smallest stored value that there can be."""
        return -(1 << self.bits_stored - 1) if self.signed else 0

    @property
    def most(self) -> int:
        """The largest stored value that there can be."""
        return self.least + (1 << self.bits_stored) - 1


def native_layout(header: Dataset) -> FrameLayout:
    """What a header says of native Pixel Data. Raises `UnreadableInstance` for what cannot be."""
    stored = integer_of(header, "BitsStored", default=integer_of(header, "BitsAllocated"))
    photometric = text_of(header, "PhotometricInterpretation")
    return FrameLayout(
        rows=integer_of(header, "Rows"),
        columns=integer_of(header, "Columns"),
        samples_per_pixel=integer_of(header, "SamplesPerPixel", default=1),
        bits_allocated=integer_of(header, "BitsAllocated"),
        bits_stored=stored,
        high_bit=integer_of(header, "HighBit", default=stored - 1),
        signed=bool(integer_of(header, "PixelRepresentation", default=0)),
        photometric_interpretation=photometric,
        planar_configuration=integer_of(header, "PlanarConfiguration", default=0),
        subsampled=photometric in _SUBSAMPLED,
    )


def floating_layout(header: Dataset, *, bits: int) -> FrameLayout:
    """What a header says of Float or Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25)."""
    return FrameLayout(
        rows=integer_of(header, "Rows"),
        columns=integer_of(header, "Columns"),
        samples_per_pixel=integer_of(header, "SamplesPerPixel", default=1),
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        signed=True,
        floating=True,
        photometric_interpretation=text_of(header, "PhotometricInterpretation"),
    )


def decoded_layout(header: Dataset, pixels: PixelFormat, transfer_syntax: str) -> FrameLayout:
    """A frame of ``pixels`` that a codec made. Raises `UnreadableInstance`."""
    by_header = transfer_syntax in _CELLS
    lowest = pixels.bits_stored - 1
    return FrameLayout(
        rows=pixels.rows,
        columns=pixels.columns,
        samples_per_pixel=pixels.samples_per_pixel,
        bits_allocated=pixels.bits_allocated,
        bits_stored=pixels.bits_stored,
        high_bit=integer_of(header, "HighBit", default=lowest) if by_header else lowest,
        signed=pixels.signed,
        photometric_interpretation=pixels.photometric_interpretation,
        planar_configuration=pixels.planar_configuration,
    )
