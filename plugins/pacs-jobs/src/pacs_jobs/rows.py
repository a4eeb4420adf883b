"""Rows as jobs, and filters as conditions over rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from pacs_framework.jobs import Job, JobFilter, JobState, Progress
from pacs_framework.tables import now
from pacs_jobs.tables import job

if TYPE_CHECKING:
    from sqlalchemy.engine import Row
    from sqlalchemy.sql.elements import ColumnElement

__all__ = ["InRun", "again", "conditions", "job_of", "number_of"]

_LARGEST_ID = (1 << 63) - 1
_j = job.c


class InRun(NamedTuple):
    """A job in one of its runs. What a run says that has lost the job, because its lease was over,
    is so told from what the present one says, also where both are of one process.
    """

    number: int
    run: str


def job_of(row: Row[Any]) -> Job:
    """The job that a row is."""
    return Job(
        id=str(row.id),
        kind=row.kind,
        key=row.key,
        lane=row.lane,
        state=JobState(row.state),
        priority=row.priority,
        payload=json.loads(row.payload),
        created=row.created,
        due=row.due if row.state == JobState.WAITING else None,
        started=row.started,
        ended=row.ended,
        attempts=row.attempts,
        error=row.error,
        progress=Progress(done=row.progress_done, total=row.progress_total, note=row.progress_note),
        result=json.loads(row.result),
        runner=row.runner,
        canceling=row.canceling,
    )


def again() -> dict[str, Any]:
    """What a row becomes that is to be done once more, from the beginning."""
    moment = now()
    return {
        "state": JobState.WAITING,
        "due": moment,
        "since": moment,
        "started": None,
        "ended": None,
        "forget": None,
        "attempts": 0,
        "owner": "",
        "runner": "",
        "canceling": False,
        "progress_done": 0.0,
        "progress_total": 0.0,
        "progress_note": "",
    }


def number_of(job_id: str) -> int:
    """The number behind an id; 0, which no row has, for what is no id."""
    if not (job_id.isascii() and job_id.isdecimal()):
        return 0
    number = int(job_id) if len(job_id) < 20 else 0
    return number if number <= _LARGEST_ID else 0


def conditions(which: JobFilter) -> list[ColumnElement[bool]]:
    """What a row has to fulfil for the filter."""
    found: list[ColumnElement[bool]] = []
    if which.ids:
        found.append(_j.id.in_([number_of(each) for each in which.ids]))
    if which.kinds:
        found.append(_j.kind.in_([*which.kinds]))
    if which.states:
        found.append(_j.state.in_([state.value for state in which.states]))
    if which.key:
        found.append(_j.key == which.key)
    if which.lane:
        found.append(_j.lane == which.lane)
    if which.failed_like:
        wanted = sa.func.lower(_j.error).contains(which.failed_like.lower(), autoescape=True)
        found.append(sa.and_(_j.state == JobState.FAILED, wanted))
    return found
