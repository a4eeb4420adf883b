"""Looking for steps by keys, and answering with them (PS3.4 CC.2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.datadict import keyword_for_tag
from pydicom.sequence import Sequence as Items

from pacs_framework.dicom.matching import Matcher
from pacs_framework.dicom.packed import deep_copy, unpack
from pacs_ups.state.rows import narrowed
from pacs_ups.tables import step

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["answer_to", "has_unsupported", "matcher_of", "matching_rows"]

_PAGE = 200
_HIDDEN = {0x00080005, 0x00081195}  # Specific Character Set is made anew; a lock stays secret


def matcher_of(keys: Dataset) -> Matcher:
    """What decides whether a step matches: all keys that the standard knows."""
    return Matcher(_public(keys))


def matching_rows(connection: Connection, keys: Dataset) -> Iterator[sa.Row[Any]]:
    """The rows of the steps that match, in the order of their creation; read page by page."""
    matcher, conditions, last = matcher_of(keys), list(narrowed(keys)), 0
    while True:
        page = connection.execute(
            sa.select(step).where(step.c.id > last, *conditions).order_by(step.c.id).limit(_PAGE)
        ).all()
        yield from (row for row in page if matcher.matches(unpack(row.dataset)))
        if len(page) < _PAGE:
            return
        last = page[-1].id


def answer_to(keys: Dataset, dataset: Dataset) -> Dataset:
    """Each key with the value of a step, empty where it has none.

    A sequence key without keys of its own comes back with all that is in it (PS3.4 C.2.2.2.6).
    """
    answer = Dataset()
    for key in keys:
        if key.tag == 0x00080005 or not key.tag.element:
            continue
        visible = key.tag in dataset and key.tag not in _HIDDEN and keyword_for_tag(key.tag)
        found = dataset[key.tag] if visible else None
        if key.VR == "SQ":
            answer.add(_sequence(key, found))
        else:
            value = None if found is None or found.VR == "SQ" else found.value
            answer.add(DataElement(key.tag, key.VR, value, validation_mode=IGNORE))
    return answer


def has_unsupported(keys: Dataset) -> bool:
    """Whether a key can neither be matched nor answered: one that the standard does not know."""
    for element in keys:
        if not keyword_for_tag(element.tag) and element.tag.element:
            return True
        if element.VR == "SQ" and any(map(has_unsupported, element.value or ())):
            return True
    return False


def _sequence(key: DataElement, found: DataElement | None) -> DataElement:
    items = found.value if found is not None and found.VR == "SQ" else ()
    wanted = key.value[0] if key.value else Dataset()
    filled = [answer_to(wanted, item) if wanted else deep_copy(item) for item in items or ()]
    return DataElement(key.tag, "SQ", Items(filled))


def _public(keys: Dataset) -> Dataset:
    public = Dataset()
    for element in keys:
        if element.tag in _HIDDEN or not keyword_for_tag(element.tag):
            continue
        if element.VR == "SQ":
            items = Items([_public(item) for item in element.value or ()])
            public.add(DataElement(element.tag, "SQ", items))
        else:
            public.add(element)
    return public
