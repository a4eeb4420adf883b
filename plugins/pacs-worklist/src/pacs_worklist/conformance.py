"""What the conformance statement says of the Modality Worklist (PS3.4 Annex K)."""

from __future__ import annotations

from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_framework.conformance.records import (
    Contribution,
    Matching,
    PublishedSettings,
    QueryKey,
    Role,
    ServiceConformance,
    StatusMeaning,
)
from pacs_framework.dicom.status import Status
from pacs_framework.errors import QueryError
from pacs_worklist.service import WorklistService
from pacs_worklist.settings import WorklistSettings

__all__ = ["contributions"]

_STEP, _PROCEDURE = "Scheduled Procedure Step", "Requested Procedure"
_REQUEST, _VISIT, _PATIENT = "Imaging Service Request", "Visit", "Patient"

# PS3.4 Table K.6-1. R: a required matching key; else an optional one, with every kind of its VR.
_REQUIRED = frozenset(
    (
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "PatientName",
        "PatientID",
    )
)
_KEYS = {
    _STEP: (
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription",
        "ScheduledStationName",
        "ScheduledProcedureStepLocation",
        "ScheduledProtocolCodeSequence",
        "PreMedication",
        "ScheduledProcedureStepID",
        "RequestedContrastAgent",
        "ScheduledProcedureStepStatus",
    ),
    _PROCEDURE: (
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
        "StudyInstanceUID",
        "ReferencedStudySequence",
        "RequestedProcedurePriority",
        "PatientTransportArrangements",
    ),
    _REQUEST: ("AccessionNumber", "RequestingPhysician", "ReferringPhysicianName"),
    _VISIT: ("AdmissionID", "CurrentPatientLocation", "ReferencedPatientSequence"),
    _PATIENT: (
        "PatientName",
        "PatientID",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "PatientWeight",
        "ConfidentialityConstraintOnPatientDataDescription",
        "PatientState",
        "PregnancyStatus",
        "MedicalAlerts",
        "Allergies",
        "SpecialNeeds",
    ),
}
_SINGLE, _UNIVERSAL = Matching.SINGLE_VALUE, Matching.UNIVERSAL
_KINDS = {
    "SQ": (Matching.SEQUENCE, _UNIVERSAL),
    "UI": (_SINGLE, Matching.UID_LIST, _UNIVERSAL),
    "DA": (_SINGLE, Matching.RANGE, _UNIVERSAL),
    "TM": (_SINGLE, Matching.RANGE, _UNIVERSAL),
    "DS": (_SINGLE, Matching.VALUE_LIST, _UNIVERSAL),
    "US": (_SINGLE, Matching.VALUE_LIST, _UNIVERSAL),
    "LT": (_SINGLE, Matching.WILDCARD, _UNIVERSAL),
}
_TEXT = (_SINGLE, Matching.VALUE_LIST, Matching.WILDCARD, _UNIVERSAL)

_BEHAVIOUR = (
    (
        "Every attribute of an item can be a key, at the top and inside sequences, whether the "
        "table lists it or not. Each key comes back in each answer, empty where nothing is known; "
        "a sequence key without keys of its own comes back with all that the item has in it."
    ),
    (
        "Ranges in both Scheduled Procedure Step Start Date and Time name one range of moments "
        "(PS3.4 Table K.6-1). Case counts, except in person names."
    ),
    (
        "An answer has one item in Scheduled Procedure Step Sequence. Text is in the Specific "
        "Character Set of the identifier where that can carry it, else in ISO_IR 100 or 192."
    ),
    (
        "Other Patient IDs Sequence names the patients that were linked with that of the step, "
        "besides those that the step has of its own, where it is a key."
    ),
    (
        "Offered are steps of the archive's database that are scheduled or started, those in "
        "files of configured folders, and those that other plugins offer. When one of these "
        "sources fails, the query fails: a list that is not whole is not sent."
    ),
)


def contributions(settings: WorklistSettings) -> list[Contribution]:
    """The service, and the settings that change what it offers."""
    return [
        ServiceConformance(
            service=WorklistService.name,
            role=Role.SCP,
            title="Modality Worklist",
            behaviour=(*_BEHAVIOUR, _limit(settings)),
            statuses=_STATUSES,
            keys=tuple(_key(level, keyword) for level, each in _KEYS.items() for keyword in each),
        ),
        PublishedSettings(names=("offer_days", "max_answers")),
    ]


def _limit(settings: WorklistSettings) -> str:
    if not settings.max_answers:
        return "The number of answers is not limited."
    return f"A query that more than {settings.max_answers} steps match fails with A700H."


def _key(level: str, keyword: str) -> QueryKey:
    tag = tag_for_keyword(keyword)
    assert tag is not None, keyword
    vr = dictionary_VR(tag)
    return QueryKey(
        level=level,
        tag=tag,
        keyword=keyword,
        vr=vr,
        key_type="R" if keyword in _REQUIRED else "O",
        matching=_KINDS.get(vr, _TEXT),
    )


_STATUSES = (
    StatusMeaning(status=Status.SUCCESS, when="all matches were sent, or there are none"),
    StatusMeaning(status=Status.PENDING, when="a match"),
    StatusMeaning(
        status=Status.PENDING_KEYS_NOT_SUPPORTED,
        when="a match; the identifier has private keys, which come back empty",
    ),
    StatusMeaning(status=Status.CANCEL, when="a C-CANCEL ended the answers"),
    StatusMeaning(status=Status.OUT_OF_RESOURCES, when="more steps match than max_answers allows"),
    StatusMeaning(
        status=QueryError.status,
        when="the identifier cannot be decoded, or has several items in Scheduled Procedure Step "
        "Sequence",
    ),
    StatusMeaning(status=Status.UNABLE_TO_PROCESS, when="a source of items failed"),
    StatusMeaning(status=Status.PROCESSING_FAILURE, when="the query failed for another reason"),
)
