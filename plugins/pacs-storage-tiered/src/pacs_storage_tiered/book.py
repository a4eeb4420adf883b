"""What is put down durably of objects: work that is owed, reads, pins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pacs_framework.tables import Pauses, insert, now
from pacs_storage_tiered.naming import Key
from pacs_storage_tiered.tables import access, cycle, pin, place, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Row

    from pacs_framework.tables import TableStore

__all__ = ["Book", "Kind", "Pin", "Task"]

_LEASE = dt.timedelta(minutes=30)
_LONGEST_PAUSE = 600.0
_CYCLE = "cycle"
_T = task.c


class Kind(StrEnum):
    """What is owed to an object."""

    REPAIR = "repair"  # every place of its tier gets a copy that is right
    MOVE = "move"  # to another tier
    DELETE = "delete"  # from every place


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something owed; ``due`` is the lease of who works on it."""

    key: Key
    kind: Kind
    tier: str
    since: dt.datetime
    due: dt.datetime
    attempts: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A study that stays in its tier."""

    study: str
    since: dt.datetime
    note: str


class Book:
    """All that is kept in the tables. Everything raises `IndexUnavailable`.

    ``rung`` is called when there is new work.
    """

    def __init__(self, store: TableStore, rung: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._rung = rung

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may have the same tables."""
        return self._store.is_postgresql

    # --- work -------------------------------------------------------------------------------

    def owe_repair(self, key: Key, why: str) -> None:
        """Its copies are not all there. What is owed already stays."""
        self._owe([_row(key, Kind.REPAIR, why=why)])

    def take_repair(self, key: Key, why: str) -> Task | None:
        """A repair that is ours from the start; None where something is owed already."""
        row = _row(key, Kind.REPAIR, why=why)
        until = now() + _LEASE
        with self._store.begin() as connection:
            found = connection.execute(
                insert(task, connection)
                .values({**row, "due": until})
                .on_conflict_do_nothing()
                .returning(task)
            ).one_or_none()
        return None if found is None else _task(found, until)

    def owe_moves(self, keys: Iterable[Key], tier: str) -> None:
        """They go to ``tier``, unless something else is owed to them."""
        self._owe([_row(key, Kind.MOVE, tier=tier) for key in keys])

    def owe_delete(self, key: Key, why: str) -> None:
        """It goes from every place, whatever else was owed; not before a lease on it is over."""
        with self._store.begin() as connection:
            row = _row(key, Kind.DELETE, why=why)
            connection.execute(
                insert(task, connection)
                .values(row)
                .on_conflict_do_update(
                    index_elements=[_T.key],
                    set_={"kind": Kind.DELETE, "tier": "", "error": why, "attempts": 0},
                )
            )
        self._rung()

    def owed(self, key: Key) -> Kind | None:
        """What is owed to an object."""
        with self._store.reading() as connection:
            kind = connection.scalar(sa.select(_T.kind).where(_T.key == str(key)))
        return None if kind is None else Kind(kind)

    def to_be_deleted(self) -> set[str]:
        """Keys of objects that are gone, though some place may still have them."""
        with self._store.reading() as connection:
            return set(connection.scalars(sa.select(_T.key).where(_T.kind == Kind.DELETE)))

    def claim(self) -> Task | None:
        """The next thing that is due, for us alone while its lease lasts."""
        moment = now()
        with self._store.begin() as connection:
            found = connection.execute(
                sa.select(task)
                .where(_T.due <= moment)
                .order_by(_T.due)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).one_or_none()
            if found is None:
                return None
            until = moment + _LEASE
            connection.execute(sa.update(task).where(_T.key == found.key).values(due=until))
        return _task(found, until)

    def holds(self, claimed: Task) -> bool:
        """Whether it is still owed, and to be done by us."""
        with self._store.reading() as connection:
            return connection.scalar(sa.select(_T.key).where(_is(claimed))) is not None

    def done(self, claimed: Task) -> None:
        """Nothing more is owed."""
        with self._store.begin() as connection:
            connection.execute(sa.delete(task).where(_is(claimed)))

    def postpone(self, claimed: Task, why: str, pause: float) -> None:
        """Again after a while, which doubles each time."""
        pauses = Pauses(first=pause, longest=_LONGEST_PAUSE)
        values = {
            "due": pauses.until(claimed.attempts),
            "attempts": claimed.attempts + 1,
            "error": why,
        }
        with self._store.begin() as connection:
            connection.execute(sa.update(task).where(_is(claimed)).values(values))

    def hurry(self) -> None:
        """What was put off after a failure is due now; what is being worked on is not."""
        with self._store.begin() as connection:
            waiting = _T.due < now() + dt.timedelta(seconds=_LONGEST_PAUSE)
            connection.execute(sa.update(task).where(waiting).values(due=now()))
        self._rung()

    def next_due(self) -> dt.datetime | None:
        """When there is something to do."""
        with self._store.reading() as connection:
            found: dt.datetime | None = connection.scalar(sa.select(sa.func.min(_T.due)))
        return found

    def tasks(self, limit: int) -> list[Task]:
        """What is owed, oldest first."""
        with self._store.reading() as connection:
            found = connection.execute(sa.select(task).order_by(_T.since).limit(limit)).all()
        return [_task(row, row.due) for row in found]

    def counts(self) -> dict[Kind, int]:
        """How much of each kind is owed."""
        query = sa.select(_T.kind, sa.func.count()).group_by(_T.kind)
        with self._store.reading() as connection:
            return {Kind(kind): count for kind, count in connection.execute(query)}

    def _owe(self, rows: list[dict[str, object]]) -> None:
        if not rows:
            return
        with self._store.begin() as connection:
            statement = insert(task, connection).on_conflict_do_nothing()
            connection.execute(statement, rows)
        self._rung()

    # --- reads ------------------------------------------------------------------------------

    def note_reads(self, studies: Mapping[str, dt.datetime]) -> None:
        """Of each study the last time that it was read."""
        if not studies:
            return
        with self._store.begin() as connection:
            statement = insert(access, connection)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[access.c.study], set_={"last": statement.excluded.last}
                ),
                [{"study": study, "last": last} for study, last in sorted(studies.items())],
            )

    def read_since(self, moment: dt.datetime) -> set[str]:
        """Studies that were read at ``moment`` or later."""
        with self._store.reading() as connection:
            return set(connection.scalars(sa.select(access.c.study).where(access.c.last >= moment)))

    # --- pins -------------------------------------------------------------------------------

    def pin(self, studies: Iterable[str], note: str) -> None:
        """They stay where they are."""
        rows = [{"study": study, "since": now(), "note": note} for study in studies]
        with self._store.begin() as connection:
            statement = insert(pin, connection)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[pin.c.study], set_={"note": statement.excluded.note}
                ),
                rows,
            )

    def unpin(self, studies: Iterable[str]) -> int:
        """They go on like others; how many of them were pinned."""
        with self._store.begin() as connection:
            return connection.execute(sa.delete(pin).where(pin.c.study.in_([*studies]))).rowcount

    def pins(self) -> list[Pin]:
        """Every pinned study."""
        with self._store.reading() as connection:
            found = connection.execute(sa.select(pin).order_by(pin.c.study)).all()
        return [Pin(study=row.study, since=row.since, note=row.note) for row in found]

    def is_pinned(self, study: str) -> bool:
        """Whether a study stays where it is."""
        with self._store.reading() as connection:
            query = sa.select(pin.c.study).where(pin.c.study == study)
            return connection.scalar(query) is not None

    # --- places -----------------------------------------------------------------------------

    def mark_of(self, name: str, mark: str) -> tuple[str, bool]:
        """The mark of a place, ``mark`` where it had none, and whether it was seen there."""
        with self._store.begin() as connection:
            connection.execute(
                insert(place, connection).values(name=name, mark=mark).on_conflict_do_nothing()
            )
            found = connection.execute(sa.select(place).where(place.c.name == name)).one()
        return found.mark, found.marked is not None

    def note_marked(self, name: str) -> None:
        """Its mark is there; where it is missing from now on, it is not the place."""
        with self._store.begin() as connection:
            connection.execute(sa.update(place).where(place.c.name == name).values(marked=now()))

    def forget_mark(self, name: str) -> None:
        """The next mark that it has, or gets, is its own."""
        with self._store.begin() as connection:
            connection.execute(sa.delete(place).where(place.c.name == name))

    # --- cycles -----------------------------------------------------------------------------

    def claim_cycle(self, every: float) -> float:
        """Seconds until the next cycle; 0 where it is due, and ours: no other node has it then."""
        moment = now()
        with self._store.begin() as connection:
            connection.execute(
                insert(cycle, connection).values(name=_CYCLE, due=moment).on_conflict_do_nothing()
            )
            ours = connection.execute(
                sa.update(cycle)
                .where(cycle.c.name == _CYCLE, cycle.c.due <= moment)
                .values(due=moment + dt.timedelta(seconds=every))
            ).rowcount
            due: dt.datetime | None = connection.scalar(sa.select(cycle.c.due))
        # A cycle that was made longer or shorter in the configuration counts from now.
        seconds = every if due is None else (due - moment).total_seconds()
        return 0.0 if ours else min(every, seconds)


def _row(key: Key, kind: Kind, *, tier: str = "", why: str = "") -> dict[str, object]:
    moment = now()
    return {
        "key": str(key),
        "kind": kind,
        "tier": tier,
        "since": moment,
        "due": moment,
        "attempts": 0,
        "error": why,
    }


def _task(row: Row[tuple[object, ...]], due: dt.datetime) -> Task:
    key = Key.parse(row.key)
    assert key is not None, row.key
    return Task(
        key=key,
        kind=Kind(row.kind),
        tier=row.tier,
        since=row.since,
        due=due,
        attempts=row.attempts,
        error=row.error,
    )


def _is(claimed: Task) -> sa.ColumnElement[bool]:
    return sa.and_(_T.key == str(claimed.key), _T.kind == claimed.kind, _T.due == claimed.due)
