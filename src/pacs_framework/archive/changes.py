"""What happened in the archive: the records of the change feed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from pacs_framework.archive.incoming import Origin

__all__ = ["ABOUT_PATIENTS", "ARRIVALS", "Change", "ChangeKind"]


class ChangeKind(StrEnum):
    """What a change row says."""

    STORED = "stored"
    REPLACED = "replaced"
    DELETED = "deleted"
    PATIENT_UPDATED = "patient-updated"
    PATIENT_MERGED = "patient-merged"
    PATIENT_UNMERGED = "patient-unmerged"
    PATIENT_LINKED = "patient-linked"
    PATIENT_UNLINKED = "patient-unlinked"


ARRIVALS = frozenset({ChangeKind.STORED, ChangeKind.REPLACED})
"""The kinds that tell of an instance that came in. Rows about patients have empty UIDs."""

ABOUT_PATIENTS = frozenset(
    {
        ChangeKind.PATIENT_UPDATED,
        ChangeKind.PATIENT_MERGED,
        ChangeKind.PATIENT_UNMERGED,
        ChangeKind.PATIENT_LINKED,
        ChangeKind.PATIENT_UNLINKED,
    }
)
"""The kinds that tell of a correction of a patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the change feed; rows are never altered, and ``sequence`` only grows.

    ``at`` is the time of the commit in UTC.
    """

    sequence: int
    kind: ChangeKind
    at: dt.datetime
    patient_id: str
    issuer_of_patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    origin: Origin
