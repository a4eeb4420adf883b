"""Steps as rows: read, locked, written, and narrowed by the keys of a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from pydicom import Dataset

from pacs_framework.dicom.matching import datetime_bounds, has_wildcard, values_of
from pacs_framework.dicom.packed import pack, unpack
from pacs_ups.state.datasets import text_of
from pacs_ups.state.model import FILTERED, GLOBAL, Code, State, Step, StepError
from pacs_ups.tables import step, subscription

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["columns_of", "locked_row", "narrowed", "step_of", "told_of"]

_EXACT = {
    "SOPInstanceUID": step.c.uid,
    "ProcedureStepState": step.c.state,
    "ScheduledProcedureStepPriority": step.c.priority,
    "InputReadinessState": step.c.readiness,
    "ProcedureStepLabel": step.c.label,
    "WorklistLabel": step.c.worklist_label,
    "PatientID": step.c.patient_id,
    "StudyInstanceUID": step.c.study_instance_uid,
}
_START = "ScheduledProcedureStepStartDateTime"


def columns_of(dataset: Dataset) -> dict[str, Any]:
    """What a row says of its data set. Raises `QueryError` for what cannot be encoded."""
    texts = {
        # PostgreSQL keeps no NUL in a text; a key that has one narrows nothing.
        column.name: text_of(dataset, keyword).replace("\0", "?")
        for keyword, column in _EXACT.items()
    }
    bounds = datetime_bounds(text_of(dataset, _START))
    return {**texts, "start": bounds.low if bounds else "", "dataset": pack(dataset)}


def step_of(row: sa.Row[Any]) -> Step:
    """A row as a step."""
    return Step(
        uid=row.uid,
        state=State(row.state),
        dataset=unpack(row.dataset),
        ours=row.ours,
        changed=row.changed,
        ended=row.ended,
    )


def locked_row(connection: Connection, uid: str) -> sa.Row[Any]:
    """The row of a step, which nobody else changes until the transaction is over.

    Raises `StepError` where there is none.
    """
    if uid in (GLOBAL, FILTERED):
        raise StepError(Code.NOT_APPROPRIATE_FOR_INSTANCE, "this is for single steps alone")
    row = connection.execute(
        sa.select(step).where(step.c.uid == uid).with_for_update()
    ).one_or_none()
    if row is None:
        raise StepError(Code.NO_SUCH_STEP, "there is no step with this SOP Instance UID")
    return row


def told_of(connection: Connection, number: int) -> list[str]:
    """The AE titles that are told of a step."""
    return list(
        connection.execute(
            sa.select(subscription.c.aet).where(subscription.c.step_fk == number)
        ).scalars()
    )


def narrowed(keys: Dataset) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that let through at least the steps that match ``keys``."""
    for keyword, column in _EXACT.items():
        wanted = values_of(keys[keyword]) if keyword in keys else []
        if wanted and not any(has_wildcard(value) or "\0" in value for value in wanted):
            yield column.in_(wanted)
    bounds = datetime_bounds(text_of(keys, _START))
    if bounds is not None:
        yield step.c.start >= (bounds.low or "0")
        if bounds.high:
            yield step.c.start <= bounds.high
