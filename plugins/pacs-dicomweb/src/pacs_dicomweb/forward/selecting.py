"""Which servers an instance goes to, by the rules of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_dicomweb.forward.outbox import ForwardOutbox
from pacs_dicomweb.tables import NAME
from pacs_framework.archive.changes import ARRIVALS
from pacs_framework.archive.query_keys import Root
from pacs_framework.dicom.attributes import Level
from pacs_framework.waking import ring

if TYPE_CHECKING:
    from pathlib import Path

    from pacs_dicomweb.settings import DicomwebSettings, ForwardRule
    from pacs_framework.archive.archive import Archive
    from pacs_framework.archive.changes import Change

__all__ = ["bell_of", "forward_stored"]


def bell_of(data: Path, number: int) -> Path:
    """What wakes the thread of the rule of this number, from 0."""
    return data / "dicomweb" / f"forward-{number}"


def forward_stored(change: Change, archive: Archive, settings: DicomwebSettings) -> None:
    """Note which servers are to get an instance that came in. Doing it twice sends it twice."""
    if change.kind not in ARRIVALS:
        return
    found = [
        (number, rule)
        for number, rule in enumerate(settings.forward)
        if _matches(rule, change, archive)
    ]
    if not found:
        return
    outbox = ForwardOutbox(archive.tables(NAME))
    names = [rule.name for _, rule in found]
    outbox.add(
        names,
        change.study_instance_uid,
        change.series_instance_uid,
        change.sop_instance_uid,
    )
    for number, _ in found:
        ring(bell_of(archive.data, number))


def _matches(rule: ForwardRule, change: Change, archive: Archive) -> bool:
    return (
        _fits(change.origin.calling_aet, rule.calling_aet)
        and (not rule.sop_class or change.sop_class_uid in rule.sop_class)
        and (not rule.modality or _modality(archive, change) in rule.modality)
    )


def _fits(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)


def _modality(archive: Archive, change: Change) -> str:
    """That of the series, empty where it is gone by now."""
    identifier = Dataset()
    identifier.StudyInstanceUID = change.study_instance_uid
    identifier.SeriesInstanceUID = change.series_instance_uid
    identifier.Modality = ""
    for found in archive.query.find(Level.SERIES, Root.STUDY, identifier):
        return str(found.Modality)
    return ""
