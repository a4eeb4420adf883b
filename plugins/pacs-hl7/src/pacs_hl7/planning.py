"""Orders carried out in the worklist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

from pydicom import Dataset

from pacs_hl7.faults import ErrorCode, Fault
from pacs_hl7.merged import Survivor, survivor
from pacs_hl7.orders import Wish, check_whole
from pacs_worklist.api import Item, State, Worklist

if TYPE_CHECKING:
    from pacs_framework.archive.patients import Patients

__all__ = ["Planning"]

_STATES = {
    "start": State.STARTED,
    "complete": State.COMPLETED,
    "cancel": State.DISCONTINUED,
}


_OF_AN_APPOINTMENT = (
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
    "ScheduledStationAETitle",
)


class Planning:
    """Plans, changes and cancels steps of ``worklist``.

    Of a patient that was merged into another among ``patients`` the order may not know yet: its
    steps are the other one's.
    """

    def __init__(self, worklist: Worklist, patients: Patients) -> None:
        self._worklist = worklist
        self._patients = patients

    def carry_out(self, wishes: Sequence[Wish]) -> None:
        """All of ``wishes``; looked at all before the first is carried out.

        Doing it again changes nothing. Raises `Fault` where one cannot be, and what the worklist
        raises.
        """
        steps = [self._steps(wish) for wish in wishes]
        for wish, items in zip(wishes, steps, strict=True):
            _check(wish, items)
            _check_appointment(wish, items, alone=len(wishes) == 1)
        for wish, items in zip(wishes, steps, strict=True):
            if wish.dataset is not None and _is_for_others(wish, items):
                for item in items:
                    self._worklist.update(item.id, _moved(wish.dataset))
            elif wish.dataset is not None:
                self._plan(wish, wish.dataset)
            else:
                for item in items:
                    self._worklist.change_state(item.id, _STATES[wish.action])

    def _steps(self, wish: Wish) -> list[Item]:
        """The steps of the worklist that a wish is about; of an appointment that is not known
        itself, those that its order placed.
        """
        exact = self._worklist.find(order_key=wish.key)
        planned = wish.dataset is not None
        if exact or not (wish.appointment if planned else wish.whole_order):
            return exact
        patient = self._patients.current(wish.patient)
        steps = self._worklist.find(patient_id=patient.patient_id)
        found = [step for step in steps if step.order_key.startswith(wish.order_prefix)]
        if planned:
            return [each for each in found if not each.order_key.startswith(wish.appointed_prefix)]
        return found

    def _plan(self, wish: Wish, dataset: Dataset) -> None:
        patient = survivor(self._patients, wish.patient)
        while True:
            self._worklist.put(_of(patient, dataset), order_key=wish.key)
            before, patient = patient, survivor(self._patients, wish.patient)
            if patient == before:
                return
            # A merge in the meantime may have gone through the worklist before the step was there.


def _is_for_others(wish: Wish, items: Sequence[Item]) -> bool:
    """Whether an appointment is for steps that an order placed."""
    return wish.appointment and any(item.order_key != wish.key for item in items)


def _moved(dataset: Dataset) -> Callable[[Dataset], None]:
    """What writes start and station of an appointment into a step, and nothing else."""
    (appointed,) = dataset.ScheduledProcedureStepSequence

    def move(item: Dataset) -> None:
        (step,) = item.ScheduledProcedureStepSequence
        for keyword in _OF_AN_APPOINTMENT:
            if appointed.get(keyword):
                step[keyword] = appointed[keyword]

    return move


def _of(patient: Survivor | None, dataset: Dataset) -> Dataset:
    """The step as that of the patient that the one of the order was merged into."""
    if patient is None:
        return dataset
    own = deepcopy(dataset)
    own.PatientID = patient.key.patient_id
    own.IssuerOfPatientID = patient.key.issuer
    for keyword, text in patient.corrected.items():
        setattr(own, keyword, text)
    return own


def _check_appointment(wish: Wish, items: Sequence[Item], *, alone: bool) -> None:
    if wish.dataset is None or not wish.appointment:
        return
    if not _is_for_others(wish, items):
        check_whole(wish.dataset, wish.location)
        return
    if not alone:
        raise Fault(
            f"which of its services is step {items[0].id} of order {wish.order!r}? An appointment "
            "of several can be booked, not moved to an order that has steps",
            error=ErrorCode.UNKNOWN_KEY,
            location=wish.location,
        )
    (appointed,) = wish.dataset.ScheduledProcedureStepSequence
    if not appointed.get("ScheduledProcedureStepStartDate"):
        raise Fault("the appointment has no start", error=ErrorCode.REQUIRED, location="AIS^1^4")


def _check(wish: Wish, items: Sequence[Item]) -> None:
    if wish.dataset is None and not items:
        raise Fault(
            f"no step of order {wish.order!r} is known",
            error=ErrorCode.UNKNOWN_KEY,
            location=wish.location,
        )
    for item in items:
        wanted = _STATES.get(wish.action, item.state)
        late = wish.action == "cancel" and item.state is State.STARTED
        over = item.state.final and (wish.dataset is not None or wanted is not item.state)
        if late or over:
            raise Fault(
                f"step {item.id} of order {wish.order!r} is {item.state.value}: too late to "
                f"{wish.action} it",
                error=ErrorCode.UNKNOWN_KEY,
                location=wish.location,
            )
