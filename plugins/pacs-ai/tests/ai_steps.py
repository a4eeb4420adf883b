"""Unified procedure steps as a peer schedules them, with pynetdicom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import (
    UnifiedProcedureStepPull,
    UnifiedProcedureStepPush,
    UnifiedProcedureStepWatch,
)

PUSH, PULL, WATCH = (
    UnifiedProcedureStepPush,
    UnifiedProcedureStepPull,
    UnifiedProcedureStepWatch,
)
_EMPTY_SEQUENCES = (
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedRequestSequence",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
_EMPTY = (
    "CommentsOnTheScheduledProcedureStep",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "AdmittingDiagnosesDescription",
    "TransactionUID",
)


def coded(value: str, scheme: str = "99TEST") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, value
    return item


def step_for(*series: Sequence[Dataset], workitem: str = "SEGMENT", **more: Any) -> Dataset:
    """A step whose input is these series (PS3.4 Table CC.2.5-3), written without this project."""
    step = Dataset()
    for keyword in _EMPTY_SEQUENCES:
        setattr(step, keyword, [])
    for keyword in _EMPTY:
        setattr(step, keyword, "")
    first = series[0][0]
    step.PatientName, step.PatientID = first.PatientName, first.PatientID
    step.StudyInstanceUID = first.StudyInstanceUID
    step.ProcedureStepState = "SCHEDULED"
    step.ScheduledProcedureStepPriority = "MEDIUM"
    step.ProcedureStepLabel, step.WorklistLabel = "Segment it", "AI"
    step.ScheduledProcedureStepStartDateTime = "20260101120000"
    step.InputReadinessState = "READY"
    step.ScheduledWorkitemCodeSequence = [coded(workitem)]
    step.InputInformationSequence = [_input(images) for images in series]
    for keyword, value in more.items():
        setattr(step, keyword, value)
    return step


def _input(images: Sequence[Dataset]) -> Dataset:
    item, place = Dataset(), Dataset()
    item.TypeOfInstances = "DICOM"
    item.StudyInstanceUID = images[0].StudyInstanceUID
    item.SeriesInstanceUID = images[0].SeriesInstanceUID
    place.RetrieveAETitle = "ARCHIVE"
    item.DICOMRetrievalSequence = [place]
    item.ReferencedSOPSequence = [_reference(image) for image in images]
    return item


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


class Scheduler:
    """An SCU of UPS Push, Pull and Watch."""

    def __init__(self, association: Any) -> None:
        self._association = association

    def schedule(self, step: Dataset) -> str:
        uid = str(generate_uid())
        status, _ = self._association.send_n_create(step, PUSH, uid)
        assert status.Status in (0, 0xB300), status
        return uid

    def step(self, uid: str) -> Dataset:
        status, found = self._association.send_n_get([], PUSH, uid, meta_uid=PULL)
        assert status.Status == 0, status
        assert found is not None
        return found

    def change(self, uid: str, **attributes: Any) -> int:
        return self._status(
            self._association.send_n_set(_dataset(attributes), PUSH, uid, meta_uid=PULL)
        )

    def claim(self, uid: str, lock: str) -> int:
        information = _dataset({"ProcedureStepState": "IN PROGRESS", "TransactionUID": lock})
        return self._status(
            self._association.send_n_action(information, 1, PUSH, uid, meta_uid=PULL)
        )

    def request_cancel(self, uid: str, **reasons: Any) -> int:
        return self._status(
            self._association.send_n_action(_dataset(reasons), 2, PUSH, uid, meta_uid=WATCH)
        )

    @staticmethod
    def _status(answer: tuple[Dataset, Dataset | None]) -> int:
        return int(answer[0].Status)


def _dataset(attributes: dict[str, Any]) -> Dataset:
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


@contextmanager
def scheduler(archive: Any) -> Iterator[Scheduler]:
    """One that is associated with ``archive``."""
    ae = AE("SCHEDULER")
    for sop_class in (PUSH, PULL, WATCH):
        ae.add_requested_context(sop_class)
    association = ae.associate(archive.host, archive.port, ae_title=archive.aet)
    assert association.is_established
    try:
        yield Scheduler(association)
    finally:
        association.release()


def outputs_of(step: Dataset) -> list[str]:
    """The SOP Instance UIDs of its Output Information Sequence."""
    (performed,) = step.UnifiedProcedureStepPerformedProcedureSequence
    return [
        str(reference.ReferencedSOPInstanceUID)
        for item in performed.OutputInformationSequence
        for reference in item.ReferencedSOPSequence
    ]
