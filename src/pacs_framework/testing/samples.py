"""A request of each DIMSE command as a peer would send it: what the service suite begins with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import sop_class

from pacs_framework.dicom.identifier import encode_identifier
from pacs_framework.network.service import AcceptedContext, CommandField
from pacs_framework.testing.instances import make_instance

__all__ = [
    "DESTINATION",
    "STUDY",
    "SampleRequest",
    "incomplete",
    "sample_instance",
    "sample_request",
]

DESTINATION = "RECEIVER"
"""The AE title that sample C-MOVE requests name."""

STUDY = "1.2.826.0.1.3680043.10.543.1"
"""The Study Instance UID that sample retrievals ask for."""

_MEDIUM = 0x0000
_DEMANDED = ["SOPClassUID", "SOPInstanceUID", "TypeID"]
_PATIENT_LEVEL_MODELS = frozenset(
    str(getattr(sop_class, f"{root}QueryRetrieveInformationModel{operation}"))
    for root in ("PatientRoot", "PatientStudyOnly")
    for operation in ("Find", "Move", "Get")
)
_PATIENT = "SAMPLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """A request: the elements of its command set by keyword, and its encoded data set.

    Command Field, Message ID, Command Data Set Type and, unless given, Affected SOP Class UID are
    added when it is sent.
    """

    elements: Mapping[str, object] = field(default_factory=dict)
    dataset: bytes | None = None


def sample_request(command: CommandField, context: AcceptedContext) -> SampleRequest:
    """A valid request on an accepted context; DIMSE-N requests have no data set and a new instance.

    A retrieval asks for `STUDY`; a C-MOVE names `DESTINATION`.
    """
    match command:
        case CommandField.C_STORE:
            return _c_store(context)
        case CommandField.C_FIND:
            return _with(context, _identifier(context), Priority=_MEDIUM)
        case CommandField.C_GET:
            return _with(context, _study(context), Priority=_MEDIUM)
        case CommandField.C_MOVE:
            return _with(context, _study(context), Priority=_MEDIUM, MoveDestination=DESTINATION)
        case CommandField.C_ECHO:
            return SampleRequest()
        case _:
            return _normalized(command, context)


def _with(context: AcceptedContext, dataset: Dataset, **elements: object) -> SampleRequest:
    data = encode_identifier(dataset, context.transfer_syntax)
    return SampleRequest(elements=elements, dataset=data)


def _c_store(context: AcceptedContext) -> SampleRequest:
    instance = make_instance(
        SOPClassUID=context.abstract_syntax, transfer_syntax=context.transfer_syntax
    )
    return _with(
        context,
        instance,
        AffectedSOPInstanceUID=str(instance.SOPInstanceUID),
        Priority=_MEDIUM,
    )


def _identifier(context: AcceptedContext) -> Dataset:
    """Everything on the highest level of a query/retrieve model; else every patient."""
    keys = Dataset()
    uid = context.abstract_syntax
    if uid in _PATIENT_LEVEL_MODELS:
        keys.QueryRetrieveLevel = "PATIENT"
    elif uid == sop_class.StudyRootQueryRetrieveInformationModelFind:  # type: ignore[attr-defined]
        keys.QueryRetrieveLevel = "STUDY"
        keys.StudyInstanceUID = ""
    keys.PatientName = ""
    keys.PatientID = ""
    return keys


def _study(context: AcceptedContext) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = "STUDY"
    if context.abstract_syntax in _PATIENT_LEVEL_MODELS:
        keys.PatientID = _PATIENT
    keys.StudyInstanceUID = STUDY
    return keys


def sample_instance(number: int) -> Dataset:
    """An instance of `STUDY`, for the sample retrievals to find."""
    return make_instance(
        PatientID=_PATIENT,
        StudyInstanceUID=STUDY,
        SeriesInstanceUID=f"{STUDY}.1",
        SOPInstanceUID=f"{STUDY}.1.{number}",
        InstanceNumber=number,
    )


def _normalized(command: CommandField, context: AcceptedContext) -> SampleRequest:
    """DIMSE-N requests (PS3.7 section 10.3): those on something existing request it."""
    existing = command in {
        CommandField.N_GET,
        CommandField.N_SET,
        CommandField.N_ACTION,
        CommandField.N_DELETE,
    }
    role = "Requested" if existing else "Affected"
    elements: dict[str, object] = {
        f"{role}SOPClassUID": context.abstract_syntax,
        f"{role}SOPInstanceUID": str(generate_uid()),
    }
    if command is CommandField.N_ACTION:
        elements["ActionTypeID"] = 1
    if command is CommandField.N_EVENT_REPORT:
        elements["EventTypeID"] = 1
    return SampleRequest(elements=elements)


def incomplete(command: CommandField, sample: SampleRequest) -> Iterator[SampleRequest]:
    """A DIMSE-N request without each of its elements that PS3.7 section 10.3 demands; none for a
    DIMSE-C one. N-CREATE may leave the SOP Instance UID to the provider.
    """
    demanded = ["SOPClassUID"] if command is CommandField.N_CREATE else _DEMANDED
    for keyword in sample.elements:
        if command >= CommandField.N_EVENT_REPORT and keyword.endswith(tuple(demanded)):
            # Empty, because what is left out is filled in when it is sent.
            elements = {**sample.elements, keyword: None if keyword.endswith("TypeID") else ""}
            yield SampleRequest(elements=elements, dataset=sample.dataset)
