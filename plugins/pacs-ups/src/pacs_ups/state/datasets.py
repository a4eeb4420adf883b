"""Values of steps as text."""

from __future__ import annotations

import datetime as dt

from pydicom import Dataset
from pydicom.valuerep import DT

from pacs_framework.dicom.matching import values_of

__all__ = ["moment", "moment_of", "text_of"]


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value of an attribute without padding, several joined by a backslash; or empty."""
    return "\\".join(values_of(dataset[keyword])) if keyword in dataset else ""


def moment(when: dt.datetime) -> str:
    """A moment as DT, with its offset from UTC (PS3.5 6.2)."""
    return f"{when:%Y%m%d%H%M%S.%f%z}"


def moment_of(dataset: Dataset, keyword: str) -> dt.datetime | None:
    """What a DT says, in UTC; local time where it has no offset. None where that is no moment."""
    text = text_of(dataset, keyword)
    try:
        found = DT(text) if text else None
        return None if found is None else found.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
