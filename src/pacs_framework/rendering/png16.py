"""PNG files with 16 bits for each sample (ISO/IEC 15948); Pillow writes no colours of them."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from pacs_framework.rendering.samples import Array

__all__ = ["png_of_16_bits"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
_UP = 2  # each byte less the one above it
_LEVEL = 6


def png_of_16_bits(values: Array) -> bytes:
    """The file of unsigned ``values``: (height, width) or (height, width, 3)."""
    height, width = values.shape[:2]
    colour = _GREY if values.ndim == 2 else _RGB
    lines = np.ascontiguousarray(values, ">u2").reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, lines.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), _LEVEL)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
