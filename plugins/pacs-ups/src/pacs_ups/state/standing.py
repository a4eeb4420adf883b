"""Events as rows, and the event channels that they are put on when they are made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pacs_framework.dicom.packed import pack, unpack
from pacs_ups.state.model import Event, EventType
from pacs_ups.tables import channel, channel_event

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = [
    "NEWS",
    "Waiting",
    "announce",
    "columns_of",
    "put_on_channels",
    "standing_channels",
    "waiting_of",
]

NEWS = "pacs_ups"
"""The channel of PostgreSQL on which other nodes hear that events were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event with its number; smaller ones go first."""

    id: int
    event: Event
    made: dt.datetime


def columns_of(event: Event) -> dict[str, Any]:
    """An event as columns of a row."""
    return {"uid": event.uid, "type": int(event.type), "information": pack(event.information)}


def waiting_of(row: sa.Row[Any]) -> Waiting:
    """A row as an event."""
    event = Event(uid=row.uid, type=EventType(row.type), information=unpack(row.information))
    return Waiting(id=row.id, event=event, made=row.made)


def standing_channels(connection: Connection, aets: Iterable[str]) -> dict[str, list[str]]:
    """The channels that AEs have open; none of them closes until the transaction is over."""
    rows = connection.execute(
        sa.select(channel.c.id, channel.c.aet)
        .where(channel.c.aet.in_(list(aets)))
        .order_by(channel.c.id)  # in one order: no deadlock
        .with_for_update(read=True)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.aet, []).append(row.id)
    return found


def put_on_channels(connection: Connection, told: Sequence[tuple[str, Event, dt.datetime]]) -> None:
    """Have events sent on channels, each of which was made then."""
    if told:
        connection.execute(
            sa.insert(channel_event),
            [{"channel_fk": to, **columns_of(each), "made": made} for to, each, made in told],
        )


def announce(connection: Connection) -> None:
    """Have other nodes look when the transaction commits; on SQLite there are none."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(NEWS, "")))
