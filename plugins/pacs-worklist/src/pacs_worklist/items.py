"""A step of the worklist with its state, and what a data set has to say to become one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.matching import (
    normalise_date,
    normalise_datetime,
    normalise_person_name,
    normalise_time,
)
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.errors import PacsError
from pacs_worklist.steps import STEPS, copy_of, step_of, text_of, values

__all__ = [
    "Item",
    "ItemError",
    "State",
    "UnknownItem",
    "WrongState",
    "columns_of",
    "completed",
    "stations_of",
]


class ItemError(PacsError):
    """A data set cannot become a step of the worklist, or change one."""


class UnknownItem(ItemError):
    """No step of the worklist has this identifier."""


class WrongState(ItemError):
    """A step is not in a state from which it could get there."""


class State(StrEnum):
    """How far a step has come."""

    SCHEDULED = "scheduled"
    STARTED = "started"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in (State.COMPLETED, State.DISCONTINUED)

    def may_become(self, other: State) -> bool:
        """Whether ``other`` may follow; staying is always allowed, so that one may ask twice."""
        return self is other or (not self.final and other is not State.SCHEDULED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One scheduled procedure step of the database.

    ``order_key`` is what whoever placed it calls it. ``dataset`` has one item in Scheduled
    Procedure Step Sequence (0040,0100).
    """

    id: int
    order_key: str
    state: State
    dataset: Dataset

    @property
    def step(self) -> Dataset:
        """The item of Scheduled Procedure Step Sequence."""
        return step_of(self.dataset)

    def text(self, keyword: str) -> str:
        """An attribute of the step, or of the data set around it, as text; empty where absent."""
        return text_of(self.step, keyword) or text_of(self.dataset, keyword)


# Type 1 return keys of PS3.4 Table K.6-1 that nobody but the one who plans can know.
_NEEDED = ("PatientName", "PatientID")
_NEEDED_OF_STEP = (
    "ScheduledStationAETitle",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "Modality",
)


def completed(dataset: Dataset) -> Dataset:
    """A copy of ``dataset`` with the identifiers that it lacks.

    New ones are made for Study Instance UID, Requested Procedure ID (the Accession Number, where
    there is one) and Scheduled Procedure Step ID. Raises `ItemError` with everything that is
    missing or cannot be.
    """
    item, step = copy_of(dataset), copy_of(step_of(dataset))
    problems = [f"no {name}" for name in _NEEDED if not text_of(item, name)]
    problems += [f"no {name}" for name in _NEEDED_OF_STEP if not text_of(step, name)]
    problems += _unreadable(item, step)
    if len(dataset.get(STEPS) or ()) > 1:
        problems.append(f"more than one item in {STEPS}")
    if problems:
        raise ItemError(f"not a worklist item: {', '.join(problems)}")
    if not text_of(item, "StudyInstanceUID"):
        item.StudyInstanceUID = generate_uid(prefix=None)
    if not text_of(item, "RequestedProcedureID"):
        accession = text_of(item, "AccessionNumber")
        item.RequestedProcedureID = accession or secrets.token_hex(6).upper()
    if not text_of(step, "ScheduledProcedureStepID"):
        step.ScheduledProcedureStepID = secrets.token_hex(6).upper()
    setattr(item, STEPS, [step])
    return item


def _unreadable(item: Dataset, step: Dataset) -> list[str]:
    """What would be there and could never be found; values are not told, they are a patient's."""
    date = text_of(step, "ScheduledProcedureStepStartDate")
    time = text_of(step, "ScheduledProcedureStepStartTime")
    uid = text_of(item, "StudyInstanceUID")
    return [
        *(["ScheduledProcedureStepStartDate is no date"] if not _readable(date, "DA") else []),
        *(["ScheduledProcedureStepStartTime is no time"] if not _readable(time, "TM") else []),
        *(["StudyInstanceUID is no UID"] if uid and not is_valid_uid(uid) else []),
    ]


def _readable(text: str, vr: str) -> bool:
    return not text or bool(normalise_date(text) if vr == "DA" else normalise_time(text))


def columns_of(dataset: Dataset) -> dict[str, Any]:
    """The columns of ``worklist_item`` that a query narrows by."""
    step = step_of(dataset)
    return {
        "patient_id": text_of(dataset, "PatientID"),
        "issuer_of_patient_id": text_of(dataset, "IssuerOfPatientID"),
        "patient_name_search": normalise_person_name(text_of(dataset, "PatientName")),
        "accession_number": text_of(dataset, "AccessionNumber"),
        "study_instance_uid": text_of(dataset, "StudyInstanceUID"),
        "requested_procedure_id": text_of(dataset, "RequestedProcedureID"),
        "scheduled_procedure_step_id": text_of(step, "ScheduledProcedureStepID"),
        "modality": text_of(step, "Modality"),
        "start": normalise_datetime(
            text_of(step, "ScheduledProcedureStepStartDate"),
            text_of(step, "ScheduledProcedureStepStartTime"),
        ),
    }


def stations_of(dataset: Dataset) -> list[str]:
    """The AE titles that the step may be done at."""
    return values(step_of(dataset), "ScheduledStationAETitle")
