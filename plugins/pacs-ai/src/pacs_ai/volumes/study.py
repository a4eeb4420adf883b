"""A whole study as a run gets it: the files of every series that a model is for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pydicom import Dataset

from pacs_ai.api import Wants
from pacs_ai.errors import NoVolume
from pacs_ai.volumes.loading import LoadedSeries, LoadedVolume, StoredSeries
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Given", "LoadedStudy", "load_study"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStudy:
    """Several series of one study, for those who take files (compare `LoadedSeries`)."""

    parts: tuple[LoadedSeries, ...]
    loaded: LoadedVolume | None = None

    @property
    def headers(self) -> tuple[Dataset, ...]:
        """Of all instances, series by series."""
        return tuple(header for part in self.parts for header in part.headers)

    @property
    def study_instance_uid(self) -> str:
        """Its own."""
        return self.parts[0].study_instance_uid

    @property
    def series_instance_uid(self) -> str:
        """None: it is of several."""
        return ""

    @property
    def sop_instance_uids(self) -> tuple[str, ...]:
        """Of all instances."""
        return tuple(uid for part in self.parts for uid in part.sop_instance_uids)

    def export(self, folder: Path) -> None:
        """Write all instances as DICOM files, by the names that mercure gives them."""
        for part in self.parts:
            part.export(folder)


Given = Union[LoadedSeries, LoadedStudy]  # noqa: UP007 - read at run time, too
"""What a run is about."""


def load_study(archive: Archive, study_instance_uid: str, wants: Wants) -> LoadedStudy:
    """The series of a study that ``wants`` is for, without pixels. Raises as `StoredSeries.load`,
    and `NoVolume` where there is none.
    """
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study_instance_uid, ""
    parts, refusals = [], []
    for answer in archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True):
        try:
            stored = StoredSeries(archive, str(answer.SeriesInstanceUID))
            parts.append(stored.load(wants, pixels=False))
        except NoVolume as error:
            refusals.append(str(error))
    if not parts:
        why = "; ".join(dict.fromkeys(refusals)) or "it is not in the archive"
        raise NoVolume(f"study {study_instance_uid!r} has no series for it: {why}")
    return LoadedStudy(parts=tuple(parts))
