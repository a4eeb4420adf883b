"""Answers as data elements: from the text of a column, from computed values, from a stored header.

Values are taken as they are stored, also where they break the rules of their VR: an archive answers
what it holds. Text is decoded here, without pydicom's checks, which would warn about every odd
value of every modality and quote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag, dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement, empty_value_for_VR
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, IS, STR_VR, VR, PersonName

from pacs_framework.dicom.charset import decode_text, python_encodings

__all__ = [
    "copy_asked",
    "creator_of",
    "creator_tag",
    "empty_element",
    "list_element",
    "text_element",
]

_ONE_VALUE_VRS = frozenset({VR.LT, VR.ST, VR.UT, VR.UR})
_SPECIFIC_CHARACTER_SET = 0x00080005
_ASCII = ("iso8859",)


def text_element(tag: int, vr: str, text: str) -> DataElement:
    """An element from text, several values joined by a backslash; empty for no text."""
    if not text:
        return empty_element(tag, vr)
    if not text.isascii() and vr not in CUSTOMIZABLE_CHARSET_VR:
        # Only broken values come here; these VRs are not encoded by the character set.
        text = text.encode("latin-1", "replace").decode("latin-1")
    if "\\" in text and vr not in _ONE_VALUE_VRS:
        return list_element(tag, vr, text.split("\\"))
    return DataElement(BaseTag(tag), vr, _value(vr, text), already_converted=True)


def list_element(tag: int, vr: str, values: Sequence[str]) -> DataElement:
    """An element of any number of values."""
    if not values:
        return empty_element(tag, vr)
    converted = [_value(vr, value) for value in values]
    value = converted[0] if len(converted) == 1 else MultiValue(_as_it_is, converted)
    return DataElement(BaseTag(tag), vr, value, already_converted=True)


def empty_element(tag: int, vr: str) -> DataElement:
    """An element of zero length, which is how an unknown value is answered."""
    value = Items() if vr == VR.SQ else empty_value_for_VR(vr)
    return DataElement(BaseTag(tag), vr, value, already_converted=True)


def _as_it_is(value: Any) -> Any:
    return value


def _value(vr: str, text: str) -> Any:
    if vr == VR.PN:
        return PersonName(text)
    if vr == VR.IS:
        try:
            return IS(text)
        except (ValueError, TypeError, OverflowError):
            return text
    return text


def copy_asked(
    asked: DataElement, stored: Dataset, encodings: tuple[str, ...] | None = None
) -> DataElement:
    """What ``stored`` holds for the key ``asked``; of a sequence the keys that are asked for.

    A sequence, or an item of it, that is asked for without keys comes whole (PS3.4 C.2.2.2.6).
    ``encodings`` are those of the data set around ``stored``.
    """
    found = _decoded(stored, asked.tag, _encodings_of(stored, encodings))
    if found is None or found.is_empty:
        return empty_element(asked.tag, asked.VR)
    if found.VR != VR.SQ:
        return found
    keys = asked.value[0] if asked.VR == VR.SQ and asked.value else None
    inner = _encodings_of(stored, encodings)
    items = [_copy_item(keys, item, inner) for item in found.value]
    return DataElement(found.tag, VR.SQ, Items(items), already_converted=True)


def _copy_item(keys: Dataset | None, item: Dataset, outer: tuple[str, ...]) -> Dataset:
    answer = Dataset()
    if keys:
        for key in keys:
            answer.add(copy_asked(key, item, outer))
        return answer
    for tag in item.keys():  # noqa: SIM118 - iterating a Dataset converts every element
        if tag != _SPECIFIC_CHARACTER_SET:
            answer.add(copy_asked(empty_element(tag, VR.UN), item, outer))
    return answer


def _encodings_of(dataset: Dataset, outer: tuple[str, ...] | None) -> tuple[str, ...]:
    """The character sets of a data set, which an item without its own inherits (PS3.5 7.5.3)."""
    declared: RawDataElement | DataElement | None = dataset.get_item(_SPECIFIC_CHARACTER_SET)
    value = None if declared is None else declared.value
    if value and not isinstance(value, bytes):  # pydicom has looked at it for another element
        terms = (value,) if isinstance(value, str) else value
        value = "\\".join(map(str, terms)).encode("ascii", "replace")
    return python_encodings(value) if value else outer or _ASCII


def _decoded(dataset: Dataset, tag: BaseTag, encodings: tuple[str, ...]) -> DataElement | None:
    """The element at ``tag`` with its value decoded; None when absent or of no readable value."""
    raw: RawDataElement | DataElement | None = dataset.get_item(tag)
    if not isinstance(raw, RawDataElement):
        return raw
    vr = _vr_of(raw, dataset)
    if vr in STR_VR:
        text = decode_text(raw.value or b"", encodings if vr in CUSTOMIZABLE_CHARSET_VR else _ASCII)
        return text_element(tag, vr, _stripped(vr, text))
    try:
        return dataset[tag]
    except (ValueError, TypeError, LookupError, EOFError, NotImplementedError):
        return None


def _stripped(vr: str, text: str) -> str:
    """Without the padding of each value (PS3.5 Table 6.2-1)."""
    if vr in _ONE_VALUE_VRS:
        return text.rstrip(" \0")
    return "\\".join(value.strip(" \0") for value in text.split("\\"))


def _vr_of(raw: RawDataElement, dataset: Dataset) -> str:
    """The VR as encoded, else by the dictionary of the standard or of a private creator."""
    if raw.VR is not None and raw.VR != VR.UN:
        return raw.VR
    if dictionary_has_tag(raw.tag):
        return dictionary_VR(raw.tag)
    if raw.tag.is_private_creator:
        return VR.LO
    try:
        return private_dictionary_VR(raw.tag, creator_of(dataset, raw.tag))
    except (KeyError, ValueError):
        return VR.UN


def creator_tag(tag: BaseTag) -> BaseTag:
    """The tag of the private creator whose block a private tag is in (PS3.5 7.8.1)."""
    return BaseTag(tag.group << 16 | tag.element >> 8)


def creator_of(dataset: Dataset, tag: BaseTag) -> str:
    """The private creator of a tag as ``dataset`` names it, empty where it does not."""
    creator: RawDataElement | DataElement | None = dataset.get_item(creator_tag(tag))
    value = creator.value if creator is not None else None
    if isinstance(value, bytes):
        value = value.decode("iso8859", "replace")
    return value.strip(" \0") if isinstance(value, str) else ""
