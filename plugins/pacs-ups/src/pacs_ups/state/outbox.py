"""What subscribers have not been told yet: kept in order, worked on by one process at a time.

An event is written in the transaction that makes it happen. A subscriber is told by one process at
a time (`pacs_framework.tables.Leases`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.tables import Leases, insert, now
from pacs_ups.state.standing import (
    Waiting,
    announce,
    columns_of,
    put_on_channels,
    standing_channels,
    waiting_of,
)
from pacs_ups.tables import event, subscriber

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore
    from pacs_ups.state.model import Event

__all__ = ["Outbox", "Subscriber", "enqueue", "put_into_outbox"]

_e, _s = event.c, subscriber.c


def enqueue(connection: Connection, told: Mapping[str, Sequence[Event]]) -> None:
    """Have AE titles told of events, in this order, when the transaction commits.

    Who has event channels open is told on each of them, and nobody else by association.
    """
    told = {aet: events for aet, events in told.items() if events}
    if not told:
        return
    made = now()
    standing = standing_channels(connection, told)
    put_on_channels(
        connection,
        [(each, event, made) for aet in standing for each in standing[aet] for event in told[aet]],
    )
    put_into_outbox(
        connection,
        [(aet, event, made) for aet in told if aet not in standing for event in told[aet]],
    )
    announce(connection)


def put_into_outbox(connection: Connection, told: Sequence[tuple[str, Event, dt.datetime]]) -> None:
    """Have AEs told of events, each of which was made then."""
    if not told:
        return
    connection.execute(
        sa.insert(event),
        [{"aet": aet, **columns_of(each), "made": made} for aet, each, made in told],
    )
    for aet in sorted({aet for aet, _, _ in told}):  # in one order: no deadlock
        row = insert(subscriber, connection).values(
            aet=aet, due=now(), owner="", rung=1, attempts=0, error=""
        )
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["aet"],
                # One that is being told, or put off, stays so: its events wait behind the others.
                set_={"due": sa.func.coalesce(_s.due, row.excluded.due), "rung": _s.rung + 1},
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """An AE with events that wait. ``error`` is why the last attempt failed, ``due`` in UTC."""

    aet: str
    due: dt.datetime | None
    rung: int
    attempts: int
    error: str


class Outbox:
    """The events of ``store`` that wait; safe to use from many threads."""

    def __init__(self, store: TableStore) -> None:
        self._store = store
        self._leases = Leases(store, subscriber, _s.aet)

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may work on it."""
        return self._leases.is_shared

    def claim(self, owner: str, until: dt.datetime) -> Subscriber | None:
        """The subscriber that has been due for longest, if there is one, now ours."""
        return next(map(_subscriber, self._leases.claim(owner, until)), None)

    def waiting(self, aet: str, most: int) -> list[Waiting]:
        """What it is to be told next."""
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(event).where(_e.aet == aet).order_by(_e.id).limit(most)
            )
            return list(map(waiting_of, rows))

    def renew(self, aet: str, owner: str, until: dt.datetime) -> bool:
        """Stay the owner until then; False when somebody else is by now."""
        return self._leases.renew(aet, owner, until)

    def told(self, aet: str, owner: str, number: int, until: dt.datetime) -> bool:
        """It has the event with this number; False when it is no longer ours to tell."""
        with self._store.begin() as connection:
            connection.execute(sa.delete(event).where(_e.id == number, _e.aet == aet))
            ours = connection.execute(
                sa.update(subscriber)
                .where(_s.aet == aet, _s.owner == owner)
                .values(due=until, attempts=0, error="")
            )
            return bool(ours.rowcount)

    def finish(self, found: Subscriber, owner: str) -> None:
        """There was nothing more, when ``found`` was read; else it is due again at once."""
        with self._store.begin() as connection:
            mine = (_s.aet == found.aet, _s.owner == owner)
            quiet = connection.execute(
                sa.update(subscriber)
                .where(*mine, _s.rung == found.rung)
                .values(due=None, owner="", attempts=0, error="")
            )
            if not quiet.rowcount:
                connection.execute(sa.update(subscriber).where(*mine).values(due=now(), owner=""))

    def put_off(self, aet: str, owner: str, error: str, until: dt.datetime) -> None:
        """An attempt failed; the next one is due ``until`` then."""
        self._leases.put_off(aet, owner, error, until, owner="")

    def drop(self, aet: str, before: dt.datetime) -> int:
        """Give up what has waited since ``before``; how many events that were."""
        with self._store.begin() as connection:
            gone = connection.execute(sa.delete(event).where(_e.aet == aet, _e.made < before))
            return int(gone.rowcount)

    def release(self, owner: str) -> None:
        """What ``owner``, who is gone, did not finish is due at once."""
        self._leases.release(owner)

    def next_due(self) -> dt.datetime | None:
        """When somebody is to be told something."""
        return self._leases.next_due()

    def pause(self, lease: float) -> float | None:
        """Seconds until somebody is to be told something, None for not before there is news."""
        return self._leases.pause(lease)

    def retry(self, aets: Collection[str] = ()) -> int:
        """Make those who wait due at once, all or ``aets``; how many that are."""
        chosen = _s.aet.in_(aets) if aets else sa.true()
        waits = _s.due.is_not(None) | _s.aet.in_(sa.select(_e.aet))
        return self._leases.hurry(waits, _s.owner == "", chosen)

    def subscribers(self) -> Iterable[tuple[Subscriber, int]]:
        """Everybody with events that wait, and how many."""
        count = sa.func.count(_e.id)
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(subscriber, count)
                .join(event, _e.aet == _s.aet)
                .group_by(*subscriber.c)
                .order_by(_s.aet)
            ).all()
        return [(_subscriber(row), int(row[-1])) for row in rows]


def _subscriber(row: sa.Row[Any]) -> Subscriber:
    return Subscriber(
        aet=row.aet, due=row.due, rung=row.rung, attempts=row.attempts, error=row.error
    )
