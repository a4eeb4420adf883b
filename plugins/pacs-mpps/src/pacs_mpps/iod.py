"""What a step has to say, and when: PS3.4 Table F.7.2-1 as data.

Types are those for the SCU. What the table lists as type 3, and what it does not list, needs no
check: a standard extended SOP class may send it, and it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydicom.datadict import dictionary_VR

from pacs_mpps.attributes import tag_of

__all__ = ["TABLE", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute: its type in N-CREATE, and whether N-SET may give it.

    ``needed_at_end``: it has a value by the time the step is COMPLETED or DISCONTINUED. ``items``
    are the rules for each item of a sequence, in either operation.
    """

    keyword: str
    type: str
    settable: bool = False
    needed_at_end: bool = False
    items: tuple[Rule, ...] = ()
    tag: int = field(init=False)
    vr: str = field(init=False)

    def __post_init__(self) -> None:
        # Looked up once, as every request is held against every rule.
        object.__setattr__(self, "tag", tag_of(self.keyword))
        object.__setattr__(self, "vr", dictionary_VR(self.keyword))


# Code Value is 1C, as codes may be long ones or URNs; a code without a meaning still says which one
# it is, so its meaning counts as type 2.
_CODE = (Rule("CodeMeaning", "2"),)
_INSTANCE = (Rule("ReferencedSOPClassUID", "1"), Rule("ReferencedSOPInstanceUID", "1"))

_RELATIONSHIP = (
    Rule(
        "ScheduledStepAttributesSequence",
        "1",
        items=(
            Rule("StudyInstanceUID", "1"),
            Rule("ReferencedStudySequence", "2", items=_INSTANCE),
            Rule("AccessionNumber", "2"),
            Rule("RequestedProcedureID", "2"),
            Rule("RequestedProcedureDescription", "2"),
            Rule("ScheduledProcedureStepID", "2"),
            Rule("ScheduledProcedureStepDescription", "2"),
            Rule("ScheduledProtocolCodeSequence", "2", items=_CODE),
        ),
    ),
    Rule("PatientName", "2"),
    Rule("PatientID", "2"),
    Rule("IssuerOfPatientID", "3"),
    Rule("OtherPatientIDsSequence", "3"),
    Rule("PatientBirthDate", "2"),
    Rule("PatientSex", "2"),
    Rule("ReferencedPatientSequence", "2", items=_INSTANCE),
    Rule("AdmissionID", "3"),
)

_INFORMATION = (
    Rule("PerformedProcedureStepID", "1"),
    Rule("PerformedStationAETitle", "1"),
    Rule("PerformedStationName", "2"),
    Rule("PerformedLocation", "2"),
    Rule("PerformedProcedureStepStartDate", "1"),
    Rule("PerformedProcedureStepStartTime", "1"),
    Rule("PerformedProcedureStepStatus", "1", settable=True),
    Rule("PerformedProcedureStepDescription", "2", settable=True),
    Rule("PerformedProcedureTypeDescription", "2", settable=True),
    Rule("ProcedureCodeSequence", "2", settable=True, items=_CODE),
    Rule("PerformedProcedureStepEndDate", "2", settable=True, needed_at_end=True),
    Rule("PerformedProcedureStepEndTime", "2", settable=True, needed_at_end=True),
    Rule(
        "PerformedProcedureStepDiscontinuationReasonCodeSequence", "3", settable=True, items=_CODE
    ),
)

_RESULTS = (
    Rule("Modality", "1"),
    Rule("StudyID", "2"),
    Rule("PerformedProtocolCodeSequence", "2", settable=True, items=_CODE),
    Rule(
        "PerformedSeriesSequence",
        "2",
        settable=True,
        needed_at_end=True,
        items=(
            Rule("PerformingPhysicianName", "2"),
            Rule("ProtocolName", "1"),
            Rule("OperatorsName", "2"),
            Rule("SeriesInstanceUID", "1"),
            Rule("SeriesDescription", "2"),
            Rule("RetrieveAETitle", "2"),
            Rule("ReferencedImageSequence", "2", items=_INSTANCE),
            Rule("ReferencedNonImageCompositeSOPInstanceSequence", "2", items=_INSTANCE),
        ),
    ),
)

TABLE = {rule.keyword: rule for rule in (*_RELATIONSHIP, *_INFORMATION, *_RESULTS)}
"""The rules of the top level by keyword."""
