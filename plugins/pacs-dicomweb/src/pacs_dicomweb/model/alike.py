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

from typing import TYPE_CHECKING, NamedTuple

from pacs_dicomweb.model.alike_parts import (
    Differing,
    Run,
    decides,
    differing_of,
    pieces_of,
    runs_of,
)

if TYPE_CHECKING:
    from pacs_dicomweb.model.encoded import Rendered

__all__ = ["Filled", "Stencil"]

_ALONE = frozenset({0x00080018, 0x0020000E})  # by which the instance is named


class Filled(NamedTuple):
    """A header that fitted: the JSON of its members with the commas between them, and its end.

    ``alone`` has the members of those attributes that an instance is named by.
    """

    texts: list[bytes]
    alone: dict[int, bytes]
    end: int


class Stencil:
    """What headers have in common with one that was rendered. For one thread."""

    def __init__(self, rendered: Rendered) -> None:
        self._rendered = rendered
        pieces = pieces_of(rendered)
        self._parts: list[Run | Differing] = [Run(pieces)]
        self._alone = {each.element.tag: each.text for each in pieces if each.element.tag in _ALONE}
        self._places: list[tuple[int, int]] = []  # of those that differ, among the parts

    @classmethod
    def of(cls, rendered: Rendered) -> Stencil | None:
        """None for a header that is no plain list of rising tags, or has none that JSON has."""
        pos, last = 0, -1
        for element in rendered.elements:
            if element.start != pos or element.tag <= last:
                return None
            pos, last = element.end, element.tag
        return cls(rendered) if rendered.members and pos == len(rendered.header) else None

    def fill(self, head: bytes) -> Filled | None:
        """Lay the header that ``head`` begins with against it; None where it does not fit."""
        parts = self._parts
        texts: list[bytes] = []
        pos = 0
        for number, part in enumerate(parts):  # where one is divided, its other parts come next
            if head.startswith(part.raw, pos):
                texts.append(part.text)
                pos += part.length
                continue
            fitting = self._divide(number, part, head, pos) if isinstance(part, Run) else part
            found = None if fitting is None else fitting.find(head, pos)
            if found is None:
                return None
            text, pos = found
            texts.append(text)
        alone = self._alone.copy()
        for tag, place in self._places:
            alone[tag] = texts[place]
        return Filled(texts, alone, pos)

    def _divide(self, number: int, run: Run, head: bytes, pos: int) -> Run | Differing | None:
        """Take the first element out of a run that is another one in ``head``, if it may be: the
        first part of what was the run.
        """
        place = 0
        while head.startswith(run.pieces[place].raw, pos):
            pos += len(run.pieces[place].raw)
            place += 1
        piece = run.pieces[place]
        if decides(self._rendered, piece.element):
            return None
        before, behind = run.pieces[:place], run.pieces[place + 1 :]
        differing = differing_of(self._rendered, piece)
        self._parts[number : number + 1] = [*runs_of(before), differing, *runs_of(behind)]
        self._places = [
            (part.tag, place)
            for place, part in enumerate(self._parts)
            if isinstance(part, Differing) and part.tag in _ALONE
        ]
        return self._parts[number]
