"""Taking jobs: who is next of a kind, within all its limits.

The caller holds the row of the kind (`pacs_jobs.pausing.lock_kinds`), so no other node takes jobs
of it at the same time.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.jobs import Job, JobState
from pacs_framework.tables import TIME, now
from pacs_jobs.rows import job_of
from pacs_jobs.tables import ALONE, begun, job

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement

    from pacs_framework.jobs import JobKind, Rate

__all__ = ["Claimed", "Taken", "Taker", "take"]

_j = job.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """Who takes jobs: ``owner`` until its lease is over at ``until``, shown as ``name``."""

    owner: str
    name: str
    until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The jobs of one run that is to begin; their rows name it by ``run``, which is no other's."""

    run: str
    jobs: list[Job]


@dataclass(slots=True, kw_only=True)
class Taken:
    """The runs that are the taker's now, and when to look again for more; None: not before
    something happens that everybody is told of.
    """

    runs: list[Claimed] = field(default_factory=list)
    again: dt.datetime | None = None


def take(connection: Connection, kind: JobKind, most: int, taker: Taker) -> Taken:
    """Up to ``most`` runs of jobs that are due, by priority, then by how long they have waited."""
    taken = Taken()
    room = _room(connection, kind)
    if room is not None and room < most:
        most = room
        if most <= 0:
            return taken
    allowed, rate_again = _allowed(connection, kind)
    runs = _chosen(connection, kind, most, allowed)
    named = {secrets.token_hex(8): rows for rows in runs}
    if named:
        _mark(connection, kind, named, taker)
    if allowed is not None and sum(map(len, runs)) >= allowed:
        taken.again = rate_again or _ends(connection, kind)
    elif len(runs) < most:
        taken.again = _next_due(connection, kind)
    taken.runs = [
        Claimed(run=run, jobs=[job_of(row) for row in rows]) for run, rows in named.items()
    ]
    return taken


# --- limits -------------------------------------------------------------------------------------


def _room(connection: Connection, kind: JobKind) -> int | None:
    """How many runs more there may be on all nodes; None for any number."""
    if not kind.everywhere:
        return None
    running = sa.select(sa.func.count(_j.run.distinct())).where(
        _j.kind == kind.name, _j.state == JobState.RUNNING
    )
    return kind.everywhere - int(connection.execute(running).scalar_one())


def _allowed(connection: Connection, kind: JobKind) -> tuple[int | None, dt.datetime | None]:
    """How many jobs the rate lets begin now, None for any; when it lets more where that is 0."""
    if kind.rate is None:
        return None, None
    of_kind = begun.c.kind == kind.name
    connection.execute(sa.delete(begun).where(of_kind, begun.c.at <= _start(kind.rate)))
    counted = sa.select(sa.func.count(), sa.func.min(begun.c.at)).where(of_kind)
    count, first = connection.execute(counted).one()
    left = kind.rate.jobs - int(count)
    if left > 0:
        return left, None
    return 0, first + dt.timedelta(seconds=kind.rate.seconds)


def _ends(connection: Connection, kind: JobKind) -> dt.datetime | None:
    """When the first of those that were begun no longer counts."""
    assert kind.rate is not None
    first: dt.datetime | None = connection.execute(
        sa.select(sa.func.min(begun.c.at)).where(begun.c.kind == kind.name)
    ).scalar()
    return None if first is None else first + dt.timedelta(seconds=kind.rate.seconds)


def _start(rate: Rate) -> dt.datetime:
    return now() - dt.timedelta(seconds=rate.seconds)


def _next_due(connection: Connection, kind: JobKind) -> dt.datetime | None:
    """The next moment that makes a job due. What is due already waits for its lane."""
    due: dt.datetime | None = connection.execute(
        sa.select(sa.func.min(_j.due)).where(*_waiting(kind), _j.due > now())
    ).scalar()
    return due


# --- whose turn it is ---------------------------------------------------------------------------


def _chosen(
    connection: Connection, kind: JobKind, most: int, allowed: int | None
) -> list[list[Row[Any]]]:
    """Rows by run, none of which is in a lane that is busy, or in the lane of another one."""
    runs: list[list[Row[Any]]] = []
    lanes = _busy(connection, kind)
    chosen: set[int] = set()
    while len(runs) < most and (allowed is None or len(chosen) < allowed):
        left = most - len(runs) if allowed is None else min(most - len(runs), allowed - len(chosen))
        wanted = left if kind.together == 1 else 1
        rows = _candidates(connection, kind, wanted, lanes, chosen)
        for row in rows:
            if row.lane and row.lane in lanes:
                continue
            lanes.add(row.lane)
            most_mates = kind.together - 1 if allowed is None else min(kind.together, left) - 1
            mates = _mates(connection, kind, row, most_mates, chosen)
            chosen.update(each.id for each in (row, *mates))
            runs.append([row, *mates])
        if len(rows) < wanted:
            break
    return runs


def _busy(connection: Connection, kind: JobKind) -> set[str]:
    """The lanes in which a job runs, on any node; each run has one at most."""
    running = (
        sa.select(_j.lane)
        .distinct()
        .where(_j.kind == kind.name, _j.state == JobState.RUNNING, _j.lane != "")
    )
    return {row.lane for row in connection.execute(running)}


def _candidates(
    connection: Connection,
    kind: JobKind,
    most: int,
    lanes: Collection[str],
    chosen: Collection[int],
) -> Sequence[Row[Any]]:
    conditions = [*_waiting(kind), _is_due()]
    if taken := [lane for lane in lanes if lane]:
        conditions.append(_j.lane.not_in(taken))
    if chosen:
        conditions.append(_j.id.not_in([*chosen]))
    return _in_order(connection, conditions, most)


def _mates(
    connection: Connection, kind: JobKind, first: Row[Any], most: int, chosen: Collection[int]
) -> Sequence[Row[Any]]:
    """What waits with it in its lane, and may be done with others."""
    if most < 1 or first.run == ALONE:
        return ()
    conditions = [
        *_waiting(kind),
        _is_due(),
        _j.lane == first.lane,
        _j.run != ALONE,
        _j.id.not_in([first.id, *chosen]),
    ]
    return _in_order(connection, conditions, most)


def _waiting(kind: JobKind) -> list[ColumnElement[bool]]:
    return [_j.kind == kind.name, _j.state == JobState.WAITING]


def _is_due() -> ColumnElement[bool]:
    """Put so that no engine takes the index of ``due`` for it, and then sorts all that is due: the
    first few in order are wanted, out of thousands.
    """
    return (_j.due <= now()).is_(True)


def _in_order(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], most: int
) -> Sequence[Row[Any]]:
    return connection.execute(
        sa.select(job)
        .where(*conditions)
        .order_by(_j.priority.desc(), _j.due, _j.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    ).all()


def _mark(
    connection: Connection, kind: JobKind, runs: Mapping[str, Sequence[Row[Any]]], taker: Taker
) -> None:
    moment = now()
    fixed = {
        "by": taker.owner,
        "shown_as": taker.name,
        "lease": taker.until,
        "moment": moment,
    }
    marks = [
        {"number": row.id, "named": run, **fixed} for run, rows in runs.items() for row in rows
    ]
    connection.execute(_MARK, marks)
    if kind.rate is not None:
        connection.execute(sa.insert(begun), [{"kind": kind.name, "at": moment}] * len(marks))


_MARK = (
    sa.update(job)
    .where(_j.id == sa.bindparam("number"))
    .values(
        {
            _j.state: JobState.RUNNING,
            _j.owner: sa.bindparam("by"),
            _j.runner: sa.bindparam("shown_as"),
            _j.run: sa.bindparam("named"),
            _j.due: sa.bindparam("lease", type_=TIME),
            _j.started: sa.bindparam("moment", type_=TIME),
        }
    )
)
