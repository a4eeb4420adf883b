"""Event channels over HTTP (UPS-RS), of which an AE may have several: each is told everything.

An event waits for each channel of its AE in a row of its own, made in the transaction of the event,
so it does not matter in which process or on which node a channel is. When the last one of an AE
closes, what it was not told waits for the AE as if there had been none.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_ups.state.outbox import put_into_outbox
from pacs_ups.state.standing import (
    Waiting,
    announce,
    put_on_channels,
    standing_channels,
    waiting_of,
)
from pacs_ups.tables import channel, channel_event, event, subscriber

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from pacs_framework.tables import TableStore

__all__ = ["Channels"]

_c, _w = channel.c, channel_event.c


class Channels:
    """The event channels of ``store``; safe to use from many threads."""

    def __init__(self, store: TableStore) -> None:
        self._store = store

    def open(self, aet: str, owner: str) -> str:
        """Open a channel in the process ``owner``; it is told what waits for the AE already."""
        made = secrets.token_hex(16)
        with self._store.begin() as connection:
            connection.execute(sa.insert(channel).values(id=made, aet=aet, owner=owner))
            _take_over(connection, aet, "")
        return made

    def waiting(self, number: str, most: int) -> list[Waiting]:
        """What is to be sent on it next."""
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(channel_event).where(_w.channel_fk == number).order_by(_w.id).limit(most)
            )
            return list(map(waiting_of, rows))

    def with_news(self, owner: str) -> Sequence[str]:
        """The channels of a process on which something waits."""
        with self._store.reading() as connection:
            return list(
                connection.execute(
                    sa.select(_c.id).where(
                        _c.owner == owner,
                        sa.select(_w.id).where(_w.channel_fk == _c.id).exists(),
                    )
                ).scalars()
            )

    def told(self, number: str, events: Collection[int]) -> None:
        """These were sent on it."""
        if events:
            with self._store.begin() as connection:
                connection.execute(
                    sa.delete(channel_event).where(_w.channel_fk == number, _w.id.in_(events))
                )

    def take_over(self, aet: str, owner: str) -> bool:
        """Have what waits for an AE, which ``owner`` is about to tell, sent on its channels.

        False where it has none.
        """
        with self._store.begin() as connection:
            return _take_over(connection, aet, owner)

    def close(self, number: str) -> None:
        """It is over; harmless for one that is already."""
        with self._store.begin() as connection:
            _close(connection, number)

    def release(self, owner: str) -> None:
        """Close those of a process that is gone."""
        self._close_where(_c.owner == owner)

    def keep_only(self, owners: Collection[str]) -> None:
        """Close those of all processes but these."""
        self._close_where(_c.owner.not_in(owners))

    def expire(self, before: dt.datetime) -> None:
        """Close those that were not told something since ``before``: nobody is there who would.

        It is how one ends whose node is gone for good.
        """
        late = sa.select(_w.channel_fk).where(_w.made < before)
        self._close_where(_c.id.in_(late))

    def listed(self) -> Sequence[tuple[str, int]]:
        """The AE of each channel that is open, and how much waits on it."""
        count = sa.func.count(_w.id)
        with self._store.reading() as connection:
            rows = connection.execute(
                sa.select(_c.aet, count)
                .select_from(channel.outerjoin(channel_event))
                .group_by(_c.id, _c.aet)
                .order_by(_c.aet, _c.id)
            ).all()
        return [(row[0], int(row[1])) for row in rows]

    def _close_where(self, which: sa.ColumnElement[bool]) -> None:
        with self._store.reading() as connection:
            found = list(connection.execute(sa.select(_c.id).where(which)).scalars())
        for number in found:
            self.close(number)


def _take_over(connection: Connection, aet: str, owner: str) -> bool:
    """Channels before subscribers, as everywhere: no deadlock."""
    standing = standing_channels(connection, [aet]).get(aet, [])
    if not standing:
        return False
    row = connection.execute(
        sa.select(subscriber).where(subscriber.c.aet == aet).with_for_update()
    ).one_or_none()
    if row is not None and row.owner not in {"", owner}:
        # Somebody is about to tell it by association, and looks again when that is over.
        rung = subscriber.c.rung + 1
        connection.execute(sa.update(subscriber).where(subscriber.c.aet == aet).values(rung=rung))
        return True
    waiting = _moved(connection, event, event.c.aet == aet)
    put_on_channels(
        connection, [(each, one.event, one.made) for each in standing for one in waiting]
    )
    if waiting:
        announce(connection)
    return True


def _close(connection: Connection, number: str) -> None:
    aet = connection.execute(sa.select(_c.aet).where(_c.id == number)).scalar()
    # All of the AE's, so that one of two that close at once is the last.
    locked = sa.select(_c.id).where(_c.aet == aet).order_by(_c.id).with_for_update()
    standing = set(connection.execute(locked).scalars())
    if number not in standing:
        return
    left = _moved(connection, channel_event, _w.channel_fk == number)
    connection.execute(sa.delete(channel).where(_c.id == number))
    if standing == {number}:
        put_into_outbox(connection, [(str(aet), each.event, each.made) for each in left])


def _moved(
    connection: Connection, table: sa.Table, which: sa.ColumnElement[bool]
) -> Sequence[Waiting]:
    """Rows of events that are in ``table`` no more, in their order."""
    rows: Sequence[sa.Row[Any]] = connection.execute(
        sa.delete(table).where(which).returning(*table.c)
    ).all()
    return sorted(map(waiting_of, rows), key=lambda each: each.id)
