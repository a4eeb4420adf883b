"""What who does jobs reads and writes in the tables, a transaction at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.jobs import JobState
from pacs_framework.tables import now
from pacs_jobs.ending import End, Ended, end, end_crashed
from pacs_jobs.pausing import lock_kinds, make_rows, pause_kind, paused
from pacs_jobs.rows import InRun
from pacs_jobs.saying import Line, crash_line, late_line, write_lines, write_progress
from pacs_jobs.tables import job, log_line
from pacs_jobs.taking import Taken, Taker, take

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from pacs_framework.jobs import JobKind, Progress
    from pacs_framework.tables import TableStore
    from pacs_jobs.bells import Bells

__all__ = ["Book", "Round"]

_AT_ONCE = 1000
_j = job.c


@dataclass(slots=True, kw_only=True)
class Round:
    """What one transaction is to do, and what came of it."""

    ends: list[End] = field(default_factory=list)
    progress: dict[InRun, Progress] = field(default_factory=dict)
    lines: Sequence[Line] = ()
    wanted: Mapping[str, int] = field(default_factory=dict)
    """How many runs there is room for, by kind."""

    idle: bool = True
    """Whether this process has had no lease until now, so that nobody waits for the end of one."""

    ended: list[Ended] = field(default_factory=list)
    late: list[End] = field(default_factory=list)
    """Those of the ends that do not count, for the job was another run's by now."""

    taken: dict[str, Taken] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.ends or self.progress or self.lines or self.wanted)


class Book:
    """The jobs of ``owner``, a process that does them, shown as ``name``."""

    def __init__(
        self,
        store: TableStore,
        bells: Bells,
        kinds: Mapping[str, JobKind],
        *,
        owner: str,
        name: str,
        lease: float,
        keep: float,
    ) -> None:
        self._store = store
        self._bells = bells
        self._kinds = kinds
        self._owner = owner
        self._name = name
        self._lease = lease
        self._keep = keep
        self._first_due = sa.select(
            *(
                sa.select(sa.func.min(_j.due))
                .where(_j.kind == kind, _j.state == JobState.WAITING)
                .scalar_subquery()
                for kind in sorted(kinds)
            )
        )

    def open(self) -> None:
        """Make what the others work with; once, before them. Raises `IndexUnavailable`."""
        with self._store.begin() as connection:
            make_rows(connection, self._kinds)

    def first_due(self) -> dict[str, dt.datetime]:
        """When somebody has to look for jobs of a kind first, where there are any to wait for."""
        if not self._kinds:
            return {}
        with self._store.reading() as connection:
            moments = connection.execute(self._first_due).one()
            pauses = {each.kind: each.until for each in paused(connection)}
        found: dict[str, dt.datetime] = {}
        for kind, due in zip(sorted(self._kinds), moments, strict=True):
            until = pauses.get(kind, due)
            if due is not None and until is not None:
                found[kind] = max(due, until)
        return found

    def carry_out(self, turn: Round) -> None:
        """Do what ``turn`` says, all or nothing. Raises `IndexUnavailable`."""
        with self._store.begin() as connection:
            waiting = {each.number for each in turn.ends if each.kind_too}
            kinds = {*turn.wanted, *self._kinds_of(connection, waiting).values()}
            pauses = lock_kinds(connection, kinds)
            ended, late = end(connection, turn.ends, self._kinds.get, self._keep)
            self._pause(connection, turn.ends, ended)
            write_progress(connection, turn.progress)
            write_lines(connection, [*turn.lines, *map(late_line, late)])
            taken: dict[str, Taken] = {}
            for kind in sorted(turn.wanted):
                if kind in pauses:
                    taken[kind] = Taken(again=pauses[kind].until)
                else:
                    most = turn.wanted[kind]
                    taken[kind] = take(connection, self._kinds[kind], most, self._taker())
            freed = any(each.frees or each.state is JobState.WAITING for each in ended)
            # A node that sleeps has to know of a first lease, to look when that ends.
            leases = turn.idle and any(each.runs for each in taken.values())
            self._bells.give_notice(connection, work=freed or leases)
        turn.ended, turn.late, turn.taken = ended, late, taken
        self._bells.ring(work=False)

    def _taker(self) -> Taker:
        until = now() + dt.timedelta(seconds=self._lease)
        return Taker(owner=self._owner, name=self._name, until=until)

    @staticmethod
    def _kinds_of(connection: Connection, numbers: Collection[int]) -> dict[int, str]:
        if not numbers:
            return {}
        rows = connection.execute(sa.select(_j.id, _j.kind).where(_j.id.in_(numbers)))
        return {row.id: row.kind for row in rows}

    @staticmethod
    def _pause(connection: Connection, ends: Sequence[End], ended: Sequence[Ended]) -> None:
        kinds = {InRun(each.number, each.run): each.kind for each in ended}
        for each in ends:
            kind = kinds.get(InRun(each.number, each.run))
            if each.kind_too and kind is not None:
                pause_kind(connection, kind, until=each.until, reason=each.error)

    # --- runs that are somebody's ---------------------------------------------------------------

    def to_end(self) -> set[InRun]:
        """Jobs of ours that somebody has canceled."""
        mine = (_j.state == JobState.RUNNING, _j.owner == self._owner)
        with self._store.reading() as connection:
            return _places(connection, *mine, _j.canceling.is_(True))

    def renew(self, runs: Collection[str]) -> set[InRun]:
        """Keep the jobs of our ``runs`` for another lease; those that they have still.

        Others that bear our name we do not know of, since the answer to a commit was lost: they are
        left to the end of their lease.
        """
        until = now() + dt.timedelta(seconds=self._lease)
        mine = (_j.state == JobState.RUNNING, _j.run.in_(runs))
        with self._store.begin() as connection:
            connection.execute(sa.update(job).where(*mine).values(due=until))
            return _places(connection, *mine)

    def take_over(self, gone: Collection[str]) -> list[Ended]:
        """End what processes have left that are ``gone``."""
        return self._end_crashed(_j.owner.in_([*gone]))

    def take_over_expired(self, runs: Collection[str]) -> list[Ended]:
        """End what no living process can have, by its lease, but for our own ``runs``."""
        return self._end_crashed(sa.and_(_j.due <= now(), _j.run.not_in(runs)))

    def take_over_all_but(self, living: Collection[str]) -> list[Ended]:
        """End what is nobody's who lives: of processes that died, also where a backup or a copy of
        the tables names them.
        """
        return self._end_crashed(_j.owner.not_in([*living]))

    def _end_crashed(self, left: ColumnElement[bool]) -> list[Ended]:
        running = (_j.state == JobState.RUNNING, left)
        with self._store.reading() as connection:
            if connection.execute(sa.select(_j.id).where(*running).limit(1)).first() is None:
                return []
        with self._store.begin() as connection:
            ended = end_crashed(connection, left, kind_of=self._kinds.get, keep=self._keep)
            write_lines(connection, [*map(crash_line, ended)])
            self._bells.give_notice(connection, work=True)
        self._bells.ring(work=True)
        return ended

    def next_lease_end(self, runs: Collection[str]) -> dt.datetime | None:
        """When the first lease ends that is not of our ``runs``."""
        others = (_j.state == JobState.RUNNING, _j.run.not_in(runs))
        with self._store.reading() as connection:
            due: dt.datetime | None = connection.execute(
                sa.select(sa.func.min(_j.due)).where(*others)
            ).scalar()
        return due

    # --- what is over ---------------------------------------------------------------------------

    def forget(self) -> dt.datetime | None:
        """Delete jobs that have been over for long enough; when the next one has."""
        while (first := self._first_to_forget()) is not None and first <= now():
            if not self._forget_some():
                # Another node is at it.
                return now() + dt.timedelta(seconds=self._lease)
        return first

    def _first_to_forget(self) -> dt.datetime | None:
        with self._store.reading() as connection:
            first: dt.datetime | None = connection.execute(
                sa.select(sa.func.min(_j.forget))
            ).scalar()
        return first

    def _forget_some(self) -> int:
        with self._store.begin() as connection:
            rows = connection.execute(
                sa.select(_j.id)
                .where(_j.forget <= now())
                .order_by(_j.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            ).all()
            ids = [row.id for row in rows]
            connection.execute(sa.delete(log_line).where(log_line.c.job_fk.in_(ids)))
            connection.execute(sa.delete(job).where(_j.id.in_(ids)))
            self._bells.give_notice(connection, work=False)
        self._bells.ring(work=False)
        return len(ids)


def _places(connection: Connection, *which: ColumnElement[bool]) -> set[InRun]:
    rows = connection.execute(sa.select(_j.id, _j.run).where(*which))
    return {InRun(row.id, row.run) for row in rows}
