"""The item of a Basic Grayscale or Color Image Sequence, read (PS3.3 Table C.13-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset

from pacs_print.queue.records import ImageRecord
from pacs_print.services.attributes import missing, refused, tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_image"]

_GRAYSCALE = ("MONOCHROME1", "MONOCHROME2")
_DEPTHS = ((8, 8, 7), (16, 12, 11))
_REQUIRED = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
)


def read_image(item: Dataset, *, colour: bool) -> tuple[ImageRecord, bytes]:
    """What it is, with position 1, and its pixels as a record has them.

    Raises `NormalizedFailure`: 0120H, 0121H and 0106H with the attributes that are wrong.
    """
    missing(item, *_REQUIRED)
    _check(item, "PixelRepresentation", (0,))
    _check(item, "SamplesPerPixel", (3,) if colour else (1,))
    _check(item, "PhotometricInterpretation", ("RGB",) if colour else _GRAYSCALE)
    depth = (item.BitsAllocated, item.BitsStored, item.HighBit)
    if depth not in (_DEPTHS[:1] if colour else _DEPTHS):
        raise refused(
            f"pixels of {depth[1]} bits in {depth[0]}, high bit {depth[2]}",
            [tag("BitsAllocated"), tag("BitsStored"), tag("HighBit")],
        )
    if colour:
        missing(item, "PlanarConfiguration")
        _check(item, "PlanarConfiguration", (0, 1))
    record = ImageRecord(
        position=1,
        rows=_side(item, "Rows"),
        columns=_side(item, "Columns"),
        samples=item.SamplesPerPixel,
        bits=item.BitsStored,
        photometric_interpretation=item.PhotometricInterpretation,
        pixel_aspect_ratio=_aspect(item),
    )
    return record, _pixels(item, record)


def _check(item: Dataset, keyword: str, allowed: tuple[Any, ...]) -> None:
    value = item[keyword].value
    if value not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise refused(f"{keyword} is {value!r}, not {wanted}", [tag(keyword)])


def _side(item: Dataset, keyword: str) -> int:
    value = item[keyword].value
    if not isinstance(value, int) or value < 1:
        raise refused(f"{keyword} is {value!r}", [tag(keyword)])
    return value


def _aspect(item: Dataset) -> tuple[int, int]:
    """Vertical to horizontal; square where nothing is said."""
    value = item.get("PixelAspectRatio")
    if not value:
        return 1, 1
    try:
        vertical, horizontal = (int(part) for part in value)
    except (TypeError, ValueError):
        vertical = horizontal = 0
    if min(vertical, horizontal) < 1:
        raise refused("PixelAspectRatio is no pair of numbers", [tag("PixelAspectRatio")])
    return vertical, horizontal


def _pixels(item: Dataset, record: ImageRecord) -> bytes:
    data: bytes = item.PixelData
    if len(data) not in (record.size, record.size + record.size % 2):
        raise refused(
            f"{len(data)} bytes of pixels where {record.size} are due", [tag("PixelData")]
        )
    data = data[: record.size]
    if record.samples == 3 and item.PlanarConfiguration == 1:
        planes = np.frombuffer(data, "u1").reshape(3, record.rows, record.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0)).tobytes()
    if record.bits == 12:
        words: NDArray[np.uint16] = np.frombuffer(data, "<u2")
        if words.max() > 0x0FFF:  # what is above the high bit is none of the image
            return (words & np.uint16(0x0FFF)).astype("<u2").tobytes()
    return data
