"""Attributes as they are encoded: explicit VR little endian, text in ASCII or UTF-8.

In this form steps are checked, merged and kept. A data set of pydicom makes an object of every
value, and a step that lists a hundred instances has some hundreds of them, of which nobody looks at
more than a few: reading and writing it so would be most of what an N-SET costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from struct import Struct

from pydicom.datadict import tag_for_keyword
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from pacs_framework.dicom.charset import UTF_8, is_ascii_text
from pacs_framework.dicom.elements import Encoding
from pacs_framework.dicom.identifier import DEPTH_LIMIT
from pacs_framework.dicom.walk import UNDEFINED_LENGTH
from pacs_framework.errors import UnreadableInstance

__all__ = ["CHARACTER_SET", "Attributes", "Element", "Reading", "read", "tag_of"]

CHARACTER_SET = 0x00080005
"""Specific Character Set."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_ENCODING = Encoding(implicit=False, little=True)

_element_header = Struct("<HH2sH").unpack_from
_long_length = Struct("<I").unpack_from
_item_header = Struct("<HHI").unpack_from

_SHORT = {str(vr).encode(): str(vr) for vr in EXPLICIT_VR_LENGTH_16}
_LONG = {str(vr).encode(): str(vr) for vr in EXPLICIT_VR_LENGTH_32}
_IN_CHARACTER_SET = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_TEXT = _IN_CHARACTER_SET | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
_NUMBERS = {
    "DS": re.compile(rb" *[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)? *").fullmatch,
    "IS": re.compile(rb" *[+-]?\d{1,10} *").fullmatch,
}


@lru_cache(maxsize=1024)
def tag_of(keyword: str) -> int:
    """The tag of an attribute (PS3.6). Raises KeyError."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


class Element:
    """One element. ``items`` is None for all but a sequence; ``vr`` is as it came."""

    __slots__ = ("_data", "_start", "_stop", "_value", "items", "tag", "vr")

    def __init__(
        self,
        tag: int,
        vr: str,
        data: bytes | None,
        *,
        start: int = 0,
        value: int = 0,
        stop: int = 0,
        items: list[Attributes] | None = None,
    ) -> None:
        self.tag = tag
        self.vr = vr
        self.items = items
        self._data = data  # None: what is encoded is no longer what the items say
        self._start = start
        self._value = value
        self._stop = stop

    @property
    def value(self) -> bytes:
        """The encoded value, with its padding; empty for a sequence that was changed."""
        return b"" if self._data is None else self._data[self._value : self._stop]

    @property
    def is_text(self) -> bool:
        """Whether its VR is one of text."""
        return self.vr in _TEXT

    @property
    def is_empty(self) -> bool:
        """Whether it has no value but padding, or no item."""
        if self.items is not None:
            return not self.items
        return not (self.text if self.is_text else self.value)

    @property
    def text(self) -> str:
        """The value without padding, several joined by a backslash; empty for what is no text."""
        if not self.is_text:
            return ""
        text = self.value.decode("utf-8", "replace")
        if "\\" in text:
            return "\\".join(each.strip(" \0") for each in text.split("\\"))
        return text.strip(" \0")

    def says_the_same(self, other: Element) -> bool:
        """Whether the two mean the same; an attribute that is empty, and none, are one."""
        if self.items is None or other.items is None:
            if self.is_text and other.is_text:
                return self.text == other.text
            return self.value == other.value
        return len(self.items) == len(other.items) and all(
            one.says_the_same(another) for one, another in zip(self.items, other.items, strict=True)
        )

    def touch(self) -> None:
        """An item was changed."""
        self._data = None

    def encoded(self) -> bytes:
        """The element with its header; a sequence that was changed has defined lengths."""
        if self._data is not None:
            return self._data[self._start : self._stop]
        items = [each.encoded() for each in self.items or ()]
        inside = b"".join(_ENCODING.header(_ITEM, "", len(each)) + each for each in items)
        return _ENCODING.header(self.tag, "SQ", len(inside)) + inside


class Attributes:
    """A data set, or an item of a sequence."""

    __slots__ = ("_data", "_elements", "_start", "_stop")

    def __init__(
        self,
        elements: dict[int, Element],
        data: bytes | None = None,
        *,
        start: int = 0,
        stop: int = 0,
    ) -> None:
        self._elements = elements
        self._data = data  # None: what is encoded is no longer what the elements say
        self._start = start
        self._stop = stop

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def __iter__(self) -> Iterator[int]:
        return iter(self._elements)

    def get(self, tag: int) -> Element | None:
        """One element."""
        return self._elements.get(tag)

    def text(self, keyword: str) -> str:
        """The text of an attribute (see `Element.text`); empty where there is none."""
        element = self._elements.get(tag_of(keyword))
        return "" if element is None else element.text

    def items(self, keyword: str) -> Iterable[Attributes]:
        """The items of a sequence; none where it is absent."""
        element = self._elements.get(tag_of(keyword))
        return () if element is None else element.items or ()

    def add_empty(self, tag: int, vr: str) -> None:
        """Add an attribute without a value."""
        self._data = None
        header = _ENCODING.header(tag, vr, 0)
        items: list[Attributes] | None = [] if vr == "SQ" else None
        self._elements[tag] = Element(
            tag, vr, header, value=len(header), stop=len(header), items=items
        )

    def drop(self, tag: int) -> None:
        """Take an attribute out."""
        self._data = None
        del self._elements[tag]

    def declare_utf_8(self) -> None:
        """Say that text is in UTF-8; it is, or is plain ASCII."""
        self._data = None
        value = UTF_8.encode()
        data = _ENCODING.header(CHARACTER_SET, "CS", len(value)) + value
        self._elements[CHARACTER_SET] = Element(
            CHARACTER_SET, "CS", data, value=len(data) - len(value), stop=len(data)
        )

    def touch(self) -> None:
        """An item of one of its sequences was changed."""
        self._data = None

    def merged(self, changes: Attributes) -> Attributes:
        """These with each of ``changes`` in place of their own; sequences as a whole."""
        return Attributes({**self._elements, **changes._elements})

    def says_the_same(self, other: Attributes) -> bool:
        """Whether the two mean the same (see `Element.says_the_same`)."""
        return all(
            (one := self.get(tag)) is not None
            and (another := other.get(tag)) is not None
            and one.says_the_same(another)
            for tag in self._with_value() | other._with_value()
        )

    def encoded(self) -> bytes:
        """All elements, in the order of their tags."""
        if self._data is not None:
            return self._data[self._start : self._stop]
        return b"".join(self._elements[tag].encoded() for tag in sorted(self._elements))

    def _with_value(self) -> set[int]:
        return {tag for tag, element in self._elements.items() if not element.is_empty}


class Reading:
    """What was read: ``attributes``, and what kind of data it is.

    ``plain``: it can be kept as it is, whatever the character set: text alone, all of it ASCII
    without escape sequences, in order, without group lengths; a character set is named at the top
    or nowhere. ``ascii``: no text is beyond ASCII.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.plain = True
        self.ascii = True
        self.attributes, _ = self._level(0, len(data), 0, delimited=False)

    def _level(self, pos: int, end: int, depth: int, *, delimited: bool) -> tuple[Attributes, int]:
        """The elements from ``pos`` on, and where what comes behind them begins."""
        data, start, last = self._data, pos, -1
        elements: dict[int, Element] = {}
        while pos < end:
            if end - pos < 8:
                raise _cut_off(pos)
            group, number, code, length = _element_header(data, pos)
            tag, value = group << 16 | number, pos + 8
            if delimited and tag == _ITEM_END:
                return Attributes(elements, data, start=start, stop=pos), value
            vr = _SHORT.get(code)
            if vr is None:
                vr, value, length = self._long(code, pos, end)
            items = None
            if vr == "SQ":
                items, stop = self._items(value, end, length, depth + 1)
            else:
                stop = value + length
                if stop > end:  # an undefined length is beyond any end
                    raise _cut_off(pos)
                self._look(vr, data[value:stop])
            if tag <= last or not number or (depth and tag == CHARACTER_SET):
                self.plain = False
            last = tag
            elements[tag] = Element(tag, vr, data, start=pos, value=value, stop=stop, items=items)
            pos = stop
        if delimited:
            raise _cut_off(pos)
        return Attributes(elements, data, start=start, stop=pos), pos

    def _long(self, code: bytes, pos: int, end: int) -> tuple[str, int, int]:
        """VR, offset of the value, and length where that has 32 bits."""
        vr = _LONG.get(code)
        if vr is None or end - pos < 12:
            raise _cut_off(pos)
        return vr, pos + 12, _long_length(self._data, pos + 8)[0]

    def _look(self, vr: str, value: bytes) -> None:
        if not value:
            return
        if not is_ascii_text(value) or len(value) % 2 or vr not in _TEXT:
            self.plain = False
            self.ascii = self.ascii and (vr not in _IN_CHARACTER_SET or is_ascii_text(value))
        elif (is_number := _NUMBERS.get(vr)) and not all(map(is_number, value.split(b"\\"))):
            self.plain = False

    def _items(self, pos: int, end: int, length: int, depth: int) -> tuple[list[Attributes], int]:
        """The items of a sequence, and where it ends."""
        delimited = length == UNDEFINED_LENGTH
        stop = end if delimited else pos + length
        if stop > end or depth > DEPTH_LIMIT:
            raise _cut_off(pos)
        items: list[Attributes] = []
        while pos < stop:
            if stop - pos < 8:
                raise _cut_off(pos)
            group, number, size = _item_header(self._data, pos)
            tag, pos = group << 16 | number, pos + 8
            if delimited and tag == _SEQUENCE_END:
                return items, pos
            open_ended = size == UNDEFINED_LENGTH
            inside = stop if open_ended else pos + size
            if tag != _ITEM or inside > stop:
                raise _cut_off(pos)
            item, pos = self._level(pos, inside, depth, delimited=open_ended)
            items.append(item)
        if delimited:
            raise _cut_off(pos)
        return items, pos


def _cut_off(pos: int) -> UnreadableInstance:
    return UnreadableInstance(f"no explicit VR little endian at offset {pos}, or cut off there")


def read(data: bytes) -> Reading:
    """Read a data set in explicit VR little endian, to its last byte.

    Raises `UnreadableInstance`, also for what is merely unusual, such as values of undefined
    length: pydicom may still read that.
    """
    return Reading(data)
