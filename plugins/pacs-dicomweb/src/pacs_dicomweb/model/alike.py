"""Headers that are alike, written by what they have in common.

The instances of a series have the same attributes in the same order, and most of their values are
the same. A `Stencil` is taken from one header: runs of bytes that others have had too, with the
JSON of each run, and between them the elements that differ. The next header is laid against it: a
run costs one comparison of bytes, whatever it holds, and only what differs is looked at. A header
that does not fit is rendered as a whole, by `pacs_dicomweb.model.documents`, and gives a stencil of
its own.

Elements are read from left to right, and the bytes of one say where it ends; so the same bytes
behind the same beginning are the same elements. What decides how others are read has to be the same
for a header to fit: character sets, private creators, and what tells US from SS and OB from OW.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from pacs_dicomweb.model.encoded import Element, Rendered
from pacs_dicomweb.model.quick import quick_value
from pacs_framework.errors import UnreadableInstance

__all__ = ["Filled", "Stencil", "member_text"]

_DECIDING = frozenset({0x00080005, 0x00280100, 0x00280103})
_ALONE = frozenset({0x00080018, 0x0020000E})  # by which the instance is named
_FIRST_PRIVATE = 0x1000  # below are the creators of private blocks
_SHORT = 8  # bytes of an element header with a length of 16 bits
_LONGEST = 1 << 14  # bytes of a value that differs; longer ones are rendered with their header
_MOST_REMEMBERED = 64  # values of one attribute
_SHORT_VALUE = 64  # bytes


class Filled(NamedTuple):
    """A header that fitted: the JSON of its members, each begun by a comma, and where it ends.

    ``alone`` has the members of those attributes that an instance is named by.
    """

    texts: list[bytes]
    alone: dict[int, bytes]
    end: int


class Stencil:
    """What headers have in common with one that was rendered. For one thread."""

    def __init__(self, rendered: Rendered) -> None:
        self._rendered = rendered
        self._parts: list[_Run | _Differing] = []
        self._alone: list[_Differing] = []
        self._add(_pieces(rendered))

    @classmethod
    def of(cls, rendered: Rendered) -> Stencil | None:
        """None for a header that is no plain list of rising tags."""
        pos, last = 0, -1
        for element in rendered.elements:
            if element.start != pos or element.tag <= last:
                return None
            pos, last = element.end, element.tag
        return cls(rendered) if pos and pos == len(rendered.header) else None

    def fill(self, head: bytes) -> Filled | None:
        """Lay the header that ``head`` begins with against it; None where it does not fit."""
        parts = self._parts
        texts: list[bytes] = []
        number = pos = 0
        while number < len(parts):
            part = parts[number]
            if head.startswith(part.raw, pos):
                texts.append(part.text)
                pos += part.length
            elif isinstance(part, _Differing):
                found = part.find(head, pos)
                if found is None:
                    return None
                text, pos = found
                texts.append(text)
            elif self._divide(number, part, head, pos):
                continue
            else:
                return None
            number += 1
        return Filled(texts, {part.tag: part.text for part in self._alone}, pos)

    def _add(self, pieces: Sequence[_Piece]) -> None:
        """Runs, but for what is wanted alone."""
        run: list[_Piece] = []
        for piece in pieces:
            if piece.element.tag not in _ALONE:
                run.append(piece)
                continue
            self._alone.append(_Differing(self._rendered, piece))
            self._parts += [*_runs(run), self._alone[-1]]
            run = []
        self._parts += _runs(run)

    def _divide(self, number: int, run: _Run, head: bytes, pos: int) -> bool:
        """Take the first element out of a run that is another one in ``head``, if it may be."""
        place = 0
        while head.startswith(run.pieces[place].raw, pos):
            pos += len(run.pieces[place].raw)
            place += 1
        piece = run.pieces[place]
        if _decides(self._rendered, piece.element):
            return False
        before, behind = run.pieces[:place], run.pieces[place + 1 :]
        differing = _Differing(self._rendered, piece)
        self._parts[number : number + 1] = [*_runs(before), differing, *_runs(behind)]
        return True


@dataclass(frozen=True, slots=True)
class _Piece:
    """An element as it was in the first header, and its member; empty where it has none."""

    element: Element
    raw: bytes
    text: bytes


class _Run:
    """Elements that were the same in all headers so far."""

    __slots__ = ("length", "pieces", "raw", "text")

    def __init__(self, pieces: Sequence[_Piece]) -> None:
        self.pieces = pieces
        self.raw = b"".join([each.raw for each in pieces])
        self.length = len(self.raw)
        self.text = b"".join([each.text for each in pieces])


class _Differing:
    """One element that differs: the same attribute and VR, of any value.

    ``raw`` and ``text`` are the last one that was found, which often comes again.
    """

    __slots__ = (
        "_before",
        "_found",
        "_places",
        "_quick",
        "_rendered",
        "_start",
        "_unpack",
        "_vr",
        "length",
        "raw",
        "tag",
        "text",
    )

    def __init__(self, rendered: Rendered, piece: _Piece) -> None:
        element, encoding = piece.element, rendered.encoding
        mark = "<" if encoding.little else ">"
        value = element.value - element.start
        short = value == _SHORT and not encoding.implicit
        # Where the length stands: behind the tag, behind the VR, or two reserved bytes later.
        at = 6 if short else value - 4
        self.tag = element.tag
        self._rendered = rendered
        self._start = piece.raw[:at]
        self._unpack = Struct(f"{mark}{'H' if short else 'I'}").unpack_from
        self._places = at, value
        self._vr = rendered.vr(element)
        self._found: dict[bytes, bytes] = {}
        inline = rendered.limits.other >= _SHORT_VALUE
        self._quick = quick_value(self._vr) if inline else None
        self._before = f',"{self.tag:08X}":{{"vr":"{self._vr}","Value":'.encode()
        self._keep(piece.raw, piece.text)

    def find(self, head: bytes, pos: int) -> tuple[bytes, int] | None:
        """Its member in another header, and where it ends; None where it is not at ``pos``."""
        at, value = self._places
        start = pos + value
        if not head.startswith(self._start, pos) or start > len(head):
            return None
        if self._vr == "SQ":
            return self._rendered_at(head, pos)
        length = self._unpack(head, pos + at)[0]
        end = start + length
        if length > _LONGEST or end > len(head):  # also where the length is undefined
            return None
        raw = head[start:end]
        text = self._found.get(raw)
        if text is None:
            text = self._made(raw)
            if len(self._found) < _MOST_REMEMBERED:
                self._found[raw] = text
        self._keep(head[pos:end], text)
        return text, end

    def _keep(self, raw: bytes, text: bytes) -> None:
        self.raw, self.text, self.length = raw, text, len(raw)

    def _made(self, raw: bytes) -> bytes:
        if self._quick is not None and len(raw) <= _SHORT_VALUE:
            quick = self._quick(raw)
            if quick is not None:
                return b"%b%b}" % (self._before, quick)
        if not self.tag & 0xFFFF:  # a group length, which no JSON has
            return b""
        return member_text(self.tag, self._rendered.plain(self.tag, self._vr, raw))

    def _rendered_at(self, head: bytes, pos: int) -> tuple[bytes, int] | None:
        try:
            text, end = self._rendered.element_of(head, pos)
        except UnreadableInstance:  # also where the header goes on behind ``head``
            return None
        member = member_text(self.tag, text)
        self._keep(head[pos:end], member)
        return member, end


def member_text(tag: int, text: str) -> bytes:
    """A member of a JSON object, with the comma in front of it."""
    return f',"{tag:08X}":{text}'.encode()


def _runs(pieces: Sequence[_Piece]) -> list[_Run]:
    return [_Run(pieces)] if pieces else []


def _pieces(rendered: Rendered) -> list[_Piece]:
    found = []
    for element in rendered.elements:
        text = rendered.members.get(element.tag)
        member = b"" if text is None else member_text(element.tag, text)
        found.append(_Piece(element, rendered.header[element.start : element.end], member))
    return found


def _decides(rendered: Rendered, element: Element) -> bool:
    """Whether others are read by it, or whether it is read in a way of its own."""
    tag = element.tag
    if tag & 0xFFFF and tag not in rendered.members:
        return True
    if tag in _DECIDING or (tag & 0x10000 and 0 < tag & 0xFFFF < _FIRST_PRIVATE):
        return True
    if rendered.encoding.implicit:  # the first one tells that there are no VRs
        return not element.start
    return not element.vr_word
