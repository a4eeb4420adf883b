"""What limits go by, looked up in the index."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_http.access.scope import StudyFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.reach import Reach

__all__ = ["IndexFacts"]

_KEYS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "patient": "PatientID"}


class IndexFacts:
    """The series behind what is named, as far as a reach goes. Raises `IndexUnavailable`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(
        self, kind: str, names: Collection[str], within: Reach | None
    ) -> Collection[StudyFacts]:
        """The series of studies, of patients or with instances of these names, or themselves."""
        if kind == "instance":
            return [each for name in names for each in self._of_instance(name, within)]
        return [_facts(answer) for answer in self._series(kind, names, within)]

    def _of_instance(self, name: str, within: Reach | None) -> Iterator[StudyFacts]:
        """The one series that an instance is in: another patient's may have the same UID."""
        found = self._archive.lookup.instance(name)
        if found is None:
            return
        where = (found.patient_id, found.issuer_of_patient_id, found.study_instance_uid)
        for answer in self._series("series", (found.series_instance_uid,), within):
            facts = _facts(answer)
            if (facts.patient, str(answer.get("IssuerOfPatientID") or ""), facts.study) == where:
                yield facts

    def _series(self, kind: str, names: Collection[str], within: Reach | None) -> Iterator[Dataset]:
        if not names:
            return
        for answer in self._archive.query.find(
            Level.SERIES, Root.PATIENT, _identifier(kind, names), relational=True, within=within
        ):
            # A Patient ID with an asterisk in it is a pattern to a query.
            if str(answer.get(_KEYS[kind], "")) in names:
                yield answer


def _facts(answer: Dataset) -> StudyFacts:
    return StudyFacts(
        patient=str(answer.get("PatientID") or ""),
        study=str(answer.StudyInstanceUID),
        series=str(answer.SeriesInstanceUID),
        modality=str(answer.get("Modality") or ""),
    )


def _identifier(kind: str, names: Collection[str]) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "SERIES"
    for keyword in (*_KEYS.values(), "IssuerOfPatientID", "Modality"):
        setattr(wanted, keyword, "")
    setattr(wanted, _KEYS[kind], sorted(names) if kind != "patient" else next(iter(names)))
    return wanted
