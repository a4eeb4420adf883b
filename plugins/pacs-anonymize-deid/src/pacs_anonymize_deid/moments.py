"""Moments in the one form that deid can move."""

from __future__ import annotations

import re

from pydicom import Dataset

from pacs_framework.anonymizers.identity import elements_of

__all__ = ["complete_moments"]

_parts = re.compile(r"(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,6}))?([+-]\d{4})?", re.ASCII)


def complete_moments(dataset: Dataset) -> None:
    """Give each DT seconds and their fraction (PS3.5 6.2); the zone stays.

    deid writes them so when it has moved one, and fails where they are missing and a zone is there.
    """
    for element in elements_of(dataset):
        if element.VR == "DT" and not element.is_empty:
            values = element.value if element.VM > 1 else [element.value]
            completed = [_complete(str(value)) for value in values]
            element.value = completed if len(completed) > 1 else completed[0]


def _complete(text: str) -> str:
    found = _parts.fullmatch(text)
    if found is None:
        return text  # deid may try; what is no moment was emptied before
    day, hour, minute, second, fraction, zone = found.groups("")
    time = f"{hour or '00'}{minute or '00'}{second or '00'}.{fraction.ljust(6, '0')}"
    return f"{day}{time}{zone}"
