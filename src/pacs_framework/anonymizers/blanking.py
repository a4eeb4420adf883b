"""Rectangles of native frames made black, whatever black is in them (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace

from pydicom import Dataset

from pacs_framework.anonymizers.pixel_work import Region
from pacs_framework.codecs.codec import Frame
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import NotAnonymized

__all__ = ["blank_bits", "blanked", "check_fill"]

_COLOURS = ("Red", "Green", "Blue")
_LUMINANCE = (299, 587, 114)  # of red, green and blue (ITU-R BT.601), as YBR_FULL has it
_BYTE = 8


def check_fill(pixels: PixelFormat, header: Dataset) -> None:
    """Raises `NotAnonymized` where it is not known what is black in such pixels."""
    _black(pixels, header)


def blanked(frame: Frame, regions: Iterable[Region], header: Dataset) -> Frame:
    """The frame with every one of the regions black. Raises `NotAnonymized`."""
    pixels = frame.pixels
    cut = [part for each in regions if (part := each.cut(pixels.columns, pixels.rows))]
    if not cut:
        return frame
    data = bytearray(frame.data)
    values = _black(pixels, header)
    for region in cut:
        if pixels.bits_allocated == 1:
            blank_bits(data, region, pixels.columns, ones=bool(values[0]))
        else:
            _blank(data, region, pixels, values)
    return replace(frame, data=data)


def blank_bits(data: bytearray, region: Region, columns: int, *, ones: bool = False) -> None:
    """A rectangle of packed single bits, the first in the lowest bit (PS3.5 8.1.1)."""
    for row in range(region.top, region.top + region.height):
        start = row * columns + region.left
        end = start + region.width
        first, last = start // _BYTE, (end + _BYTE - 1) // _BYTE
        run = (1 << region.width) - 1 << start % _BYTE
        number = int.from_bytes(data[first:last], "little")
        number = number | run if ones else number & ~run
        data[first:last] = number.to_bytes(last - first, "little")


def _blank(data: bytearray, region: Region, pixels: PixelFormat, values: tuple[int, ...]) -> None:
    size = pixels.bits_allocated // _BYTE
    samples = [(value & (1 << 8 * size) - 1).to_bytes(size, "little") for value in values]
    if len(samples) > 1 and pixels.planar_configuration:
        plane = pixels.rows * pixels.columns * size
        for number, sample in enumerate(samples):
            _fill(data, region, pixels.columns, sample, start=number * plane)
    else:
        _fill(data, region, pixels.columns, b"".join(samples))


def _fill(data: bytearray, region: Region, columns: int, pixel: bytes, start: int = 0) -> None:
    size = len(pixel)
    run = pixel * region.width
    for row in range(region.top, region.top + region.height):
        place = start + (row * columns + region.left) * size
        data[place : place + len(run)] = run


# --- what is black --------------------------------------------------------------------------------


def _black(pixels: PixelFormat, header: Dataset) -> tuple[int, ...]:
    """The samples of a black pixel. Raises `NotAnonymized`."""
    colours = pixels.photometric_interpretation
    if colours == "PALETTE COLOR":
        return (_darkest(header),)
    if colours in ("MONOCHROME1", "MONOCHROME2"):
        inverse = str(header.get("PresentationLUTShape") or "") == "INVERSE"
        return (_highest(pixels) if (colours == "MONOCHROME1") != inverse else _lowest(pixels),)
    if colours == "RGB":
        return (0, 0, 0)
    if colours.startswith("YBR_FULL"):
        middle = 1 << pixels.bits_stored - 1
        return (0, middle, middle)
    if colours.startswith("YBR_PARTIAL_4"):  # retired; ITU-R BT.601: black is 16 of 256
        middle = 1 << pixels.bits_stored - 1
        return (middle // 8, middle, middle)
    raise NotAnonymized(f"it is not known what is black in pixels that are {colours[:16]!r}")


def _lowest(pixels: PixelFormat) -> int:
    return -(1 << pixels.bits_stored - 1) if pixels.signed else 0


def _highest(pixels: PixelFormat) -> int:
    return (1 << pixels.bits_stored - pixels.signed) - 1


def _darkest(header: Dataset) -> int:
    """The stored value that a palette has its darkest colour for (PS3.3 C.7.6.3.1.5).

    Of a segmented palette it is the first value: whatever its colour, nothing is to be seen in a
    rectangle of it.
    """
    first = _first_mapped(header)
    tables = [_entries(header, colour) for colour in _COLOURS]
    if not all(tables):
        return first
    weighed = [
        sum(weight * part for weight, part in zip(_LUMINANCE, colour, strict=True))
        for colour in zip(*tables, strict=False)
    ]
    return first + weighed.index(min(weighed))


def _first_mapped(header: Dataset) -> int:
    descriptor = header.get("RedPaletteColorLookupTableDescriptor")
    try:
        return int(descriptor[1])
    except (TypeError, ValueError, IndexError):
        raise NotAnonymized(
            "it is not known what is black: the Red Palette Color Lookup Table Descriptor "
            "(0028,1101) is missing or broken"
        ) from None


def _entries(header: Dataset, colour: str) -> tuple[int, ...]:
    """The entries of one plain table; nothing where it is segmented or absent."""
    data = header.get(f"{colour}PaletteColorLookupTableData")
    if not isinstance(data, bytes):
        return ()
    descriptor = header.get(f"{colour}PaletteColorLookupTableDescriptor") or (0, 0, 16)
    number = int(descriptor[0]) or 1 << 16
    if len(data) >= 2 * number:
        return struct.unpack(f"<{number}H", data[: 2 * number])
    return tuple(data[:number])
