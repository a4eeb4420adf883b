"""Unified procedure steps: created, read, changed, claimed, finished, canceled, deleted.

Each operation is one transaction, with the events that it causes. Several processes on several
nodes may work on one store: a step is locked while it is changed, so that one of two who claim it
wins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import generate_uid

from pacs_framework.dicom.packed import deep_copy, unpack
from pacs_framework.dicom.uids import is_valid_uid
from pacs_framework.tables import insert, now
from pacs_ups.state import assigning, events
from pacs_ups.state.coercing import coerced
from pacs_ups.state.datasets import moment, text_of
from pacs_ups.state.model import (
    FILTERED,
    GLOBAL,
    Code,
    Event,
    Result,
    State,
    Step,
    StepError,
)
from pacs_ups.state.outbox import enqueue
from pacs_ups.state.requirements import check_created, check_modifications, has_value, unmet
from pacs_ups.state.rows import columns_of, locked_row, step_of, told_of
from pacs_ups.state.searching import matcher_of, matching_rows
from pacs_ups.state.transitions import fill_cancellation, verdict
from pacs_ups.tables import global_subscription, step, subscription

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore

__all__ = ["PUSH", "Steps"]

PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""The SOP class of every step (PS3.4 CC.3.1)."""

_DEFAULT_LABEL = "WORKLIST"
_WARNINGS = {
    Code.ALREADY_CANCELED: "it is canceled already",
    Code.ALREADY_COMPLETED: "it is completed already",
}
_WHY = {
    Code.SCHEDULED_ONLY_BY_CREATION: "a step becomes SCHEDULED by its creation alone",
    Code.WRONG_TRANSACTION_UID: "the correct Transaction UID was not provided",
    Code.MAY_NO_LONGER_BE_UPDATED: "the step is over",
    Code.NOT_YET_IN_PROGRESS: "the step is not IN PROGRESS",
    Code.ALREADY_IN_PROGRESS: "the step is IN PROGRESS already",
}


def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps in ``store``; safe to use from many threads.

    ``worklist_label`` is for steps that have none. ``ring`` is called when events may wait, or the
    time of the next deletion may be another one.
    """

    store: TableStore
    worklist_label: str = _DEFAULT_LABEL
    ring: Callable[[], None] = _nothing

    # --- reading ----------------------------------------------------------------------------

    def get(self, uid: str) -> Step:
        """One step. Raises `StepError` where there is none."""
        with self.store.reading() as connection:
            row = connection.execute(sa.select(step).where(step.c.uid == uid)).one_or_none()
        if row is None:
            raise StepError(Code.NO_SUCH_STEP, "there is no step with this SOP Instance UID")
        return step_of(row)

    def find(self, keys: Dataset, most: int = 0) -> list[Step]:
        """The steps that match the identifier of a query, oldest first.

        Raises `StepError` (A700H) for more than ``most``, where that is not 0: a list that is not
        whole looks as if it were.
        """
        found = []
        with self.store.reading() as connection:
            for row in matching_rows(connection, keys):
                found.append(step_of(row))
                if most and len(found) > most:
                    raise StepError(
                        Code.OUT_OF_RESOURCES, f"more than {most} steps match; narrow the query"
                    )
        return found

    # --- creating and changing --------------------------------------------------------------

    def create(self, uid: str, dataset: Dataset) -> Result:
        """Schedule a step (PS3.4 CC.2.5). Raises `StepError`."""
        if uid in (GLOBAL, FILTERED):
            raise StepError(Code.INVALID_INSTANCE, "this SOP Instance UID is a well-known one")
        check_created(dataset)
        if text_of(dataset, "ProcedureStepState") != State.SCHEDULED:
            raise StepError(Code.NOT_SCHEDULED, "Procedure Step State is not SCHEDULED")
        whole = deep_copy(dataset)
        modified = coerced(whole)
        modified += self._fill(whole, uid)
        with self.store.begin() as connection:
            self._insert(connection, uid, whole)
        self.ring()
        code = Code.CREATED_WITH_MODIFICATIONS if modified else Code.SUCCESS
        return Result(code=code, attributes=modified)

    def _fill(self, whole: Dataset, uid: str) -> tuple[int, ...]:
        """What is for the SCP to say; the tags of what the SCU could have said."""
        whole.pop("TransactionUID", None)
        whole.SOPClassUID = PUSH
        whole.SOPInstanceUID = uid
        whole.ScheduledProcedureStepModificationDateTime = moment(now())
        for keyword in ("StudyInstanceUID", "PatientID"):  # 1C/2
            if keyword not in whole:
                setattr(whole, keyword, "")
        if has_value(whole, "WorklistLabel"):
            return ()
        whole.WorklistLabel = self.worklist_label
        return (int(whole["WorklistLabel"].tag),)

    def _insert(self, connection: Connection, uid: str, whole: Dataset) -> None:
        if self.store.is_postgresql:
            # Between a step that is made and an AE that subscribes globally, one is first.
            connection.execute(sa.text("LOCK TABLE ups_global_subscription IN SHARE MODE"))
        values = {"transaction_uid": "", "ours": False, "changed": now(), **columns_of(whole)}
        number = connection.execute(
            insert(step, connection).values(**values).on_conflict_do_nothing().returning(step.c.id)
        ).scalar()
        if number is None:
            raise StepError(Code.DUPLICATE_INSTANCE, "there is a step with this SOP Instance UID")
        assigning.look_again(connection, number)
        locks = {
            row.aet: row.locked
            for row in connection.execute(sa.select(global_subscription))
            if row.keys is None or matcher_of(unpack(row.keys)).matches(whole)
        }
        if locks:
            connection.execute(
                sa.insert(subscription),
                [
                    {"step_fk": number, "aet": aet, "locked": locked}
                    for aet, locked in locks.items()
                ],
            )
        enqueue(connection, dict.fromkeys(locks, events.created(uid, whole)))

    def modify(self, uid: str, modifications: Dataset) -> Result:
        """Set attributes of a step (PS3.4 CC.2.6). Raises `StepError`.

        ``modifications`` has the Transaction UID of a step that is IN PROGRESS. Sequences are
        replaced as a whole; what is told again changes nothing, and nobody is told of it.
        """
        changes = deep_copy(modifications)
        transaction_uid = text_of(changes, "TransactionUID")
        with self.store.begin() as connection:
            row = locked_row(connection, uid)
            _check_lock(row, transaction_uid)
            check_modifications(changes)
            mended = coerced(changes)
            before = unpack(row.dataset)
            after = _merged(before, changes)
            if after != before:
                after.ScheduledProcedureStepModificationDateTime = moment(now())
                told = events.changed(uid, before, after)
                _write(connection, row, after, told)
                if row.state == State.SCHEDULED:
                    assigning.look_again(connection, row.id)
        self.ring()
        code = Code.COERCED_INVALID_VALUES if mended else Code.SUCCESS
        return Result(code=code, attributes=mended)

    # --- states -----------------------------------------------------------------------------

    def change_state(
        self,
        uid: str,
        wanted: str,
        transaction_uid: str,
        *,
        ours: bool = False,
        performer: str = "",
    ) -> Result:
        """Claim a step, complete it, or cancel it as its performer (PS3.4 CC.2.1).

        ``ours``: the archive itself is the performer from now on, by a plugin where ``performer``
        names one. Raises `StepError`.
        """
        with self.store.begin() as connection:
            row = locked_row(connection, uid)
            if wanted not in set(State):
                raise StepError(
                    Code.INVALID_ARGUMENT_VALUE, "Procedure Step State is missing or none"
                )
            state = State(wanted)
            code = verdict(State(row.state), state, correct=_is_correct(row, transaction_uid))
            if code in _WARNINGS:
                return Result(code=code)
            if code is not Code.SUCCESS:
                raise StepError(code, _WHY[code])
            dataset = unpack(row.dataset)
            told = [_enter(uid, dataset, state, Dataset())]
            more: dict[str, Any] = {}
            if state is State.IN_PROGRESS:
                more = {"transaction_uid": transaction_uid, "ours": ours}
            _write(connection, row, dataset, told, **more)
            if performer and not state.final:
                assigning.assign(connection, row.id, performer)
            else:
                assigning.drop(connection, row.id)
        self.ring()
        return Result()

    def request_cancel(self, uid: str, requesting_aet: str, reasons: Dataset) -> Result:
        """Have a step canceled that somebody else may perform (PS3.4 CC.2.2).

        One that is SCHEDULED is canceled, and one that a plugin of the archive performs; the
        subscribers of another that is IN PROGRESS are told, the performer perhaps among them.
        Raises `StepError`.
        """
        with self.store.begin() as connection:
            row = locked_row(connection, uid)
            current = State(row.state)
            if current is State.CANCELED:
                return Result(code=Code.ALREADY_CANCELED)
            if current is State.COMPLETED:
                raise StepError(Code.ALREADY_COMPLETED_NO_CANCEL, "the step is COMPLETED")
            dataset = unpack(row.dataset)
            told = [events.cancel_requested(uid, requesting_aet, reasons)]
            if current is State.SCHEDULED or assigning.is_performed(connection, row.id):
                _cancel(connection, row, dataset, told, reasons)  # work is ended by who sees that
            else:
                _check_performer(row, told_of(connection, row.id))
                enqueue(connection, dict.fromkeys(told_of(connection, row.id), told))
        self.ring()
        return Result()

    def give_up(self, uid: str, reasons: Dataset) -> bool:
        """Cancel a step that a performer of the archive has, and will not do; whether it had it
        still, and the step was not over. Raises `StepError` where there is no such step.
        """
        with self.store.begin() as connection:
            row = locked_row(connection, uid)
            if State(row.state).final or not assigning.is_performed(connection, row.id):
                return False
            _cancel(connection, row, unpack(row.dataset), [], reasons)
            assigning.drop(connection, row.id)
        self.ring()
        return True

    # --- deletion ---------------------------------------------------------------------------

    def delete_ended(self, before: dt.datetime) -> int:
        """Delete steps that ended ``before`` then and that nobody locks; how many."""
        with self.store.reading() as connection:
            numbers = connection.execute(
                sa.select(step.c.id).where(step.c.ended <= before, ~_is_locked())
            ).scalars()
            found = list(numbers)
        return sum(map(self._delete, found))

    def _delete(self, number: int) -> bool:
        with self.store.begin() as connection:
            held = connection.execute(
                sa.select(step.c.id).where(step.c.id == number).with_for_update()
            ).one_or_none()
            # Now nobody can subscribe with a lock, and who just did is seen.
            locked = sa.select(subscription.c.aet).where(
                subscription.c.step_fk == number, subscription.c.locked
            )
            if held is None or connection.execute(locked.limit(1)).first() is not None:
                return False
            connection.execute(sa.delete(subscription).where(subscription.c.step_fk == number))
            assigning.drop(connection, number)
            connection.execute(sa.delete(step).where(step.c.id == number))
            return True

    def first_end(self) -> dt.datetime | None:
        """When the first of the steps ended that nobody locks."""
        with self.store.reading() as connection:
            end: dt.datetime | None = connection.execute(
                sa.select(sa.func.min(step.c.ended)).where(~_is_locked())
            ).scalar()
            return end


def _is_locked() -> sa.ColumnElement[bool]:
    return (
        sa.select(subscription.c.aet)
        .where(subscription.c.step_fk == step.c.id, subscription.c.locked)
        .exists()
    )


def _is_correct(row: sa.Row[Any], transaction_uid: str) -> bool:
    """Whether a Transaction UID is the step's, or may become that of one which has none."""
    if row.state == State.SCHEDULED:
        return is_valid_uid(transaction_uid)
    return bool(transaction_uid) and transaction_uid == row.transaction_uid


def _check_lock(row: sa.Row[Any], transaction_uid: str) -> None:
    state = State(row.state)
    if state.final:
        raise StepError(Code.MAY_NO_LONGER_BE_UPDATED, "the step is over")
    if state is State.SCHEDULED and transaction_uid:
        raise StepError(
            Code.NOT_YET_IN_PROGRESS, "a Transaction UID for a step that is not IN PROGRESS"
        )
    if state is State.IN_PROGRESS and transaction_uid != row.transaction_uid:
        raise StepError(Code.WRONG_TRANSACTION_UID, "the correct Transaction UID was not provided")


def _check_performer(row: sa.Row[Any], subscribers: Sequence[str]) -> None:
    if row.ours:
        raise StepError(
            Code.PERFORMER_CHOOSES_NOT_TO_CANCEL, "the archive performs it, and goes on"
        )
    if not subscribers:
        raise StepError(Code.PERFORMER_CANNOT_BE_CONTACTED, "nobody is subscribed to the step")


def _merged(dataset: Dataset, changes: Dataset) -> Dataset:
    after = deep_copy(dataset)
    for element in _told(changes):
        after[element.tag] = element
    return after


def _told(changes: Dataset) -> Iterator[Any]:
    ours = {"TransactionUID", "SpecificCharacterSet", "ScheduledProcedureStepModificationDateTime"}
    return (each for each in changes if each.keyword not in ours)


def _enter(uid: str, dataset: Dataset, state: State, reasons: Dataset) -> Event:
    """Bring a data set into a state; what subscribers are told of it. Raises `StepError`."""
    if state is State.CANCELED:
        fill_cancellation(dataset, now(), reasons)
    dataset.ProcedureStepState = state.value
    lacking = unmet(dataset, state) if state.final else []
    if lacking:
        names = ", ".join(each.keyword for each in lacking)
        raise StepError(
            Code.FINAL_STATE_REQUIREMENTS_NOT_MET,
            f"before {state}: {names}",
            [each.tag for each in lacking],
        )
    return events.state_report(uid, dataset)


def _cancel(
    connection: Connection,
    row: sa.Row[Any],
    dataset: Dataset,
    told: list[Event],
    reasons: Dataset,
) -> None:
    """Bring a step into CANCELED, by way of IN PROGRESS (PS3.4 Table CC.1.1-2); ``told`` before."""
    more: dict[str, Any] = {}
    if row.state == State.SCHEDULED:
        told.append(_enter(row.uid, dataset, State.IN_PROGRESS, reasons))
        more = {"transaction_uid": str(generate_uid()), "ours": True}
    told.append(_enter(row.uid, dataset, State.CANCELED, reasons))
    _write(connection, row, dataset, told, **more)


def _write(
    connection: Connection,
    row: sa.Row[Any],
    dataset: Dataset,
    told: Sequence[Event],
    **more: Any,
) -> None:
    columns = columns_of(dataset)
    ended = now() if State(columns["state"]).final else None
    connection.execute(
        sa.update(step)
        .where(step.c.id == row.id)
        .values(**columns, changed=now(), ended=ended, **more)
    )
    enqueue(connection, dict.fromkeys(told_of(connection, row.id), told))
