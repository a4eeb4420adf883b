"""Native frames in which two pixels of a row share their colour: Y Y Cb Cr (PS3.3 C.7.6.3.1.2).

A region is made black by whole pairs, so it may grow by a column on either side: the colour of a
pixel inside would else go on in its neighbour outside.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pacs_framework.anonymizers.changing import found_regions
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import NotAnonymized, UnreadableInstance

__all__ = ["changed_pairs", "check_pairs", "full_frame", "is_subsampled"]

_BLACK = {
    "YBR_FULL_422": bytes((0, 0, 128, 128)),
    "YBR_PARTIAL_422": bytes((16, 16, 128, 128)),  # retired; ITU-R BT.601: black is 16
}
_PIXEL = 2  # bytes: half of a pair


def is_subsampled(pixels: PixelFormat) -> bool:
    """Whether such pixels share their colour, if there are as few bytes as that takes."""
    return pixels.photometric_interpretation in _BLACK


def check_pairs(pixels: PixelFormat) -> None:
    """Raises `UnreadableInstance` for pixels that are not to be paired."""
    if pixels.columns % 2 or (pixels.bits_allocated, pixels.bits_stored) != (8, 8):
        raise UnreadableInstance(
            f"{pixels.photometric_interpretation} of {pixels.columns} columns and "
            f"{pixels.bits_stored} in {pixels.bits_allocated} bits: it takes an even number of "
            "columns, and 8 bits"
        )
    if pixels.planar_configuration:
        raise UnreadableInstance(f"{pixels.photometric_interpretation} in planes of one colour")


def changed_pairs(data: bytes, pixels: PixelFormat, number: int, work: PixelWork) -> bytearray:
    """One frame with the regions of ``work`` black, those found in it too.

    Raises `NotAnonymized`, also where every pixel may become another one: what their common colour
    would have to be, nobody can say.
    """
    if work.change is not None:
        raise NotAnonymized(
            f"frames of {pixels.photometric_interpretation} cannot be changed pixel by pixel: two "
            "of them share their colour"
        )
    found = found_regions(full_frame(data, pixels), number, work) if work.find else ()
    return _blanked(data, (*work.regions, *found), pixels, number)


def _blanked(data: bytes, regions: Iterable[Region], pixels: PixelFormat, number: int) -> bytearray:
    made, black = bytearray(data), _BLACK[pixels.photometric_interpretation]
    for region in regions:
        part = region.cut(pixels.columns, pixels.rows) if region.is_in(number) else None
        if part is None:
            continue
        first = part.left // 2 * 2
        pairs = (part.left + part.width - first + 1) // 2
        for row in range(part.top, part.top + part.height):
            place = (row * pixels.columns + first) * _PIXEL
            made[place : place + pairs * len(black)] = black * pairs
    return made


def full_frame(data: bytes, pixels: PixelFormat) -> Frame:
    """The same picture with a colour for each pixel."""
    made = bytearray(len(data) // 2 * 3)
    for pixel in range(2):
        made[3 * pixel :: 6] = data[pixel::4]
        made[3 * pixel + 1 :: 6] = data[2::4]
        made[3 * pixel + 2 :: 6] = data[3::4]
    full = pixels.photometric_interpretation.removesuffix("_422")
    return Frame(bytes(made), replace(pixels, photometric_interpretation=full))
