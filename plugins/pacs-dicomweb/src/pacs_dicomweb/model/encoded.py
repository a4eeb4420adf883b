"""DICOM JSON straight from encoded elements, without a data set in between.

Instances of a series are alike: most of their elements are byte for byte the same. A `Renderer`
remembers what it made of an element, so the second header costs little more than its walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydicom.datadict import dictionary_has_tag, private_dictionary_VR

from pacs_dicomweb.model.values import BINARY_VRS, value_of
from pacs_framework.dicom.charset import python_encodings
from pacs_framework.dicom.depth import DEPTH_LIMIT
from pacs_framework.dicom.elements import Encoding, ImageFacts, image_facts, vr_of
from pacs_framework.dicom.walk import UNDEFINED_LENGTH, Walk
from pacs_framework.errors import UnreadableInstance

__all__ = ["BulkLimits", "Element", "Rendered", "Renderer"]

_CHARACTER_SET = 0x00080005
_TRAILING_PADDING = 0xFFFCFFFC
_FIRST_OF_A_DATA_SET = 0x00080000
_UTF_8 = '{"vr":"CS","Value":["ISO_IR 192"]}'
_ASCII = ("iso8859",)
_MEMORABLE = 4096  # bytes of the longest element that is remembered
_MOST_REMEMBERED = 20_000

# PS3.18 F.2.6 allows no reference in place of other text. Long ones are documents, not names.
_LONG_VALUES = frozenset(
    {"AT", "DS", "FD", "FL", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkLimits:
    """The longest values in bytes that stand in the JSON itself: binary ones, and all others."""

    binary: int = 1024
    other: int = 1 << 16


@dataclass(slots=True)
class _Scope:
    """What holds in one data set: how it is encoded, and its private creators by their block."""

    encodings: tuple[str, ...]
    implicit: bool
    path: str = ""
    depth: int = 0
    creators: dict[int, str] = field(default_factory=dict)
    memory: dict[bytes, str] = field(default_factory=dict)

    def inside(self, path: str) -> _Scope:
        """That of an item, which inherits the character sets (PS3.5 7.5.3)."""
        return _Scope(self.encodings, self.implicit, path, self.depth + 1)


class Element(NamedTuple):
    """One element: where it starts, where its value does, and where both end.

    ``vr_word`` is the VR as the word that it is encoded in, 0 where there is none.
    """

    tag: int
    vr_word: int
    start: int
    value: int
    end: int


class Renderer:
    """Writes headers as DICOM JSON. For one thread; give it headers that are alike."""

    def __init__(self, limits: BulkLimits | None = None) -> None:
        self.limits = limits or BulkLimits()
        self.remembered: dict[tuple[object, ...], dict[bytes, str]] = {}
        self._count = 0

    def members(self, header: bytes, encoding: Encoding, bulk_base: str) -> dict[int, str]:
        """Tag → the JSON of the attribute, in the order of tags.

        ``bulk_base`` stands in front of the path of each value that is not inline: tags and item
        numbers (from 1), such as ``54000100/1/54001010``; it is put into the JSON as it is. Left
        out are group lengths and padding;
        Specific Character Set says UTF-8 (PS3.18 F.2.1). Raises `UnreadableInstance`.
        """
        return self.render(header, encoding, bulk_base).members

    def render(self, header: bytes, encoding: Encoding, bulk_base: str) -> Rendered:
        """The same, with what it takes to render single elements of headers that are alike."""
        return Rendered(_Run(self, header, encoding, bulk_base))

    def memory(self, context: tuple[object, ...]) -> dict[bytes, str]:
        """What was made of elements in one context: encoding and character sets."""
        if self._count > _MOST_REMEMBERED:
            self.remembered.clear()
            self._count = 0
        self._count += 1
        return self.remembered.setdefault(context, {})


class Rendered:
    """A header that was rendered: its ``members`` (see `Renderer.members`), its ``elements`` at the
    top level in the order in which they came, and what they were read by.

    Character sets and private creators are those that hold at its end.
    """

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._scope = _Scope(_ASCII, run.encoding.implicit)
        self.members, _ = run.data_set(0, len(run.data), self._scope)
        self.elements: Sequence[Element] = run.elements
        self.header = run.data
        self.encoding = run.encoding

    @property
    def limits(self) -> BulkLimits:
        """Up to which lengths values stand in the JSON."""
        return self._run.limits

    def vr(self, element: Element) -> str:
        """The VR of one of the elements; UN where nothing tells it."""
        return self._run.vr(element, self._scope)

    def plain(self, tag: int, vr: str, value: bytes) -> str:
        """The attribute in another header that has all that decides in common with this one.

        Not of a sequence, nor of what decides: character sets, creators, what images consist of.
        """
        return self._run.plain(tag, vr, value, self._scope)

    def element_of(self, header: bytes, pos: int) -> tuple[str, int]:
        """The same of any element, which begins at ``pos`` there, and where it ends.

        Raises `UnreadableInstance`.
        """
        return self._run.like(header).element_at(pos, self._scope)


class _Run:
    """One header. Sequences are entered by recursion, which `DEPTH_LIMIT` bounds."""

    def __init__(self, renderer: Renderer, data: bytes, encoding: Encoding, base: str) -> None:
        self._renderer = renderer
        self.limits = renderer.limits
        self.data = data
        self.encoding = encoding
        self.elements: list[Element] = []
        self._little = encoding.little
        self._order = encoding.order
        self._walk = Walk(data, len(data), self._order)
        self._base = base
        self._references = 0
        self._facts: ImageFacts | None = None

    def like(self, data: bytes) -> _Run:
        """A run over another header, for elements that are read as those of this one are."""
        run = _Run(self._renderer, data, self.encoding, self._base)
        run._facts = self.facts
        return run

    @property
    def facts(self) -> ImageFacts:
        if self._facts is None:
            self._facts = image_facts(self.data, self.encoding)
        return self._facts

    def data_set(self, pos: int, end: int | None, scope: _Scope) -> tuple[dict[int, str], int]:
        """The attributes from ``pos`` to ``end``, or to the delimiter of their item where that is
        not known, and where they ended.
        """
        if scope.depth > DEPTH_LIMIT:
            raise UnreadableInstance(f"sequences are nested more than {DEPTH_LIMIT} levels deep")
        self._remember(scope)
        found: dict[int, str] = {}
        order, stop = self._order, len(self.data) if end is None else end
        note = self.elements.append if not scope.depth else _nothing
        while pos + 8 <= stop:
            word, vr_word, value, length = self._head(pos, implicit=scope.implicit)
            if word == order.item_end and end is None:
                return _sorted(found), value
            tag, start = order.tag(word), pos
            if length == UNDEFINED_LENGTH:
                found[tag], pos = self._open_ended(tag, word, vr_word, value, scope)
                note(Element(tag, vr_word, start, value, pos))
                continue
            following = value + length
            if following > stop:
                raise UnreadableInstance(f"an element at offset {pos} is cut off")
            element = Element(tag, vr_word, start, value, following)
            note(element)
            if tag & 0xFFFF and tag >= _FIRST_OF_A_DATA_SET and tag != _TRAILING_PADDING:
                found[tag] = self._element(element, scope)
            pos = following
        if end is None:
            raise UnreadableInstance(f"an item has no end at offset {pos}")
        return _sorted(found), end

    def element_at(self, pos: int, scope: _Scope) -> tuple[str, int]:
        """The attribute whose element begins at ``pos``, and where that ends."""
        word, vr_word, value, length = self._head(pos, implicit=scope.implicit)
        tag = self._order.tag(word)
        if length == UNDEFINED_LENGTH:
            return self._open_ended(tag, word, vr_word, value, scope)
        end = value + length
        if end > len(self.data):
            raise UnreadableInstance(f"an element at offset {pos} is cut off")
        return self._element(Element(tag, vr_word, pos, value, end), scope), end

    def _head(self, pos: int, *, implicit: bool) -> tuple[int, int, int, int]:
        """The element at ``pos``: tag and VR as the words they are, value offset and length."""
        order = self._order
        word, vr_word, length = order.explicit(self.data, pos)
        if implicit:
            return word, 0, pos + 8, order.implicit(self.data, pos)[1]
        if vr_word in order.short_vrs:
            return word, vr_word, pos + 8, length
        value, length, vr_word = self._walk.other_header(pos, vr_word, length)
        return word, vr_word, value, length

    def _remember(self, scope: _Scope) -> None:
        """Find what was made of the same bytes in the same context before."""
        facts = self.facts if scope.implicit else None
        context = (scope.implicit, self._little, scope.encodings, facts)
        scope.memory = self._renderer.memory(context)

    def _element(self, element: Element, scope: _Scope) -> str:
        if element.end - element.start > _MEMORABLE or not self._alone(element):
            return self._attribute(element, scope)
        raw = self.data[element.start : element.end]
        known = scope.memory.get(raw)
        if known is None:
            references = self._references
            known = self._attribute(element, scope)
            if references == self._references:
                scope.memory[raw] = known
        return known

    def _alone(self, element: Element) -> bool:
        """Whether the bytes of an element and its context say all of it: what declares character
        sets or creators does not, nor what needs a creator to be understood.
        """
        tag, vr_word = element.tag, element.vr_word
        if vr_word == self._order.unknown_vr or tag == _CHARACTER_SET:
            return False
        return not tag & 0x10000 or (vr_word != 0 and tag & 0xFFFF >= 0x1000)

    def _attribute(self, element: Element, scope: _Scope) -> str:
        tag, value, end = element.tag, element.value, element.end
        vr = self.vr(element, scope)
        if vr == "SQ":
            text, _ = self._items(value, end, tag, scope)
            return f'{{"vr":"SQ"{text}}}'
        raw = self.data[value:end]
        if tag == _CHARACTER_SET:
            return self._character_set(raw, scope)
        if tag & 0x10000 and tag & 0xFFFF < 0x100:
            scope.creators[tag & 0xFF | tag >> 16 << 8] = raw.decode("latin-1").strip(" \0")
        return self.plain(tag, vr, raw, scope)

    def plain(self, tag: int, vr: str, raw: bytes, scope: _Scope) -> str:
        long = self.limits.binary if vr in BINARY_VRS else self.limits.other
        if len(raw) > long and (vr in BINARY_VRS or vr in _LONG_VALUES):
            return self._reference(tag, vr, scope)
        try:
            text = value_of(vr, raw, little=self._little, encodings=scope.encodings)
        except ValueError:
            vr = "UN"
            if len(raw) > self.limits.binary:
                return self._reference(tag, vr, scope)
            text = value_of(vr, raw, little=True, encodings=())
        return f'{{"vr":"{vr}",{text}}}' if text else f'{{"vr":"{vr}"}}'

    def _reference(self, tag: int, vr: str, scope: _Scope) -> str:
        self._references += 1
        return f'{{"vr":"{vr}","BulkDataURI":"{self._base}{scope.path}{tag:08X}"}}'

    def _character_set(self, raw: bytes, scope: _Scope) -> str:
        """The character sets of what follows; in JSON everything is UTF-8."""
        if not raw.strip(b" \0"):
            return '{"vr":"CS"}'
        scope.encodings = python_encodings(raw)
        self._remember(scope)
        return _UTF_8

    def vr(self, element: Element, scope: _Scope) -> str:
        tag, start = element.tag, element.start
        if element.vr_word and element.vr_word != self._order.unknown_vr:
            vr = self.data[start + 4 : start + 6]
            return vr.decode() if vr.isalpha() and vr.isupper() else "UN"
        if not tag & 0x10000:
            return vr_of(tag, self.facts) if dictionary_has_tag(tag) else "UN"
        if tag & 0xFFFF < 0x100:
            return "LO"
        creator = scope.creators.get(tag >> 8 & 0xFF | tag >> 16 << 8, "")
        return _private_vr(tag, creator)

    def _open_ended(
        self, tag: int, word: int, vr_word: int, value: int, scope: _Scope
    ) -> tuple[str, int]:
        """An element of undefined length: a sequence, or fragments in an icon (PS3.5 7.5, A.4)."""
        if not self._walk.is_sequence(word, vr_word, value):
            end = self._walk.skip_fragments(value)
            return self._reference(tag, "OB", scope), end
        text, end = self._items(value, None, tag, scope)
        return f'{{"vr":"SQ"{text}}}', end

    def _items(self, pos: int, end: int | None, tag: int, scope: _Scope) -> tuple[str, int]:
        """The items of a sequence as the member ``Value``, and where they ended."""
        order, stop = self._order, len(self.data) if end is None else end
        items: list[str] = []
        while pos + 8 <= stop:
            word, length = order.implicit(self.data, pos)
            pos += 8
            if word == order.item:
                path = f"{scope.path}{tag:08X}/{len(items) + 1}/"
                item, pos = self._item(pos, length, stop, scope.inside(path))
                items.append(item)
            elif word == order.sequence_end and end is None:
                return _value_of(items), pos
            elif word not in (order.sequence_end, order.item_end):
                # Superfluous delimiters are seen in the field; anything else is no sequence.
                raise UnreadableInstance(f"a sequence holds what is no item at offset {pos - 8}")
        if end is None:
            raise UnreadableInstance(f"a sequence has no end at offset {pos}")
        return _value_of(items), end

    def _item(self, pos: int, length: int, stop: int, scope: _Scope) -> tuple[str, int]:
        end = None if length == UNDEFINED_LENGTH else pos + length
        if end is not None and end > stop:
            raise UnreadableInstance(f"an item is cut off at offset {pos - 8}")
        # An item of an explicit VR data set may be implicit, as those hidden in a UN are.
        scope.implicit = scope.implicit or self._walk.looks_implicit(pos, default=False)
        found, pos = self.data_set(pos, end, scope)
        return _joined(found), pos


def _nothing(_element: Element) -> None:
    """Elements of items are not noted."""


def _value_of(items: Sequence[str]) -> str:
    return f',"Value":[{",".join(items)}]' if items else ""


def _private_vr(tag: int, creator: str) -> str:
    try:
        return private_dictionary_VR(tag, creator) if creator else "UN"
    except (KeyError, ValueError):
        return "UN"


def _sorted(found: dict[int, str]) -> dict[int, str]:
    tags = list(found)
    in_order = sorted(tags)
    return found if tags == in_order else {tag: found[tag] for tag in in_order}


def _joined(found: dict[int, str]) -> str:
    return "{" + ",".join([f'"{tag:08X}":{text}' for tag, text in found.items()]) + "}"
