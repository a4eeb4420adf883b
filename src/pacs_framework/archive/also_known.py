"""Other Patient IDs Sequence (0010,1002) with the patients that are linked (PS3.3 C.7.1.1).

It is the attribute for "identifiers of this patient in other places", which is all that a link
says: Patient ID and issuer, by which queries find and instances are filed, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs_framework.archive.candidates import text_element
from pacs_framework.dicom.matching import values_of

if TYPE_CHECKING:
    from pacs_framework.archive.corrections import PatientKey

__all__ = ["OTHER_IDS", "with_linked"]

OTHER_IDS = BaseTag(0x00101002)
_PATIENT_ID = BaseTag(0x00100020)
_ISSUER = BaseTag(0x00100021)
_TYPE = BaseTag(0x00100022)


def with_linked(dataset: Dataset, linked: Iterable[PatientKey]) -> DataElement | None:
    """The sequence of ``dataset`` with an item more for each of ``linked`` that it does not name.

    None where it names them all. The data set stays as it is. Raises what pydicom does.
    """
    found = dataset.get(OTHER_IDS)
    items = list(found.value or ()) if found is not None and found.VR == "SQ" else []
    named = {(_text(item, _PATIENT_ID), _text(item, _ISSUER)) for item in items}
    new = [_item(key) for key in linked if (key.patient_id, key.issuer) not in named]
    if not new:
        return None
    return DataElement(OTHER_IDS, "SQ", Sequence([*items, *new]), already_converted=True)


def _item(key: PatientKey) -> Dataset:
    """Patient ID and Type of Patient ID are of type 1, the issuer is there where it is known."""
    item = Dataset()
    item.add(text_element(_PATIENT_ID, "LO", key.patient_id))
    if key.issuer:
        item.add(text_element(_ISSUER, "LO", key.issuer))
    item.add(text_element(_TYPE, "CS", "TEXT"))
    return item


def _text(item: Dataset, tag: BaseTag) -> str:
    return "\\".join(values_of(item.get(tag)))
