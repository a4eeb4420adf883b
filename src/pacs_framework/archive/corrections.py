"""Corrections of patients: what is kept of one, and which values it may carry.

Stored objects never change. A correction says what holds of a patient from then on; the index and
whatever is retrieved follow it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydicom.datadict import dictionary_VM, dictionary_VR

from pacs_framework.errors import CorrectionRefused

__all__ = [
    "CORRECTABLE",
    "Correction",
    "CorrectionKind",
    "PatientKey",
    "check_demographics",
    "check_key",
    "stripped",
]

CORRECTABLE = (
    "PatientName",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDs",
    "EthnicGroup",
    "PatientAddress",
    "PatientMotherBirthName",
    "PatientTelephoneNumbers",
)
"""Keywords of the attributes of a patient that a correction may carry (PS3.3 C.7.1.1, C.2.3)."""

_LONGEST = {"LO": 64, "SH": 16, "PN": 64}  # characters; of PN in each component group
_NAME_GROUPS = 3
_SEXES = ("M", "F", "O")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")
_NOWHERE = re.compile(r"[\x00\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientKey:
    """What names a patient: Patient ID, and its issuer; an empty issuer is one of its own."""

    patient_id: str
    issuer: str = ""


class CorrectionKind(StrEnum):
    """What a correction did."""

    UPDATE = "update"
    MERGE = "merge"
    CHANGE_ID = "change-id"
    UNMERGE = "unmerge"
    LINK = "link"
    UNLINK = "unlink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One correction, never altered; ``number`` only grows. ``at`` is in UTC.

    ``patient`` is whom it was about: of an update the patient, else the one that was merged into
    ``into`` or taken out of it, linked with ``into`` or no longer so. ``before`` and ``after`` map
    keywords to text: of an update the values that it changed, of a merge or its undoing all
    corrected ones of ``into``, of links nothing.
    """

    number: int
    kind: CorrectionKind
    at: dt.datetime
    patient: PatientKey
    into: PatientKey | None
    by: str
    reason: str
    before: Mapping[str, str]
    after: Mapping[str, str]


def stripped(key: PatientKey) -> PatientKey:
    """``key`` without the spaces around its parts, which mean nothing (PS3.5 Table 6.2-1).

    Raises `CorrectionRefused` for what no index can hold.
    """
    if _NOWHERE.search(key.patient_id + key.issuer):
        raise CorrectionRefused("a Patient ID or its issuer is no text; write it in UTF-8")
    return PatientKey(patient_id=key.patient_id.strip(), issuer=key.issuer.strip())


def check_key(key: PatientKey) -> PatientKey:
    """``key`` without padding, if instances could carry it. Raises `CorrectionRefused`."""
    checked = stripped(key)
    if not checked.patient_id:
        raise CorrectionRefused("a patient without Patient ID cannot be corrected; name one")
    _check_text("PatientID", "LO", checked.patient_id)
    _check_text("IssuerOfPatientID", "LO", checked.issuer)
    return checked


def check_demographics(changes: Mapping[str, str]) -> dict[str, str]:
    """``changes`` without padding, if their VRs take them. Raises `CorrectionRefused`."""
    checked: dict[str, str] = {}
    for keyword, text in changes.items():
        if keyword not in CORRECTABLE:
            raise CorrectionRefused(
                f"{keyword!r} cannot be corrected; what can: {', '.join(CORRECTABLE)}"
            )
        several = dictionary_VM(keyword) != "1"
        values = [value.strip() for value in (text.split("\\") if several else [text])]
        for value in values:
            _check_value(keyword, value)
        checked[keyword] = "\\".join(values)
    return checked


def _check_value(keyword: str, value: str) -> None:
    vr = dictionary_VR(keyword)
    if not value:
        return
    if keyword == "PatientSex":
        if value not in _SEXES:
            raise CorrectionRefused("PatientSex is M, F or O, or empty")
    elif vr == "DA":
        _check_date(keyword, value)
    elif vr == "TM":
        if not _TIME.fullmatch(value):
            raise CorrectionRefused(f"{keyword} is no time; write HHMMSS")
    elif vr == "PN":
        groups = value.split("=")
        if len(groups) > _NAME_GROUPS:
            raise CorrectionRefused(f"{keyword} has more than {_NAME_GROUPS} component groups")
        for group in groups:
            _check_text(keyword, vr, group)
    else:
        _check_text(keyword, vr, value)


def _check_date(keyword: str, value: str) -> None:
    try:
        valid = len(value) == len("YYYYMMDD") and bool(dt.date.fromisoformat(value))
    except ValueError:
        valid = False
    if not valid:
        raise CorrectionRefused(f"{keyword} is no date; write YYYYMMDD")


def _check_text(keyword: str, vr: str, value: str) -> None:
    if len(value) > _LONGEST[vr]:
        raise CorrectionRefused(
            f"{keyword} has {len(value)} characters; its VR {vr} takes up to {_LONGEST[vr]}"
        )
    if "\\" in value or _CONTROL.search(value):
        raise CorrectionRefused(f"{keyword} holds a backslash or a control character; remove it")
