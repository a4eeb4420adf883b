"""Deflated data sets (PS3.5 A.5), inflated piece by piece so that memory stays bounded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from pacs_framework.dicom.walk import LITTLE, EncodedDataSet, TruncatedDataSet, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = ["HEADER_LIMIT", "deflate", "inflate", "walk_deflated"]

HEADER_LIMIT = 64 << 20
"""The most inflated bytes that are held at once: the longest element whose end must be searched."""

_BLOCK = 1 << 16

# CRC-32 and length as gzip has them, and a pad byte.
_TRAILER_LIMIT = 9


def inflate(blocks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Inflate a raw deflate stream into blocks of at most 64 KiB (PS3.5 A.5, RFC 1951).

    Raises `UnreadableInstance` when the stream is broken, cut off or followed by more than a
    checksum of gzip or zlib, which some writers leave there, and padding.
    """
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    trailing = 0
    try:
        for block in blocks:
            if engine.eof:
                trailing += len(block)
                continue
            pending: bytes | memoryview = block
            while pending and not engine.eof:
                if piece := engine.decompress(pending, _BLOCK):
                    yield piece
                pending = engine.unconsumed_tail
        while not engine.eof and (piece := engine.decompress(b"", _BLOCK)):
            yield piece
    except zlib.error as error:
        raise _unreadable(str(error)) from None
    if not engine.eof:
        raise _unreadable("the stream is cut off")
    trailing += len(engine.unused_data)
    if trailing > _TRAILER_LIMIT:
        raise _unreadable(f"{trailing} bytes follow the deflate stream")


def _unreadable(cause: str) -> UnreadableInstance:
    return UnreadableInstance(f"deflated data set unreadable: {cause}")


def deflate(blocks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Deflate blocks into one raw stream, padded with a null to even length (PS3.5 A.5)."""
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    length = 0
    for block in blocks:
        if piece := engine.compress(block):
            length += len(piece)
            yield piece
    piece = engine.flush()
    yield piece + b"\0" * ((length + len(piece)) % 2)


class _Window:
    """The part of an inflated stream that is being looked at."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.held = bytearray()
        self._pieces = pieces

    def fill(self, size: int) -> bool:
        """Inflate until ``size`` bytes are held; whether the stream ended before."""
        while len(self.held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self.held += piece
        return False

    def drop(self, count: int) -> None:
        """Let go of ``count`` bytes from the front, inflating those that are not held yet."""
        while count > len(self.held):
            count -= len(self.held)
            self.held.clear()
            if self.fill(1):
                raise _unreadable(f"{count} bytes are missing at the end of an element")
        del self.held[:count]


def walk_deflated(data: EncodedDataSet) -> dict[int, bytes]:
    """The raw values of the indexed attributes of a deflated data set, walked to its end.

    Long values of no interest (the pixels) are inflated and dropped block by block. Raises
    `UnreadableInstance`, also when more than `HEADER_LIMIT` bytes would have to be held; offsets
    in its message count from where the walk had last let go of what it had seen.
    """
    view = memoryview(data)
    window = _Window(inflate(view[at : at + _BLOCK] for at in range(0, len(view), _BLOCK)))
    raw: dict[int, bytes] = {}
    finished = window.fill(_BLOCK)
    held = window.held
    implicit = Walk(held, len(held), LITTLE).looks_implicit(0, default=False)
    while True:
        seen = _walk_window(held, raw, implicit=implicit, finished=finished)
        window.drop(seen)
        if finished:
            return raw
        if len(held) > HEADER_LIMIT:
            raise _unreadable(f"an element of more than {HEADER_LIMIT} bytes")
        # What did not fit is given twice the room, so that the work stays linear.
        finished = window.fill(len(held) + _BLOCK if seen else 2 * len(held))


def _walk_window(held: bytearray, raw: dict[int, bytes], *, implicit: bool, finished: bool) -> int:
    """Walk what is held; the number of bytes that need not be looked at again."""
    walk = Walk(held, len(held), LITTLE)
    walk.raw = raw
    try:
        return walk.implicit(0) if implicit else walk.explicit(0)
    except TruncatedDataSet as error:
        if finished:
            raise
        return error.element if error.skip is None else len(held) + error.skip
