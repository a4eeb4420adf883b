"""What the pixels of an image are (PS3.3 C.7.6.3), as codecs need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import UnreadableInstance

__all__ = ["LARGEST_FRAME", "PixelFormat", "frames_of", "header_value"]

LARGEST_FRAME = 1 << 30
"""Bytes of the largest frame that is decoded; whole slide images come in tiles far below it."""

_MOST_FRAMES = 1 << 24
_ALLOCATED = (1, 8, 16, 32)
_ONE_SAMPLE = frozenset(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """The layout of one frame of native pixel data, little endian.

    ``bits_allocated`` is 8, 16 or 32, or 1 (packed, the first pixel in the lowest bit); ``signed``
    means two's complement. With several samples, ``planar_configuration`` 0 has them pixel by
    pixel, 1 plane by plane.
    """

    rows: int
    columns: int
    samples_per_pixel: int = 1
    bits_allocated: int
    bits_stored: int
    signed: bool = False
    photometric_interpretation: str = "MONOCHROME2"
    planar_configuration: int = 0

    @property
    def frame_bytes(self) -> int:
        """Bytes of one native frame, without padding but that of its last byte."""
        return (self.frame_bits + 7) // 8

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame; frames of single bits follow each other without padding."""
        return self.rows * self.columns * self.samples_per_pixel * self.bits_allocated

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one frame in a codec, where each sample has one at least."""
        return self.frame_bytes if self.bits_allocated > 1 else self.rows * self.columns

    @property
    def most_encoded_bytes(self) -> int:
        """More than any compressed frame takes."""
        return 2 * self.decoded_bytes + (1 << 20)

    @property
    def in_words(self) -> str:
        """For messages: what decides on whether a codec is for such pixels."""
        sign = "signed" if self.signed else "unsigned"
        return (
            f"{self.photometric_interpretation} of {self.bits_stored} in {self.bits_allocated} "
            f"bits, {sign}, {self.rows} × {self.columns},"
        )

    @classmethod
    def of(cls, header: Dataset) -> PixelFormat:
        """What a data set says of its pixels. Raises `UnreadableInstance` for what cannot be."""
        made = cls(
            rows=_number(header, "Rows"),
            columns=_number(header, "Columns"),
            samples_per_pixel=_number(header, "SamplesPerPixel"),
            bits_allocated=_number(header, "BitsAllocated"),
            bits_stored=_number(header, "BitsStored"),
            signed=bool(_number(header, "PixelRepresentation")),
            photometric_interpretation=str(header_value(header, "PhotometricInterpretation") or ""),
            planar_configuration=_number(header, "PlanarConfiguration", default=0),
        )
        made._check()
        return made

    def _check(self) -> None:
        if not (self.rows and self.columns):
            raise UnreadableInstance(f"an image of {self.rows} rows and {self.columns} columns")
        if self.samples_per_pixel not in (1, 3):
            raise UnreadableInstance(f"{self.samples_per_pixel} samples per pixel, not 1 or 3")
        if self.bits_allocated not in _ALLOCATED:
            raise UnreadableInstance(f"Bits Allocated is {self.bits_allocated}, not 1, 8, 16 or 32")
        if self.bits_allocated == 1 and (self.signed or self.samples_per_pixel > 1):
            raise UnreadableInstance("single bits with a sign, or of colour")
        if not 1 <= self.bits_stored <= self.bits_allocated:
            raise UnreadableInstance(
                f"Bits Stored is {self.bits_stored} of {self.bits_allocated} allocated"
            )
        if (self.samples_per_pixel == 1) != (self.photometric_interpretation in _ONE_SAMPLE):
            raise UnreadableInstance(
                f"{self.samples_per_pixel} samples per pixel are not "
                f"{self.photometric_interpretation[:16]!r}"
            )
        if self.planar_configuration not in (0, 1):
            raise UnreadableInstance(f"Planar Configuration is {self.planar_configuration}")
        if self.decoded_bytes > LARGEST_FRAME:
            raise UnreadableInstance(
                f"a frame of {self.decoded_bytes} bytes, more than {LARGEST_FRAME} are not decoded"
            )

    def describe(self, header: Dataset) -> None:
        """Put photometric interpretation and planar configuration into ``header``."""
        if header.get("PhotometricInterpretation") != self.photometric_interpretation:
            header.PhotometricInterpretation = self.photometric_interpretation
        if self.samples_per_pixel > 1:
            if header.get("PlanarConfiguration") != self.planar_configuration:
                header.PlanarConfiguration = self.planar_configuration
        elif "PlanarConfiguration" in header:
            del header.PlanarConfiguration  # only where there are several samples (C.7.6.3.1.3)


def frames_of(header: Dataset) -> int:
    """Number of Frames, 1 where it is absent. Raises `UnreadableInstance`."""
    frames = _number(header, "NumberOfFrames", default=1)
    if not 1 <= frames <= _MOST_FRAMES:
        raise UnreadableInstance(f"Number of Frames is {frames}")
    return frames


def header_value(header: Dataset, keyword: str) -> Any:
    """The value of an attribute, None where it is absent or empty. Raises `UnreadableInstance`.

    pydicom decodes a value when it is looked at, and raises anything over what it cannot.
    """
    try:
        value = header.get(keyword)
    except PYDICOM_FAILURES:
        raise UnreadableInstance(f"{keyword} cannot be decoded") from None
    return None if value is None or value == "" else value


def _number(header: Dataset, keyword: str, *, default: int | None = None) -> int:
    value = header_value(header, keyword)
    try:
        return int(value if default is None or value is not None else default)
    except (TypeError, ValueError, OverflowError):
        raise UnreadableInstance(f"{keyword} is missing or no number") from None
