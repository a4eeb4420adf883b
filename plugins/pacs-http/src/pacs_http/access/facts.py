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

_KEYS = {
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "instance": "SOPInstanceUID",
    "patient": "PatientID",
}
_COUNT = "NumberOfSeriesRelatedInstances"
_OF_SERIES = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality")


class IndexFacts:
    """The series behind what is named, as far as a reach goes. Raises `IndexUnavailable`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(
        self, kind: str, names: Collection[str], within: Reach | None
    ) -> Collection[StudyFacts]:
        """The series of studies, of patients or with instances of these names, or themselves."""
        return [_facts(answer) for answer in self._found(kind, names, within)]

    def _found(self, kind: str, names: Collection[str], within: Reach | None) -> Iterator[Dataset]:
        """Answers for series, or for the instances that are named: another patient's series may
        have the same UID, and of one series another instance may be in reach.
        """
        if not names:
            return
        level = Level.IMAGE if kind == "instance" else Level.SERIES
        wanted = _identifier(level, kind, names)
        for answer in self._archive.query.find(
            level, Root.PATIENT, wanted, relational=True, within=within
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
        instances=int(answer.get(_COUNT, 1)),
    )


def _identifier(level: Level, kind: str, names: Collection[str]) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level.value
    for keyword in (*_OF_SERIES, *((_COUNT,) if level is Level.SERIES else ())):
        setattr(wanted, keyword, None)
    setattr(wanted, _KEYS[kind], sorted(names) if kind != "patient" else next(iter(names)))
    return wanted
