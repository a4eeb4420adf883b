"""What a unified procedure step has to say, and when: PS3.4 Table CC.2.5-3 as data.

Each row has the columns of the table: the requirement of N-CREATE and of N-SET (SCU/SCP), the final
state code (Table CC.2.5-1), and the types of matching and return key. ``EMPTY`` is *shall be
created empty*, ``NO`` *not allowed*, ``OURS`` an attribute that the SCP fills.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from pacs_ups.state.model import Code, State, StepError

__all__ = ["TABLE", "Requirement", "check_created", "check_modifications", "has_value", "unmet"]

EMPTY, NO, OURS = "2/2 empty", "not allowed", "-/1"
_R, _P, _X, _O = "R", "P", "X", "O"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the table; ``items`` are the rows below a sequence, ``code`` that it has codes."""

    keyword: str
    create: str
    set: str
    final: str = _O
    match: str = "-"
    returned: str = "-"
    items: tuple[Requirement, ...] = ()
    code: bool = False
    tag: int = field(init=False)

    def __post_init__(self) -> None:
        tag = tag_for_keyword(self.keyword)
        assert tag is not None, self.keyword
        object.__setattr__(self, "tag", tag)


def _code(
    keyword: str, create: str, modify: str, final: str = _O, match: str = "-", returned: str = "-"
) -> Requirement:
    return Requirement(keyword, create, modify, final, match, returned, code=True)


_INSTANCES = (
    Requirement("ReferencedSOPClassUID", "1/1", "1/1"),
    Requirement("ReferencedSOPInstanceUID", "1/1", "1/1"),
)
_REFERENCES = (  # Table CC.2.5-2c
    Requirement("TypeOfInstances", "1/1", "1/1"),
    Requirement("ReferencedSOPSequence", "1/1", "1/1", items=_INSTANCES),
)
_PERFORMERS = (
    _code("HumanPerformerCodeSequence", "1/1", "1/1"),
    Requirement("HumanPerformerName", "1/1", "1/1"),
    Requirement("HumanPerformerOrganization", "1/1", "1/1"),
)
_REQUEST = (
    Requirement("StudyInstanceUID", "1/1", NO),
    Requirement("AccessionNumber", "2/2", NO),
    Requirement("IssuerOfAccessionNumberSequence", "2/2", NO),
    Requirement("OrderPlacerIdentifierSequence", "2/2", NO),
    Requirement("OrderFillerIdentifierSequence", "2/2", NO),
    Requirement("RequestedProcedureID", "2/2", NO),
    Requirement("RequestedProcedureDescription", "2/2", NO),
    _code("RequestedProcedureCodeSequence", "2/2", NO),
)
_PROGRESS = (
    Requirement(
        "ProcedureStepCommunicationsURISequence",
        NO,
        "3/1",
        items=(Requirement("ContactURI", NO, "1/1"),),
    ),
    Requirement("ProcedureStepCancellationDateTime", NO, "3/1", _X),
    _code("ProcedureStepDiscontinuationReasonCodeSequence", NO, "3/1", _X),
)
_PERFORMED = (
    _code("PerformedStationNameCodeSequence", NO, "3/2", _P),
    Requirement("PerformedProcedureStepStartDateTime", NO, "3/1", _P),
    _code("PerformedWorkitemCodeSequence", NO, "3/1", _P),
    Requirement("PerformedProcedureStepEndDateTime", NO, "3/1", _P),
    Requirement("OutputInformationSequence", NO, "2/2", "P present", items=_REFERENCES),
)
TABLE = (
    Requirement("TransactionUID", EMPTY, "3/3"),
    Requirement("SOPClassUID", OURS, NO, _R, "O", "1"),
    Requirement("SOPInstanceUID", OURS, NO, _R, "U", "1"),
    Requirement("ScheduledProcedureStepPriority", "1/1", "3/1", _R, "R", "1"),
    Requirement("ScheduledProcedureStepModificationDateTime", OURS, OURS, _R, "O", "3"),
    Requirement("ProcedureStepLabel", "1/1", "3/1", _O, "R", "1"),
    Requirement("WorklistLabel", "2/1", "3/1", _O, "R", "1"),
    Requirement("ScheduledProcessingParametersSequence", "2/2", "3/2", _O, "-", "2"),
    _code("ScheduledStationNameCodeSequence", "2/2", "3/2", _O, "R", "2"),
    _code("ScheduledStationClassCodeSequence", "2/2", "3/2", _O, "R", "2"),
    _code("ScheduledStationGeographicLocationCodeSequence", "2/2", "3/2", _O, "R", "2"),
    Requirement("ScheduledHumanPerformersSequence", "2C/2C", "3/2", _O, "R", "2", _PERFORMERS),
    Requirement("ScheduledProcedureStepStartDateTime", "1/1", "3/1", _R, "R", "1"),
    Requirement("ExpectedCompletionDateTime", "3/1", "3/1", _O, "R", "3"),
    Requirement("ScheduledProcedureStepExpirationDateTime", "3/3", "3/3", _O, "O", "3"),
    _code("ScheduledWorkitemCodeSequence", "2/2", "3/1", _O, "R", "2"),
    Requirement("CommentsOnTheScheduledProcedureStep", "2/2", "3/1", _O, "O", "3"),
    Requirement("InputReadinessState", "1/1", "3/1", _R, "R", "1"),
    Requirement("InputInformationSequence", "2/2", "3/2", _O, "O", "2", _REFERENCES),
    Requirement("StudyInstanceUID", "1C/2", "3/2", _O, "O", "2"),
    Requirement("OutputDestinationSequence", "3/3", "3/3", _O, "O", "3"),
    Requirement("PatientName", "2/2", NO, _O, "R", "2"),
    Requirement("PatientID", "1C/2", NO, _O, "R", "2"),
    Requirement("IssuerOfPatientID", "2/2", NO, _O, "R", "2"),
    Requirement("IssuerOfPatientIDQualifiersSequence", "2/2", NO, _O, "O", "2"),
    Requirement(
        "OtherPatientIDsSequence",
        "2/2",
        "3/3",
        _O,
        "O",
        "2",
        (Requirement("PatientID", "1/1", "1/1"),),
    ),
    Requirement("PatientBirthDate", "2/2", NO, _O, "R", "2"),
    Requirement("PatientSex", "2/2", NO, _O, "R", "2"),
    Requirement("ReferencedPatientPhotoSequence", "3/3", "3/3", _O, "-", "3"),
    Requirement("AdmissionID", "2/2", NO, _O, "R", "2"),
    Requirement("IssuerOfAdmissionIDSequence", "2/2", NO, _O, "R", "2"),
    Requirement("AdmittingDiagnosesDescription", "2/2", NO, _O, "O", "2"),
    _code("AdmittingDiagnosesCodeSequence", "2/2", NO, _O, "O", "2"),
    Requirement("ReferencedRequestSequence", "2/2", NO, _O, "R", "2", _REQUEST),
    Requirement("ReplacedProcedureStepSequence", "1C/1C", NO, _O, "R", "3", _INSTANCES),
    Requirement("MedicalAlerts", "3/2", "3/2", _O, "O", "2"),
    Requirement("PregnancyStatus", "3/2", "3/2", _O, "O", "2"),
    Requirement("SpecialNeeds", "3/2", "3/2", _O, "O", "2"),
    Requirement("ProcedureStepState", "1/1", NO, _R, "R", "1"),
    Requirement("ProcedureStepProgressInformationSequence", EMPTY, "3/2", _X, "-", "2", _PROGRESS),
    Requirement(
        "UnifiedProcedureStepPerformedProcedureSequence", EMPTY, "3/2", _P, "-", "-", _PERFORMED
    ),
)

_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")
_WITH_SCHEME = ("CodeValue", "LongCodeValue")
_FINAL = {State.COMPLETED: (_R, _P), State.CANCELED: (_R, _X)}

# An operation that is wrong in several ways is told the first of these.
_KINDS = {
    Code.MISSING_ATTRIBUTE: "missing",
    Code.MISSING_ATTRIBUTE_VALUE: "without a value",
    Code.INVALID_ATTRIBUTE_VALUE: "not to have a value yet",
    Code.NO_SUCH_ATTRIBUTE: "not to be set",
}
_Found = tuple[Code, Requirement]


def has_value(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute is there and not empty; a sequence has at least one item."""
    if keyword not in dataset:
        return False
    value = dataset[keyword].value
    return value is not None and (not hasattr(value, "__len__") or len(value) > 0)


def check_created(dataset: Dataset) -> None:
    """Raises `StepError` for what N-CREATE demands and ``dataset`` does not have."""
    _raise(_faults(dataset, TABLE, "create"))


def check_modifications(dataset: Dataset) -> None:
    """Raises `StepError` for what N-SET may not do."""
    _raise(_faults(dataset, TABLE, "set"))


def unmet(dataset: Dataset, state: State) -> list[Requirement]:
    """What has to have a value before a step can be COMPLETED or CANCELED (PS3.4 CC.2.5.1.1)."""
    return list(_unmet(dataset, TABLE, _FINAL[state], state))


def _faults(dataset: Dataset, rows: tuple[Requirement, ...], column: str) -> Iterator[_Found]:
    for row in rows:
        code = _fault(dataset, row.keyword, getattr(row, column))
        if code is not None:
            yield code, row
        elif (row.items or row.code) and has_value(dataset, row.keyword):
            for item in dataset[row.keyword].value:
                yield from _faults(item, row.items, column)
                if row.code:
                    yield from ((each, row) for each in _code_faults(item))


def _fault(dataset: Dataset, keyword: str, wanted: str) -> Code | None:
    scu, _, scp = wanted.partition("/")
    there, valued = keyword in dataset, has_value(dataset, keyword)
    if wanted == NO:
        return Code.NO_SUCH_ATTRIBUTE if there else None
    if scu in ("1", "2") and not there:
        return Code.MISSING_ATTRIBUTE
    if wanted == EMPTY:
        return Code.INVALID_ATTRIBUTE_VALUE if valued else None
    if there and not valued and (scu == "1" or (scu == "3" and scp == "1")):
        return Code.MISSING_ATTRIBUTE_VALUE
    return None


def _code_faults(item: Dataset) -> Iterator[Code]:
    """Of a code sequence item (PS3.4 Table CC.2.5-2a)."""
    found = [keyword for keyword in _CODE_VALUES if has_value(item, keyword)]
    scheme = not set(found) & set(_WITH_SCHEME) or has_value(item, "CodingSchemeDesignator")
    if not found or not scheme or not has_value(item, "CodeMeaning"):
        yield Code.MISSING_ATTRIBUTE_VALUE


def _raise(faults: Iterator[_Found]) -> None:
    found = list(faults)
    for code, words in _KINDS.items():
        rows = list(dict.fromkeys(row for kind, row in found if kind is code))
        if rows:
            names = ", ".join(row.keyword for row in rows)
            raise StepError(code, f"{words}: {names}", [row.tag for row in rows])


def _unmet(
    dataset: Dataset, rows: tuple[Requirement, ...], codes: tuple[str, ...], state: State
) -> Iterator[Requirement]:
    for row in rows:
        code, _, present = row.final.partition(" ")
        if code not in codes:
            continue
        if not (row.keyword in dataset if present else has_value(dataset, row.keyword)):
            yield row
        elif row.items and not present:
            yield from _unmet(dataset[row.keyword].value[0], row.items, codes, state)
