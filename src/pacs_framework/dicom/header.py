"""The header of a data set apart from what follows it, for those who change one of them only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from mmap import mmap
from typing import Protocol

from pacs_framework.dicom.inflate import inflate
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import BIG, LITTLE, EncodedDataSet, TruncatedDataSet, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "HEADER_LIMIT",
    "Readable",
    "SplitDataSet",
    "blocks_of",
    "split_data_set",
    "split_pieces",
]

HEADER_LIMIT = 256 << 20
"""The longest header in bytes that is taken apart; documents (PS3.3 A.45) count as header."""

_BLOCK = 1 << 18


class Readable(Protocol):
    """A file or a `pacs_framework.storage.ByteSource`: a data set from where it stands."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDataSet:
    """A data set in two parts, both inflated.

    ``header`` ends where the first pixel data element begins; ``tail`` gives the rest piece by
    piece. ``implicit`` and ``little`` say how both are encoded in truth, which may differ from what
    the transfer syntax announces.
    """

    header: bytes
    tail: Iterator[bytes]
    implicit: bool
    little: bool


def blocks_of(source: EncodedDataSet | Readable) -> Iterator[bytes]:
    """The bytes of a source in blocks."""
    if isinstance(source, bytes | bytearray | memoryview | mmap):
        view = memoryview(source)
        for start in range(0, len(view), _BLOCK):
            yield bytes(view[start : start + _BLOCK])
        return
    while block := source.read(_BLOCK):
        yield block


def split_data_set(source: EncodedDataSet | Readable, transfer_syntax_uid: str) -> SplitDataSet:
    """Take a data set apart, reading no further than needed.

    Raises `UnreadableInstance` when the header is broken or longer than `HEADER_LIMIT`.
    """
    pieces = blocks_of(source)
    if transfer_syntax_uid in DEFLATED:
        pieces = inflate(pieces)
    little = transfer_syntax_uid != BIG_ENDIAN
    return split_pieces(pieces, implicit=transfer_syntax_uid == IMPLICIT_VR, little=little)


def split_pieces(pieces: Iterator[bytes], *, implicit: bool, little: bool) -> SplitDataSet:
    """Take apart a data set, or the rest of one from an element on; ``implicit`` is a guess."""
    held, size = bytearray(), 0
    while True:
        size = 2 * size or _BLOCK
        finished = _fill(held, pieces, size)
        walk = Walk(held, len(held), LITTLE if little else BIG)
        implicit = walk.looks_implicit(0, default=implicit)
        end = _end_of_header(walk, implicit=implicit, finished=finished)
        if end is not None:
            # A first block of the tail that is empty would look like its end.
            rest = [bytes(held[end:])] if end < len(held) else []
            return SplitDataSet(
                header=bytes(held[:end]),
                tail=chain(rest, pieces),
                implicit=implicit,
                little=little,
            )
        if size > HEADER_LIMIT:
            raise UnreadableInstance(f"the header has more than {HEADER_LIMIT} bytes")


def _fill(held: bytearray, pieces: Iterator[bytes], size: int) -> bool:
    """Read until ``size`` bytes are held; whether the source ended before."""
    while len(held) < size:
        piece = next(pieces, None)
        if piece is None:
            return True
        held += piece
    return False


def _end_of_header(walk: Walk, *, implicit: bool, finished: bool) -> int | None:
    """Where the pixel data begin, or the data set ends; None when more of it is needed."""
    try:
        end = walk.implicit(0) if implicit else walk.explicit(0)
    except TruncatedDataSet:
        if finished and walk.pixel_data is None:
            raise
        return walk.pixel_data
    if walk.pixel_data is not None:
        return walk.pixel_data
    return end if finished else None
