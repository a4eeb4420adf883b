"""How deep sequences are nested, found without recursion.

pydicom calls itself for each level, so that a data set nested thousands deep ends in a
RecursionError at best. What is to be decoded by it is measured first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pydicom.datadict import dictionary_VR

from pacs_framework.dicom.walk import BIG, LITTLE, UNDEFINED_LENGTH, EncodedDataSet, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = ["DEPTH_LIMIT", "too_deep"]

DEPTH_LIMIT = 64
"""The deepest nesting that is decoded; structured reports, the deepest known, stay under 20."""


@lru_cache(maxsize=4096)
def _is_sequence_tag(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


def too_deep(
    data: EncodedDataSet, end: int, *, implicit: bool, little: bool, limit: int = DEPTH_LIMIT
) -> bool:
    """Whether the data set in ``data[:end]`` has sequences more than ``limit`` levels deep.

    What cannot be followed is skipped: the decoder will have its own view of it.
    """
    return _Measure(data, end, little=little).exceeds(limit, implicit=implicit)


@dataclass(frozen=True, slots=True)
class _Open:
    """A sequence or item that was entered: where it ends, None where a delimiter tells."""

    end: int | None
    implicit: bool


_CLOSED = _Open(0, implicit=False)


class _Measure:
    """A walk into every sequence, of defined and undefined length, with a stack of its own.

    On the stack, sequences and items take turns; at the bottom is the data set itself. A step gives
    the next position and what was opened there, `_CLOSED` at a delimiter, None otherwise.
    """

    def __init__(self, data: EncodedDataSet, end: int, *, little: bool) -> None:
        self._order = LITTLE if little else BIG
        self._walk = Walk(data, end, self._order)
        self._data = data
        self._end = end

    def exceeds(self, limit: int, *, implicit: bool) -> bool:
        """Whether more than ``limit`` sequences are open at once."""
        stack = [_Open(self._end, implicit=implicit)]
        pos = 0
        while stack and pos + 8 <= self._end and len(stack) <= 2 * limit + 1:
            top = stack[-1]
            if top.end is not None and pos >= top.end:
                stack.pop()
                continue
            step = self._element if len(stack) % 2 else self._item
            pos, opened = step(pos, top.implicit)
            if opened is _CLOSED:
                stack.pop()
            elif opened is not None:
                stack.append(opened)
        return len(stack) > 2 * limit + 1

    def _item(self, pos: int, implicit: bool) -> tuple[int, _Open | None]:
        """Enter the item at ``pos``, or leave the sequence."""
        word, length = self._order.implicit(self._data, pos)
        pos += 8
        if word == self._order.sequence_end:
            return pos, _CLOSED
        implicit = implicit or self._walk.looks_implicit(pos, default=False)
        end = None if length == UNDEFINED_LENGTH else pos + length
        return pos, _Open(end, implicit=implicit)

    def _element(self, pos: int, implicit: bool) -> tuple[int, _Open | None]:
        """Pass the element at ``pos``, enter its sequence, or leave the item."""
        order = self._order
        word, vr, length = order.explicit(self._data, pos)
        value = pos + 8
        if word == order.item_end:
            return value, _CLOSED
        try:
            if implicit:
                vr, length = 0, order.implicit(self._data, pos)[1]
            elif vr not in order.short_vrs:
                value, length, vr = self._walk.other_header(pos, vr, length)
            if length == UNDEFINED_LENGTH:
                if self._walk.is_sequence(word, vr, value):
                    return value, _Open(None, implicit=implicit)
                return self._walk.skip_fragments(value), None
        except UnreadableInstance:
            return self._end, None
        holds_items = vr == order.sequence_vr or (
            vr in (0, order.unknown_vr) and _is_sequence_tag(order.tag(word))
        )
        if holds_items and length:
            return value, _Open(value + length, implicit=implicit)
        return value + length, None
