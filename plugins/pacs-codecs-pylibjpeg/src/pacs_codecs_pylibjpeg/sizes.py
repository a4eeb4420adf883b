"""The size that a compressed image says it has, looked at before a library makes room for it.

An image of another size than the header of the instance says is refused after decoding anyway; by
then it may have taken gigabytes.
"""

from __future__ import annotations

import struct

from pacs_framework.codecs.codec import Buffer
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["check_jpeg_2000", "check_jpeg_ls"]

_FILE, _CODE_STREAM = b"\0\0\0\x0cjP  ", b"jp2c"
_LEAST_BOX = 8
_SIZES = 8  # where they are in a code stream
_START_OF_FRAME, _START_OF_SCAN, _FILL = 0xFFF7, 0xFFDA, 0xFFFF


def check_jpeg_2000(frame: Buffer, pixels: PixelFormat) -> None:
    """Raises `UnreadableInstance` for a code stream of another size, or none (ISO/IEC 15444-1)."""
    data = memoryview(frame)
    start = _behind_boxes(data) if data[: len(_FILE)] == _FILE else 0
    try:
        right, bottom, left, top = struct.unpack_from(">4I", data, start + _SIZES)
    except struct.error:
        raise UnreadableInstance("the JPEG 2000 code stream is cut off in its header") from None
    _check(bottom - top, right - left, pixels)


def _behind_boxes(data: memoryview) -> int:
    """Where the boxes of a JP2 file (Annex I) lead; pydicom follows one of no length for ever."""
    position = 0
    while data[position + 4 : position + 8] != _CODE_STREAM:
        length = int.from_bytes(data[position : position + 4], "big")
        if length < _LEAST_BOX:
            raise UnreadableInstance("JP2 boxes that lead to no JPEG 2000 code stream")
        position += length
    return position + _LEAST_BOX


def check_jpeg_ls(frame: Buffer, pixels: PixelFormat) -> None:
    """Raises `UnreadableInstance` for an image of another size (ISO/IEC 14495-1 C.2.2)."""
    data, position = memoryview(frame), 2
    try:
        while True:
            marker, length = struct.unpack_from(">2H", data, position)
            if marker == _FILL:
                position += 1
                continue
            if marker == _START_OF_FRAME:
                rows, columns = struct.unpack_from(">2H", data, position + 5)
                _check(rows, columns, pixels)
                return
            if marker < 0xFF00 or marker == _START_OF_SCAN:
                raise UnreadableInstance("a JPEG-LS image without its frame header")
            position += 2 + length
    except struct.error:
        raise UnreadableInstance("the JPEG-LS image is cut off in its header") from None


def _check(rows: int, columns: int, pixels: PixelFormat) -> None:
    if (rows, columns) != (pixels.rows, pixels.columns):
        raise UnreadableInstance(
            f"the compressed image has {rows} rows and {columns} columns, where the header says "
            f"{pixels.rows} and {pixels.columns}"
        )
