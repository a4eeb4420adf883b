"""Which series a trigger is for: by what the index knows of them, and by a condition."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_ai.terms import DOOR
from pacs_framework.archive.outgoing import Recipient
from pacs_framework.archive.query_keys import Root
from pacs_framework.conditions import DataSetFacts
from pacs_framework.dicom.attributes import Level
from pacs_framework.dicom.rewrite import load_header

if TYPE_CHECKING:
    from pacs_ai.settings import TriggerSettings
    from pacs_framework.archive.archive import Archive

__all__ = ["fitting_series"]


def fitting_series(
    archive: Archive, trigger: TriggerSettings, study: str, series: str = ""
) -> list[str]:
    """The Series Instance UIDs of a study that ``trigger`` is for, of one series where it is given.

    Its condition is asked of one instance of each. Raises `IndexUnavailable`, and as opening an
    instance does.
    """
    keys = Dataset()
    keys.StudyInstanceUID, keys.SeriesInstanceUID = study, series
    keys.Modality = keys.SeriesDescription = ""
    return [
        str(answer.SeriesInstanceUID)
        for answer in archive.query.find(Level.SERIES, Root.STUDY, keys, relational=True)
        if fnmatchcase(str(answer.get("Modality", "")), trigger.modality)
        and fnmatchcase(str(answer.get("SeriesDescription", "")), trigger.description)
        and _holds(archive, trigger, str(answer.SeriesInstanceUID))
    ]


def _holds(archive: Archive, trigger: TriggerSettings, series: str) -> bool:
    condition = trigger.condition()
    if condition is None:
        return True
    named = Dataset()
    named.SeriesInstanceUID = series
    located = archive.retrieve.locate(Level.SERIES, Root.STUDY, named, relational=True)
    stored = next(iter(located), None)
    if stored is None:
        return False  # it was deleted meanwhile
    opened = archive.retrieve.opener(Recipient(door=DOOR, aet="")).open(stored)
    try:
        header = load_header(opened.data, opened.instance.transfer_syntax_uid)
    finally:
        opened.data.close()
    return condition.holds(DataSetFacts(header))
