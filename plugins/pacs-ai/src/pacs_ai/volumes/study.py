"""A whole study as a run gets it: the files, or the volumes, of every series that it is for."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pydicom import Dataset

from pacs_ai.api import Series, Study, Wants
from pacs_ai.errors import NoVolume
from pacs_ai.exchange import series_folder
from pacs_ai.volumes.loading import LoadedSeries, StoredSeries
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.rendering.attributes import integer_of, text_of

if TYPE_CHECKING:
    from pacs_framework.archive.archive import Archive

__all__ = ["Given", "LoadedStudy", "load_study"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedStudy:
    """Several series of one study (compare `LoadedSeries`)."""

    parts: tuple[LoadedSeries, ...]

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

    def as_study(self) -> Study:
        """The volumes, for those who were loaded with pixels."""
        return Study(series=tuple(map(_series, self.parts)))

    def export(self, folder: Path) -> None:
        """Write all instances as DICOM files, by the names that mercure gives them."""
        for part in self.parts:
            part.export(folder)


Given = Union[LoadedSeries, LoadedStudy]  # noqa: UP007 - read at run time, too
"""What a run is about."""


def _series(part: LoadedSeries) -> Series:
    assert part.loaded is not None  # as `Runner.pixels` asks for
    first = part.headers[0]
    return Series(
        volume=part.loaded.volume,
        uid=part.series_instance_uid,
        number=integer_of(first, "SeriesNumber", 0),
        description=text_of(first, "SeriesDescription"),
        frame_of_reference_uid=text_of(first, "FrameOfReferenceUID"),
    )


def load_study(
    archive: Archive,
    study_instance_uid: str,
    wants: Wants,
    *,
    only: Collection[str] = (),
    folder: Path | None = None,
) -> LoadedStudy:
    """The series of a study that ``wants`` is for; of those that ``only`` names, where it names
    some. As volumes, too, with the ``folder`` of their run; those that are none are left out.

    Raises as `StoredSeries.load`, and `NoVolume` where there is none.
    """
    parts: list[LoadedSeries] = []
    refusals = []
    for series in _numbered(archive, study_instance_uid, only):
        within = None if folder is None else series_folder(folder, len(parts))
        try:
            parts.append(_loaded(StoredSeries(archive, series), wants, within))
        except NoVolume as error:
            refusals.append(str(error))
    if not parts:
        why = "; ".join(dict.fromkeys(refusals)) or "it is not in the archive"
        raise NoVolume(f"study {study_instance_uid!r} has no series for it: {why}")
    return LoadedStudy(parts=tuple(parts))


def _numbered(archive: Archive, study: str, only: Collection[str]) -> list[str]:
    """Series Instance UIDs, by Series Number."""
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID, keys.SeriesNumber = study, "", ""
    found = archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)
    named = [
        (integer_of(answer, "SeriesNumber", 0), str(answer.SeriesInstanceUID)) for answer in found
    ]
    return [uid for _, uid in sorted(named) if not only or uid in only]


def _loaded(stored: StoredSeries, wants: Wants, within: Path | None) -> LoadedSeries:
    if within is None:
        return stored.load(wants, pixels=False)
    shutil.rmtree(within, ignore_errors=True)  # of a series that turned out to be no volume
    within.mkdir(parents=True)
    return stored.load(wants, folder=within)
