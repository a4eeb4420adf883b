"""What limits go by, looked up in the index."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_http.access.scope import StudyFacts

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["IndexFacts"]

_KEYS = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "patient": "PatientID"}


class IndexFacts:
    """The series behind what is named. Raises `IndexUnavailable` while iterating."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __call__(self, kind: str, names: Collection[str]) -> Iterator[StudyFacts]:
        """The series of studies, of patients or with instances of these names, or themselves."""
        if kind == "instance":
            found = (self._archive.lookup.instance(name) for name in names)
            kind, names = "series", {each.series_instance_uid for each in found if each}
        if not names:
            return
        for answer in self._archive.query.find(
            Level.SERIES, Root.PATIENT, _identifier(_KEYS[kind], names), relational=True
        ):
            # A Patient ID with an asterisk in it is a pattern to a query.
            if str(answer.get(_KEYS[kind], "")) in names:
                yield StudyFacts(
                    patient=str(answer.get("PatientID", "")),
                    study=str(answer.StudyInstanceUID),
                    series=str(answer.SeriesInstanceUID),
                    modality=str(answer.get("Modality", "")),
                )


def _identifier(key: str, names: Collection[str]) -> Dataset:
    wanted = Dataset()
    wanted.QueryRetrieveLevel = "SERIES"
    for keyword in (*_KEYS.values(), "Modality"):
        setattr(wanted, keyword, "")
    setattr(wanted, key, sorted(names) if key != "PatientID" else next(iter(names)))
    return wanted
