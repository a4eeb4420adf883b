"""The parts of a `pacs_dicomweb.model.alike.Stencil`: elements that are alike, and that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from pacs_dicomweb.model.encoded import Element, Rendered
from pacs_dicomweb.model.quick import quick_value
from pacs_framework.errors import UnreadableInstance

__all__ = [
    "Differing",
    "Piece",
    "Run",
    "decides",
    "differing_of",
    "member_text",
    "pieces_of",
    "runs_of",
]

_DECIDING = frozenset({0x00080005, 0x00280100, 0x00280103})
_FIRST_PRIVATE = 0x1000  # below are the creators of private blocks
_SHORT = 8  # bytes of an element header with a length of 16 bits
_LONGEST = 1 << 14  # bytes of a value that differs; longer ones are rendered with their header
_MOST_REMEMBERED = 64  # values of one attribute
_SHORT_VALUE = 64  # bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """An element as it was in the first header, and its member, begun by a comma where it is not
    the first; empty where it has none.
    """

    element: Element
    raw: bytes
    text: bytes


class Run:
    """Elements that were the same in all headers so far."""

    __slots__ = ("length", "pieces", "raw", "text")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.raw = b"".join([each.raw for each in pieces])
        self.length = len(self.raw)
        self.text = b"".join([each.text for each in pieces])

    def find(self, head: bytes, pos: int) -> tuple[bytes, int] | None:
        """As that of an element that differs; None where it is not the same."""
        return (self.text, pos + self.length) if head.startswith(self.raw, pos) else None


class Differing:
    """One element that differs: the same attribute and VR, of any value.

    ``raw`` and ``text`` are one that came again, and so may come once more.
    """

    __slots__ = (
        "_at",
        "_before",
        "_found",
        "_length",
        "_likely",
        "_name",
        "_quick",
        "_start",
        "_unpack",
        "_value",
        "_vr",
        "length",
        "raw",
        "rendered",
        "tag",
        "text",
    )

    def __init__(self, rendered: Rendered, piece: Piece) -> None:
        element, encoding = piece.element, rendered.encoding
        mark = "<" if encoding.little else ">"
        value = element.value - element.start
        short = value == _SHORT and not encoding.implicit
        # Where the length stands: behind the tag, behind the VR, or two reserved bytes later.
        at = 6 if short else value - 4
        self.tag = element.tag
        self.rendered = rendered
        self._start = piece.raw[:at]
        self._unpack = Struct(f"{mark}{'H' if short else 'I'}").unpack_from
        self._at, self._value = at, value
        self._likely: bytes | tuple[()] = ()  # which nothing starts with
        self._length = 0
        self._vr = rendered.vr(element)
        self._found: dict[bytes, bytes] = {}
        inline = rendered.limits.other >= _SHORT_VALUE
        self._quick = quick_value(self._vr, little=encoding.little) if inline else None
        self._name, colon, _ = piece.text.partition(b":")
        self._name += colon
        self._before = self._name + f'{{"vr":"{self._vr}","Value":'.encode()
        self._keep(piece.raw, piece.text)

    def find(self, head: bytes, pos: int) -> tuple[bytes, int] | None:
        """Its member in another header, and where it ends; None where it is not at ``pos``."""
        start = pos + self._value
        if not head.startswith(self._likely, pos) and not self._measure(head, pos):
            return None
        end = start + self._length
        if end > len(head):
            return None
        raw = head[start:end]
        text = self._found.get(raw)
        if text is None:
            text = self._made(raw)
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[raw] = text
        else:
            self._keep(head[pos:end], text)
        return text, end

    def _measure(self, head: bytes, pos: int) -> bool:
        """Take the length of its value, which is likely to be that of others too."""
        start = pos + self._value
        if not head.startswith(self._start, pos) or start > len(head):
            return False
        length = self._unpack(head, pos + self._at)[0]
        if length > _LONGEST:  # also where it is undefined
            return False
        self._likely, self._length = head[pos:start], length
        return True

    def _keep(self, raw: bytes, text: bytes) -> None:
        self.raw, self.text, self.length = raw, text, len(raw)

    def _made(self, raw: bytes) -> bytes:
        if not self._name:  # a group length, which no JSON has
            return b""
        if self._quick is not None and len(raw) <= _SHORT_VALUE:
            quick = self._quick(raw)
            if quick is not None:
                return b"%b%b}" % (self._before, quick)
        return self._name + self.rendered.plain(self.tag, self._vr, raw).encode()


class _DifferingSequence(Differing):
    """The same of a sequence, whose length does not tell where its element ends."""

    __slots__ = ()

    def find(self, head: bytes, pos: int) -> tuple[bytes, int] | None:
        """Its member in another header, rendered there."""
        if not head.startswith(self._start, pos) or pos + self._value > len(head):
            return None
        try:
            text, end = self.rendered.element_of(head, pos)
        except UnreadableInstance:  # also where the header goes on behind ``head``
            return None
        member = self._name + text.encode()
        self._keep(head[pos:end], member)
        return member, end


def member_text(tag: int, text: str) -> bytes:
    """A member of a JSON object."""
    return f'"{tag:08X}":{text}'.encode()


def differing_of(rendered: Rendered, piece: Piece) -> Differing:
    """The part for an element of that header, of which others have other values."""
    is_sequence = rendered.vr(piece.element) == "SQ"
    return (_DifferingSequence if is_sequence else Differing)(rendered, piece)


def runs_of(pieces: Sequence[Piece]) -> list[Run]:
    """One run, or none of nothing."""
    return [Run(pieces)] if pieces else []


def pieces_of(rendered: Rendered) -> list[Piece]:
    """All elements of a header."""
    found = []
    comma = b""
    for element in rendered.elements:
        text = rendered.members.get(element.tag)
        member = b"" if text is None else comma + member_text(element.tag, text)
        comma = b"," if member else comma
        found.append(Piece(element, rendered.header[element.start : element.end], member))
    return found


def decides(rendered: Rendered, element: Element) -> bool:
    """Whether others are read by it, or whether it is read in a way of its own."""
    tag = element.tag
    if tag & 0xFFFF and tag not in rendered.members:
        return True
    if tag in _DECIDING or (tag & 0x10000 and 0 < tag & 0xFFFF < _FIRST_PRIVATE):
        return True
    if rendered.encoding.implicit:  # the first one tells that there are no VRs
        return not element.start
    return not element.vr_word
