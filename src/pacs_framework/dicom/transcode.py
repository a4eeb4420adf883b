"""Stored data sets in another uncompressed transfer syntax, for receivers that took no better one.

Memory stays bounded: the header is turned as a whole, native pixel data pass by in blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pacs_framework.dicom.elements import (
    Encoding,
    ImageFacts,
    Transcoder,
    image_facts,
    swap_unit,
    swapped,
    vr_of,
)
from pacs_framework.dicom.header import (
    Readable,
    SplitDataSet,
    blocks_of,
    split_data_set,
    split_pieces,
)
from pacs_framework.dicom.inflate import deflate, inflate
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR, UNCOMPRESSED
from pacs_framework.dicom.walk import UNDEFINED_LENGTH, EncodedDataSet
from pacs_framework.errors import UnreadableInstance

__all__ = ["convert_uncompressed"]

_BLOCK = 1 << 16


def convert_uncompressed(
    source: EncodedDataSet | Readable, from_syntax: str, to_syntax: str
) -> Iterator[bytes]:
    """The data set of ``source`` in another uncompressed transfer syntax, in blocks.

    Nothing is lost: text stays as encoded, VRs that implicit VR lacks come from the dictionary, and
    UN stands for unknown elements (PS3.5 6.2.2). A stream is read from where it stands.

    Raises `UnreadableInstance`, which may also come after some blocks, and ValueError for a
    transfer syntax that is not uncompressed.
    """
    for syntax in (from_syntax, to_syntax):
        if syntax not in UNCOMPRESSED:
            raise ValueError(f"transfer syntax {syntax!r} is not an uncompressed one")
    pieces = _converted(source, from_syntax, to_syntax)
    return deflate(pieces) if to_syntax in DEFLATED else _in_blocks(pieces)


def _encoding(syntax: str) -> Encoding:
    return Encoding(implicit=syntax == IMPLICIT_VR, little=syntax != BIG_ENDIAN)


def _converted(
    source: EncodedDataSet | Readable, from_syntax: str, to_syntax: str
) -> Iterator[bytes]:
    target = _encoding(to_syntax)
    if _encoding(from_syntax) == target:
        blocks = blocks_of(source)
        yield from inflate(blocks) if from_syntax in DEFLATED else blocks
        return
    split = split_data_set(source, from_syntax)
    encoding = Encoding(implicit=split.implicit, little=split.little)
    transcoder = Transcoder(encoding, target, image_facts(split.header, encoding))
    yield from _data_set(split, encoding, target, transcoder)


def _data_set(
    split: SplitDataSet, encoding: Encoding, target: Encoding, transcoder: Transcoder
) -> Iterator[bytes]:
    """Header, pixel data, and whatever follows them, with pixel data again if need be."""
    while True:
        yield transcoder.transcode(split.header)
        tail = _Tail(split.tail)
        first = tail.take(12)
        if not first:
            return
        yield from _pixel_data(first, tail, encoding, target, transcoder.facts)
        split = split_pieces(tail.rest(), implicit=encoding.implicit, little=encoding.little)


def _pixel_data(
    first: bytes, tail: _Tail, encoding: Encoding, target: Encoding, facts: ImageFacts
) -> Iterator[bytes]:
    """One native pixel data element, of which ``first`` are 12 bytes (or all there are)."""
    order = encoding.order
    implicit = encoding.implicit or not first[4:6].isalpha()
    if len(first) < (8 if implicit else 12):
        raise UnreadableInstance("the data end inside the header of the pixel data")
    tag = order.tag(order.length(first, 0)[0])
    if implicit:
        vr, length = vr_of(tag, facts), order.implicit(first, 0)[1]
        tail.put_back(first[8:])
    else:
        vr, length = first[4:6].decode("latin-1"), order.length(first, 8)[0]
    if length == UNDEFINED_LENGTH:
        raise UnreadableInstance("encapsulated pixel data in an uncompressed transfer syntax")
    yield target.header(tag, vr, length)
    value = tail.stream(length)
    yield from value if encoding.little == target.little else _swapped(value, swap_unit(vr))


def _swapped(blocks: Iterable[bytes], unit: int) -> Iterator[bytes]:
    """Swap the bytes of each number, also of those that lie across two blocks."""
    held = b""
    for block in blocks:
        held += block
        whole = len(held) - len(held) % unit
        yield swapped(held[:whole], unit) if unit > 1 else held[:whole]
        held = held[whole:]
    yield held


class _Tail:
    """Reads an exact number of bytes from pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes, or all that are left."""
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def put_back(self, data: bytes) -> None:
        """Have ``data`` come next again."""
        self._held = data + self._held

    def stream(self, count: int) -> Iterator[bytes]:
        """The next ``count`` bytes in blocks. Raises `UnreadableInstance` when there are fewer."""
        while count:
            piece = self._held or next(self._pieces, None)
            if piece is None:
                raise UnreadableInstance(f"{count} bytes of the pixel data are missing")
            block, self._held = piece[:count], piece[count:]
            count -= len(block)
            yield block

    def rest(self) -> Iterator[bytes]:
        """Everything that is left."""
        if self._held:
            yield self._held
            self._held = b""
        yield from self._pieces


def _in_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces gathered, so that a receiver is not handed one element at a time."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)
