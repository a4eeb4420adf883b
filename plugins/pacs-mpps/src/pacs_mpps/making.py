"""Steps as this side tells them to a peer."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from pacs_framework.dicom.rewrite import PYDICOM_FAILURES
from pacs_framework.errors import QueryError
from pacs_mpps.iod import TABLE
from pacs_mpps.model import StepStatus, known_status, text_of

__all__ = ["Begun", "begun", "ended", "read_step", "series_of", "split"]

_FACTS = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPClassUID",
    "SOPInstanceUID",
    "ProtocolName",
    "SeriesDescription",
    "PerformingPhysicianName",
    "OperatorsName",
    "RetrieveAETitle",
)
_OF_SERIES = (
    "PerformingPhysicianName",
    "ProtocolName",
    "OperatorsName",
    "SeriesDescription",
    "RetrieveAETitle",
)
_UNNAMED = "UNKNOWN"  # Protocol Name is Type 1, and not every image has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What is told of a step that begins; empty where it is not known."""

    study_instance_uid: str
    station_aet: str
    modality: str
    step_id: str
    accession_number: str = ""
    requested_procedure_id: str = ""
    scheduled_procedure_step_id: str = ""
    patient_id: str = ""
    patient_name: str = ""


def begun(facts: Begun, start: dt.datetime) -> Dataset:
    """The data set of an N-CREATE. ``start`` is local time."""
    scheduled, dataset = Dataset(), Dataset()
    scheduled.StudyInstanceUID = facts.study_instance_uid
    scheduled.AccessionNumber = facts.accession_number
    scheduled.RequestedProcedureID = facts.requested_procedure_id
    scheduled.ScheduledProcedureStepID = facts.scheduled_procedure_step_id
    for keyword in ("RequestedProcedureDescription", "ScheduledProcedureStepDescription"):
        setattr(scheduled, keyword, "")
    for keyword in ("ReferencedStudySequence", "ScheduledProtocolCodeSequence"):
        setattr(scheduled, keyword, [])
    for rule in TABLE.values():
        if rule.type == "2":
            setattr(dataset, rule.keyword, [] if rule.keyword.endswith("Sequence") else "")
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ScheduledStepAttributesSequence = [scheduled]
    dataset.PatientID, dataset.PatientName = facts.patient_id, facts.patient_name
    dataset.PerformedProcedureStepID = facts.step_id
    dataset.PerformedStationAETitle = facts.station_aet
    dataset.Modality = facts.modality
    dataset.PerformedProcedureStepStartDate = f"{start:%Y%m%d}"
    dataset.PerformedProcedureStepStartTime = f"{start:%H%M%S}"
    dataset.PerformedProcedureStepStatus = str(StepStatus.IN_PROGRESS)
    return dataset


def ended(status: StepStatus, end: dt.datetime, series: Iterable[Dataset]) -> Dataset:
    """The data set of the N-SET that ends a step. ``end`` is local time."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PerformedProcedureStepStatus = str(status)
    dataset.PerformedProcedureStepEndDate = f"{end:%Y%m%d}"
    dataset.PerformedProcedureStepEndTime = f"{end:%H%M%S}"
    dataset.PerformedSeriesSequence = list(series)
    return dataset


def series_of(paths: Iterable[Path]) -> list[Dataset]:
    """Items of Performed Series Sequence for the instances in files and folders.

    Raises `QueryError` for a file that is no instance, and OSError.
    """
    found: dict[str, Dataset] = {}
    for path in _files(paths):
        facts = _read(path)
        uid = text_of(facts, "SeriesInstanceUID")
        if not uid or not text_of(facts, "SOPInstanceUID"):
            raise QueryError(f"{path}: no instance of a series")
        item = found.setdefault(uid, _series(facts))
        reference = Dataset()
        reference.ReferencedSOPClassUID = facts.SOPClassUID
        reference.ReferencedSOPInstanceUID = facts.SOPInstanceUID
        item.ReferencedImageSequence.append(reference)
    return list(found.values())


def _series(facts: Dataset) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = facts.SeriesInstanceUID
    for keyword in _OF_SERIES:
        setattr(item, keyword, text_of(facts, keyword))
    item.ProtocolName = item.ProtocolName or _UNNAMED
    item.ReferencedImageSequence = []
    item.ReferencedNonImageCompositeSOPInstanceSequence = []
    return item


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file())
        else:
            yield path


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=list(_FACTS))
    except (InvalidDicomError, *PYDICOM_FAILURES) as error:
        raise QueryError(f"{path}: no DICOM file ({type(error).__name__})") from None


def read_step(path: Path) -> tuple[str, Dataset]:
    """SOP Instance UID, empty where none is given, and data set of a step in a file.

    That is a DICOM file, a data set in the DICOM JSON model, or what ``pacs mpps show --json``
    prints. Raises `QueryError` and OSError.
    """
    data = path.read_bytes()
    try:
        if data.lstrip()[:1] == b"{":
            told = json.loads(data)
            dataset = Dataset.from_json(told.get("dataset", told))
            uid = told.get("sop_instance_uid", "")
        else:
            dataset, uid = dcmread(path, force=True), ""
    except PYDICOM_FAILURES as error:
        raise QueryError(f"{path}: neither DICOM nor JSON ({type(error).__name__})") from None
    if known_status(text_of(dataset, "PerformedProcedureStepStatus")) is None:
        raise QueryError(f"{path}: no performed procedure step: its status is missing or unknown")
    return str(uid or text_of(dataset, "SOPInstanceUID")), dataset


def split(dataset: Dataset) -> tuple[Dataset, Dataset | None]:
    """The N-CREATE of a step, and the N-SET that takes it to where it is; None if that is there."""
    status = known_status(text_of(dataset, "PerformedProcedureStepStatus"))
    creation = Dataset()
    creation.update(dataset)
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        creation.pop(keyword, None)
    if status is StepStatus.IN_PROGRESS:
        return creation, None
    del creation.PerformedProcedureStepStatus  # the element is shared: assigning would alter both
    creation.PerformedProcedureStepStatus = str(StepStatus.IN_PROGRESS)
    change = Dataset()
    for keyword, rule in TABLE.items():
        if rule.settable and keyword in dataset:
            change[keyword] = dataset[keyword]
    if "SpecificCharacterSet" in dataset:
        change.SpecificCharacterSet = dataset.SpecificCharacterSet
    return creation, change
