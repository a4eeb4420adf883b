"""How many series and instances there are of each modality."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_framework.archive.archive import Archive
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pydicom import Dataset

__all__ = ["ModalityCount", "count_by_modality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityCount:
    """What an archive holds of one modality; ``modality`` is empty where none is given."""

    modality: str
    series: int
    instances: int


def count_by_modality(archive: Archive, modality: str = "") -> list[ModalityCount]:
    """Every modality in the archive, or the one that is asked for, in alphabetical order.

    The series come one by one from the index, so memory does not grow with the archive. Raises
    `IndexUnavailable` when the database is away.
    """
    series: dict[str, int] = {}
    instances: dict[str, int] = {}
    for answer in archive.query.find(Level.SERIES, Root.STUDY, _keys(modality), relational=True):
        found = str(answer.Modality or "")
        series[found] = series.get(found, 0) + 1
        number = int(answer.NumberOfSeriesRelatedInstances or 0)
        instances[found] = instances.get(found, 0) + number
    return [
        ModalityCount(modality=name, series=series[name], instances=instances[name])
        for name in sorted(series)
    ]


def _keys(modality: str) -> Dataset:
    """The identifier of the query: keys with a value are matched, empty ones are answered."""
    keys = Dataset()
    keys.Modality = modality
    keys.SeriesInstanceUID = ""
    keys.NumberOfSeriesRelatedInstances = None
    return keys
