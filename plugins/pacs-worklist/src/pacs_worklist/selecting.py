"""What of a query the database decides: a superset of what matches, by its indexes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.dicom.matching import literal_prefix, normalise_person_name
from pacs_worklist.items import State
from pacs_worklist.steps import values
from pacs_worklist.tables import item, station

if TYPE_CHECKING:
    from pacs_worklist.query import WorklistQuery

__all__ = ["OFFERED", "offered_rows"]

OFFERED = (State.SCHEDULED, State.STARTED)

_LAST = "\U0010ffff"  # behind every character
_EXACT = {
    "PatientID": item.c.patient_id,
    "AccessionNumber": item.c.accession_number,
    "StudyInstanceUID": item.c.study_instance_uid,
    "RequestedProcedureID": item.c.requested_procedure_id,
    "ScheduledProcedureStepID": item.c.scheduled_procedure_step_id,
    "Modality": item.c.modality,
}


def offered_rows(query: WorklistQuery, offer_days: int) -> sa.Select[Any]:
    """Rows that may match ``query``, earliest start first.

    Steps that nobody began within ``offer_days`` days after their start are left out; 0 for none.
    """
    start: sa.ColumnElement[str] = item.c.start
    selected = sa.select(item.c.dataset, item.c.state)
    stations = query.values("ScheduledStationAETitle")
    if stations:
        start = station.c.start
        selected = selected.join(station, station.c.item_fk == item.c.id).where(
            station.c.aet.in_(stations)
        )
    if len(stations) > 1:
        selected = selected.distinct()  # a step may be planned for two of them
    conditions: list[sa.ColumnElement[bool]] = [
        item.c.state.in_([state.value for state in OFFERED])
    ]
    conditions += _of_days(query, start)
    conditions += _exact(query)
    conditions += _named(query)
    if offer_days:
        since = f"{query.now - dt.timedelta(days=offer_days):%Y%m%d%H%M%S}"
        conditions.append(sa.or_(item.c.state == State.STARTED.value, start >= since))
    return selected.add_columns(start, item.c.id).where(*conditions).order_by(start, item.c.id)


def _of_days(
    query: WorklistQuery, start: sa.ColumnElement[str]
) -> Iterator[sa.ColumnElement[bool]]:
    days = query.days
    if days is not None:
        yield start >= (days.low or "0")  # a step without a date is in no range
        if days.high:
            yield start <= days.high + _LAST


def _exact(query: WorklistQuery) -> Iterator[sa.ColumnElement[bool]]:
    for keyword, column in _EXACT.items():
        wanted = query.values(keyword)
        if wanted:
            yield column.in_(wanted)


def _named(query: WorklistQuery) -> Iterator[sa.ColumnElement[bool]]:
    """By how a name begins; one of several component groups may match in another one."""
    keys = values(query.identifier, "PatientName")
    if len(keys) != 1 or "=" in keys[0]:
        return
    prefix = normalise_person_name(literal_prefix(keys[0]))
    if prefix:
        name = item.c.patient_name_search
        begins = sa.and_(name >= prefix, name <= prefix + _LAST)
        yield sa.or_(begins, name.like("%=%"))
