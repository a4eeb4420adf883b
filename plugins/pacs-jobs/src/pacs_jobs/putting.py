"""Putting jobs in: each order makes one row, or finds the one that its key has made before."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.jobs import Enqueued, JobOrder, JobState, Repeat
from pacs_framework.tables import insert, now
from pacs_jobs.tables import job

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["put"]

_AT_ONCE = 500  # rows that a statement names, so that it stays below the limits of both engines
_MOVABLE = (JobState.WAITING, JobState.HELD)
_j = job.c


def put(connection: Connection, orders: Sequence[JobOrder]) -> list[Enqueued]:
    """What became of each order, in the transaction of ``connection``; none waits for its commit
    but where two put in the same key at once.
    """
    batch = secrets.token_hex(8)
    singles = [_single(order, batch, number) for number, order in enumerate(orders)]
    moment = now()
    rows = [
        _row(order, single, batch, moment - dt.timedelta(microseconds=len(orders) - number))
        for number, (order, single) in enumerate(zip(orders, singles, strict=True))
    ]
    # In one order for everybody, so that two who put in the same keys do not wait for each other.
    together = sorted(zip(orders, rows, strict=True), key=lambda each: each[1]["single"])
    _insert(connection, [row for order, row in together if not _postpones(order)])
    for order, row in together:
        if _postpones(order):
            _postpone(connection, order, row["single"])
            _insert(connection, [row])
    found = _found(connection, orders, singles)
    seen: set[int] = set()
    enqueued: list[Enqueued] = []
    for order, single in zip(orders, singles, strict=True):
        number, made_by = found[order.kind, single]
        enqueued.append(Enqueued(id=str(number), new=made_by == batch and number not in seen))
        seen.add(number)
    return enqueued


def _postpones(order: JobOrder) -> bool:
    return order.repeat is Repeat.POSTPONE and bool(order.key)


def _single(order: JobOrder, batch: str, number: int) -> str:
    """What makes the row the only one; no key looks like one that is made up."""
    return f"key {order.key}" if order.key else f"new {batch} {number}"


def _row(order: JobOrder, single: str, batch: str, moment: dt.datetime) -> dict[str, Any]:
    """``moment`` differs for each order of a call: who waits longer is known by it."""
    due = max(moment, order.not_before or moment)
    return {
        "kind": order.kind,
        "key": order.key,
        "single": single,
        "batch": batch,
        "lane": order.lane,
        "state": JobState.HELD if order.held else JobState.WAITING,
        "priority": order.priority,
        "payload": order.encoded(),
        "created": moment,
        "since": due,
        "due": due,
        "attempts": 0,
        "error": "",
        "progress_done": 0.0,
        "progress_total": 0.0,
        "progress_note": "",
        "result": "null",
        "owner": "",
        "runner": "",
        "run": "",
        "canceling": False,
    }


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(job, connection).on_conflict_do_nothing(), rows)


def _found(
    connection: Connection, orders: Sequence[JobOrder], singles: Sequence[str]
) -> dict[tuple[str, str], tuple[int, str]]:
    """The row of each, as (number, who has made it)."""
    wanted: dict[str, list[str]] = {}
    for order, single in zip(orders, singles, strict=True):
        wanted.setdefault(order.kind, []).append(single)
    return {
        (kind, row.single): (row.id, row.batch)
        for kind, some in wanted.items()
        for names in _pages(some)
        for row in connection.execute(
            sa.select(_j.id, _j.single, _j.batch).where(_j.kind == kind, _j.single.in_(names))
        )
    }


def _pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]


def _postpone(connection: Connection, order: JobOrder, single: str) -> None:
    """Put the job of this key off, or take the key from one that has begun or is over."""
    row = connection.execute(
        sa.select(_j.id, _j.state, _j.due)
        .where(_j.kind == order.kind, _j.single == single)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return
    if row.state in _MOVABLE:
        moved = {"due": max(order.not_before or row.due, row.due)}
    else:
        moved = {"single": None}
    connection.execute(sa.update(job).where(_j.id == row.id).values(**moved))
