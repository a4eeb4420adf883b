"""Encoded elements turned from one VR encoding and byte order into another, without decoding.

Text stays byte for byte what it was; numbers are swapped where the byte order changes; sequences
and items keep their form of length, defined or not. Elements without VR get that of the dictionary,
unknown ones UN (PS3.5 6.2.2).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from pacs_framework.dicom.walk import BIG, LITTLE, UNDEFINED_LENGTH, ByteOrder, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = ["Encoding", "ImageFacts", "Transcoder", "image_facts", "swap_unit", "swapped", "vr_of"]

_BITS_ALLOCATED = 0x00280100
_PIXEL_REPRESENTATION = 0x00280103
_WAVEFORM_GROUP = 0x5400

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_UNITS = dict.fromkeys(("AT", "OW", "SS", "US"), 2)
_UNITS |= dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4)
_UNITS |= dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8)
_ARRAY_TYPES = {2: "H", 4: "I", 8: "Q"}
_LONG_VRS = frozenset(str(vr) for vr in EXPLICIT_VR_LENGTH_32)


def swapped(value: bytes, unit: int) -> bytes:
    """The bytes of each ``unit`` of 2, 4 or 8 in reverse order; an incomplete last one stays."""
    whole = len(value) - len(value) % unit
    numbers = array(_ARRAY_TYPES[unit], value[:whole])
    numbers.byteswap()
    return numbers.tobytes() + value[whole:]


def swap_unit(vr: str) -> int:
    """How many bytes a number of a VR has; 1 for those that know no byte order."""
    return _UNITS.get(vr, 1)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are encoded: with or without VR, and in which byte order."""

    implicit: bool
    little: bool

    @property
    def order(self) -> ByteOrder:
        """The structure of element headers."""
        return LITTLE if self.little else BIG

    def tag(self, tag: int) -> bytes:
        """An encoded tag."""
        return Struct("<HH" if self.little else ">HH").pack(tag >> 16, tag & 0xFFFF)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """An encoded element header (PS3.5 7.1)."""
        tag_and = _PACKERS[self.little]
        group, element = tag >> 16, tag & 0xFFFF
        if self.implicit or tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
            return tag_and.length(group, element, length)
        if vr in _LONG_VRS:
            return tag_and.long(group, element, vr.encode("latin-1"), 0, length)
        return tag_and.short(group, element, vr.encode("latin-1"), length)


class _Packers(NamedTuple):
    """Encoders of element headers in one byte order: without VR, and with both forms of length."""

    length: Callable[..., bytes]
    long: Callable[..., bytes]
    short: Callable[..., bytes]


_PACKERS = {
    little: _Packers(
        Struct(mark + "HHI").pack, Struct(mark + "HH2sHI").pack, Struct(mark + "HH2sH").pack
    )
    for little, mark in ((True, "<"), (False, ">"))
}


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What decides ambiguous VRs (PS3.5 A.1, A.2), as far as the top level tells."""

    bits_allocated: int
    signed: bool


def _facts_order(order: ByteOrder) -> ByteOrder:
    wanted = {word: tag for word, tag in order.wanted.items() if word in order.landmarks}
    for tag in (_BITS_ALLOCATED, _PIXEL_REPRESENTATION):
        wanted[(tag & 0xFFFF) << 16 | tag >> 16 if order.little else tag] = tag
    return replace(order, wanted=wanted, binary_vrs=frozenset())


_FACTS = {True: _facts_order(LITTLE), False: _facts_order(BIG)}


def image_facts(header: bytes, encoding: Encoding) -> ImageFacts:
    """Bits Allocated and Pixel Representation from the top level of a header."""
    walk = Walk(header, len(header), _FACTS[encoding.little])
    _ = walk.implicit(0) if encoding.implicit else walk.explicit(0)
    number = Struct("<H" if encoding.little else ">H").unpack
    bits, signed = (
        number(walk.raw.get(tag, b"")[:2].ljust(2, b"\0"))[0]
        for tag in (_BITS_ALLOCATED, _PIXEL_REPRESENTATION)
    )
    return ImageFacts(bits_allocated=bits, signed=signed == 1)


@lru_cache(maxsize=4096)
def _known_vr(tag: int) -> str:
    """The VR of a tag in the dictionary; UN for an unknown one."""
    if tag >> 16 & 1:  # private: creators are LO (PS3.5 7.8.1), what they reserve is unknown
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return "UN"


def vr_of(tag: int, facts: ImageFacts) -> str:
    """The VR of an implicit VR element, ambiguous ones decided."""
    vr = _known_vr(tag)
    if len(vr) == 2:
        return vr
    if vr == "US or SS":
        return "SS" if facts.signed else "US"
    if "OB" in vr and tag >> 16 != _WAVEFORM_GROUP and tag >> 24 != 0x60:
        return "OB" if facts.bits_allocated <= 8 else "OW"
    return "OW"  # LUT data, overlays and waveforms: OW in implicit VR (PS3.5 A.1)


@dataclass(frozen=True, slots=True)
class _Open:
    """A sequence or item on its way, and the data set itself at the bottom.

    ``end`` is where it ends in the source, None where a delimiter tells. Its header is piece number
    ``piece`` of what is written, and its content starts behind ``start`` bytes.
    """

    tag: int
    end: int | None
    implicit: bool
    piece: int
    start: int


class Transcoder:
    """Turns whole runs of elements from ``source`` encoding into ``target`` encoding."""

    def __init__(self, source: Encoding, target: Encoding, facts: ImageFacts) -> None:
        self.facts = facts
        self._source = source
        self._target = target

    def transcode(self, data: bytes) -> bytes:
        """The elements of ``data``; group lengths (PS3.5 7.2) are left out, as they would be wrong.

        Raises `UnreadableInstance` where sequences contradict themselves.
        """
        return _Run(data, self._source, self._target, self.facts).elements()


class _Run:
    """One run over encoded elements, with a stack instead of recursion.

    Sequences and items take turns on the stack. The length of one that has a defined length is
    filled in when it is closed.
    """

    def __init__(self, data: bytes, source: Encoding, target: Encoding, facts: ImageFacts) -> None:
        self._walk = Walk(data, len(data), source.order)
        self._source = source
        self._target = target
        self._facts = facts
        self._pieces: list[bytes] = []
        self._size = 0
        self._stack = [_Open(0, len(data), source.implicit, 0, 0)]

    def elements(self) -> bytes:
        """All elements in the target encoding."""
        pos, total = 0, self._walk.end
        while self._stack:
            top = self._stack[-1]
            if top.end is not None and pos >= top.end:
                if pos > top.end:
                    raise UnreadableInstance(f"an element before offset {pos} is cut off")
                self._close()
            elif pos + 8 > total:
                if len(self._stack) == 1:
                    break  # zeros that pad the data set, as the walk that split it made sure
                raise UnreadableInstance(f"a sequence or item has no end at offset {pos}")
            else:
                pos = (self._element if len(self._stack) % 2 else self._item)(pos, top.implicit)
        return b"".join(self._pieces)

    def _write(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def _open(self, tag: int, value: int, length: int, *, implicit: bool) -> None:
        """Begin a sequence or an item; its length is not known yet."""
        self._write(self._target.header(tag, "SQ", UNDEFINED_LENGTH))
        end = None if length == UNDEFINED_LENGTH else value + length
        self._stack.append(_Open(tag, end, implicit, len(self._pieces) - 1, self._size))

    def _close(self) -> None:
        """End what was opened last, in the form of length that it has in the source."""
        closed = self._stack.pop()
        if not self._stack:
            return
        if closed.end is None:
            tag = _ITEM_END if closed.tag == _ITEM else _SEQUENCE_END
            self._write(self._target.header(tag, "", 0))
            return
        length = self._size - closed.start
        self._pieces[closed.piece] = self._target.header(closed.tag, "SQ", length)

    def _item(self, pos: int, implicit: bool) -> int:
        """Enter the item at ``pos``, or leave the sequence."""
        order = self._walk.order
        word, length = order.implicit(self._walk.data, pos)
        value = pos + 8
        if word == order.sequence_end:
            self._close()
        elif word == order.item:
            implicit = implicit or self._walk.looks_implicit(value, default=False)
            self._open(_ITEM, value, length, implicit=implicit)
        elif (
            word != order.item_end
        ):  # a superfluous one after an item of defined length is left out
            raise UnreadableInstance(f"a sequence holds what is no item at offset {pos}")
        return value

    def _element(self, pos: int, implicit: bool) -> int:
        """Turn the element at ``pos``, enter its sequence, or leave the item."""
        walk, order = self._walk, self._walk.order
        word, vr_word, length = order.explicit(walk.data, pos)
        value = pos + 8
        if word == order.item_end:
            self._close()
            return value
        if implicit:
            vr_word, length = 0, order.implicit(walk.data, pos)[1]
        elif vr_word not in order.short_vrs:
            value, length, vr_word = walk.other_header(pos, vr_word, length)
        tag = order.tag(word)
        vr = bytes(walk.data[pos + 4 : pos + 6]).decode("latin-1") if vr_word else ""
        vr = vr or vr_of(tag, self._facts)
        if length == UNDEFINED_LENGTH and not walk.is_sequence(word, vr_word, value):
            raise UnreadableInstance(f"a value of undefined length at offset {pos} is no items")
        if length == UNDEFINED_LENGTH or vr == "SQ":
            self._open(tag, value, length, implicit=implicit)
            return value
        end = value + length
        if tag & 0xFFFF:
            self._write_element(tag, vr, bytes(walk.data[value:end]))
        return end

    def _write_element(self, tag: int, vr: str, value: bytes) -> None:
        little = self._target.little
        true_vr = vr
        if not self._target.implicit and vr not in _LONG_VRS and len(value) > 0xFFFF:
            vr, little = "UN", True  # PS3.5 6.2.2: too long for its VR; UN is always little endian
        unit = swap_unit(true_vr)
        if unit > 1 and little != self._source.little:
            value = swapped(value, unit)
        self._write(self._target.header(tag, vr, len(value)) + value)
