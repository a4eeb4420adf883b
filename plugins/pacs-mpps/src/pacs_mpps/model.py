"""The words of the Modality Performed Procedure Step service class (PS3.4 Annex F)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import sop_class

from pacs_framework.dicom.matching import values_of
from pacs_framework.network.decisions import ProposedContext

__all__ = [
    "MAY_NO_LONGER_BE_UPDATED",
    "MPPS",
    "NOTIFICATION",
    "REFERENCES",
    "RETRIEVE",
    "CompletedStudy",
    "EventType",
    "ProcedureStep",
    "Scheduled",
    "StepStatus",
    "instances_of",
    "known_status",
    "proposal",
    "step_of",
    "text_of",
]

MPPS = str(sop_class.ModalityPerformedProcedureStep)  # type: ignore[attr-defined]
RETRIEVE = str(sop_class.ModalityPerformedProcedureStepRetrieve)  # type: ignore[attr-defined]
NOTIFICATION = str(
    sop_class.ModalityPerformedProcedureStepNotification  # type: ignore[attr-defined]
)

MAY_NO_LONGER_BE_UPDATED = 0xA710
"""Error ID of an N-SET on a step in its final state (PS3.4 F.7.2.2.3)."""

_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))


class StepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"

    @property
    def final(self) -> bool:
        """Whether nothing can follow (PS3.4 Table F.1-4)."""
        return self is not StepStatus.IN_PROGRESS


_KNOWN = frozenset(map(str, StepStatus))


def known_status(text: str) -> StepStatus | None:
    """The status that ``text`` names; None for one that the standard does not know."""
    return StepStatus(text) if text in _KNOWN else None


class EventType(IntEnum):
    """Event Type ID of a notification (PS3.4 Table F.9.2-1)."""

    IN_PROGRESS = 1
    COMPLETED = 2
    DISCONTINUED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """What a step was planned as; each empty where absent, most of them in an unscheduled one."""

    study_instance_uid: str
    accession_number: str = ""
    requested_procedure_id: str = ""
    scheduled_procedure_step_id: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureStep:
    """One performed procedure step; ``dataset`` is all of it, with decoded text."""

    sop_instance_uid: str
    status: StepStatus
    scheduled: tuple[Scheduled, ...]
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    station_aet: str
    modality: str
    dataset: Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedStudy:
    """A study whose steps have ended and whose instances are in.

    ``number`` counts from 1; it grows when a later step completes the study anew. ``steps`` have
    ended, at least one of them is COMPLETED; in the order of their creation. ``completed`` is UTC.
    """

    study_instance_uid: str
    number: int
    completed: dt.datetime
    steps: tuple[ProcedureStep, ...]


def text_of(dataset: Dataset, keyword: str) -> str:
    """The value of an attribute without padding, several joined by a backslash; or empty."""
    return "\\".join(values_of(dataset[keyword])) if keyword in dataset else ""


def step_of(sop_instance_uid: str, dataset: Dataset) -> ProcedureStep:
    """The step that ``dataset`` describes."""
    return ProcedureStep(
        sop_instance_uid=sop_instance_uid,
        status=StepStatus(text_of(dataset, "PerformedProcedureStepStatus")),
        scheduled=tuple(_scheduled(dataset)),
        patient_id=text_of(dataset, "PatientID"),
        issuer_of_patient_id=text_of(dataset, "IssuerOfPatientID"),
        patient_name=text_of(dataset, "PatientName"),
        station_aet=text_of(dataset, "PerformedStationAETitle"),
        modality=text_of(dataset, "Modality"),
        dataset=dataset,
    )


def _scheduled(dataset: Dataset) -> Iterator[Scheduled]:
    for item in dataset.get("ScheduledStepAttributesSequence") or ():
        yield Scheduled(
            study_instance_uid=text_of(item, "StudyInstanceUID"),
            accession_number=text_of(item, "AccessionNumber"),
            requested_procedure_id=text_of(item, "RequestedProcedureID"),
            scheduled_procedure_step_id=text_of(item, "ScheduledProcedureStepID"),
            placer_order_number=text_of(item, "PlacerOrderNumberImagingServiceRequest"),
            filler_order_number=text_of(item, "FillerOrderNumberImagingServiceRequest"),
        )


REFERENCES = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
"""Where an item of Performed Series Sequence lists instances."""


def instances_of(dataset: Dataset) -> list[str]:
    """The SOP Instance UIDs in Performed Series Sequence (0040,0340), each once."""
    return list(
        dict.fromkeys(
            text_of(reference, "ReferencedSOPInstanceUID")
            for series in dataset.get("PerformedSeriesSequence") or ()
            for keyword in REFERENCES
            for reference in series.get(keyword) or ()
        )
    )


def proposal(abstract_syntax: str = MPPS, *, as_scp: bool = False) -> list[ProposedContext]:
    """The presentation context; ``as_scp`` for notifications (PS3.7 D.3.3.4)."""
    return [
        ProposedContext(
            context_id=1,
            abstract_syntax=abstract_syntax,
            transfer_syntaxes=_SYNTAXES,
            scu=not as_scp,
            scp=as_scp,
        )
    ]
