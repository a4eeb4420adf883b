"""The pixel data of a data set without anything that follows them."""

from __future__ import annotations

from collections.abc import Iterator

from pacs_framework.dicom.header import SplitDataSet
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.walk import BIG, LITTLE, PIXEL_DATA_TAGS, UNDEFINED_LENGTH, ByteOrder
from pacs_framework.errors import UnreadableInstance

__all__ = ["pixel_part"]

_BLOCK = 1 << 18
_ITEM_HEADER = 8


def pixel_part(split: SplitDataSet) -> Iterator[bytes]:
    """The pixel data elements at the start of the tail, byte for byte; nothing where none are.

    Raises `UnreadableInstance`, on the way: for an element that is cut off, and for a value of
    undefined length that is no chain of fragments (PS3.5 A.4).
    """
    order = LITTLE if split.little else BIG
    stream = PieceStream(split.tail)
    while (header := stream.read(8)) and len(header) == 8:
        if order.tag(order.length(header, 0)[0]) not in PIXEL_DATA_TAGS:
            return
        length = order.length(header, 4)[0]
        if not split.implicit and order.explicit(header, 0)[1] in order.short_vrs:
            raise UnreadableInstance("pixel data with a VR that pixel data cannot have")
        if not split.implicit:
            header += _exactly(stream, 4)
            length = order.length(header, 8)[0]
        yield header
        yield from (
            _fragments(stream, order) if length == UNDEFINED_LENGTH else _copy(stream, length)
        )


def _fragments(stream: PieceStream, order: ByteOrder) -> Iterator[bytes]:
    """Items up to their delimiter, and that."""
    while True:
        header = _exactly(stream, _ITEM_HEADER)
        word, length = order.implicit(header, 0)
        yield header
        if word == order.sequence_end:
            return
        if word != order.item or length == UNDEFINED_LENGTH:
            raise UnreadableInstance("pixel data hold what is no fragment")
        yield from _copy(stream, length)


def _copy(stream: PieceStream, length: int) -> Iterator[bytes]:
    while length:
        piece = _exactly(stream, min(length, _BLOCK))
        length -= len(piece)
        yield piece


def _exactly(stream: PieceStream, size: int) -> bytes:
    piece = stream.read(size)
    if len(piece) < size:
        raise UnreadableInstance("the data end inside the pixel data")
    return piece
