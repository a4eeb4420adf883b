"""The walk over an encoded data set: element headers only, no recursion, no values copied.

What is tolerated follows pydicom, so that an instance the index accepts is one that plugins can
read: implicit VR where explicit was announced and the other way round, unknown VRs, items of either
length form, private sequences, zero padding at the end. What is not whole is an error, always.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from mmap import mmap
from struct import Struct
from typing import TypeAlias

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from pacs_framework.dicom.attributes import INDEXED
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "BIG",
    "LITTLE",
    "PIXEL_DATA_TAGS",
    "UNDEFINED_LENGTH",
    "VALUE_LIMIT",
    "ByteOrder",
    "EncodedDataSet",
    "TruncatedDataSet",
    "Walk",
]

EncodedDataSet: TypeAlias = bytes | bytearray | memoryview | mmap

UNDEFINED_LENGTH = 0xFFFFFFFF
SPECIFIC_CHARACTER_SET = 0x00080005
PIXEL_DATA_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
"""Float Pixel Data, Double Float Pixel Data, Pixel Data: where the header ends (PS3.3 C.7.6.3)."""

VALUE_LIMIT = 1 << 16
"""The longest value in bytes that an indexed attribute may have."""

# An undefined length value that is no chain of items is searched for its delimiter, as pydicom
# does. Each search may look at the whole rest, so their number is limited.
_SEARCH_LIMIT = 16

_ZERO = 0
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_LETTERS = range(0x41, 0x5B)

_BINARY_VRS = {"AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"}
_BINARY_VRS |= {"OB", "OD", "OF", "OL", "OV", "OW", "SQ"}

_nonzero = re.compile(rb"[^\0]").search


class TruncatedDataSet(UnreadableInstance):
    """The data end inside an element.

    ``element`` is the offset of the top-level element. ``skip`` says how many more bytes belong to
    it when its value is of no interest and its length is known, else None.
    """

    def __init__(self, offset: int, cause: str, *, skip: int | None = None) -> None:
        super().__init__(_message(offset, cause))
        self.element = offset
        self.skip = skip


def _message(offset: int, cause: str) -> str:
    return f"data set unreadable at offset {offset}: {cause}"


def _too_long(offset: int, length: int) -> UnreadableInstance:
    cause = f"an indexed attribute of {length} bytes, more than {VALUE_LIMIT}"
    return UnreadableInstance(_message(offset, cause))


@dataclass(frozen=True, slots=True)
class ByteOrder:
    """How element headers look in one byte order.

    Tags are compared as the 32-bit word that one unpack gives ("word"), VRs as a 16-bit one: that
    saves putting group and element together for each of the elements. ``wanted`` gives the tag of
    the elements to keep, and 0 for the landmarks.
    """

    explicit: Callable[..., tuple[int, int, int]]
    implicit: Callable[..., tuple[int, int]]
    length: Callable[..., tuple[int]]
    little: bool
    wanted: dict[int, int]
    pixel: frozenset[int]
    landmarks: frozenset[int]
    item: int
    item_end: int
    sequence_end: int
    short_vrs: frozenset[int]
    long_vrs: frozenset[int]
    binary_vrs: frozenset[int]
    sequence_vr: int
    unknown_vr: int
    find_sequence_end: Callable[..., re.Match[bytes] | None]

    def tag(self, word: int) -> int:
        """The tag as (group << 16 | element)."""
        return (word & 0xFFFF) << 16 | word >> 16 if self.little else word


def _byte_order(*, little: bool) -> ByteOrder:
    mark = "<" if little else ">"

    def word(tag: int) -> int:
        return (tag & 0xFFFF) << 16 | tag >> 16 if little else tag

    def vr(name: str) -> int:
        return int(Struct(mark + "H").unpack(name.encode())[0])

    def vrs(names: set[str]) -> frozenset[int]:
        return frozenset(vr(name) for name in names)

    landmarks = [*PIXEL_DATA_TAGS, _ZERO, _ITEM_END]
    tags = [SPECIFIC_CHARACTER_SET, *(a.tag for a in INDEXED.values())]
    delimiter = Struct(mark + "I").pack(word(_SEQUENCE_END))
    return ByteOrder(
        explicit=Struct(mark + "IHH").unpack_from,
        implicit=Struct(mark + "II").unpack_from,
        length=Struct(mark + "I").unpack_from,
        little=little,
        wanted={**{word(tag): tag for tag in tags}, **{word(tag): 0 for tag in landmarks}},
        pixel=frozenset(word(tag) for tag in PIXEL_DATA_TAGS),
        landmarks=frozenset(word(tag) for tag in landmarks),
        item=word(_ITEM),
        item_end=word(_ITEM_END),
        sequence_end=word(_SEQUENCE_END),
        short_vrs=vrs({str(vr) for vr in EXPLICIT_VR_LENGTH_16}),
        long_vrs=vrs({str(vr) for vr in EXPLICIT_VR_LENGTH_32}),
        binary_vrs=vrs(_BINARY_VRS),
        sequence_vr=vr("SQ"),
        unknown_vr=vr("UN"),
        find_sequence_end=re.compile(re.escape(delimiter)).search,
    )


LITTLE = _byte_order(little=True)
BIG = _byte_order(little=False)


@lru_cache(maxsize=4096)
def _dictionary_says_sequence(tag: int) -> bool | None:
    """Whether a standard attribute is a sequence; None for a tag that is in no dictionary."""
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return None


class Walk:
    """One walk over the top-level elements of ``data[:end]``, filling ``raw`` on its way.

    ``pixel_data`` becomes the offset of the first pixel data element. A later element replaces an
    earlier one of the same tag, as in pydicom. Raises `UnreadableInstance`.
    """

    __slots__ = ("_searches", "data", "end", "order", "pixel_data", "raw")

    def __init__(self, data: EncodedDataSet, end: int, order: ByteOrder) -> None:
        self.data = data
        self.end = end
        self.order = order
        self.raw: dict[int, bytes] = {}
        self.pixel_data: int | None = None
        self._searches = 0

    def explicit(self, pos: int) -> int:
        """Walk explicit VR elements from ``pos``; where the walk ended (PS3.5 7.1.2)."""
        data, raw, order = self.data, self.raw, self.order
        unpack, short_vrs, wanted = order.explicit, order.short_vrs, order.wanted.get
        start, last, plain = pos, self.end - 8, data if type(data) is bytes else None
        while pos <= last:
            start = pos
            word, vr, length = unpack(data, pos)
            value = pos + 8
            if vr not in short_vrs:
                value, length, vr = self.other_header(pos, vr, length)
                if length == UNDEFINED_LENGTH:
                    pos = self._undefined(start, value, word, vr, implicit=False)
                    continue
            pos = value + length
            tag = wanted(word)
            if tag:
                if vr not in order.binary_vrs:
                    if length > VALUE_LIMIT:
                        raise _too_long(value, length)
                    raw[tag] = bytes(data[value:pos]) if plain is None else plain[value:pos]
            elif tag is not None:
                pos = self._landmark(start, pos, word)
        return self._finish(start, pos)

    def implicit(self, pos: int) -> int:
        """Walk implicit VR elements from ``pos``; where the walk ended (PS3.5 7.1.3)."""
        data, raw, order = self.data, self.raw, self.order
        unpack, wanted = order.implicit, order.wanted.get
        start, last, plain = pos, self.end - 8, data if type(data) is bytes else None
        while pos <= last:
            start = pos
            word, length = unpack(data, pos)
            if length == UNDEFINED_LENGTH:
                pos = self._undefined(start, start + 8, word, 0, implicit=True)
                continue
            value = pos + 8
            pos = value + length
            tag = wanted(word)
            if tag:
                if length > VALUE_LIMIT:
                    raise _too_long(value, length)
                raw[tag] = bytes(data[value:pos]) if plain is None else plain[value:pos]
            elif tag is not None:
                pos = self._landmark(start, pos, word)
        return self._finish(start, pos)

    def looks_implicit(self, pos: int, *, default: bool) -> bool:
        """Whether the element at ``pos`` has no VR: two capitals are never a length's bytes,
        since the length of a first element that long does not occur.
        """
        if pos + 6 > self.end:
            return default
        return self.data[pos + 4] not in _LETTERS or self.data[pos + 5] not in _LETTERS

    def _landmark(self, start: int, pos: int, word: int) -> int:
        """Note where the pixel data are; leap over a run of zeros in steps of an element."""
        if word in self.order.pixel:
            if self.pixel_data is None:
                self.pixel_data = start
            return pos
        if word:
            raise UnreadableInstance(_message(start, "an item ends where none began"))
        found = _nonzero(self.data, start, self.end)
        run = (found.start() if found else self.end) - start
        return max(pos, start + run - run % 8)

    def _finish(self, start: int, pos: int) -> int:
        """Check the end of the walk: nothing cut off, nothing but zeros left."""
        if pos > self.end:
            word = self.order.length(self.data, start)[0]
            held = word in self.order.wanted and word not in self.order.pixel
            skip = None if held else pos - self.end
            cause = f"the element needs {pos - self.end} bytes more than there are"
            raise TruncatedDataSet(start, cause, skip=skip)
        if _nonzero(self.data, pos, self.end):
            raise TruncatedDataSet(pos, "the data end inside an element header")
        return pos

    def other_header(self, pos: int, vr: int, length: int) -> tuple[int, int, int]:
        """Value offset, length and VR (0 for none) of an element without 16-bit length."""
        order = self.order
        if vr in order.long_vrs:
            if pos + 12 > self.end:
                raise TruncatedDataSet(pos, "the data end inside an element header")
            return pos + 12, order.length(self.data, pos + 8)[0], vr
        if b"AA" <= bytes(self.data[pos + 4 : pos + 6]) <= b"ZZ":
            return pos + 8, length, vr  # a VR of a later edition; its length form is a guess
        # Some writers fall back to implicit VR in the middle of a data set.
        return pos + 8, order.implicit(self.data, pos)[1], 0

    def _undefined(self, start: int, value: int, word: int, vr: int, *, implicit: bool) -> int:
        """The end of a top-level element of undefined length."""
        order = self.order
        if word in order.pixel and self.pixel_data is None:
            self.pixel_data = start
        try:
            if self.is_sequence(word, vr, value):
                return self._skip_sequence(value, implicit=implicit)
            return self.skip_fragments(value)
        except TruncatedDataSet as error:
            error.element, error.skip = start, None
            raise

    def is_sequence(self, word: int, vr: int, value: int) -> bool:
        """Whether an element of undefined length holds items that are data sets."""
        if vr:
            # PS3.5 6.2.2: a UN of undefined length is a sequence.
            return vr in (self.order.sequence_vr, self.order.unknown_vr)
        known = _dictionary_says_sequence(self.order.tag(word))
        if known is None:
            return value + 4 <= self.end and self.order.length(self.data, value)[0] == (
                self.order.item
            )
        return known

    def skip_fragments(self, pos: int) -> int:
        """The end of encapsulated pixel data (PS3.5 A.4), from its first item on."""
        data, unpack, order = self.data, self.order.implicit, self.order
        value, last = pos, self.end - 8
        while pos <= last:
            word, length = unpack(data, pos)
            pos += 8
            if word == order.sequence_end:
                return pos
            if word != order.item:
                break
            pos += length
        self._searches += 1
        if self._searches > _SEARCH_LIMIT:
            cause = f"more than {_SEARCH_LIMIT} values of undefined length without proper items"
            raise UnreadableInstance(_message(value, cause))
        found = order.find_sequence_end(data, value, self.end)
        if found is None or found.end() + 4 > self.end:
            raise TruncatedDataSet(value, "a value of undefined length has no delimiter")
        return found.end() + 4

    def _skip_sequence(self, pos: int, *, implicit: bool) -> int:
        """The end of a sequence of undefined length (PS3.5 7.5), from its first item on.

        Items and sequences of defined length are skipped whole, so a counter of the open sequences
        is all that is needed, however deep they are nested. An item of an explicit VR data set
        may itself be implicit (PS3.5 6.2.2), with all that it holds.
        """
        order, unpack, data = self.order, self.order.implicit, self.data
        depth, last = 1, self.end - 8
        implicit_since = 0 if implicit else None
        while pos <= last:
            word, length = unpack(data, pos)
            pos += 8
            if word == order.item:
                if length != UNDEFINED_LENGTH:
                    pos += length
                    continue
                if implicit_since is None and self.looks_implicit(pos, default=False):
                    implicit_since = depth
            elif word == order.sequence_end:
                depth -= 1
                if not depth:
                    return pos
            elif word == order.item_end:
                continue  # after an item of defined length: superfluous, and seen in the field
            else:
                raise UnreadableInstance(_message(pos - 8, "a sequence holds what is no item"))
            pos, opened = self._skip_item(pos, implicit=implicit_since is not None)
            depth += opened
            if not opened and implicit_since == depth:
                implicit_since = None
        raise TruncatedDataSet(pos, "a sequence has no end")

    def _skip_item(self, pos: int, *, implicit: bool) -> tuple[int, int]:
        """From inside an item of undefined length to its end, or into a sequence that opens.

        Returns where that is, and 1 when a sequence of undefined length opened there, else 0.
        """
        data, order, end = self.data, self.order, self.end
        unpack, short_vrs = order.explicit, order.short_vrs
        while pos + 8 <= end:
            word, vr, length = unpack(data, pos)
            value = pos + 8
            if word == order.item_end:
                return value, 0
            if word == order.sequence_end:
                raise UnreadableInstance(_message(pos, "a sequence ends inside an item"))
            if implicit:
                vr, length = 0, order.implicit(data, pos)[1]
            elif vr not in short_vrs:
                value, length, vr = self.other_header(pos, vr, length)
            if length != UNDEFINED_LENGTH:
                pos = value + length
            elif self.is_sequence(word, vr, value):
                return value, 1
            else:
                pos = self.skip_fragments(value)
        raise TruncatedDataSet(pos, "an item has no end")
