"""Patients that were merged: orders, steps and updates may still name them as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_framework.archive.corrections import PatientKey
    from pacs_framework.archive.patients import Patients

__all__ = ["Survivor", "survivor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """The patient that another is now, and by keyword what was corrected of it."""

    key: PatientKey
    corrected: Mapping[str, str] = field(default_factory=dict)


def survivor(patients: Patients, key: PatientKey) -> Survivor | None:
    """Whom ``key`` was merged into; None where it was not.

    Raises `CorrectionRefused` for a key that no index can hold, and `IndexUnavailable`.
    """
    current = patients.current(key)
    if current == key:
        return None
    found = patients.find(current)
    if found is None:
        return Survivor(key=current)
    corrected = {keyword: found.values[keyword] for keyword in found.corrected}
    return Survivor(key=current, corrected=corrected)
