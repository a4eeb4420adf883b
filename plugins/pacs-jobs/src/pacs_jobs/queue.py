"""The queue in tables of this plugin: what `pacs_framework.jobs.JobQueue` promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.archive.claims import living
from pacs_framework.jobs import (
    Enqueued,
    Job,
    JobFilter,
    JobLogLine,
    JobOrder,
    JobQueue,
    JobState,
    JobSummary,
    Pause,
)
from pacs_framework.tables import now
from pacs_jobs.bells import FOLDER, Bells, News
from pacs_jobs.pausing import end_pause, pause_kind, paused
from pacs_jobs.putting import put
from pacs_jobs.rows import again, conditions, job_of, number_of
from pacs_jobs.tables import job, log_line

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from pacs_framework.jobs import JobKinds
    from pacs_framework.tables import TableStore

__all__ = ["TableQueue"]

_j = job.c


class TableQueue(JobQueue):
    """The jobs in ``store``; ``data`` is the folder of the archive's data.

    ``kinds`` None is for commands that only look and change: they take no orders.
    """

    def __init__(self, store: TableStore, data: Path, kinds: JobKinds | None, keep: float) -> None:
        self.store = store
        self.data = data
        self.kinds = kinds
        self.bells = Bells(data, store)
        self._keep = keep

    def enqueue(self, orders: Sequence[JobOrder]) -> Sequence[Enqueued]:
        """See `JobQueue.enqueue`."""
        assert self.kinds is not None, "commands that only look put nothing in"
        for order in orders:
            check = self.kinds[order.kind].check
            if check is not None:
                check(order.payload)
        if not orders:
            return []
        with self._change(work=True) as connection:
            return put(connection, orders)

    # --- looking --------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job | None:
        """See `JobQueue.get`."""
        with self.store.reading() as connection:
            found = connection.execute(sa.select(job).where(_j.id == number_of(job_id)))
            row = found.one_or_none()
        return None if row is None else job_of(row)

    def find(self, which: JobFilter, *, most: int = 100, after: str = "") -> Sequence[Job]:
        """See `JobQueue.find`."""
        beyond = [_j.id < number_of(after)] if after else []
        asked = sa.select(job).where(*conditions(which), *beyond)
        with self.store.reading() as connection:
            return [
                job_of(row) for row in connection.execute(asked.order_by(_j.id.desc()).limit(most))
            ]

    def summary(self) -> Sequence[JobSummary]:
        """See `JobQueue.summary`."""
        asked = (
            sa.select(_j.kind, _j.state, sa.func.count(), sa.func.min(_j.created))
            .group_by(_j.kind, _j.state)
            .order_by(_j.kind, _j.state)
        )
        with self.store.reading() as connection:
            return [
                JobSummary(kind=name, state=JobState(state), count=count, oldest=oldest)
                for name, state, count, oldest in connection.execute(asked)
            ]

    def log_lines(self, job_id: str) -> Sequence[JobLogLine]:
        """See `JobQueue.log_lines`."""
        of_job = log_line.c.job_fk == number_of(job_id)
        with self.store.reading() as connection:
            rows = connection.execute(
                sa.select(log_line).where(of_job).order_by(log_line.c.id)
            ).all()
        return [JobLogLine(at=row.at, attempt=row.attempt, text=row.text) for row in rows]

    def news(self) -> News:
        """See `JobQueue.news`."""
        return News(self.data, self.store)

    def nobody_works(self) -> bool:
        """Whether it is certain that no process does jobs now. On PostgreSQL another node may."""
        return not self.store.is_postgresql and not any(living(self.data / FOLDER))

    # --- changing -------------------------------------------------------------------------------

    def cancel(self, which: JobFilter) -> int:
        """See `JobQueue.cancel`."""
        moment = now()
        live = self._of(which, JobState.WAITING, JobState.HELD, JobState.RUNNING)
        over = {
            "state": JobState.CANCELED,
            "ended": moment,
            "forget": moment + dt.timedelta(seconds=self._keep),
            "due": None,
            "error": "canceled before it was begun",
        }
        with self._change(work=True) as connection:
            # Held fast first, so that none goes from the one state to the other in between.
            locked = sa.select(_j.id).where(*live).order_by(_j.id).with_for_update()
            connection.execute(locked).all()
            running = self._of(which, JobState.RUNNING)
            ended = _update(connection, running, {"canceling": True})
            waiting = self._of(which, JobState.WAITING, JobState.HELD)
            return ended + _update(connection, waiting, over)

    def hold(self, which: JobFilter) -> int:
        """See `JobQueue.hold`."""
        with self._change(work=False) as connection:
            waiting = self._of(which, JobState.WAITING)
            return _update(connection, waiting, {"state": JobState.HELD})

    def release(self, which: JobFilter) -> int:
        """See `JobQueue.release`."""
        with self._change(work=True) as connection:
            held = self._of(which, JobState.HELD)
            return _update(connection, held, {"state": JobState.WAITING})

    def retry(self, which: JobFilter) -> int:
        """See `JobQueue.retry`."""
        with self._change(work=True) as connection:
            over = self._of(which, JobState.FAILED, JobState.CANCELED, JobState.WAITING)
            return _update(connection, [*over, _later(now())], again())

    def pause(self, kind: str, *, until: dt.datetime | None = None, reason: str = "") -> None:
        """See `JobQueue.pause`."""
        with self._change(work=False) as connection:
            pause_kind(connection, kind, until=until, reason=reason)

    def resume(self, kind: str) -> bool:
        """See `JobQueue.resume`."""
        with self._change(work=True) as connection:
            return end_pause(connection, kind)

    def pauses(self) -> Sequence[Pause]:
        """See `JobQueue.pauses`."""
        with self.store.reading() as connection:
            return paused(connection)

    @contextmanager
    def _change(self, *, work: bool) -> Iterator[Connection]:
        with self.store.begin() as connection:
            yield connection
            self.bells.give_notice(connection, work=work)
        self.bells.ring(work=work)

    @staticmethod
    def _of(which: JobFilter, *states: JobState) -> list[ColumnElement[bool]]:
        return [*conditions(which), _j.state.in_([state.value for state in states])]


def _later(moment: dt.datetime) -> ColumnElement[bool]:
    """Jobs that are over, or wait for another attempt or a later moment."""
    return sa.or_(_j.state != JobState.WAITING, _j.attempts > 0, _j.due > moment)


def _update(
    connection: Connection, which: Sequence[ColumnElement[bool]], values: Mapping[str, Any]
) -> int:
    return int(connection.execute(sa.update(job).where(*which).values(**values)).rowcount)
