"""What a compressed image says of itself, looked at before a library makes room for it.

An image of another size than the header of the instance says is refused after decoding anyway; by
then it may have taken gigabytes. CharLS takes seconds to give up over one without its end.
"""

from __future__ import annotations

import struct
from contextlib import suppress

from pacs_framework.codecs.codec import Buffer
from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["check_jpeg_2000", "check_jpeg_ls", "is_irreversible"]

_FILE, _CODE_STREAM = b"\0\0\0\x0cjP  ", b"jp2c"
_LEAST_BOX = 8
_SIZES = 8  # where they are in a code stream
_START_OF_FRAME, _START_OF_SCAN, _FILL = 0xFFF7, 0xFFDA, 0xFFFF
_END_OF_IMAGE = b"\xff\xd9"
_AFTER_THE_END = 64  # bytes of padding that are seen behind the last marker
_CODING_STYLE, _START_OF_TILE = 0xFF52, 0xFF90
_TRANSFORMATION = 13  # where a coding style segment has it, counted from its marker
_IRREVERSIBLE = 0  # the 9-7 filter


def check_jpeg_2000(frame: Buffer, pixels: PixelFormat) -> None:
    """Raises `UnreadableInstance` for a code stream of another size, or none (ISO/IEC 15444-1)."""
    data = memoryview(frame)
    start = _start_of_code_stream(data)
    try:
        right, bottom, left, top = struct.unpack_from(">4I", data, start + _SIZES)
    except struct.error:
        raise UnreadableInstance("the JPEG 2000 code stream is cut off in its header") from None
    _check(bottom - top, right - left, pixels)


def is_irreversible(frame: Buffer) -> bool:
    """Whether a JPEG 2000 code stream was made with loss by its transformation (Table A.20).

    It is one that `check_jpeg_2000` has let pass; what is cut off is not found to be so.
    """
    data = memoryview(frame)
    position = _start_of_code_stream(data) + 2
    with suppress(struct.error, IndexError):
        while True:
            marker, length = struct.unpack_from(">2H", data, position)
            if marker == _CODING_STYLE:
                return data[position + _TRANSFORMATION] == _IRREVERSIBLE
            if marker == _START_OF_TILE or marker < 0xFF00:
                break
            position += 2 + length
    return False


def _start_of_code_stream(data: memoryview) -> int:
    return _behind_boxes(data) if data[: len(_FILE)] == _FILE else 0


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
    """Raises `UnreadableInstance` for an image of another size, or one that is cut off.

    ISO/IEC 14495-1 C.2.2.
    """
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
                break
            if marker < 0xFF00 or marker == _START_OF_SCAN:
                raise UnreadableInstance("a JPEG-LS image without its frame header")
            position += 2 + length
    except struct.error:
        raise UnreadableInstance("the JPEG-LS image is cut off in its header") from None
    if _END_OF_IMAGE not in bytes(data).rstrip(b"\0")[-_AFTER_THE_END:]:
        raise UnreadableInstance("the JPEG-LS image is cut off: it has no end")


def _check(rows: int, columns: int, pixels: PixelFormat) -> None:
    if (rows, columns) != (pixels.rows, pixels.columns):
        raise UnreadableInstance(
            f"the compressed image has {rows} rows and {columns} columns, where the header says "
            f"{pixels.rows} and {pixels.columns}"
        )
