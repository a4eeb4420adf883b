"""Pictures in the header: overlays, icons and all else that shows the pixels or tells of them."""

from __future__ import annotations

from pydicom import Dataset

from pacs_framework.anonymizers.blanking import blank_bits, check_fill
from pacs_framework.anonymizers.pixel_work import PixelWork, Region
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.dicom.walk import PIXEL_DATA_TAGS
from pacs_framework.errors import NotAnonymized

__all__ = ["prepare"]

_OVERLAYS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FIRST_FRAME, _DATA = 0x10, 0x11, 0x15, 0x50, 0x51, 0x3000
# True of the pixels that were there. Icons are small pictures of what was to be taken out.
_OF_THE_ORIGINAL = ("IconImageSequence", "SmallestImagePixelValue", "LargestImagePixelValue")


def prepare(header: Dataset, work: PixelWork, pixels: PixelFormat) -> None:
    """Take what shows or describes the original pixels out of a header. Raises `NotAnonymized`."""
    if work.regions and pixels.photometric_interpretation == "PALETTE COLOR":
        check_fill(pixels, header)
    try:
        for keyword in _OF_THE_ORIGINAL:
            if keyword in header:
                delattr(header, keyword)
        _check_no_other_pixels(header)
        for group in _OVERLAYS:
            if group << 16 | _DATA in header:
                _blank_overlay(header, group, work)
    except PYDICOM_FAILURES as error:
        raise NotAnonymized(
            f"what the header shows of the pixels cannot be read: {type(error).__name__}"
        ) from None


def _check_no_other_pixels(header: Dataset) -> None:
    """Pictures in sequences are those that nobody has looked at."""
    pending = [each for element in header if element.VR == "SQ" for each in element.value]
    while pending:
        item = pending.pop()
        if any(tag in item for tag in PIXEL_DATA_TAGS):
            raise NotAnonymized("there are pixel data in a sequence, which nobody has looked at")
        pending += [each for element in item if element.VR == "SQ" for each in element.value]


def _blank_overlay(header: Dataset, group: int, work: PixelWork) -> None:
    """Empty an overlay plane (PS3.3 C.9.2) where the image below it is made black.

    Where pixels are looked at or changed, nobody knows what an overlay draws: it is emptied whole.
    """
    rows, columns = (int(header[group << 16 | each].value) for each in (_ROWS, _COLUMNS))
    data = bytearray(header[group << 16 | _DATA].value)
    if work.find is not None or work.change is not None:
        data = bytearray(len(data))
    top, left = (int(each) for each in header[group << 16 | _ORIGIN].value)
    number = _number(header, group, _FRAMES)
    first = _number(header, group, _FIRST_FRAME)
    for plane in range(number):
        for region in work.regions:
            # The origin counts from 1, and may be outside of the image.
            moved = _moved(region, 1 - left, 1 - top)
            part = moved.cut(columns, rows) if moved else None
            if part and region.is_in(first + plane):
                # The planes follow each other bit by bit, like rows of a taller one.
                blank_bits(data, _moved(part, 0, plane * rows) or part, columns)
    header[group << 16 | _DATA].value = bytes(data)


def _number(header: Dataset, group: int, element: int) -> int:
    tag = group << 16 | element
    return int(header[tag].value or 1) if tag in header else 1


def _moved(region: Region, right: int, down: int) -> Region | None:
    """A region moved, without what comes to lie before the first column and row."""
    left, top = region.left + right, region.top + down
    width, height = region.width + min(left, 0), region.height + min(top, 0)
    if width < 1 or height < 1:
        return None
    return Region(left=max(left, 0), top=max(top, 0), width=width, height=height)
