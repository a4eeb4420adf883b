"""A step of the worklist with its state, and what a data set has to say to become one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom import Dataset
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.uid import generate_uid
from pydicom.valuerep import validate_value

from pacs_framework.dicom.matching import normalise_datetime, normalise_person_name
from pacs_framework.dicom.moments import is_date, is_time
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
    "lacking",
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
_MADE, _MADE_OF_STEP = ("StudyInstanceUID", "RequestedProcedureID"), ("ScheduledProcedureStepID",)
_CHECKED = (*_NEEDED, *_MADE, "AccessionNumber")  # what modalities write into images
_CHECKED_OF_STEP = (*_NEEDED_OF_STEP, *_MADE_OF_STEP)
_control = re.compile(r"[\x00-\x1f\x7f]")  # PS3.5 6.1.3; escapes of character sets are decoded
_FORMS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "AE": ("AE title", lambda text: _is_valid("AE", text)),
    "DA": ("date", is_date),
    "TM": ("time", is_time),
    "UI": ("UID", is_valid_uid),
}


def lacking(dataset: Dataset) -> list[str]:
    """The keywords of what modalities have to be told of every step, and ``dataset`` does not say:
    Type 1 of PS3.4 Table K.6-1.
    """
    step = step_of(dataset)
    return [
        *(name for name in (*_NEEDED, *_MADE) if not text_of(dataset, name)),
        *(name for name in (*_NEEDED_OF_STEP, *_MADE_OF_STEP) if not text_of(step, name)),
    ]


def completed(dataset: Dataset) -> Dataset:
    """A copy of ``dataset`` with the identifiers that it lacks.

    New ones are made for Study Instance UID, Requested Procedure ID (the Accession Number, where
    there is one) and Scheduled Procedure Step ID. Raises `ItemError` with everything that is
    missing or cannot be.
    """
    item, step = copy_of(dataset), copy_of(step_of(dataset))
    problems = [f"no {name}" for name in _NEEDED if not text_of(item, name)]
    problems += [f"no {name}" for name in _NEEDED_OF_STEP if not text_of(step, name)]
    problems += [*_wrong(item, _CHECKED), *_wrong(step, _CHECKED_OF_STEP)]
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


def _wrong(dataset: Dataset, keywords: tuple[str, ...]) -> Iterator[str]:
    """What could never be found, or is no value of its VR; it is not told, as it is a patient's."""
    for keyword in keywords:
        vr = dictionary_VR(keyword)
        name, is_right = _FORMS.get(vr, (f"{vr} value", lambda text, vr=vr: _is_valid(vr, text)))
        if not all(map(is_right, values(dataset, keyword))):
            yield f"{keyword} is no {name}"


def _is_valid(vr: str, text: str) -> bool:
    if _control.search(text):
        return False
    try:
        validate_value(vr, text, validation_mode=RAISE)
    except ValueError:
        return False
    return True


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
