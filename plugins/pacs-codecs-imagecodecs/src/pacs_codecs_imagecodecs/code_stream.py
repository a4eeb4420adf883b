"""What the main header of a JPEG 2000 code stream says (ISO/IEC 15444-1 Annex A).

Looked at before anything is decoded, and after something was encoded: what a transfer syntax
demands is checked, not hoped for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pacs_framework.codecs.pixels import PixelFormat
from pacs_framework.errors import UnreadableInstance

__all__ = ["RPCL", "CodeStream", "read_code_stream", "with_precision"]

RPCL = 2
"""Progression by resolution, position, component, layer."""

_START = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"
_SIZ, _COD, _TLM, _START_OF_TILE = 0xFF51, 0xFF52, 0xFF55, 0xFF90
_AFTER_THE_END = 64
_PART_2 = 0x8000  # of Rsiz; OpenJPEG passes over what it does not know of them
_LEAST_TILE_PART = 12  # bytes of its own header
_MOST_TILES = 65535
_FIRST_SSIZ = 42  # where the first component's precision and sign are
_SIGNED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStream:
    """The main header of one code stream; ``components`` is how many there are."""

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool
    progression: int
    colour_transformed: bool
    levels: int
    reversible: bool
    tile_part_lengths: bool

    def check(self, pixels: PixelFormat) -> None:
        """Raises `UnreadableInstance` where the header of the instance says something else."""
        here = (self.rows, self.columns, self.components)
        if here != (pixels.rows, pixels.columns, pixels.samples_per_pixel):
            raise UnreadableInstance(
                f"the compressed image has {self.rows} rows, {self.columns} columns and "
                f"{self.components} samples, where the header says {pixels.rows}, "
                f"{pixels.columns} and {pixels.samples_per_pixel}"
            )
        if self.precision > pixels.bits_allocated:
            raise UnreadableInstance(
                f"samples of {self.precision} bits, {pixels.bits_allocated} are allocated"
            )


def read_code_stream(data: bytes) -> CodeStream:
    """The main header of the code stream in ``data``, which may lie in a file of JP2 boxes.

    Raises `UnreadableInstance`, also for one that is cut off.
    """
    start = data.find(_START)
    if start < 0:
        raise UnreadableInstance("no JPEG 2000 code stream")
    if _END not in data.rstrip(b"\0")[-_AFTER_THE_END:]:
        raise UnreadableInstance("the JPEG 2000 code stream is cut off: it has no end")
    try:
        return _read(memoryview(data)[start:])
    except struct.error:
        raise UnreadableInstance("the JPEG 2000 code stream is cut off in its header") from None


def _read(data: memoryview) -> CodeStream:
    (capabilities,) = struct.unpack_from(">H", data, 6)
    if capabilities & _PART_2:
        raise UnreadableInstance("a JPEG 2000 code stream with extensions of Part 2")
    _check_grid(struct.unpack_from(">8I", data, 8))
    right, bottom, left, top = struct.unpack_from(">4I", data, 8)
    components, sample = struct.unpack_from(">HB", data, _FIRST_SSIZ - 2)
    segments = _segments(data)
    if _COD not in segments:
        raise UnreadableInstance("a JPEG 2000 code stream without its coding style")
    progression, transformed, levels, wavelet = struct.unpack_from(
        ">Bxx2B3xB", data, segments[_COD] + 1
    )
    return CodeStream(
        rows=bottom - top,
        columns=right - left,
        components=components,
        precision=(sample & ~_SIGNED) + 1,
        signed=bool(sample & _SIGNED),
        progression=progression,
        colour_transformed=bool(transformed),
        levels=levels,
        reversible=wavelet == 1,
        tile_part_lengths=_TLM in segments,
    )


def _check_grid(grid: tuple[int, ...]) -> None:
    """Raises `UnreadableInstance` for an image or tiles that cannot be (ISO/IEC 15444-1 B.2, B.3).

    OpenJPH divides by what is nothing then, or takes its time over tiles that are not there.
    """
    for size, start, tile, first in (grid[0::2], grid[1::2]):
        if not (start < size and first <= start < first + tile):
            raise UnreadableInstance("a JPEG 2000 code stream of an impossible size or tiles")
    across, down = (-(-(size - first) // tile) for size, _, tile, first in (grid[0::2], grid[1::2]))
    if across * down > _MOST_TILES:
        raise UnreadableInstance(f"a JPEG 2000 code stream of {across * down} tiles")


def _segments(data: memoryview) -> dict[int, int]:
    """Where the parameters of each marker segment of the main header begin."""
    found: dict[int, int] = {}
    position = 2
    while True:
        marker, length = struct.unpack_from(">2H", data, position)
        if marker == _START_OF_TILE:
            _check_tile_parts(data, position)
            return found
        if marker < 0xFF00 or length < 2:
            raise UnreadableInstance("a JPEG 2000 code stream with a damaged header")
        found[marker] = position + 4
        position += 2 + length


def _check_tile_parts(data: memoryview, position: int) -> None:
    """Raises `UnreadableInstance` where tile-parts are longer than what there is (A.4.2).

    OpenJPH fills what is not there with what it likes, if only the last marker is in its place.
    """
    while data[position : position + 2] == _START_OF_TILE.to_bytes(2, "big"):
        (length,) = struct.unpack_from(">I", data, position + 6)
        if position + length > len(data):
            raise UnreadableInstance("the JPEG 2000 code stream is cut off inside a tile")
        if length < _LEAST_TILE_PART:
            return  # 0 is up to the end, for the last one
        position += length


def with_precision(data: bytes, bits: int, *, signed: bool) -> bytes:
    """A code stream that says so many ``bits`` and this sign of all components.

    In a reversible one both mean no more than the level that a decoder adds to unsigned samples,
    half their range (ISO/IEC 15444-1 G.1): whoever encoded signed samples may say so afterwards. In
    an irreversible one the bits are the range, too, of which quantization steps are parts (E.1).
    """
    changed = bytearray(data)
    (components,) = struct.unpack_from(">H", data, _FIRST_SSIZ - 2)
    for number in range(components):
        changed[_FIRST_SSIZ + 3 * number] = (bits - 1) | (_SIGNED if signed else 0)
    return bytes(changed)
