"""Encapsulated pixel data: fragments out of a stream, gathered to frames (PS3.5 A.4).

One frame is in memory at a time. Which fragments belong together is told by the extended or the
basic offset table where they are sound; else by the number of frames, and by the marker that ends
each compressed image of the JPEG family. A table that turns out to be wrong, since no fragment
begins where a frame should, is not believed any further.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise

from pydicom import Dataset
from pydicom.uid import RLELossless

from pacs_framework.codecs.pixels import PixelFormat, frames_of, header_value
from pacs_framework.errors import UnreadableInstance

__all__ = ["Fragments", "frames_in", "gathered", "without_offset_tables"]

_ITEM, _SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE
_ITEM_HEADER = 8
_UNDEFINED = 0xFFFFFFFF
_LONGEST_TABLE = 1 << 26
_END_OF_IMAGE = b"\xff\xd9"
_MARKER_WITHIN = 10  # bytes from the end: padding may follow the marker
_OFFSET_TABLES = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths")
_ONE_FRAGMENT_EACH = frozenset(
    (
        str(RLELossless),  # PS3.5 G.2
        "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
        "1.2.840.10008.1.2.4.110",  # JPEG XL has no such marker
        "1.2.840.10008.1.2.4.111",
        "1.2.840.10008.1.2.4.112",
    )
)


def without_offset_tables(header: Dataset) -> None:
    """Remove the extended offset table, which does not fit other pixel data."""
    for keyword in _OFFSET_TABLES:
        if keyword in header:
            delattr(header, keyword)


def frames_in(
    pieces: Iterator[bytes], header: Dataset, transfer_syntax: str, pixels: PixelFormat
) -> Iterator[bytes]:
    """The compressed frames in ``pieces``, which begin behind the header of the element.

    Raises `UnreadableInstance`: for fragments that are cut off, that are more than any compressed
    frame takes, and where another number of frames comes than ``header`` says.
    """
    fragments = Fragments(pieces, longest=pixels.most_encoded_bytes)
    yield from gathered(fragments, header, transfer_syntax)


def gathered(fragments: Fragments, header: Dataset, transfer_syntax: str) -> Iterator[bytes]:
    """The frames that ``fragments`` are of, one after the other. Raises as `frames_in`."""
    number = frames_of(header)
    starts = _sound(_extended(header), number) or _sound(fragments.offsets, number)
    if number == 1:
        frames = _joined_all(fragments)
    else:
        each = transfer_syntax in _ONE_FRAGMENT_EACH
        without = _each if each else partial(_joined_by_marker, longest=fragments.longest)
        frames = (
            _joined_at(fragments, starts, without)
            if starts
            else without(data for _, data in fragments)
        )
    yield from _counted(frames, number)


class Fragments:
    """Iterates over (offset behind the basic offset table, bytes) of each fragment.

    ``longest`` bounds the bytes of a frame. When all are read, `rest` gives what follows them.
    """

    def __init__(self, pieces: Iterator[bytes], *, longest: int) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self.longest = longest
        self._position = 0
        table = self._item(_LONGEST_TABLE)
        if table is None:
            raise UnreadableInstance("pixel data without a single item")
        self.offsets = struct.unpack(f"<{len(table) // 4}I", table[: len(table) & ~3])
        self._position = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while True:
            start = self._position
            data = self._item(self.longest)
            if data is None:
                return
            yield start, data

    def rest(self) -> Iterator[bytes]:
        """What is behind the delimiter."""
        if self._held:
            yield bytes(self._held)
            self._held.clear()
        yield from self._pieces

    def _item(self, longest: int) -> bytes | None:
        """The value of the next item; None at the delimiter."""
        tag, length = struct.unpack("<II", self._take(_ITEM_HEADER))
        if tag == _SEQUENCE_END:
            return None
        if tag != _ITEM or length == _UNDEFINED:
            raise UnreadableInstance("pixel data hold what is no fragment")
        if length > longest:
            raise UnreadableInstance(f"a fragment of {length} bytes, where {longest} are the most")
        return self._take(length)

    def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise UnreadableInstance("the data end inside the pixel data")
            self._held += piece
        taken = bytes(memoryview(self._held)[:size])
        del self._held[:size]
        self._position += size
        return taken


def _extended(header: Dataset) -> Sequence[int]:
    """The extended offset table (PS3.3 C.7.6.3.1.8)."""
    table = header_value(header, "ExtendedOffsetTable") or b""
    return struct.unpack(f"<{len(table) // 8}Q", table) if len(table) % 8 == 0 else ()


def _sound(offsets: Sequence[int], number: int) -> Sequence[int]:
    """``offsets``, or nothing where they cannot be those of so many frames."""
    rising = all(one < other for one, other in pairwise(offsets))
    return offsets if len(offsets) == number and offsets[0] == 0 and rising else ()


def _joined_all(fragments: Fragments) -> Iterator[bytes]:
    size, parts = 0, []
    for _, data in fragments:
        size += len(data)
        parts.append(data)
        _bounded(size, fragments.longest)
    if parts:
        yield b"".join(parts)


def _joined_at(
    fragments: Fragments,
    starts: Sequence[int],
    without: Callable[[Iterator[bytes]], Iterator[bytes]],
) -> Iterator[bytes]:
    """Frames that begin where the table says; where it is wrong, the rest is found ``without``."""
    due = iter(starts[1:])
    following = next(due, None)
    held: list[bytes] = []
    size = 0
    numbered = iter(fragments)
    for start, data in numbered:
        size += len(data)
        if following is not None and (start > following or size > fragments.longest):
            yield from without(chain(held, (data,), (later for _, later in numbered)))
            return
        if start == following:
            yield b"".join(held)
            held.clear()
            size, following = len(data), next(due, None)
        held.append(data)
        _bounded(size, fragments.longest)
    yield from (b"".join(held),) if following is None else without(iter(held))


def _each(fragments: Iterator[bytes]) -> Iterator[bytes]:
    return fragments


def _joined_by_marker(fragments: Iterator[bytes], *, longest: int) -> Iterator[bytes]:
    """Frames that end where a fragment ends with the marker that ends an image."""
    frame = bytearray()
    for data in fragments:
        frame += data
        _bounded(len(frame), longest)
        if _END_OF_IMAGE in data[-_MARKER_WITHIN:]:
            yield bytes(frame)
            frame.clear()
    if frame:
        yield bytes(frame)


def _bounded(size: int, longest: int) -> None:
    if size > longest:
        raise UnreadableInstance(f"fragments of {size} bytes for one frame")


def _counted(frames: Iterator[bytes], number: int) -> Iterator[bytes]:
    found = 0
    for frame in frames:
        found += 1
        if found > number:
            raise UnreadableInstance(f"more than the {number} frames that the header says")
        yield frame
    if found < number:
        raise UnreadableInstance(f"{found} frames where the header says {number}")
