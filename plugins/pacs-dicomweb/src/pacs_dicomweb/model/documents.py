"""A whole data set as DICOM JSON: its header, a reference for its pixel data, and what follows.

Pixel data are leapt over, not read, where the source can be opened anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Protocol

from pacs_dicomweb.model.encoded import Renderer
from pacs_framework.dicom.elements import Encoding, image_facts, vr_of
from pacs_framework.dicom.header import Readable, SplitDataSet, split_data_set
from pacs_framework.dicom.stream import PieceStream
from pacs_framework.dicom.uids import BIG_ENDIAN, DEFLATED, IMPLICIT_VR
from pacs_framework.dicom.walk import PIXEL_DATA_TAGS, UNDEFINED_LENGTH
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "FIRST_READ",
    "LEAP",
    "Forwards",
    "PixelElement",
    "Ranged",
    "Remembered",
    "Tail",
    "last_pixels",
    "members_of",
    "object_text",
    "parts_of",
    "ranged_members",
    "ranged_tail",
    "skip_value",
    "split_ranged",
]

FIRST_READ = 1 << 14
"""Bytes that are read of a data set at first."""

LEAP = 1 << 12
"""Bytes that are read of encapsulated pixel data at once: some headers of short fragments."""

_MOST_AT_ONCE = 1 << 22
_WINDOW = 1 << 16
_TRAILING_LIMIT = 16 << 20  # bytes behind the pixel data; signatures and padding are far below


class Ranged(Protocol):
    """A data set that can be read from anywhere."""

    size: int

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer only at the end."""


class Tail:
    """What follows a header, read forwards: from a stream, or by leaps."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._stream = PieceStream(pieces)

    def take(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        return self._stream.read(size)

    def skip(self, size: int) -> None:
        """Leave out so many bytes. Raises `UnreadableInstance` where there are not so many."""
        while size:
            read = len(self._stream.read(min(size, _WINDOW)))
            if not read:
                raise UnreadableInstance("the data end inside the pixel data")
            size -= read


class _Leaping(Tail):
    """The same over a `Ranged` source, from an offset on."""

    def __init__(self, source: Ranged, offset: int) -> None:
        super().__init__(iter(()))
        self._source, self._offset = source, offset
        self._held, self._from = b"", 0

    def take(self, size: int) -> bytes:
        at = self._offset - self._from
        if self._offset >= self._source.size:
            return b""
        if at < 0 or at + size > len(self._held):
            self._held = self._source.read_at(self._offset, max(size, LEAP))
            self._from, at = self._offset, 0
        taken = self._held[at : at + size]
        self._offset += len(taken)
        return taken

    def skip(self, size: int) -> None:
        self._offset += size
        if self._offset > self._source.size:
            raise UnreadableInstance("the data end inside the pixel data")


@dataclass(frozen=True, slots=True)
class PixelElement:
    """The header of a pixel data element; ``length`` may be `UNDEFINED_LENGTH`."""

    tag: int
    vr: str
    length: int


def object_text(members: dict[int, str]) -> str:
    """The members of `members_of` as one JSON object."""
    return "{" + ",".join([f'"{tag:08X}":{text}' for tag, text in members.items()]) + "}"


def members_of(
    source: Readable, transfer_syntax: str, renderer: Renderer, bulk_base: str
) -> dict[int, str]:
    """All attributes of the data set that ``source`` gives from its start (see `Renderer.members`).

    Raises `UnreadableInstance`.
    """
    split = split_data_set(source, transfer_syntax)
    return _members(split, Tail(split.tail), renderer, bulk_base)


def ranged_members(
    source: Ranged, transfer_syntax: str, renderer: Renderer, bulk_base: str
) -> dict[int, str]:
    """The same, without reading the pixel data."""
    if transfer_syntax in DEFLATED:
        return members_of(Forwards(source), transfer_syntax, renderer, bulk_base)
    source = Remembered(source)
    split = split_ranged(source, transfer_syntax)
    return _members(split, ranged_tail(source, split), renderer, bulk_base)


def ranged_tail(source: Ranged, split: SplitDataSet) -> Tail:
    """What follows the header of a data set that is not deflated, read by leaps."""
    return _Leaping(source, len(split.header))


class Remembered:
    """A `Ranged` source whose start is read once: pixel data mostly begin in what was read."""

    def __init__(self, source: Ranged, head: bytes = b"") -> None:
        self._source, self._head = source, head
        self.size = source.size

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer only at the end."""
        end = min(offset + length, self.size)
        if end <= len(self._head):
            return self._head[offset:end]
        block = self._source.read_at(offset, length)
        if not offset:
            self._head = block
        return block


class Forwards:
    """A `Ranged` source read from its start."""

    def __init__(self, source: Ranged) -> None:
        self._source, self._offset = source, 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes."""
        block = self._source.read_at(self._offset, _MOST_AT_ONCE if size < 0 else size)
        self._offset += len(block)
        return block


def split_ranged(source: Ranged, transfer_syntax: str) -> SplitDataSet:
    """The data set taken apart. Most headers are short, so little is read at first.

    Its tail is not to be read: it ends where the reading did. Raises `UnreadableInstance`.
    """
    size = FIRST_READ
    while size < min(source.size, _MOST_AT_ONCE):
        head = source.read_at(0, size)
        try:
            split = split_data_set(head, transfer_syntax)
        except UnreadableInstance:  # cut off where we stopped to read, or broken: more tells
            split = None
        if split is not None and len(split.header) < len(head):
            return split
        size *= 4
    return split_data_set(Forwards(source), transfer_syntax)


def _members(split: SplitDataSet, tail: Tail, renderer: Renderer, bulk_base: str) -> dict[int, str]:
    members: dict[int, str] = {}
    for part in parts_of(split, tail):
        if isinstance(part, PixelElement):
            members[part.tag] = _pixels(part, bulk_base)
            continue
        encoding = Encoding(implicit=part.implicit, little=part.little)
        members |= renderer.members(part.header, encoding, bulk_base)
    return members


def last_pixels(source: Ranged, header: SplitDataSet, bulk_base: str) -> dict[int, str] | None:
    """The pixel data element behind ``header`` as a member, if there is one.

    None where anything else is behind it. Raises `UnreadableInstance`.
    """
    parts = parts_of(header, ranged_tail(source, header))
    next(parts)
    element = next(parts, None)
    if not isinstance(element, PixelElement):
        return {} if source.size == len(header.header) else None
    return {element.tag: _pixels(element, bulk_base)} if next(parts, None) is None else None


def parts_of(split: SplitDataSet, tail: Tail) -> Iterator[SplitDataSet | PixelElement]:
    """A data set from its header on: runs of elements, and between them pixel data elements.

    The value of one is left out when the next part is asked for. Raises `UnreadableInstance`.
    """
    encoding = Encoding(implicit=split.implicit, little=split.little)
    while True:
        yield split
        element = _pixel_element(split, encoding, tail)
        if element is None:
            return
        yield element
        skip_value(tail, element.length, encoding)
        following = tail.take(8)
        if not following:
            return
        rest = chain((following,), iter(partial(tail.take, _WINDOW), b""))
        split = split_data_set(PieceStream(_bounded(rest)), _syntax(encoding))
        tail = Tail(split.tail)


def _syntax(encoding: Encoding) -> str:
    return IMPLICIT_VR if encoding.implicit else BIG_ENDIAN if not encoding.little else ""


def _bounded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > _TRAILING_LIMIT:
            raise UnreadableInstance(f"more than {_TRAILING_LIMIT} bytes behind the pixel data")
        yield piece


def _pixel_element(split: SplitDataSet, encoding: Encoding, tail: Tail) -> PixelElement | None:
    """The pixel data element that the tail begins with; None where it is empty."""
    order = encoding.order
    head = tail.take(8)
    if len(head) < 8:
        return None
    word, vr_word, length = order.explicit(head, 0)
    tag = order.tag(word)
    if tag not in PIXEL_DATA_TAGS:
        raise UnreadableInstance("the data set goes on with what are no pixel data")
    if encoding.implicit or vr_word not in order.long_vrs:
        length = order.implicit(head, 0)[1]
        vr = vr_of(tag, image_facts(split.header, encoding))
    else:
        length = order.length(tail.take(4).ljust(4, b"\0"), 0)[0]
        vr = head[4:6].decode("latin-1")
    return PixelElement(tag, vr, length)


def _pixels(element: PixelElement, bulk_base: str) -> str:
    if not element.length:
        return f'{{"vr":"{element.vr}"}}'
    return f'{{"vr":"{element.vr}","BulkDataURI":"{bulk_base}{element.tag:08X}"}}'


def skip_value(tail: Tail, length: int, encoding: Encoding) -> None:
    """Leave out the value of a pixel data element (PS3.5 A.4 where it is encapsulated).

    Raises `UnreadableInstance` where it does not end.
    """
    if length != UNDEFINED_LENGTH:
        tail.skip(length)
        return
    order = encoding.order
    while len(header := tail.take(8)) == 8:
        word, size = order.implicit(header, 0)
        if word == order.sequence_end:
            return
        if word != order.item:
            raise UnreadableInstance("encapsulated pixel data hold what is no fragment")
        tail.skip(size)
    raise UnreadableInstance("encapsulated pixel data have no end")
