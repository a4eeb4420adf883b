"""Queries of one level, answered from data sets (PS3.4 K.4.1.1.3).

Which keys of an identifier are matched, and what is answered of a data set that matches: each key,
filled. So are worklists asked, and whatever else has a single entity in its information model.
"""

from __future__ import annotations

from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.charset import encode_identifier_charset
from pacs_framework.dicom.packed import deep_copy

__all__ = ["answer_to", "has_unsupported", "matched_keys"]

_CHARACTER_SET = 0x00080005


def answer_to(identifier: Dataset, item: Dataset) -> Dataset:
    """The keys of ``identifier`` with the values of ``item``, empty where it has none.

    A sequence key without keys of its own is answered with all that the item has in it (PS3.4
    C.2.2.2.6). Text is in the character set of the identifier, where that can carry it.
    """
    return encode_identifier_charset(
        _filled(identifier, item), identifier.get("SpecificCharacterSet")
    )


def has_unsupported(identifier: Dataset) -> bool:
    """Whether a key can neither be matched nor answered: one that the standard does not know."""
    for element in identifier:
        if not keyword_for_tag(element.tag) and element.tag.element:
            return True
        if element.VR == "SQ" and any(map(has_unsupported, element.value)):
            return True
    return False


def matched_keys(identifier: Dataset) -> Dataset:
    """The keys that are matched: private ones are not supported, and answered empty."""
    keys = Dataset()
    for element in identifier:
        if element.tag.is_private or not keyword_for_tag(element.tag):
            continue
        if element.VR == "SQ":
            items = Items([matched_keys(item) for item in element.value])
            keys.add(DataElement(element.tag, "SQ", items))
        else:
            keys.add(element)
    return keys


def _filled(keys: Dataset, item: Dataset) -> Dataset:
    answer = Dataset()
    for key in keys:
        if key.tag == _CHARACTER_SET or not key.tag.element:
            continue
        found = item[key.tag] if key.tag in item and keyword_for_tag(key.tag) else None
        if key.VR == "SQ":
            answer.add(_sequence(key, found))
        elif found is None or found.VR == "SQ":
            answer.add(DataElement(key.tag, key.VR, None, validation_mode=IGNORE))
        else:
            answer.add(found)
    return answer


def _sequence(key: DataElement, found: DataElement | None) -> DataElement:
    items = found.value if found is not None and found.VR == "SQ" else ()
    wanted = key.value[0] if key.value else Dataset()
    filled = [_filled(wanted, item) if wanted else deep_copy(item) for item in items or ()]
    return DataElement(key.tag, "SQ", Items(filled))
