"""Instances as they are sent after their patient was corrected (PS3.3 C.12.1.1.9).

What is stored stays as it came: the header is changed on its way out, pixel data stream behind it.
What was there before goes along in the Original Attributes Sequence (0400,0561).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs_framework.archive.also_known import OTHER_IDS, with_linked
from pacs_framework.archive.candidates import empty_element, text_element
from pacs_framework.archive.incoming import Coercion
from pacs_framework.archive.viewing import StoredHeader, as_stored, coerced
from pacs_framework.dicom.matching import values_of
from pacs_framework.dicom.rewrite import PYDICOM_FAILURES, failure_of
from pacs_framework.errors import UnreadableInstance
from pacs_framework.index.queries import reading
from pacs_framework.index.what_holds import WhatHolds, anything_holds, what_holds

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

    from pacs_framework.archive.retrieve import OpenInstance, StoredInstance
    from pacs_framework.index.database import Database

__all__ = ["CorrectedInstances", "correct"]

_SYSTEM = "pacs-framework"
# Of type 2 (PS3.3 C.7.1.1): present, though empty. The others go when they are emptied.
_ALWAYS_PRESENT = frozenset({"PatientName", "PatientBirthDate", "PatientSex"})
_QUALIFIERS = "IssuerOfPatientIDQualifiersSequence"


class CorrectedInstances:
    """Opens instances with what holds of their patients (see `InstanceOpener`).

    For one retrieval: each series is asked about once, whether anything of it was corrected.
    """

    def __init__(
        self, database: Database, open_stored: Callable[[StoredInstance], OpenInstance]
    ) -> None:
        self._database = database
        self._open_stored = open_stored
        self._touched: dict[int, bool] = {}  # series, by their rows

    def open(self, stored: StoredInstance) -> OpenInstance:
        """The data set as it is stored where it says what holds, else corrected.

        Raises `UnreadableInstance`, `StorageError` and `IndexUnavailable`; nothing is left open.
        """
        opened = self._open_stored(stored)
        try:
            holds = self._what_holds(opened.instance)
            return opened if holds is None else _corrected(opened, holds)
        except BaseException:
            opened.data.close()
            raise

    def changes(self, stored: StoredInstance, /) -> bool:
        """Whether anything that was corrected holds of it. Raises `IndexUnavailable`."""
        return self._what_holds(stored) is not None

    def _what_holds(self, stored: StoredInstance) -> WhatHolds | None:
        series = stored.series_row
        touched = self._touched.get(series, True)
        if not touched:
            return None
        with reading(self._database) as connection:
            if series and series not in self._touched:
                touched = self._touched[series] = anything_holds(connection, series)
            return what_holds(connection, stored.sop_instance_uid) if touched else None


def _corrected(opened: OpenInstance, holds: WhatHolds) -> OpenInstance:
    header = StoredHeader(opened)
    dataset = header.dataset()
    try:
        changed = correct(dataset, holds)
    except PYDICOM_FAILURES as error:
        raise UnreadableInstance(
            f"the patient of an instance cannot be corrected: {failure_of(error)}"
        ) from None
    if not changed:
        return as_stored(opened, header)
    return coerced(opened, header, Coercion(dataset=dataset), None)


def correct(dataset: Dataset, holds: WhatHolds) -> bool:
    """Make ``dataset`` say what holds of its patient; whether that changed anything.

    Called again with what it made, it changes nothing. Raises what pydicom does.
    """
    changes = {k: t for k, t in _wanted(holds).items() if _text(dataset, k) != t}
    also_known = with_linked(dataset, holds.linked)
    if not changes and also_known is None:
        return False
    before = Dataset()
    for keyword in (*changes, *_outdated(dataset, changes)):
        before.add(_taken_out(dataset, keyword))
    for keyword, text in changes.items():
        if text or keyword in _ALWAYS_PRESENT:
            dataset.add(_element(keyword, text))
    if also_known is not None:
        before.add(_taken_out(dataset, keyword_for_tag(OTHER_IDS)))
        dataset.add(also_known)
    dataset.OriginalAttributesSequence = [
        *(dataset.get("OriginalAttributesSequence") or ()),
        _modification(before, holds),
    ]
    return True


def _wanted(holds: WhatHolds) -> Mapping[str, str]:
    if holds.carried is None:
        return holds.demographics
    return {
        **holds.demographics,
        "PatientID": holds.key.patient_id,
        "IssuerOfPatientID": holds.key.issuer,
    }


def _outdated(dataset: Dataset, changes: Mapping[str, str]) -> tuple[str, ...]:
    """What qualifies an issuer says nothing of another one."""
    another = "PatientID" in changes or "IssuerOfPatientID" in changes
    return (_QUALIFIERS,) if another and _QUALIFIERS in dataset else ()


def _text(dataset: Dataset, keyword: str) -> str:
    return "\\".join(values_of(dataset.get(_tag(keyword))))


def _taken_out(dataset: Dataset, keyword: str) -> DataElement:
    """The element, removed; an empty one where there is none."""
    tag = _tag(keyword)
    if tag not in dataset:
        return empty_element(tag, _element(keyword, "").VR)
    found = dataset[tag]
    del dataset[tag]
    return found


def _modification(before: Dataset, holds: WhatHolds) -> Dataset:
    """An item of the Original Attributes Sequence; two sendings of one correction are the same."""
    item = Dataset()
    item.SourceOfPreviousValues = ""
    item.AttributeModificationDateTime = holds.at.strftime("%Y%m%d%H%M%S.%f+0000")
    item.ModifyingSystem = _SYSTEM
    # COERCE is the term for a reconciliation of patients, CORRECT that for a value that was wrong.
    reconciled = holds.carried is not None or OTHER_IDS in before
    item.ReasonForTheAttributeModification = "COERCE" if reconciled else "CORRECT"
    item.ModifiedAttributesSequence = Sequence([before])
    return item


def _element(keyword: str, text: str) -> DataElement:
    tag = _tag(keyword)
    return text_element(tag, dictionary_VR(tag), text)


def _tag(keyword: str) -> BaseTag:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    return BaseTag(tag)
