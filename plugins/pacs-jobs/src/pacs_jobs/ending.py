"""What becomes of jobs that were run: done, tried again, given up, or another run's by now.

An end counts for the run that began it alone. A process that was frozen for longer than its lease
has lost its jobs, and does not know; another run, perhaps its own, may have them meanwhile, or have
ended them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.jobs import JobState, Progress
from pacs_framework.tables import TIME, now
from pacs_jobs.tables import ALONE, job

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Row
    from sqlalchemy.sql.elements import ColumnElement

    from pacs_framework.jobs import JobKind

__all__ = ["CRASHED", "LATE", "End", "Ended", "Ending", "KindOf", "end", "end_crashed"]

CRASHED = "the process that ran it has ended without a word"
LATE = "ended when the job was no longer its own, and does not count"

KindOf = Callable[[str], "JobKind | None"]
"""The kind of a name, None where no plugin does it any more."""

_j = job.c
_NO_KIND_ATTEMPTS = 5
_NO_KIND_PAUSE = 60.0  # seconds


class Ending(Enum):
    """How a run of a job ended."""

    DONE = auto()
    FAILED = auto()
    FAILED_FOR_GOOD = auto()
    PUT_OFF = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of the job ``number`` in a ``run``, which was its ``attempt``; ``result`` is JSON.
    With ``kind_too`` all of the kind wait ``until`` then.
    """

    number: int
    run: str
    attempt: int
    ending: Ending
    progress: Progress
    error: str = ""
    result: str = "null"
    until: dt.datetime | None = None
    kind_too: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job as its run has left it, which was its ``attempt``. ``frees``: others may wait for the
    end of just this one.
    """

    number: int
    run: str
    kind: str
    state: JobState
    error: str
    attempts: int
    attempt: int
    frees: bool


def end(
    connection: Connection, ends: Sequence[End], kind_of: KindOf, keep: float
) -> tuple[list[Ended], list[End]]:
    """Write down ends of runs that have their jobs still; and those that came too late.

    What is written down already is neither: the answer to a commit may be lost.
    """
    if not ends:
        return [], []
    found = _locked(connection, _j.id.in_({each.number for each in ends}))
    runs = {row.id: row.run for row in found}
    ours = {each.number: each for each in ends if runs.get(each.number) == each.run}
    rows = [row for row in found if row.id in ours and row.state == JobState.RUNNING]
    new = [
        {**_values(row, ours[row.id], kind_of(row.kind), keep), "new_run": row.run} for row in rows
    ]
    late = [each for each in ends if ours.get(each.number) is not each]
    return _written(connection, rows, new, kind_of), late


def end_crashed(
    connection: Connection, *which: ColumnElement[bool], kind_of: KindOf, keep: float
) -> list[Ended]:
    """Jobs whose process is gone: a failed attempt, so that what ends its process is not run for
    ever.

    Of several that one run had taken up nobody knows which were begun, let alone which is to blame:
    it counts for none of them, and each is done without the others next.
    """
    rows = _locked(connection, _j.state == JobState.RUNNING, *which)
    sizes = Counter(row.run for row in rows)
    new = []
    for row in rows:
        several = sizes[row.run] > 1
        ending = Ending.STOPPED if several else Ending.FAILED
        progress = Progress(
            done=row.progress_done, total=row.progress_total, note=row.progress_note
        )
        crashed = End(
            number=row.id,
            run=row.run,
            attempt=row.attempts + 1,
            ending=ending,
            progress=progress,
            error=CRASHED,
        )
        values = _values(row, crashed, kind_of(row.kind), keep, at_once=True)
        new.append({**values, "new_run": ALONE if several else ""})
    return _written(connection, rows, new, kind_of)


def _locked(connection: Connection, *which: ColumnElement[bool]) -> Sequence[Row[Any]]:
    return connection.execute(sa.select(job).where(*which).order_by(_j.id).with_for_update()).all()


def _written(
    connection: Connection,
    rows: Sequence[Row[Any]],
    new: Sequence[Mapping[str, Any]],
    kind_of: KindOf,
) -> list[Ended]:
    if rows:
        connection.execute(_WRITE, new)
    return [
        Ended(
            number=row.id,
            run=row.run,
            kind=row.kind,
            state=values["new_state"],
            error=values["new_error"],
            attempts=values["new_attempts"],
            attempt=row.attempts + 1,
            frees=bool(row.lane) or _is_limited(kind_of(row.kind)),
        )
        for row, values in zip(rows, new, strict=True)
    ]


def _is_limited(kind: JobKind | None) -> bool:
    return kind is not None and bool(kind.everywhere)


# --- what comes next ----------------------------------------------------------------------------


def _values(
    row: Row[Any], ended: End, kind: JobKind | None, keep: float, *, at_once: bool = False
) -> dict[str, Any]:
    failed = ended.ending in {Ending.FAILED, Ending.FAILED_FOR_GOOD} and not row.canceling
    attempts = row.attempts + 1 if failed else row.attempts
    state, due = _state(row, ended, kind, at_once=at_once)
    moment = now()
    seconds = keep if kind is None or kind.keep is None else kind.keep
    kept = state in {JobState.DONE, JobState.CANCELED}
    return {
        "number": row.id,
        "held": row.run,
        "new_state": state,
        "new_due": due,
        "new_attempts": attempts,
        "new_error": "" if state is JobState.DONE else ended.error,
        "new_result": ended.result,
        "new_ended": moment if state.is_over else None,
        "new_forget": moment + dt.timedelta(seconds=seconds) if kept else None,
        "new_done": ended.progress.done,
        "new_total": ended.progress.total,
        "new_note": ended.progress.note,
    }


def _state(
    row: Row[Any], ended: End, kind: JobKind | None, *, at_once: bool
) -> tuple[JobState, dt.datetime | None]:
    if ended.ending is Ending.DONE:
        return JobState.DONE, None
    if row.canceling:
        return JobState.CANCELED, None
    if ended.ending is Ending.PUT_OFF:
        return JobState.WAITING, ended.until
    if ended.ending is Ending.STOPPED:
        return JobState.WAITING, now()
    if ended.ending is Ending.FAILED_FOR_GOOD or _gives_up(row, kind):
        return JobState.FAILED, None
    return JobState.WAITING, _next_attempt(row, kind, at_once=at_once)


def _gives_up(row: Row[Any], kind: JobKind | None) -> bool:
    most = _NO_KIND_ATTEMPTS if kind is None else kind.attempts
    if most and row.attempts + 1 >= most:
        return True
    return kind is not None and kind.pauses.gives_up(row.since)


def _next_attempt(row: Row[Any], kind: JobKind | None, *, at_once: bool) -> dt.datetime:
    if at_once and not row.attempts:  # most likely the machine failed, and not the job
        return now()
    if kind is None:
        return now() + dt.timedelta(seconds=_NO_KIND_PAUSE)
    return kind.pauses.until(row.attempts)


def _written_columns() -> Iterable[tuple[sa.Column[Any], str]]:
    return (
        (_j.state, "new_state"),
        (_j.attempts, "new_attempts"),
        (_j.error, "new_error"),
        (_j.result, "new_result"),
        (_j.progress_done, "new_done"),
        (_j.progress_total, "new_total"),
        (_j.progress_note, "new_note"),
        (_j.run, "new_run"),
    )


_WRITE = (
    sa.update(job)
    .where(_j.id == sa.bindparam("number"), _j.run == sa.bindparam("held"))
    .values(
        {
            **{column: sa.bindparam(name) for column, name in _written_columns()},
            _j.due: sa.bindparam("new_due", type_=TIME),
            _j.ended: sa.bindparam("new_ended", type_=TIME),
            _j.forget: sa.bindparam("new_forget", type_=TIME),
            _j.owner: "",
            _j.canceling: False,
        }
    )
)
