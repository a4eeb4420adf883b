"""A model over the past: jobs for all stored series that answer a query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_ai.ordering import KIND, payload_of
from pacs_ai.settings import TriggerSettings
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.errors import PacsError
from pacs_framework.jobs import JobOrder

if TYPE_CHECKING:
    from pacs_ai.catalogue import OfferedModel
    from pacs_framework.archive.archive import Archive

__all__ = ["BadQuery", "Found", "Replay", "found_by", "keys_of"]


class BadQuery(PacsError):
    """A query asks for what cannot be matched; with less of it, a model would run on too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A series that answers the query, or its study for a model that is about studies."""

    study: str
    series: str
    modality: str = ""
    description: str = ""

    @property
    def about(self) -> str:
        """The UID of what a run would be about."""
        return self.series or self.study


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One round over the past. ``name`` tells rounds apart: within one, a series is run once.

    ``shadow`` takes results in place of the archive; lower ``priority`` comes later than triggers.
    """

    model: OfferedModel
    name: str = ""
    shadow: Path | None = None
    priority: int = -1

    def order(self, found: Found) -> JobOrder:
        """The job for a series, which is the same each time that it is asked for."""
        trigger = TriggerSettings(
            model=self.model.label,
            level="series" if found.series else "study",
            modality="*",
            shadow=self.shadow,
        )
        apart = "shadow" if self.shadow else "stored"
        return JobOrder(
            kind=KIND,
            payload=payload_of(trigger, found.study, found.series),
            key=f"replay/{self.name}/{self.model.label}/{apart}/{found.about}",
            lane=found.about,
            priority=self.priority,
        )


def keys_of(query: str) -> Dataset:
    """The identifier of ``Keyword=value&Keyword=value``, values as in C-FIND and percent-encoded.

    Raises `BadQuery`.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        pairs = []
    if not pairs:
        raise BadQuery(
            f"the query {query!r} is none such as 'Modality=CT&StudyDate=20260101-20260131'"
        )
    keys = Dataset()
    for keyword, value in pairs:
        if tag_for_keyword(keyword) is None:
            raise BadQuery(f"{keyword!r} is no keyword of an attribute, such as StudyDate")
        if keyword in keys or not value:
            raise BadQuery(f"{keyword} has to have one value in the query")
        if dictionary_VR(keyword) == "SQ":
            raise BadQuery(f"{keyword} is a sequence, which a query here cannot ask for")
        setattr(keys, keyword, value)
    return keys


def found_by(archive: Archive, keys: Dataset, model: OfferedModel) -> Iterator[Found]:
    """Series that answer ``keys`` and are of a modality that ``model`` is for, one by one.

    Raises `BadQuery` where a key is one that no series is held to, and as `QueryService.find`.
    """
    asked = Dataset()
    asked.update(keys)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "Modality", "SeriesDescription"):
        asked.setdefault(keyword, "")
    matches = archive.query.find(Level.SERIES, Root.STUDY, asked, relational=True)
    for element in keys:
        if element.tag in matches.unmatched:
            raise BadQuery(f"{element.keyword} cannot be asked for of a series")
    wanted = model.wants.modality
    found = (
        Found(
            study=str(answer.StudyInstanceUID),
            series=str(answer.SeriesInstanceUID),
            modality=str(answer.get("Modality", "")),
            description=str(answer.get("SeriesDescription", "")),
        )
        for answer in matches
        if not wanted or str(answer.get("Modality", "")) in wanted
    )
    yield from found if model.level == "series" else _studies(found)


def _studies(found: Iterator[Found]) -> Iterator[Found]:
    """Each study once."""
    known: set[str] = set()
    for each in found:
        if each.study not in known:
            known.add(each.study)
            yield Found(study=each.study, series="")
