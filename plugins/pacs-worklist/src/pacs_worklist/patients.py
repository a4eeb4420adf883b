"""Steps follow their patients: who was corrected or merged, and who else a patient is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.also_known import OTHER_IDS, with_linked
from pacs_framework.archive.changes import ChangeKind
from pacs_framework.archive.corrections import CorrectionKind, PatientKey
from pacs_framework.errors import CorrectionRefused
from pacs_worklist.api import Worklist
from pacs_worklist.steps import copy_of, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change
    from pacs_framework.archive.patients import Patients
    from pacs_worklist.query import WorklistQuery

__all__ = ["asks_for_others", "follow", "with_others", "without_others"]

_NAME = "PatientName"  # of type 1 in a step: there is none without, whatever was emptied


def follow(change: Change, archive: Archive) -> None:
    """Write what holds of a patient now into the steps that the database has under its key.

    Those of a merged patient become steps of the other one. Which they were is not known any more
    when the two are taken apart again: they stay. Raises `IndexUnavailable`.
    """
    patients = archive.patients
    key = PatientKey(patient_id=change.patient_id, issuer=change.issuer_of_patient_id)
    found = patients.find(key)
    if found is None:
        return
    attributes = Dataset()
    if found.key != key:
        attributes = _demographics(found.values, found.corrected)
        attributes.PatientID = found.key.patient_id
        attributes.IssuerOfPatientID = found.key.issuer
    elif change.kind is ChangeKind.PATIENT_UPDATED:
        # Only what was updated: of the rest, an order may have known better than the archive.
        attributes = _demographics(found.values, _updated(change, key, patients))
    if attributes:
        worklist = Worklist(archive.tables("worklist"))
        worklist.change_patient(key.patient_id, attributes, issuer_of_patient_id=key.issuer)


def _updated(change: Change, key: PatientKey, patients: Patients) -> Collection[str]:
    """The keywords of a correction, which was put down at the moment of its change."""
    corrections = (each for each in patients.history(key) if each.at == change.at)
    return {k for each in corrections if each.kind is CorrectionKind.UPDATE for k in each.after}


def _demographics(values: Mapping[str, str], keywords: Iterable[str]) -> Dataset:
    attributes = Dataset()
    for keyword in keywords:
        if values[keyword] or keyword != _NAME:
            setattr(attributes, keyword, values[keyword])
    return attributes


def asks_for_others(query: WorklistQuery) -> bool:
    """Whether a query has the key Other Patient IDs Sequence (0010,1002)."""
    return OTHER_IDS in query.identifier


def without_others(query: WorklistQuery) -> WorklistQuery:
    """The query for sources, which know nothing of links: without that key, and all that match."""
    identifier = copy_of(query.identifier)
    del identifier[OTHER_IDS]
    return replace(query, identifier=identifier, most=0)


def with_others(items: Iterable[Dataset], patients: Patients) -> Iterator[Dataset]:
    """Each item, with the patients that are linked with its own. Raises `IndexUnavailable`."""
    known: dict[PatientKey, tuple[PatientKey, ...]] = {}
    for item in items:
        key = PatientKey(
            patient_id=text_of(item, "PatientID"), issuer=text_of(item, "IssuerOfPatientID")
        )
        if key not in known:
            known[key] = _linked(key, patients)
        also_known = with_linked(item, known[key])
        if also_known is not None:
            item = copy_of(item)  # noqa: PLW2901 - that of the source is not ours
            item.add(also_known)
        yield item


def _linked(key: PatientKey, patients: Patients) -> tuple[PatientKey, ...]:
    try:
        return patients.linked(key)
    except CorrectionRefused:  # a file of a folder may hold what no index can
        return ()
