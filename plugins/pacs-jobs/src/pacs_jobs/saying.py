"""What is said of jobs beside their ends: how far they are, and lines of their logs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.jobs import JobState
from pacs_framework.tables import now
from pacs_jobs.ending import CRASHED, LATE, End, Ended
from pacs_jobs.rows import InRun
from pacs_jobs.tables import job, log_line

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.jobs import Progress

__all__ = ["Line", "crash_line", "late_line", "write_lines", "write_progress"]

_j = job.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the log of a job that is not written down yet."""

    number: int
    at: dt.datetime
    attempt: int
    text: str


def write_progress(connection: Connection, progress: Mapping[InRun, Progress]) -> None:
    """How far runs are, of jobs that they have still."""
    if progress:
        connection.execute(
            _PROGRESS,
            [
                {
                    "number": place.number,
                    "held": place.run,
                    "new_done": each.done,
                    "new_total": each.total,
                    "new_note": each.note,
                }
                for place, each in progress.items()
            ],
        )


def write_lines(connection: Connection, lines: Sequence[Line]) -> None:
    """Those of jobs that are there: what a run has lost may be over since long, and forgotten."""
    if not lines:
        return
    there = sa.select(_j.id).where(_j.id.in_({each.number for each in lines}))
    held = there.order_by(_j.id).with_for_update(read=True, key_share=True)
    numbers = set(connection.execute(held).scalars())
    rows = [
        {"job_fk": each.number, "at": each.at, "attempt": each.attempt, "text": each.text}
        for each in lines
        if each.number in numbers
    ]
    if rows:
        connection.execute(sa.insert(log_line), rows)


def late_line(late: End) -> Line:
    """Of an end that does not count."""
    how = late.ending.name.lower().replace("_", " ")
    text = f"this attempt {LATE}: {how}{late.error and ', '}{late.error}"
    return Line(number=late.number, at=now(), attempt=late.attempt, text=text)


def crash_line(ended: Ended) -> Line:
    """Of a job whose process is gone."""
    return Line(number=ended.number, at=now(), attempt=ended.attempt, text=CRASHED)


_PROGRESS = (
    sa.update(job)
    .where(
        _j.id == sa.bindparam("number"),
        _j.run == sa.bindparam("held"),
        _j.state == JobState.RUNNING,
    )
    .values(
        {
            _j.progress_done: sa.bindparam("new_done"),
            _j.progress_total: sa.bindparam("new_total"),
            _j.progress_note: sa.bindparam("new_note"),
        }
    )
)
